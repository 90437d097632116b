package variables

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/loom-lite/loom-lite/pkg/schema"
)

// Value is one value. In JSON it is a text or a number.
type Value string

// UnmarshalJSON reads a text or a number.
func (v *Value) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && (data[0] == '-' || data[0] >= '0' && data[0] <= '9') {
		*v = Value(data)
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return errNoValue
	}
	*v = Value(text)
	return nil
}

// errNoValue does not quote the value.
var errNoValue = fmt.Errorf("this is neither a text nor a number")

// Values are those of one render, by the names of their variables. What is missing has no entry.
type Values map[string]Value

// ParseValues reads values, as a JSON object of texts and numbers. Nothing, and null, are none; a
// value that is null is missing. What is wrong with them is a *schema.Error that quotes none.
func ParseValues(data []byte) (Values, error) {
	if data = bytes.TrimSpace(data); len(data) == 0 || bytes.Equal(data, []byte("null")) {
		return Values{}, nil
	}
	if len(data) > MaxValues {
		return nil, schema.Wrong(Name, schema.Problem{Text: fmt.Sprintf("the values are too large: %d bytes as JSON, at most %d are possible",
			len(data), MaxValues)})
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, schema.Wrong(Name, schema.Problem{Text: "this is no group of fields. Example: variables: {\"first_name\": \"Ada\"}"})
	}
	values := Values{}
	var problems []schema.Problem
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if string(fields[name]) == "null" {
			continue
		}
		var v Value
		if err := v.UnmarshalJSON(fields[name]); err != nil {
			problems = append(problems, schema.Problem{Location: []string{name}, Text: err.Error()})
			continue
		}
		values[name] = v
	}
	if len(problems) > 0 {
		return nil, schema.Wrong(Name, problems...)
	}
	return values, nil
}

// Why a variable cannot be filled in.
type Why string

// Reasons.
const (
	// Missing: there is no value, nothing that stands in, and no default.
	Missing Why = "missing"
	// Undeclared: the campaign does not declare it.
	Undeclared Why = "undeclared"
	// Unfit: the value is not of its variable's type, or cannot stand in its place.
	Unfit Why = "unfit"
	// Malformed: a text of the campaign has {{ and no variable's name behind it.
	Malformed Why = "malformed"
)

// Problem is what is wrong with a variable. It holds no value.
type Problem struct {
	Why Why
	// Variable is its name; empty when Malformed.
	Variable string
	// Text says what is wrong, as the rest of a sentence: "has no value".
	Text string
}

// Error is "the variable first_name has no value".
func (p Problem) Error() string {
	if p.Variable == "" {
		return p.Text
	}
	return "the variable " + p.Variable + " " + p.Text
}

// Set is a render's values, checked.
type Set struct {
	declared Declaration
	values   map[string]string
	// undeclared are variables that only a lenient declaration lets pass.
	undeclared map[string]bool
	used       map[string]bool
	// sample says that the values are examples.
	sample bool
}

// Resolve checks a render's values against what its campaign declares. The problems are in the
// order of the variables' names; the set is nil when there are any.
func (d Declaration) Resolve(given Values) (*Set, []Problem) {
	s := &Set{declared: d, values: map[string]string{}, undeclared: map[string]bool{}, used: map[string]bool{}}
	var problems []Problem
	for _, name := range slices.Sorted(maps.Keys(given)) {
		v, declared := d.Variables[name]
		switch {
		case !declared && (!d.Lenient || !nameOnly.MatchString(name)):
			problems = append(problems, Problem{Undeclared, shortened(name), "is not declared by the campaign" + d.list()})
			continue
		case !declared:
			s.undeclared[name] = true
		}
		clean, wrong := v.Kind().clean(string(given[name]))
		if wrong == "" && v.Required && clean == "" && v.Kind() == URL {
			wrong = "is empty"
		}
		if wrong != "" {
			problems = append(problems, Problem{Unfit, name, wrong})
			continue
		}
		s.values[name] = clean
	}
	for _, name := range d.Names() {
		if _, there := given[name]; !there && d.Variables[name].Required {
			problems = append(problems, Problem{Missing, name, "has no value, and each render must bring one"})
		}
	}
	if len(problems) > 0 {
		slices.SortStableFunc(problems, func(a, b Problem) int { return strings.Compare(a.Variable, b.Variable) })
		return nil, problems
	}
	return s, nil
}

// list names what is declared, for whoever has mistyped a name.
func (d Declaration) list() string {
	names := d.Names()
	switch {
	case len(names) == 0:
		return ", which declares none"
	case len(names) > 8:
		return ""
	}
	return ". It declares " + strings.Join(names, ", ")
}

// Undeclared lists the variables that a lenient declaration has let pass, in order.
func (s *Set) Undeclared() []string { return slices.Sorted(maps.Keys(s.undeclared)) }

// Used returns the values that texts were filled in with so far, each once.
func (s *Set) Used() []string { return slices.Sorted(maps.Keys(s.used)) }

// shortened bounds a name that somebody else has chosen.
func shortened(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return -1
		}
		return r
	}, name)
	if r := []rune(name); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return name
}

var (
	colour   = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
	decimal  = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$`)
	nameOnly = regexp.MustCompile(`^` + name + `$`)
)

// clean returns a value in the form in which it is filled in, or what is wrong with it, as the rest
// of a sentence.
func (t Type) clean(value string) (text, wrong string) {
	switch {
	case len(value) > MaxValue:
		return "", fmt.Sprintf("has a value of %d bytes, at most %d are possible", len(value), MaxValue)
	case !utf8.ValidString(value):
		return "", "has a value that is no text in UTF-8"
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r >= 0x7f && r < 0xa0 }):
		return "", "has a value with control characters"
	}
	switch t {
	case URL:
		value = strings.TrimSpace(value)
		return value, urlWrong(value)
	case Colour:
		if value = strings.TrimSpace(value); !colour.MatchString(value) {
			return "", "is a colour, and its value is none. Example: #1a2b3c"
		}
		return strings.ToLower(value), ""
	case Number:
		value = strings.TrimSpace(value)
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || !decimal.MatchString(value) || math.IsInf(n, 0) || n != 0 && (math.Abs(n) >= 1e15 || math.Abs(n) < 1e-9) {
			return "", "is a number, and its value is none. Example: 4.5"
		}
		if n == 0 {
			n = 0 // not -0
		}
		return strconv.FormatFloat(n, 'f', -1, 64), ""
	}
	return value, ""
}

// urlWrong says what is wrong with a whole address. Whoever uses it may ask for more.
func urlWrong(value string) string {
	const example = ". Example: https://example.com/page"
	if value == "" {
		return ""
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r == '\\' }) {
		return "is a URL, and its value has a space, a line break or a backslash" + example
	}
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return "is a URL, and its value is no http or https URL" + example
	case u.User != nil:
		return "is a URL, and its value has a user name or a password" + example
	}
	return ""
}
