// Package scene holds the options of a scene beyond its page and its duration, and the geometry of
// its pictures. scenes.options, the campaign file and `loom capture --options` have the same
// options.
//
// One JSON Schema (Schema) describes them. Package options reads and checks them.
// docs/reference/scene-options.md explains them with examples.
package scene
