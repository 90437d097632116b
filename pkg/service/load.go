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

// ErrConfig marks an error of Load and of Problems: settings are missing or wrong.
var ErrConfig = errors.New("invalid settings")

// Problem is one setting that is missing or wrong.
type Problem struct {
	// Variable is its name in the environment.
	Variable string
	// Wants says what would be right: "a duration such as 30s".
	Wants string
	// Missing: it is not set at all.
	Missing bool
}

// Problems collects settings that are missing or wrong. The zero value is ready to use.
type Problems struct {
	list []Problem
}

// Add reports that variable is wrong, and what it wants.
func (p *Problems) Add(variable, wants string) { p.add(Problem{Variable: variable, Wants: wants}) }

// AddMissing reports that variable is not set, and what it wants.
func (p *Problems) AddMissing(variable, wants string) {
	p.add(Problem{Variable: variable, Wants: wants, Missing: true})
}

func (p *Problems) add(q Problem) {
	if !slices.ContainsFunc(p.list, func(o Problem) bool { return o.Variable == q.Variable }) {
		p.list = append(p.list, q)
	}
}

// Include adds the problems that err, an error of Load, tells of, and returns any other error.
func (p *Problems) Include(err error) error {
	var settings *configError
	if !errors.As(err, &settings) {
		return err
	}
	for _, q := range settings.problems {
		p.add(q)
	}
	return nil
}

// Err returns nil when there are no problems, else an error of one line for each; errors.Is(err,
// ErrConfig) holds.
func (p *Problems) Err() error {
	if len(p.list) == 0 {
		return nil
	}
	return &configError{problems: slices.Clone(p.list)}
}

type configError struct{ problems []Problem }

func (e *configError) Is(target error) bool { return target == ErrConfig }

func (e *configError) Error() string {
	var b strings.Builder
	b.WriteString(ErrConfig.Error() + ":")
	for _, p := range e.problems {
		what := "must be "
		if p.Missing {
			what = "is not set; it must be "
		}
		b.WriteString("\n  " + p.Variable + " " + what + p.Wants)
	}
	return b.String()
}

// Load reads environ into cfg, a pointer to a struct with caarlos0/env's tags, and checks an
// embedded Base. A variable that is set to nothing counts as not set. The tag `wants:"…"` says what
// a variable wants where its type does not.
//
// Its error names every variable that is missing or wrong, and holds no values: a value may be a
// secret. A Config whose own checks find more adds them with Problems, so that all of it is told at
// once.
func Load(cfg any, environ map[string]string) error {
	set := maps.Clone(environ)
	maps.DeleteFunc(set, func(_, value string) bool { return strings.TrimSpace(value) == "" })
	if set == nil {
		set = map[string]string{}
	}

	var problems Problems
	if err := env.ParseWithOptions(cfg, env.Options{Environment: set}); err != nil {
		if err := problems.explain(err, fieldsOf(reflect.TypeOf(cfg).Elem()), set); err != nil {
			return err
		}
	}
	if b, ok := cfg.(interface{ base() *Base }); ok {
		b.base().check(&problems)
	}
	return problems.Err()
}

// explain turns what env.Parse found into problems. Its own error is a mistake in cfg's type.
func (p *Problems) explain(err error, fields []field, set map[string]string) error {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return fmt.Errorf("read settings: %w", err)
	}
	for _, err := range all.Errors {
		var parse env.ParseError
		var unset env.VarIsNotSetError
		switch {
		case errors.As(err, &unset):
			p.AddMissing(unset.Key, wantsOf(fields, unset.Key))
		case errors.As(err, &parse):
			for _, f := range fields {
				if _, given := set[f.key]; given && f.name == parse.Name && f.typ == parse.Type {
					p.Add(f.key, f.wants())
				}
			}
		default:
			// Errors of a type's own making could quote values, so only their kind is told.
			return fmt.Errorf("read settings: %T", err)
		}
	}
	return nil
}
