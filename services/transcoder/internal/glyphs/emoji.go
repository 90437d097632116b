package glyphs

import (
	"strings"
	"unicode"
)

// Single removes the characters that change an emoji or join it to the next: skin tones, variation
// selectors, keycaps, tags, joiners. libass draws boxes for them, or the parts side by side. The
// emoji themselves stay.
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

// changes reports whether a character only changes how the one before looks: a variation selector,
// a keycap, a tag.
func changes(r rune) bool {
	return r == '\ufe0e' || r == '\ufe0f' || r == '\u20e3' || r >= 0xe0020 && r <= 0xe007f
}

func skin(r rune) bool { return r >= 0x1f3fb && r <= 0x1f3ff }

func symbol(r rune) bool { return unicode.Is(unicode.So, r) || skin(r) }
