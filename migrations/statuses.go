package migrations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// written lists the values that loom-lite writes. cancelled is left out, since the app may refuse
// it.
var written = []struct {
	table, column string
	values        []string
}{
	{"renders", "status", []string{"recording", "normalizing", "concatenating", "overlaying", "uploading", "done", "failed"}},
	{"render_jobs", "state", []string{"running", "completed", "failed"}},
}

// statuses returns the values of status and state that the app's types, CHECKs and foreign keys
// refuse. It tries each value without writing a row, and reports nothing where that is not
// possible.
func statuses(ctx context.Context, tx pgx.Tx) ([]Problem, error) {
	var problems []Problem
	for _, w := range written {
		for _, value := range w.values {
			wrong, err := refusedBy(ctx, tx, w.table, w.column, value)
			if err != nil {
				return nil, err
			}
			if wrong != "" {
				problems = append(problems, Problem{fmt.Sprintf("public.%s.%s", w.table, w.column),
					fmt.Sprintf("does not take '%s', which loom-lite writes: %s", value, wrong), "let it take that value"})
			}
		}
	}
	return slices.CompactFunc(problems, func(a, b Problem) bool { return a == b }), nil
}

// refusedBy returns what refuses a value in a column, and "" if nothing does.
func refusedBy(ctx context.Context, tx pgx.Tx, table, column, value string) (string, error) {
	var declared string
	err := tx.QueryRow(ctx, `select format_type(a.atttypid, a.atttypmod) from pg_attribute a join pg_class c on c.oid = a.attrelid
		where c.relnamespace = 'public'::regnamespace and c.relname = $1 and a.attname = $2 and not a.attisdropped`, table, column).Scan(&declared)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil // the table is created
	}
	if err != nil {
		return "", fmt.Errorf("look at public.%s: %w", table, err)
	}
	if tried(ctx, tx, fmt.Sprintf("select '%s'::text::%s is not null", value, declared)) == failed {
		return "its type " + declared, nil
	}
	rows, err := tx.Query(ctx, `
		select c.conname::text, case c.contype when 'c' then format('select (%s) is not false from (select %L::text::%s as %I) as v',
		         pg_get_expr(c.conbin, c.conrelid), $3::text, $4::text, $2::text)
		       else format('select exists (select from %s where %I::text = %L)', c.confrelid::regclass,
		         (select a.attname from pg_attribute a where a.attrelid = c.confrelid and a.attnum = c.confkey[1]), $3::text) end
		  from pg_constraint c
		  join pg_attribute a on a.attrelid = c.conrelid and c.conkey = array[a.attnum]
		 where c.conrelid = ('public.' || $1::text)::regclass and a.attname = $2::text and c.contype in ('c', 'f')
		 order by c.conname`, table, column, value, declared)
	if err != nil {
		return "", fmt.Errorf("look at constraints of public.%s: %w", table, err)
	}
	type constraint struct{ Name, Trial string }
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[constraint])
	if err != nil {
		return "", fmt.Errorf("look at constraints of public.%s: %w", table, err)
	}
	var wrong []string
	for _, c := range list {
		if tried(ctx, tx, c.Trial) == no {
			wrong = append(wrong, "the constraint "+c.Name)
		}
	}
	return strings.Join(wrong, ", "), nil
}

// trial is the result of a query for one boolean.
type trial int

const (
	yes trial = iota
	no
	failed
)

// tried runs a query behind a savepoint.
func tried(ctx context.Context, tx pgx.Tx, query string) trial {
	inner, err := tx.Begin(ctx)
	if err != nil {
		return yes // the next query returns the error
	}
	defer func() { _ = inner.Rollback(ctx) }()
	var ok bool
	switch err := inner.QueryRow(ctx, query).Scan(&ok); {
	case err != nil:
		return failed
	case !ok:
		return no
	}
	return yes
}
