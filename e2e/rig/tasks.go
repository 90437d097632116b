package rig

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Attempt is a row of loom.attempts, with the task it belongs to.
type Attempt struct {
	Task    uuid.UUID
	Kind    string
	Seq     int
	Attempt int
	Worker  string
	Outcome string // empty while it runs
	Code    string
	Detail  string
}

// Attempts returns all attempts at a render's tasks, in the order in which they were granted.
func (a *App) Attempts(t testing.TB, render uuid.UUID) []Attempt {
	t.Helper()
	rows, err := a.DB.Query(context.Background(), `
		select t.id, t.kind, t.seq, a.attempt, a.worker, coalesce(a.outcome, ''), coalesce(a.error_code, ''),
		       coalesce(a.detail, '')
		  from loom.attempts a join loom.tasks t on t.id = a.task_id
		 where t.render_id = $1 order by a.granted_at, t.kind, t.seq, a.attempt`, render)
	if err != nil {
		t.Fatalf("read attempts: %v", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Attempt])
	if err != nil {
		t.Fatalf("read attempts: %v", err)
	}
	return found
}

// AwaitAttempt waits until a task of the render has this attempt, and returns it.
func (a *App) AwaitAttempt(t testing.TB, render uuid.UUID, kind string, seq, attempt int) Attempt {
	t.Helper()
	var found Attempt
	Eventually(t, "there is such an attempt at "+kind, func() bool {
		for _, f := range a.Attempts(t, render) {
			if f.Kind == kind && f.Seq == seq && f.Attempt == attempt {
				found = f
				return true
			}
		}
		return false
	})
	return found
}

// Value runs a query for one value.
func Value[T any](t testing.TB, a *App, query string, args ...any) T {
	t.Helper()
	var v T
	if err := a.DB.QueryRow(context.Background(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// EndedUploads counts the attempts at the render's upload that were accepted.
func (a *App) EndedUploads(t testing.TB, render uuid.UUID) int {
	t.Helper()
	n := 0
	for _, f := range a.Attempts(t, render) {
		if f.Kind == "upload" && f.Outcome == "done" {
			n++
		}
	}
	return n
}
