// Package output holds the options of a video beyond its size, rate and scenes, and computes where
// a watermark is. campaigns.output_options and the campaign file have the same options.
//
// One JSON Schema (Schema) describes them. Package options reads and checks them.
// docs/reference/output-options.md explains them.
package output
