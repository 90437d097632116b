package options

import (
	"strconv"
	"time"
)

// CacheOff is the value of cache with which nothing is used again.
const CacheOff = "off"

// CacheAge returns the age that a value of cache allows, such as 90s, 30m, 12h or 7d. ok is false
// for CacheOff, for nothing, and for what the schemas refuse.
func CacheAge(text string) (age time.Duration, ok bool) {
	if text == "" {
		return 0, false
	}
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	unit, known := units[text[len(text)-1]]
	n, err := strconv.Atoi(text[:len(text)-1])
	if !known || err != nil || n < 0 || n > 9999 {
		return 0, false
	}
	return time.Duration(n) * unit, true
}
