package glyphs

import (
	"fmt"
	"strings"
	"testing"
)

// Marks are written as < and > here.
var readable = strings.NewReplacer(string(leftToRight), ">", string(rightToLeft), "<")

func TestBracketsGoWithWhatUnicodeSays(t *testing.T) {
	for text, want := range map[string]string{
		"plain (text) [1]":         "plain (text) [1]",
		"שלום (world) 123!":        "שלום <(<world<)< 123!",
		"שלום (עולם)":              "שלום <(<עולם<)<",
		"hello (שלום) 1":           "hello >(>שלום>)> 1",
		"hello (שלום world)":       "hello >(>שלום world>)>",
		"مرحبا (2027) – hello":     "مرحبا <(<2027<)< – hello",
		"abc שלום (x":              "abc שלום (x",
		"שלום abc (def [ghi] jkl)": "שלום abc >(>def >[>ghi>]> jkl>)>",
		"שלום [(a)] ()":            "שלום <[<<(<a<)<<]< ()",
		"(a)\nשלום (b)\n(c":        "(a)\nשלום <(<b<)<\n(c",
		"":                         "",
	} {
		if got := readable.Replace(Ordered(text)); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestEmojiAreSingle(t *testing.T) {
	for text, want := range map[string]string{
		"😀 👍🏽 ok":                  "😀 👍 ok",
		"👨\u200d👩\u200d👧, ❤️, 1️⃣": "👨👩👧, ❤, 1",
		"क्\u200dष می\u200cخواهم":  "क्\u200dष می\u200cخواهم", // joiners of letters stay
		"🏽":                        "🏽",
	} {
		if got := Single(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestWhatNoFontHasIsNamedByItsKind(t *testing.T) {
	if got, want := Rare("Hello, “Ζωή”", "日本 हि\u200d 😀 日"), "ह ि 日 本 😀"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	log := `[Parsed_subtitles_0 @ 0x1] fontselect: failed to find any fallback with glyph 0x1F3FD for font: (sans-serif, 400, 0)
[Parsed_subtitles_0 @ 0x1] fontselect: failed to find any fallback with glyph 0x939 for font: (sans-serif, 400, 0)
[Parsed_subtitles_0 @ 0x1] fontselect: failed to find any fallback with glyph 0x1F3FD for font: (sans-serif, 400, 0)
`
	missing := Missing(log)
	if got, want := fmt.Sprintf("%U", missing), "[U+0939 U+1F3FD]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := strings.Join(Kinds(append(missing, '😀', 'ह')), ", "), "Devanagari, emoji and symbols"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func FuzzTextIsOnlyMarked(f *testing.F) {
	f.Add("שלום (world) [1] 123!")
	f.Add("a\n)(\n")
	unmarked := strings.NewReplacer(string(leftToRight), "", string(rightToLeft), "")
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "")
		if got := unmarked.Replace(Ordered(text)); got != unmarked.Replace(text) {
			t.Errorf("%q becomes %q", text, got)
		}
	})
}
