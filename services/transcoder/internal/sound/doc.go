// Package sound brings a facecam's sound to the loudness of the web and lays it over the joined
// picture.
//
//	facecam ── process 1: decode, one form ── process 2: measure (probe), or mix (overlay)
//
// What it promises:
//   - Sample n of the finished sound is never further than 10 ms from n/48000 s of the facecam.
//   - The sound is as long as the picture, to the sample: it is cut, or filled with silence.
//   - One AAC encode covers the whole timeline.
package sound
