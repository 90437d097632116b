// Package mediatest makes media for the transcoder's tests with the real FFmpeg, and reads what
// became of them.
package mediatest
