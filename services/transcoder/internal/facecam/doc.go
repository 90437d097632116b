// Package facecam fetches a customer's facecam and judges whether it is a video that can be used.
//
// Both the URL and the file come from a stranger. What goes wrong with them is told in a *stage.Error with a code and
// words for the product's user; the words say what to do, and neither they nor the cause hold the URL, which may be a
// signed one.
package facecam
