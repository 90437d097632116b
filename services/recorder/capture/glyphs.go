package capture

import (
	_ "embed"
	"strings"
)

//go:embed glyphs.js
var glyphsScript string

// maxBoxes bounds the characters that are told of.
const maxBoxes = 200

// findBoxes notes the characters, in what is seen of the page now, that are drawn as boxes. A web
// font that has them counts, and what the page asks for to be drawn with counts as it stands in for
// one another. The page sees nothing of it.
func (s *scene) findBoxes() error {
	var found string
	if err := s.ask("look at the page's text", glyphsScript, &found); err != nil {
		return err
	}
	for _, c := range found {
		if !strings.ContainsRune(s.Notices.Boxes, c) && len(s.Notices.Boxes) < 4*maxBoxes {
			s.Notices.Boxes += string(c)
		}
	}
	return nil
}
