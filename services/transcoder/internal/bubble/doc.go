// Package bubble draws what the presenter's picture needs to be a bubble: two images that give it
// its shape, its border and its shadow.
//
//	facecam, padded to a box ── plate over it ── mask as its alpha ── over the scene
//
// The plate is the border and the colour of the shadow, with a hole for the face. The mask says how
// much of each pixel covers the scene: all of it up to the border's outer edge, less and less in
// the shadow.
//
// For a bubble at rest, both are drawn once, so that FFmpeg works on a small box and computes
// nothing per pixel. For a bubble that grows or shrinks, they are as large as the picture, one pair
// for each frame (Animation). Phases says when it does which.
package bubble
