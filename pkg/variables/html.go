package variables

import (
	"html/template"
	"strconv"
	"strings"
)

// What actions of html/template stand between here: private characters that no page has.
const (
	leftOfAction  = "\uf8f0\uf8f1"
	rightOfAction = "\uf8f1\uf8f0"
)

// HTML fills in a page. Each value is escaped by what it stands in, as html/template does: text, an
// attribute, an address, CSS, JavaScript. There it is a string where it stands alone, with its
// quotation marks.
func (s *Set) HTML(page string) (string, error) {
	parts, err := parse(page, false)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	var values []any
	for _, p := range parts {
		if p.variable == "" {
			if strings.ContainsAny(p.text, leftOfAction) {
				return "", Problem{Why: Malformed, Text: "the page has characters of Unicode's private use area"}
			}
			text.WriteString(p.text)
			continue
		}
		value, kind, err := s.value(p)
		if err != nil {
			return "", err
		}
		text.WriteString(leftOfAction + "index . " + strconv.Itoa(len(values)) + rightOfAction)
		values = append(values, inHTML(value, kind))
	}
	if len(values) == 0 {
		return page, nil
	}
	wrong := Problem{Unfit, firstOf(parts), "stands where it cannot be written safely. " +
		"Write it as text, in an attribute with quotation marks, or in a string of a script or a style sheet"}
	t, err := template.New("page").Delims(leftOfAction, rightOfAction).Option("missingkey=error").Parse(text.String())
	if err != nil {
		return "", wrong
	}
	var filled strings.Builder
	if err := t.Execute(&filled, values); err != nil {
		return "", wrong
	}
	return filled.String(), nil
}

// inHTML is a value as html/template is given it.
func inHTML(value string, kind Type) any {
	switch kind {
	case Colour:
		return template.CSS(value) //nolint:gosec // it is #rrggbb
	case Number:
		return template.JS(value) //nolint:gosec // it is a decimal number
	}
	return value
}
