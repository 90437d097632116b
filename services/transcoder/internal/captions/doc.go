// Package captions writes captions as files for FFmpeg: as SRT for a track of the finished video
// (track.go), and as ASS to be drawn into the picture by libass (drawn.go). It reports characters
// that no font of this machine has (fonts.go).
package captions
