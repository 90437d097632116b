// Package fingerprint describes frames by what they look like: an 8 × 8 picture in grey. The
// quality gate compares those of a finished video with those that were taken on the way into the
// encoder.
package fingerprint
