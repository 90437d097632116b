// Package world evaluates the recorder's scripts in an isolated world of a page: they see the
// document, and nothing that its own scripts have made of the browser's functions.
package world
