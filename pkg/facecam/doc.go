// Package facecam says how users may have the presenter shown: the options that
// campaigns.facecam_options and the campaign file hold, the same in both.
//
// One JSON Schema (Schema) describes them. Parse checks against it, and Check what hangs on the
// video's size and length: a bubble that leaves the picture, moments that overlap.
// docs/reference/facecam.md explains them with pictures.
package facecam
