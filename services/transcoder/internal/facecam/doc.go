// Package facecam reads a customer's video: it finds out whether it is one, measures it, and opens
// the part of its picture that a segment shows.
//
// The file is a stranger's. Each process that reads it is bounded, and reads no other file. A file
// that cannot be used is a permanent *stage.Error with the code facecam_not_video and words for the
// product's user; any other error is ours.
package facecam
