package variables

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// before is what must stand before the first variable of an address: its scheme, its host, and the
// sign that ends the host.
var before = regexp.MustCompile(`^(?i:https?)://[^/?#\\@\s]+[/?#]`)

// Address fills in the address of a page or a file. It returns it, and as it may be shown: with the
// names of its variables. What is shown is empty where there are none.
//
// A variable is the whole address, and then of type url. Or it stands behind the host, and is
// percent-encoded: it can change neither the scheme nor the host, can begin neither a query nor a
// fragment, and is no ".." in a path.
func (s *Set) Address(template string) (address, shown string, err error) {
	template = strings.TrimSpace(template)
	parts, err := parse(template, false)
	if err != nil {
		return "", "", err
	}
	if len(parts) == 0 || len(parts) == 1 && parts[0].variable == "" {
		return template, "", nil
	}
	if len(parts) == 1 {
		value, kind, err := s.value(parts[0])
		if err != nil {
			return "", "", err
		}
		if kind != URL {
			return "", "", Problem{Unfit, parts[0].variable, fmt.Sprintf("is of type %s: only one of type url may be a whole address", kind)}
		}
		return value, named(parts[0]), nil
	}
	first := parts[0].text
	if !before.MatchString(first) {
		return "", "", Problem{Unfit, firstOf(parts), "stands before the end of the host: an address is one variable of type url, " +
			"or has its variables behind the host. Example: https://example.com/hello?name={{first_name}}"}
	}
	a := &addressBuilder{set: s}
	for _, p := range parts {
		if err := a.add(p); err != nil {
			return "", "", err
		}
	}
	if err := a.endSegment(); err != nil {
		return "", "", err
	}
	if err := sameHost(first, a.text.String()); err != nil {
		return "", "", Problem{Unfit, firstOf(parts), "cannot stand in this address"}
	}
	return a.text.String(), a.shown.String(), nil
}

// addressBuilder fills an address in, part by part.
type addressBuilder struct {
	set         *Set
	text, shown strings.Builder
	// segment is what the path has behind its last slash; variable is one in it, if it has any.
	segment  strings.Builder
	variable string
	// past says that the path has ended.
	past bool
}

func (a *addressBuilder) add(p part) error {
	if p.variable == "" {
		a.text.WriteString(p.text)
		a.shown.WriteString(p.text)
		return a.literal(p.text)
	}
	value, _, err := a.set.value(p)
	if err != nil {
		return err
	}
	if halfEscape.MatchString(a.text.String()) {
		return Problem{Unfit, p.variable, "stands behind a percent sign: write %25 for a percent sign in an address"}
	}
	encoded := percent(value)
	a.text.WriteString(encoded)
	a.shown.WriteString(named(p))
	a.segment.WriteString(encoded)
	if a.variable == "" {
		a.variable = p.variable
	}
	return nil
}

// literal follows the path through a text of the campaign's.
func (a *addressBuilder) literal(text string) error {
	for _, r := range text {
		switch {
		case a.past:
			return nil
		case r == '/' || r == '\\' || r == '?' || r == '#':
			if err := a.endSegment(); err != nil {
				return err
			}
			a.past = r == '?' || r == '#'
		default:
			a.segment.WriteRune(r)
		}
	}
	return nil
}

// endSegment refuses a part of a path that a variable has made a way out of it.
func (a *addressBuilder) endSegment() error {
	segment, variable := dots.Replace(strings.ToLower(a.segment.String())), a.variable
	a.segment.Reset()
	a.variable = ""
	if variable != "" && !a.past && (segment == "." || segment == "..") {
		return Problem{Unfit, variable, "has a value that would leave its place in the address's path"}
	}
	return nil
}

var (
	dots       = strings.NewReplacer("%2e", ".")
	halfEscape = regexp.MustCompile(`%[0-9a-fA-F]?$`)
)

// percent writes all but what RFC 3986 calls unreserved as %XX.
func percent(value string) string {
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		if plain(rune(c)) || c == '-' || c == '.' || c == '_' || c == '~' {
			b.WriteByte(c)
			continue
		}
		_, _ = fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// sameHost makes sure of what has been built: it has the scheme and the host that were written.
func sameHost(written, built string) error {
	want, err := url.Parse(before.FindString(written))
	if err != nil {
		return err
	}
	got, err := url.Parse(built)
	if err != nil {
		return err
	}
	if got.Scheme != want.Scheme || got.Host != want.Host || got.User != nil {
		return fmt.Errorf("the host has changed")
	}
	return nil
}

func named(p part) string { return open + p.variable + "}}" }

// firstOf is the first variable of a template that has one.
func firstOf(parts []part) string {
	for _, p := range parts {
		if p.variable != "" {
			return p.variable
		}
	}
	return ""
}
