// Package verify makes sure that files which the transcoder wrote are what they must be, before
// they are stored.
//
//	Measure  reads the index of any file: frames, time stamps, size, pixel format, colours, sound
//	Gate     reads all of a finished video: the quality gate
//
// The gate compares fingerprints of the decoded frames with those that were taken on the way into
// the encoder, measures the loudness, and notes black and still stretches in the report.
package verify
