package glyphs

import (
	"strings"

	"golang.org/x/text/unicode/bidi"
)

// Invisible marks with a direction.
const (
	leftToRight = '\u200e'
	rightToLeft = '\u200f'
)

// closing maps opening brackets to the ones that close them.
var closing = map[rune]rune{'(': ')', '[': ']', '{': '}', '⟨': '⟩', '〈': '〉', '「': '」', '『': '』', '【': '】', '（': '）', '［': '］'}

// Ordered puts marks around the brackets of lines that have right-to-left text. Unicode's rule for
// brackets (UAX #9, N0) keeps each pair together; without the marks, libass may put the closing
// bracket far from the opening one. Other lines do not change.
func Ordered(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = orderedLine([]rune(line))
	}
	return strings.Join(lines, "\n")
}

func orderedLine(line []rune) string {
	strong, base := directions(line)
	if base == 0 {
		return string(line)
	}
	for _, p := range pairs(line) {
		if d := p.direction(strong, base); d != 0 {
			strong[p.open], strong[p.closed] = d, d
		}
	}
	var out strings.Builder
	for i, r := range line {
		if bracket(r) && strong[i] != 0 {
			out.WriteRune(strong[i])
			out.WriteRune(r)
			out.WriteRune(strong[i])
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

// directions returns the direction of each character, as the mark with the same direction or 0, and
// the line's base direction, which is its first letter's. base is 0 when no text is right to left.
func directions(line []rune) (strong []rune, base rune) {
	strong = make([]rune, len(line))
	mixed := false
	last := rune(0)
	for i, r := range line {
		properties, _ := bidi.LookupRune(r)
		switch properties.Class() {
		case bidi.L:
			strong[i], last = leftToRight, leftToRight
		case bidi.R, bidi.AL:
			strong[i], last, mixed = rightToLeft, rightToLeft, true
		case bidi.AN:
			strong[i] = rightToLeft
		case bidi.EN: // a number has the direction of the text before it
			strong[i] = rightToLeft
			if last == leftToRight {
				strong[i] = leftToRight
			}
		}
		if base == 0 {
			base = last
		}
	}
	if !mixed {
		return nil, 0
	}
	return strong, base
}

func bracket(r rune) bool {
	if _, opens := closing[r]; opens {
		return true
	}
	for _, end := range closing {
		if r == end {
			return true
		}
	}
	return false
}

// pair is the places of an opening bracket and of the one that closes it.
type pair struct{ open, closed int }

// pairs returns the pairs of brackets of a line, in the order in which they open.
func pairs(line []rune) (list []pair) {
	var open []int // places in list
	for i, r := range line {
		if closing[r] != 0 {
			open, list = append(open, len(list)), append(list, pair{open: i, closed: -1})
			continue
		}
		for n := len(open) - 1; n >= 0; n-- {
			if p := &list[open[n]]; closing[line[p.open]] == r {
				p.closed, open = i, open[:n]
				break
			}
		}
	}
	closed := list[:0]
	for _, p := range list {
		if p.closed >= 0 {
			closed = append(closed, p)
		}
	}
	return closed
}

// direction returns the direction of a pair, 0 if nothing within it has one.
func (p pair) direction(strong []rune, base rune) rune {
	within := rune(0)
	for _, d := range strong[p.open+1 : p.closed] {
		if d == base {
			return base
		}
		if d != 0 {
			within = d
		}
	}
	if within == 0 {
		return 0
	}
	for i := p.open - 1; i >= 0; i-- {
		if strong[i] != 0 {
			return strong[i] // the direction of the text before
		}
	}
	return base
}
