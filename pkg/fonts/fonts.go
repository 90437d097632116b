// Package fonts lists the fonts that text is drawn with, and finds scripts that the installed fonts
// cannot draw.
//
// The list is debian.txt. The images, scripts/setup.sh and `loom doctor` all read it.
package fonts

import (
	"context"
	_ "embed"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"unicode"
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

// samples are characters of the scripts in which pages are written today, of mathematics and emoji.
const samples = "AΩЖՀქשسܐދአहবਪગଓதతಕമසทລབမខᠮᏣᐃⵣ漢か한∑☑😀"

// Scripts names the scripts that Lacking looks for.
func Scripts() (names []string) {
	for _, c := range samples {
		names = append(names, Name(c))
	}
	return names
}

// Lacking returns those of Scripts that no font on this machine can draw, as fontconfig has them.
func Lacking(ctx context.Context) (names []string, err error) {
	out, err := exec.CommandContext(ctx, "fc-list", "--format", `%{charset}\n`).Output()
	if err != nil {
		return nil, fmt.Errorf("list the fonts: %w", err)
	}
	found := map[rune]bool{}
	for span := range strings.FieldsSeq(string(out)) {
		from, to, ok := characters(span)
		if !ok {
			return nil, fmt.Errorf("list the fonts: %q are no characters", span)
		}
		for _, c := range samples {
			found[c] = found[c] || from <= c && c <= to
		}
	}
	for _, c := range samples {
		if !found[c] {
			names = append(names, Name(c))
		}
	}
	return names, nil
}

// Name is what the script of a character is called, as Unicode has it. Characters of all scripts
// are "mathematical signs", "emoji" or "signs".
func Name(c rune) string {
	for name, table := range unicode.Scripts {
		if table != unicode.Common && table != unicode.Inherited && unicode.Is(table, c) {
			return strings.ReplaceAll(name, "_", " ")
		}
	}
	switch {
	case unicode.Is(unicode.Sm, c), 0x1d400 <= c && c <= 0x1d7ff:
		return "mathematical signs"
	case c >= 0x1f000:
		return "emoji"
	}
	return "signs"
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
