// Package migrations holds loom-lite's SQL and applies it.
//
// Every file can be applied again, and pasted into a SQL editor, in the order of Files. Apply runs
// those that are new or have changed since they were last applied, in one transaction under a lock,
// so that any number of processes may call it at once. Tables that are there already, the app's
// above all, stay as they are.
package migrations

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

//go:embed *.sql
var files embed.FS

// Files lists the migrations in the order in which they are applied.
var Files = []string{"0001_app.sql", "claim_render_job.sql", "0002_loom.sql", "0003_functions.sql", "0004_failure_bundle.sql", "0005_draw.sql", "0006_set_aside.sql", "0007_copies.sql"}

// lock is the key of the advisory lock that appliers take: "loom" in ASCII.
const lock = 0x6c6f6f6d

const ledger = `
create schema if not exists loom;
create table if not exists loom.migrations (
  name text primary key, sha256 text not null, applied_at timestamptz not null default now());
alter table loom.migrations enable row level security;`

// SQL returns the text of one of Files.
func SQL(name string) (string, error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("read migration %s: %w", name, err)
	}
	return string(text), nil
}

// Apply brings the database up to date and returns the names of the files it applied: none when
// nothing was new. On an error nothing is changed; it is an UnfitError when the app's tables, or
// the role, are not what it takes.
func Apply(ctx context.Context, conn *pgx.Conn) (applied []string, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", lock); err != nil {
			return fmt.Errorf("lock migrations: %w", err)
		}
		pending, err := Pending(ctx, tx)
		if err != nil || len(pending) == 0 {
			return err
		}
		if err := beforehand(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, ledger); err != nil {
			return fmt.Errorf("create loom.migrations: %w", err)
		}
		for _, name := range Files {
			fresh, err := apply(ctx, tx, name)
			if err != nil {
				return err
			}
			if fresh {
				applied = append(applied, name)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return applied, nil
}

// beforehand looks for whatever would make the migrations fail, or be of no use, before anything is
// changed.
func beforehand(ctx context.Context, tx pgx.Tx) error {
	var all []Problem
	for _, look := range []func(context.Context, pgx.Tx) ([]Problem, error){
		func(ctx context.Context, tx pgx.Tx) ([]Problem, error) { return owning(ctx, tx) },
		func(ctx context.Context, tx pgx.Tx) ([]Problem, error) { return Fit(ctx, tx) },
		func(ctx context.Context, tx pgx.Tx) ([]Problem, error) { return Ambiguous(ctx, tx) },
		statuses, meanings, dependants,
	} {
		problems, err := look(ctx, tx)
		if err != nil {
			return err
		}
		all = append(all, problems...)
	}
	return unfit(all)
}

// apply runs one file unless it was applied as it is now.
func apply(ctx context.Context, tx pgx.Tx, name string) (fresh bool, err error) {
	text, err := SQL(name)
	if err != nil {
		return false, err
	}
	sum, err := digest(name)
	if err != nil {
		return false, err
	}
	var was string
	err = tx.QueryRow(ctx, "select sha256 from loom.migrations where name = $1", name).Scan(&was)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("look up migration %s: %w", name, err)
	}
	if was == sum {
		return false, nil
	}
	// The simple protocol takes a whole file, as psql and SQL editors do.
	if _, err := tx.Conn().PgConn().Exec(ctx, text).ReadAll(); err != nil {
		return false, fmt.Errorf("apply migration %s: %w", name, err)
	}
	_, err = tx.Exec(ctx, `insert into loom.migrations (name, sha256) values ($1, $2)
		on conflict (name) do update set sha256 = excluded.sha256, applied_at = now()`, name, sum)
	if err != nil {
		return false, fmt.Errorf("record migration %s: %w", name, err)
	}
	return true, nil
}

// digest is by which the ledger knows a file as it is now.
func digest(name string) (string, error) {
	text, err := SQL(name)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:]), nil
}
