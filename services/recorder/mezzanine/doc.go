// Package mezzanine writes a scene as it was recorded: JPEG pictures in a QuickTime file, as they
// came from Chrome.
//
// It guarantees that every frame lands on an exact multiple of the rate's frame length, in whole
// ticks; that a frame equal to the one before is stored once, shown for longer; that the pictures
// go to the file as they come, so that memory does not grow with a scene's size; and that the
// file's first bytes already say what it is. A file that was not closed has no index and
// cannot be read.
//
// A scene is written in Pieces, each a file that stands alone: what begins a piece is stored there,
// though it may equal the last picture of the piece before.
//
//	ftyp | mdat (64-bit size): picture, picture, … | moov: the index
package mezzanine
