// Package tonemap converts high dynamic range to BT.709: it computes, for each colour that a PQ or
// HLG picture in BT.2020 can have, the colour that stands for it in BT.709, as a table for FFmpeg's
// lut3d filter.
//
// What it promises:
//   - The same result with every build of FFmpeg: many lack FFmpeg's own filters for this (zscale,
//     libplacebo).
//   - Up to a third of the brightness of white paper (203 cd/m², BT.2408) only the coding changes.
//     Brighter colours are compressed smoothly up to 1000 cd/m², and are white above that. Hues
//     stay.
package tonemap
