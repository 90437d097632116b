// Package fetch downloads the facecam and the watermark that a campaign names by URL, and caches
// facecams for the next task.
//
// Both the URL and the file come from a stranger. A failed download is a *stage.Error with a code
// and words for the product's user that say what to do. Neither the words nor the cause hold the
// URL, which may be a signed one.
package fetch
