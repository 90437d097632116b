// Package scene says what users may ask of a scene beyond its page and its seconds: the options
// that scenes.options, the campaign file and `loom capture --options` hold, all of them the same.
//
// One JSON Schema (Schema) describes them; Parse checks against it, and what no schema can say:
// limits that hang together, names that must exist. docs/reference/scene-options.md explains them
// with examples.
package scene
