package variables

import (
	"regexp"
	"strings"
)

// name is what variables are called.
const name = `[A-Za-z][A-Za-z0-9_]{0,62}`

// open begins a variable. What stands in for it has no braces and no line breaks.
const open = "{{"

var placeholder = regexp.MustCompile(`^\{\{[ \t]*(` + name + `)[ \t]*(?:(\|)([^{}\r\n]*))?\}\}`)

// part is a piece of a template: a text as it is, or a variable.
type part struct {
	// text is the text, if variable is empty.
	text     string
	variable string
	// instead stands in for a variable without a value, if has is set.
	instead string
	has     bool
}

// parse reads a template. Where code is set, {{ with no variable's name behind it is a text: code
// has it.
func parse(template string, code bool) ([]part, error) {
	if !strings.Contains(template, open) {
		return []part{{text: template}}, nil
	}
	var parts []part
	var text strings.Builder
	rest := template
	for {
		i := strings.Index(rest, open)
		if i < 0 {
			text.WriteString(rest)
			break
		}
		text.WriteString(rest[:i])
		rest = rest[i:]
		m := placeholder.FindStringSubmatch(rest)
		if m == nil {
			if !code {
				return nil, Problem{Why: Malformed, Text: "{{ is not followed by a variable's name and }}. Example: {{first_name|there}}"}
			}
			text.WriteByte('{')
			rest = rest[1:]
			continue
		}
		if text.Len() > 0 {
			parts = append(parts, part{text: text.String()})
			text.Reset()
		}
		parts = append(parts, part{variable: m[1], has: m[2] != "", instead: strings.Trim(m[3], " \t")})
		rest = rest[len(m[0]):]
	}
	if text.Len() > 0 {
		parts = append(parts, part{text: text.String()})
	}
	return parts, nil
}

// In reports whether a text has variables, or something that looks like one.
func In(text string) bool { return strings.Contains(text, open) }

// value returns what a variable is filled in with, and its type.
func (s *Set) value(p part) (string, Type, error) {
	v, declared := s.declared.Variables[p.variable]
	if !declared {
		if !s.declared.Lenient {
			return "", "", Problem{Undeclared, p.variable, "is not declared by the campaign" + s.declared.list()}
		}
		s.undeclared[p.variable] = true
	}
	kind := v.Kind()
	text, there := s.values[p.variable]
	switch {
	case there:
	case p.has:
		clean, wrong := kind.clean(p.instead)
		if wrong != "" {
			return "", "", Problem{Unfit, p.variable, "cannot be what stands in for it: it " + wrong}
		}
		return clean, kind, nil
	case v.Default != nil:
		clean, wrong := kind.clean(string(*v.Default))
		if wrong != "" {
			return "", "", Problem{Unfit, p.variable, wrong}
		}
		return clean, kind, nil
	case s.sample:
		return string(samples[kind]), kind, nil
	default:
		return "", "", Problem{Missing, p.variable, "has no value, no default and nothing that stands in for it"}
	}
	if strings.TrimSpace(text) != "" {
		s.used[text] = true
	}
	return text, kind, nil
}

// fill fills a template's variables in, each as escape writes it.
func (s *Set) fill(template string, code bool, escape func(value string, kind Type) string) (string, error) {
	parts, err := parse(template, code)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, p := range parts {
		if p.variable == "" {
			b.WriteString(p.text)
			continue
		}
		value, kind, err := s.value(p)
		if err != nil {
			return "", err
		}
		b.WriteString(escape(value, kind))
	}
	return b.String(), nil
}
