package migrations

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Pending returns the files that Apply would run: those that are new, or have changed since they
// were applied. It changes nothing.
func Pending(ctx context.Context, db DB) ([]string, error) {
	var prepared bool
	if err := db.QueryRow(ctx, "select to_regclass('loom.migrations') is not null").Scan(&prepared); err != nil {
		return nil, fmt.Errorf("look for migrations: %w", err)
	}
	if !prepared {
		return Files, nil
	}
	rows, _ := db.Query(ctx, "select name, sha256 from loom.migrations")
	applied := map[string]string{}
	var name, sum string
	if _, err := pgx.ForEachRow(rows, []any{&name, &sum}, func() error { applied[name] = sum; return nil }); err != nil {
		return nil, fmt.Errorf("look for migrations: %w", err)
	}
	var pending []string
	for _, name := range Files {
		want, err := digest(name)
		if err != nil {
			return nil, err
		}
		if applied[name] != want {
			pending = append(pending, name)
		}
	}
	return pending, nil
}
