// Package bubble draws what the presenter's picture needs to be a round bubble: where it goes, and the two still images
// that give it its edge, its ring and its shadow.
//
// The pictures are drawn once for a segment, so FFmpeg works on a small square and computes nothing per pixel:
//
//	facecam, D×D, padded to P×P ── plate over it ── mask as its alpha ── over the scene
//
// The plate is the ring and the colour of the shadow, with a round hole for the face. The mask is how much of that
// square covers the scene: all inside the ring's edge, less and less in the shadow.
package bubble
