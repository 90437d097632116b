package grapheme_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/grapheme"
)

func TestACharacterIsWhatPeopleSee(t *testing.T) {
	characters := []string{"a", "é", "e\u0301", "🇩🇪", "🇫🇷", "👨‍👩‍👧", "👍🏽", "\r\n", "한", "नि", "x"}
	text := strings.Join(characters, "")
	if got := grapheme.Split(text); !slices.Equal(got, characters) {
		t.Errorf("split: %q", got)
	}
	if got := grapheme.Count(text); got != len(characters) {
		t.Errorf("count: %d, want %d", got, len(characters))
	}
	for most := range len(characters) + 2 {
		want := strings.Join(characters[:min(most, len(characters))], "")
		if got, more := grapheme.Cut(text, most); got != want || more != (most < len(characters)) {
			t.Errorf("cut after %d: %q, %v", most, got, more)
		}
	}
	if got := grapheme.Shorten("noe\u0301l", 3); got != "noe\u0301…" {
		t.Errorf("shortened: %q", got)
	}
	if got := grapheme.Shorten("noe\u0301l", 4); got != "noe\u0301l" {
		t.Errorf("not shortened: %q", got)
	}
	if got := grapheme.Split(""); got != nil || grapheme.Count("") != 0 {
		t.Errorf("nothing is %q", got)
	}
}

func TestNothingOfATextIsLost(t *testing.T) {
	for text, want := range map[string][]string{
		"":            nil,
		"ab c":        {"a", "b", " ", "c"},
		"é€":          {"é", "€"},
		"e\u0301x":    {"e\u0301", "x"},
		"a\r\nb\nc":   {"a", "\r\n", "b", "\n", "c"},
		"👍🏽!":         {"👍🏽", "!"},
		"👩‍👩‍👧x":      {"👩‍👩‍👧", "x"},
		"🇩🇪🇫🇷a🇩🇪":     {"🇩🇪", "🇫🇷", "a", "🇩🇪"},
		"日本":          {"日", "本"},
		"\u0301start": {"\u0301", "s", "t", "a", "r", "t"},
	} {
		got := grapheme.Split(text)
		if !slices.Equal(got, want) {
			t.Errorf("%q is cut into %q, want %q", text, got, want)
		}
		if strings.Join(got, "") != text {
			t.Errorf("something of %q is lost", text)
		}
	}
}
