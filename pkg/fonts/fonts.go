// Package fonts says which fonts text is drawn with, and finds what those that are installed cannot draw.
//
// The list is debian.txt. The images, scripts/setup.sh and `loom doctor` have it from there, so that what a machine lacks is told, and
// what is told is in the images.
package fonts

import (
	"context"
	_ "embed"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

//go:embed debian.txt
var debian string

// Packages are the fonts, by the names of Debian's packages.
func Packages() (names []string) {
	for line := range strings.Lines(debian) {
		if name, _, found := strings.Cut(line, ":"); found && !strings.HasPrefix(line, "#") {
			names = append(names, name)
		}
	}
	return names
}

// Script is a way of writing, and a character of it.
type Script struct {
	Name   string
	Sample rune
}

// Scripts are those in which pages are written today, emoji and mathematics among them.
var Scripts = []Script{
	{"Latin", 'A'}, {"Greek", 'Ω'}, {"Cyrillic", 'Ж'}, {"Armenian", 'Հ'}, {"Georgian", 'ქ'}, {"Hebrew", 'ש'}, {"Arabic", 'س'},
	{"Syriac", 'ܐ'}, {"Thaana", 'ދ'}, {"Ethiopic", 'አ'}, {"Devanagari", 'ह'}, {"Bengali", 'ব'}, {"Gurmukhi", 'ਪ'}, {"Gujarati", 'ગ'},
	{"Odia", 'ଓ'}, {"Tamil", 'த'}, {"Telugu", 'త'}, {"Kannada", 'ಕ'}, {"Malayalam", 'മ'}, {"Sinhala", 'ස'}, {"Thai", 'ท'}, {"Lao", 'ລ'},
	{"Tibetan", 'བ'}, {"Burmese", 'မ'}, {"Khmer", 'ខ'}, {"Mongolian", 'ᠮ'}, {"Cherokee", 'Ꮳ'}, {"Canadian syllabics", 'ᐃ'},
	{"Tifinagh", 'ⵣ'}, {"Han", '漢'}, {"Japanese", 'か'}, {"Korean", '한'}, {"mathematics", '∑'}, {"emoji", '😀'},
}

// Lacking returns the scripts that no font on this machine can draw, as fontconfig has them.
func Lacking(ctx context.Context) ([]Script, error) {
	out, err := exec.CommandContext(ctx, "fc-list", "--format", `%{charset}\n`).Output()
	if err != nil {
		return nil, fmt.Errorf("list the fonts: %w", err)
	}
	lacking := map[rune]bool{}
	for _, s := range Scripts {
		lacking[s.Sample] = true
	}
	for span := range strings.FieldsSeq(string(out)) {
		from, to, ok := characters(span)
		if !ok {
			return nil, fmt.Errorf("list the fonts: %q are no characters", span)
		}
		for c := range lacking {
			if from <= c && c <= to {
				delete(lacking, c)
			}
		}
	}
	var scripts []Script
	for _, s := range Scripts {
		if lacking[s.Sample] {
			scripts = append(scripts, s)
		}
	}
	return scripts, nil
}

// characters reads a span of characters, such as "20-7e" or "a0".
func characters(span string) (from, to rune, ok bool) {
	first, last, ranges := strings.Cut(span, "-")
	if !ranges {
		last = first
	}
	low, err1 := strconv.ParseInt(first, 16, 32)
	high, err2 := strconv.ParseInt(last, 16, 32)
	return rune(low), rune(high), err1 == nil && err2 == nil
}
