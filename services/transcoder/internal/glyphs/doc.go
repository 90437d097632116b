// Package glyphs prepares text for libass, which draws captions, and tells what of it could not be
// drawn.
//
// libass shapes and orders text well, but pairs no brackets where right-to-left and left-to-right
// text meet, and draws no emoji but single ones in one colour.
package glyphs
