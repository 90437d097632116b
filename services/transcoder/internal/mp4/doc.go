// Package mp4 reads the index of files that the pipeline itself has written. It tells what ffprobe
// tells of them, without a process of its own for each file.
//
// It knows what FFmpeg writes for us and no more: H.264, AAC, captions, no fragments, one edit at
// most for each track. Anything else, and an index that points outside of the file, is an error and
// never a guess.
package mp4
