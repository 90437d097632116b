// Package migrations holds loom-lite's SQL, applies it, and checks whether a database has it.
//
// Each file can be applied again, and pasted into a SQL editor, in the order of Files. Apply runs
// those that a database lacks or has in another form, in one transaction under a lock, so that any
// number of processes may call it at once. The app's tables and rows stay as they are.
package migrations

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed *.sql
var files embed.FS

// Files lists the migrations in the order in which they are applied. schema_version.sql is last.
var Files = []string{
	"0001_app.sql", "claim_render_job.sql", "0002_loom.sql", "0003_functions.sql", "0004_failure_bundle.sql",
	"0005_draw.sql", "0006_set_aside.sql", "0007_copies.sql", "0008_turns.sql", "0009_reuse.sql",
	"0010_control.sql", "0011_history.sql", "0012_roles.sql", "0013_counts.sql", "0014_console.sql", "0015_webhooks.sql",
	"0016_sessions.sql", "0017_receipts.sql", "0018_bulk.sql", "0019_preflight.sql", "0020_events.sql", "0020_cache.sql",
	"0021_forecast.sql", "0022_scaling.sql", "0023_audit.sql", "0024_traces.sql", "0025_changes.sql",
	"0026_pages.sql",
	"0027_clock.sql", "0028_variables.sql", "0029_filters.sql",
	"0030_batches.sql",
	"schema_version.sql",
}

// lock is the key of the advisory lock that Apply takes: "loom" in ASCII.
const lock = 0x6c6f6f6d

// record is the table of the files that were applied.
const record = `
create schema if not exists loom;
create table if not exists loom.migrations (
  name text primary key, sha256 text not null, applied_at timestamptz not null default now());
alter table loom.migrations enable row level security;`

// text returns the text of one of Files.
func text(name string) (string, error) {
	data, err := files.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("read migration %s: %w", name, err)
	}
	return string(data), nil
}

// Apply brings the database up to date and returns the files that it applied: those that Pending
// lists. If it returns an error, nothing has changed. The error is an UnfitError if the app's
// tables or the role's rights do not allow the migrations. Services and the app may be at work
// meanwhile: where their transactions and this one wait for each other, it begins again.
func Apply(ctx context.Context, conn *pgx.Conn) (applied []string, err error) {
	for range tries {
		applied, err = applyAll(ctx, conn)
		if pg := new(pgconn.PgError); !errors.As(err, &pg) || pg.Code != deadlock {
			break
		}
	}
	return applied, err
}

const (
	// tries is how often Apply begins at most. Whoever was in its way is done by the next time.
	tries = 10
	// deadlock is the SQLSTATE deadlock_detected.
	deadlock = "40P01"
)

// applyAll is one try of Apply.
func applyAll(ctx context.Context, conn *pgx.Conn) (applied []string, err error) {
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
		if _, err := tx.Exec(ctx, record); err != nil {
			return fmt.Errorf("create loom.migrations: %w", err)
		}
		for _, name := range pending {
			if err := apply(ctx, tx, name); err != nil {
				return err
			}
		}
		applied = pending
		return complete(ctx, tx)
	})
	if err != nil {
		return nil, err
	}
	return applied, nil
}

// beforehand looks for what would make the migrations fail, or be useless, before anything is
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

// complete returns an error if objects are missing after the files that make them were applied: a
// column that somebody has dropped from a table of ours, for instance.
func complete(ctx context.Context, tx pgx.Tx) error {
	list, err := missingObjects(ctx, tx)
	if err != nil || len(list) == 0 {
		return err
	}
	return fmt.Errorf("the database lacks %s, which the files do not make in a schema that is there: "+
		"restore it from a backup, or drop the schema loom when no render is in progress, and migrate again", enumerate(list))
}

// apply runs one file and records it.
func apply(ctx context.Context, tx pgx.Tx, name string) error {
	sql, err := text(name)
	if err != nil {
		return err
	}
	sum, err := digest(name)
	if err != nil {
		return err
	}
	// The simple protocol takes a whole file, as psql and SQL editors do.
	if _, err := tx.Conn().PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		return fmt.Errorf("apply migration %s: %w", name, err)
	}
	_, err = tx.Exec(ctx, `insert into loom.migrations (name, sha256) values ($1, $2)
		on conflict (name) do update set sha256 = excluded.sha256, applied_at = now()`, name, sum)
	if err != nil {
		return fmt.Errorf("record migration %s: %w", name, err)
	}
	return nil
}

// digest returns the SHA-256 of a file, by which loom.migrations tells its versions apart.
func digest(name string) (string, error) {
	sql, err := text(name)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(sql))
	return hex.EncodeToString(sum[:]), nil
}
