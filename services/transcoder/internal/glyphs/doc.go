// Package glyphs prepares text for libass, which draws captions, and reads from its log which
// characters it could not draw.
//
// libass shapes and orders text well, but it does not pair brackets where right-to-left and
// left-to-right text meet, and it draws single emoji only, in one colour.
package glyphs
