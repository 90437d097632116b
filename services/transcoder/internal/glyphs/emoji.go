package glyphs

import (
	"strings"
	"unicode"
)

// Single leaves out what changes an emoji or joins it to the next: skin tones, variants, keycaps,
// flags' letters, joiners. libass draws boxes there, or the parts beside each other. The emoji
// itself stays.
func Single(text string) string {
	var out strings.Builder
	before := rune(0)
	for _, r := range text {
		if changes(r) || symbol(before) && (r == '\u200d' || skin(r)) {
			continue
		}
		out.WriteRune(r)
		before = r
	}
	return out.String()
}

// changes reports whether a sign only changes the look of the one before: a variation selector, a
// keycap, a tag.
func changes(r rune) bool {
	return r == '\ufe0e' || r == '\ufe0f' || r == '\u20e3' || r >= 0xe0020 && r <= 0xe007f
}

func skin(r rune) bool { return r >= 0x1f3fb && r <= 0x1f3ff }

func symbol(r rune) bool { return unicode.Is(unicode.So, r) || skin(r) }
