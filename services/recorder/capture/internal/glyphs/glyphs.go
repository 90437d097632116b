package glyphs

import (
	_ "embed"
	"strings"

	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/world"
)

//go:embed glyphs.js
var findScript string

// most bounds how many characters are reported.
const most = 200

// Missing returns the characters known so far, and those in the visible part of the current
// document that no font has: neither the machine's nor a web font. Of what the page asks a
// character to be drawn with, all fonts count. The page does not notice.
func Missing(w *world.World, known string) (string, error) {
	var found string
	if err := w.Ask("read the page's text", findScript, &found); err != nil {
		return known, err
	}
	for _, c := range found {
		if !strings.ContainsRune(known, c) && len(known) < 4*most {
			known += string(c)
		}
	}
	return known, nil
}
