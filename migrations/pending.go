package migrations

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Pending returns the files that Apply would run, in order: those that are new, that have changed
// since they were applied, or whose objects are missing. It returns none if the files were pasted
// and nothing is missing, or if the database is of a newer program. It changes nothing.
func Pending(ctx context.Context, db DB) ([]string, error) {
	version, err := SchemaVersion(ctx, db)
	if err != nil || version > Version {
		return nil, err
	}
	list, err := missingObjects(ctx, db)
	if err != nil {
		return nil, err
	}
	recorded, err := recorded(ctx, db)
	if err != nil {
		return nil, err
	}
	if recorded == nil {
		if version == Version && len(list) == 0 {
			return nil, nil
		}
		return Files, nil
	}
	pending := filesOf(list)
	for _, name := range Files {
		sum, err := digest(name)
		if err != nil {
			return nil, err
		}
		if recorded[name] != sum && !slices.Contains(pending, name) {
			pending = append(pending, name)
		}
	}
	slices.SortFunc(pending, func(a, b string) int { return slices.Index(Files, a) - slices.Index(Files, b) })
	return pending, nil
}

// recorded returns the digest of each file as it was applied: nil if nothing has been recorded.
func recorded(ctx context.Context, db DB) (map[string]string, error) {
	var there bool
	if err := db.QueryRow(ctx, "select to_regclass('loom.migrations') is not null").Scan(&there); err != nil {
		return nil, fmt.Errorf("look for migrations: %w", err)
	}
	if !there {
		return nil, nil
	}
	rows, _ := db.Query(ctx, "select name, sha256 from loom.migrations")
	applied := map[string]string{}
	var name, sum string
	if _, err := pgx.ForEachRow(rows, []any{&name, &sum}, func() error { applied[name] = sum; return nil }); err != nil {
		return nil, fmt.Errorf("look for migrations: %w", err)
	}
	return applied, nil
}
