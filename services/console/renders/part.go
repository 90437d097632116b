package renders

import (
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// Part is part of an id that a person has typed. It finds renders and dead letters.
type Part struct {
	text          string
	none, several error
}

// RenderPart reads the start of a render's id, or the whole. Its errors, and those of One, are
// ErrNotFound and ErrAmbiguous.
func RenderPart(text string) (Part, error) { return part(text, ErrNotFound, ErrAmbiguous) }

// LetterPart reads the start or the end of a dead letter's id, or the whole. Its errors, and those
// of One, are ErrNoLetter and ErrSeveralLetters.
func LetterPart(text string) (Part, error) { return part(text, ErrNoLetter, ErrSeveralLetters) }

func part(text string, none, several error) (Part, error) {
	p := Part{strings.ToLower(strings.TrimSpace(text)), none, several}
	if strings.Trim(p.text, "0123456789abcdef-") != "" || p.text == "" {
		return p, fmt.Errorf("%q: %w", p.text, none)
	}
	return p, nil
}

// String is the part in lower case.
func (p Part) String() string { return p.text }

// One returns the id that was found, if it is the only one.
func (p Part) One(ids []uuid.UUID) (uuid.UUID, error) {
	switch len(ids) {
	case 0:
		return uuid.Nil, fmt.Errorf("%s: %w", p.text, p.none)
	case 1:
		return ids[0], nil
	}
	return uuid.Nil, fmt.Errorf("%s: %w: %s", p.text, p.several, strings.Trim(fmt.Sprint(ids), "[]"))
}
