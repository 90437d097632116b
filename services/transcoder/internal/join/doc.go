// Package join joins segments into one file without touching a packet's content.
//
// Segments can be joined when all have the same parameter sets. Align encodes those of another
// build of FFmpeg or x264 once more before.
package join
