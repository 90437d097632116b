// Package grapheme counts and cuts texts by what people call a character: Unicode's grapheme
// clusters (UAX #29). An e with an accent, a flag or the emoji of a family is one, of several code
// points.
package grapheme

import "github.com/rivo/uniseg"

// Count returns how many characters a text has.
func Count(text string) int { return uniseg.GraphemeClusterCount(text) }

// Split returns the characters of a text.
func Split(text string) []string {
	var list []string
	state := -1
	for text != "" {
		var one string
		one, text, _, state = uniseg.FirstGraphemeClusterInString(text, state)
		list = append(list, one)
	}
	return list
}

// Cut returns the first characters of a text, at most this many, and whether there are more.
func Cut(text string, most int) (start string, more bool) {
	rest, state := text, -1
	for range most {
		if rest == "" {
			return text, false
		}
		_, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
	}
	return text[:len(text)-len(rest)], rest != ""
}

// Shorten returns a text of at most this many characters. An ellipsis follows where it was cut.
func Shorten(text string, most int) string {
	start, more := Cut(text, most)
	if more {
		return start + "…"
	}
	return start
}
