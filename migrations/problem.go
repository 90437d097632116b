package migrations

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// DB is a database that can be queried: a pool, a connection or a transaction.
type DB interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Problem is something in the app's database that loom-lite cannot work with.
type Problem struct {
	// What is the object, such as public.renders.status.
	What string
	// Found says what is wrong with it. It names neither roles nor rows.
	Found string
	// Mend is the SQL that repairs it, or says what to do.
	Mend string
}

// UnfitError says why loom-lite cannot work on a database.
type UnfitError struct{ Problems []Problem }

// Error names each problem, and how to repair it.
func (e *UnfitError) Error() string {
	var text strings.Builder
	text.WriteString("the database does not fit loom-lite:")
	for _, p := range e.Problems {
		text.WriteString("\n  " + p.What + " " + p.Found + "\n    → " + p.Mend)
	}
	return text.String()
}

// Brief names the problems in one line, for readiness probes.
func (e *UnfitError) Brief() string {
	var list []string
	for _, p := range e.Problems {
		list = append(list, p.What+" "+p.Found)
	}
	return "the database does not fit: " + strings.Join(list, "; ") + " (loom doctor says how to mend it)"
}

// unfit returns an UnfitError if there are problems, and else nil.
func unfit(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return &UnfitError{Problems: problems}
}
