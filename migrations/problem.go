package migrations

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// DB is a database that can be asked: a pool, a connection or a transaction.
type DB interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Problem is something of the app's database that loom-lite cannot work with.
type Problem struct {
	// What it is: public.renders.status, say.
	What string
	// Found says what is wrong with it. It names neither roles nor rows.
	Found string
	// Mend is the SQL that mends it, or says what to do.
	Mend string
}

// UnfitError says why loom-lite cannot work on a database.
type UnfitError struct{ Problems []Problem }

// Error names each problem, and how to mend it.
func (e *UnfitError) Error() string {
	var text strings.Builder
	text.WriteString("the database does not fit loom-lite:")
	for _, p := range e.Problems {
		text.WriteString("\n  " + p.What + " " + p.Found + "\n    → " + p.Mend)
	}
	return text.String()
}

// Brief names each problem in one line, for whoever asks for readiness.
func (e *UnfitError) Brief() string {
	var list []string
	for _, p := range e.Problems {
		list = append(list, p.What+" "+p.Found)
	}
	return "the database does not fit: " + strings.Join(list, "; ") + " (loom doctor says how to mend it)"
}

// unfit is an error when there are problems.
func unfit(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return &UnfitError{Problems: problems}
}
