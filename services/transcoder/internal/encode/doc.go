// Package encode makes segments with x264.
//
// What it promises:
//   - A segment has exactly the frames asked for, at a constant rate, in closed groups of pictures.
//   - Segments of one render have the same parameter sets, so that they can be joined by copying.
//   - A segment is within its H.264 level: see vbv.go.
//   - A damaged mezzanine is an error of ours, a damaged facecam one for the product's user: see
//     classify.go.
package encode
