package glyphs

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// usual reports whether every font that is a system's first choice has a character: Latin, Greek,
// Cyrillic, and their punctuation.
func usual(r rune) bool { return r <= 0x52f || r >= 0x2010 && r <= 0x203a || r == '€' }

// seen reports whether a character is drawn.
func seen(r rune) bool {
	return !unicode.IsSpace(r) && !unicode.In(r, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// Rare returns the characters of texts that not every font has, each once, divided by spaces; ""
// when there are none.
func Rare(texts ...string) string {
	found := map[rune]bool{}
	for _, text := range texts {
		for _, r := range text {
			if !usual(r) && seen(r) {
				found[r] = true
			}
		}
	}
	var out []string
	for _, r := range slices.Sorted(maps.Keys(found)) {
		out = append(out, string(r))
	}
	return strings.Join(out, " ")
}

var noFallback = regexp.MustCompile(`failed to find any fallback with glyph 0x([0-9A-Fa-f]+)`)

// Missing returns the characters for which libass's log says that no font has them, each once, in
// order.
func Missing(log string) (list []rune) {
	for _, match := range noFallback.FindAllStringSubmatch(log, -1) {
		if n, err := strconv.ParseInt(match[1], 16, 32); err == nil {
			list = append(list, rune(n))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Kinds names the kinds of characters for people, each once: scripts ("Devanagari"), or "emoji and
// symbols".
func Kinds(characters []rune) []string {
	found := map[string]bool{}
	for _, r := range characters {
		found[kind(r)] = true
	}
	return slices.Sorted(maps.Keys(found))
}

func kind(r rune) string {
	for name, table := range unicode.Scripts {
		if name != "Common" && name != "Inherited" && unicode.Is(table, r) {
			return strings.ReplaceAll(name, "_", " ")
		}
	}
	return "emoji and symbols"
}
