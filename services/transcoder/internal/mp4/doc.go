// Package mp4 reads the index of mp4 files that the transcoder itself has written. It tells what ffprobe tells of them, without a
// process of its own for each file.
//
// It knows what FFmpeg writes for us and no more: H.264 in square pixels, AAC, captions, no fragments, one edit at most for each track.
// Anything else, and an index that points outside of the file, is an error and never a guess.
package mp4
