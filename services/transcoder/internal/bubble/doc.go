// Package bubble draws what the presenter's picture needs to be a bubble: two images that give it
// its shape, its border and its shadow.
//
//	facecam, padded to a box ── plate over it ── mask as its alpha ── over the scene
//
// The plate is the border and the colour of the shadow, with a hole for the face. The mask is how
// much of the box covers the scene: all inside the border's edge, less and less in the shadow.
//
// For a bubble that rests they are drawn once, so that FFmpeg works on a small box and computes
// nothing per pixel. For one that grows or shrinks they are drawn as large as the picture, one pair
// for each frame (Animation).
package bubble
