// Package fetch downloads what a campaign names by its URL, its facecam and its watermark, and
// keeps facecams for the next task.
//
// Both the URL and the file come from a stranger. What goes wrong is told in a *stage.Error with a
// code and words for the product's user; the words say what to do, and neither they nor the cause
// hold the URL, which may be a signed one.
package fetch
