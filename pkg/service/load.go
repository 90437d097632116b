package service

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"
)

// ErrConfig marks an error of Problems.Err: settings are missing or wrong.
var ErrConfig = errors.New("invalid settings")

// Problems loads settings and collects those that are missing or wrong. The first problem of a
// variable counts. The zero value is ready to use.
type Problems struct {
	list   []problem
	fields []field
	// broken is a mistake in a Config's type, not in the settings.
	broken error
}

// problem is one setting that is missing or wrong. wants says what would be right: "a duration such
// as 30s".
type problem struct {
	variable, wants string
	missing         bool
}

// Load reads environ into cfg, a pointer to a struct with caarlos0/env's tags, and checks an
// embedded Base. A variable that is set to nothing counts as not set. optional names variables that
// the tags require and this caller does not.
//
// Beside env's tags a field may have bounds:
//
//	min:"1s" max:"1h"     the least and the most of a number or a duration
//	oneof:"json console"  the values of a text
//	unit:"seconds"        what a number counts, for the words of an error
//	wants:"…"             the words, where type and bounds do not give the right ones
//
// A value that is zero and has no default counts as not set, and its bounds are not checked.
//
// Err reports every variable that is missing or wrong. It holds no values: a value may be a secret.
func (p *Problems) Load(cfg any, environ map[string]string, optional ...string) {
	set := maps.Clone(environ)
	maps.DeleteFunc(set, func(_, value string) bool { return strings.TrimSpace(value) == "" })
	if set == nil {
		set = map[string]string{}
	}

	p.fields = fieldsOf(reflect.ValueOf(cfg).Elem())
	if err := env.ParseWithOptions(cfg, env.Options{Environment: set}); err != nil {
		p.explain(err, set, optional)
	}
	for _, f := range p.fields {
		switch within, err := f.within(); {
		case err != nil:
			p.broken = err
		case !within:
			p.Wrong(f.key)
		}
	}
	if b, ok := cfg.(interface{ base() *Base }); ok {
		b.base().complete()
		if b.base().NATSURL != "" {
			b.base().NATSAccess.Check(p.Add)
		}
	}
}

// Wrong reports that a variable of the loaded settings is wrong. The words are those of its tags.
func (p *Problems) Wrong(variable string) { p.Add(variable, p.wantsOf(variable)) }

// Add reports that variable is wrong, and what it wants.
func (p *Problems) Add(variable, wants string) { p.add(problem{variable: variable, wants: wants}) }

// AddMissing reports that variable is not set, and what it wants.
func (p *Problems) AddMissing(variable, wants string) {
	p.add(problem{variable: variable, wants: wants, missing: true})
}

func (p *Problems) add(q problem) {
	if !slices.ContainsFunc(p.list, func(o problem) bool { return o.variable == q.variable }) {
		p.list = append(p.list, q)
	}
}

// Err returns nil when there are no problems, else an error of one line for each; errors.Is(err,
// ErrConfig) holds.
func (p *Problems) Err() error {
	if p.broken != nil {
		return fmt.Errorf("read settings: %w", p.broken)
	}
	if len(p.list) == 0 {
		return nil
	}
	return &configError{problems: slices.Clone(p.list)}
}

type configError struct{ problems []problem }

func (e *configError) Is(target error) bool { return target == ErrConfig }

func (e *configError) Error() string {
	var b strings.Builder
	b.WriteString(ErrConfig.Error() + ":")
	for _, p := range e.problems {
		what := "must be "
		if p.missing {
			what = "is not set; it must be "
		}
		b.WriteString("\n  " + p.variable + " " + what + p.wants)
	}
	return b.String()
}

// explain turns what env.Parse found into problems.
func (p *Problems) explain(err error, set map[string]string, optional []string) {
	var all env.AggregateError
	if !errors.As(err, &all) {
		p.broken = err
		return
	}
	for _, err := range all.Errors {
		var parse env.ParseError
		var unset env.VarIsNotSetError
		switch {
		case errors.As(err, &unset):
			if !slices.Contains(optional, unset.Key) {
				p.AddMissing(unset.Key, p.wantsOf(unset.Key))
			}
		case errors.As(err, &parse):
			for _, f := range p.fields {
				if _, given := set[f.key]; given && f.name == parse.Name && f.value.Type() == parse.Type {
					p.Wrong(f.key)
				}
			}
		default:
			// Errors of a type's own making could quote values, so only their kind is reported.
			p.broken = fmt.Errorf("%T", err)
		}
	}
}

func (p *Problems) wantsOf(key string) string {
	for _, f := range p.fields {
		if f.key == key {
			return f.wants()
		}
	}
	return "set"
}
