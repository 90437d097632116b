// Package facecam holds the options of how the presenter is shown, and computes where the bubble
// is. campaigns.facecam_options and the campaign file have the same options.
//
// One JSON Schema (Schema) describes them. Package options reads and checks them.
// docs/reference/facecam.md explains them with pictures.
package facecam
