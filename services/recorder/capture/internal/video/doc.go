// Package video makes the videos of a page follow the page's clock: it takes their sound out, and
// waits for those that seek.
//
// Sound would play in real time, and a video's picture follows its sound. So the first part of each
// media response is held until it is complete. If it has the headers of sound tracks, those are
// hidden. Chrome requests the rest of the file later, and gets it unchanged.
package video
