// Package output says what users may ask of a video beyond its size, rate and scenes: the options
// that campaigns.output_options and the campaign file hold, the same in both.
//
// One JSON Schema (Schema) describes them; Parse checks against it.
// docs/reference/output-options.md explains them.
package output
