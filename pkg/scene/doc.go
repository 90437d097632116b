// Package scene says what users may ask of a scene beyond its page and its seconds: the options that scenes.options, the
// campaign file and `loom capture --options` hold, all of them the same.
//
// One JSON Schema describes them; docs/reference/scene-options.md explains them with examples.
package scene
