package variables

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Text fills in a text that is no code: what is typed, a colour, a language.
func (s *Set) Text(template string) (string, error) {
	return s.fill(template, false, func(value string, _ Type) string { return value })
}

// Line fills in a text that is one line. Line breaks and tabs within values become spaces.
func (s *Set) Line(template string) (string, error) {
	return s.fill(template, false, func(value string, _ Type) string { return oneLine(value) })
}

// CSS fills in a style sheet or a selector. A value is part of the string or the name that it
// stands in. Colours and numbers are written as they are.
func (s *Set) CSS(template string) (string, error) { return s.fill(template, false, css) }

// Script fills in JavaScript. A value belongs between quotation marks: all of it but letters and
// digits is written as \uXXXX, as JSON has it too. Colours are written so as well, numbers as they
// are. {{ without a variable's name stays.
func (s *Set) Script(template string) (string, error) { return s.fill(template, true, script) }

// Caption fills in SRT or WebVTT. A value is text within its line: no markup, no end of a caption.
func (s *Set) Caption(template string) (string, error) {
	return s.fill(template, false, func(value string, _ Type) string { return captionEscapes.Replace(oneLine(value)) })
}

// File fills in the path of a file. A value is part of the name that it stands in: what separates
// folders, or is special to a shell or a file system, is written as -.
func (s *Set) File(template string) (string, error) {
	return s.fill(template, false, func(value string, _ Type) string {
		value = strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || strings.ContainsRune(" ._", r) {
				return r
			}
			return '-'
		}, oneLine(value))
		if strings.Trim(value, ". ") == "" {
			return "-"
		}
		return strings.TrimLeft(value, ". ")
	})
}

func oneLine(value string) string {
	return strings.NewReplacer("\r\n", " ", "\r", " ", "\n", " ", "\t", " ", "\u2028", " ", "\u2029", " ").Replace(value)
}

// captionEscapes writes what options.Cues reads as it was. Braces begin SRT's markup.
var captionEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "{", "&#123;", "}", "&#125;")

func css(value string, kind Type) string {
	if kind == Colour || kind == Number {
		return value
	}
	var b strings.Builder
	for _, r := range value {
		if plain(r) || r == '-' || r == '_' || r >= 0xa0 && r != '\u2028' && r != '\u2029' {
			b.WriteRune(r)
			continue
		}
		// The space ends the escape, and is part of it.
		_, _ = fmt.Fprintf(&b, `\%x `, r)
	}
	return b.String()
}

func script(value string, kind Type) string {
	if kind == Number {
		return value
	}
	var b strings.Builder
	for _, r := range value {
		if plain(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			_, _ = fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

func plain(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}
