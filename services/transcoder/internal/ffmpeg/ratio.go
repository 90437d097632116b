package ffmpeg

import (
	"strconv"
	"strings"
)

// parseRatio reads "1001/30000" or, with another sep, "4:3": two whole numbers above 0 that fit in
// 31 bits.
func parseRatio(text, sep string) (num, den int, ok bool) {
	a, b, found := strings.Cut(text, sep)
	n, err1 := strconv.ParseInt(a, 10, 32)
	d, err2 := strconv.ParseInt(b, 10, 32)
	if !found || err1 != nil || err2 != nil || n <= 0 || d <= 0 {
		return 0, 0, false
	}
	return int(n), int(d), true
}
