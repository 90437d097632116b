// Package tonemap brings high dynamic range to what videos on the web show: it computes, for each
// colour that a PQ or HLG picture in BT.2020 can have, the colour that stands for it in BT.709, as
// a table that FFmpeg's lut3d filter applies.
//
// What it promises:
//   - One result with every build of FFmpeg: filters of its own for this (zscale, libplacebo) are missing in many.
//   - Up to a third of the brightness of a white sheet of paper (203 cd/m², BT.2408) nothing changes but the coding. What
//     is above is compressed smoothly, up to 1000 cd/m²; what is brighter still is white. Hues stay.
package tonemap
