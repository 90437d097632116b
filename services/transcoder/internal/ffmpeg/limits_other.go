//go:build !linux

package ffmpeg

// limit can be done on Linux only.
func limit(int, Limits) error { return nil }
