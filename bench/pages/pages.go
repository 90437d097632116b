// Package pages holds the pages of the benchmark. None of them needs the network, and each looks
// the same in every run.
package pages

import "embed"

// Files holds NAME.html for each page.
//
//go:embed *.html
var Files embed.FS

// Motion says when a page moves.
type Motion string

// Kinds of motion.
const (
	moving Motion = "moving" // in every frame
	partly Motion = "partly" // it stands still for a part of the time
	still  Motion = "still"
)

// Page is one page.
type Page struct {
	Name   string
	Motion Motion
}

// All are the pages, in the order in which they are measured.
var All = []Page{
	{"scroll", moving}, // a long page of text and cards, scrolled 5 pixels a frame
	{"box", moving},    // one box on an empty page
	{"launch", moving}, // entrance animations, counters, a gradient, a marquee
	// parallax, a sticky section, reveals and a grid of photographs, scrolled through
	{"journey", moving},
	{"store", partly}, // an entrance, then a carousel that turns for a third of the time
	{"static", still}, // a heading and a sentence
}

// Find returns the page with this name.
func Find(name string) (Page, bool) {
	for _, p := range All {
		if p.Name == name {
			return p, true
		}
	}
	return Page{}, false
}
