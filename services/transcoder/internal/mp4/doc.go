// Package mp4 reads the index of files that the pipeline itself has written. It returns what
// ffprobe returns, without starting a process for each file.
//
// It reads what FFmpeg writes for us and no more: H.264, AAC, captions, no fragments, at most one
// edit for each track. Anything else is an error, and so is an index that points outside of the
// file.
package mp4
