package ffmpeg

import (
	"slices"
	"strings"
)

// Chain writes a chain of filters, from the streams that it reads to those that it writes, both as
// labels in brackets or "". It leaves out filters that are "".
func Chain(from, to string, filters ...string) string {
	return from + strings.Join(slices.DeleteFunc(filters, func(f string) bool { return f == "" }), ",") + to
}
