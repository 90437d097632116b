package migrations_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// together grants the tasks with one call, and finishes them with one call.
func together(t *testing.T, conn *pgx.Conn, tasks ...string) (granted, finished map[string]string) {
	t.Helper()
	granted, finished = map[string]string{}, map[string]string{}
	names, requests := make([]string, len(tasks)), make([]string, len(tasks))
	for i := range tasks {
		names[i], requests[i] = "worker", uuid.NewString()
	}
	collect := func(into map[string]string, sql string, args ...any) {
		t.Helper()
		rows, err := conn.Query(t.Context(), sql, args...)
		if err != nil {
			t.Fatal(err)
		}
		var task, verdict string
		if _, err := pgx.ForEachRow(rows, []any{&task, &verdict}, func() error {
			into[task] = verdict
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	collect(granted, `select task::text, verdict from loom.grant_tasks($1::text[]::uuid[], $2::text[], $3::text[]::uuid[], '1 minute', null, 0, $2::text[])`,
		tasks, names, requests)
	collect(finished, `select task::text, verdict from loom.finish_tasks((select jsonb_agg(jsonb_build_object('task', k, 'attempt', 1, 'folder', 'folder/',
		'facts', '{"frames": 1}'::jsonb)) from unnest($1::text[]) k))`, tasks)
	return granted, finished
}

func TestManyTasksAreDoneTogether(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 1)
	waits, gone := r.tasks["concat 0"], uuid.NewString()
	granted, finished := together(t, conn, r.tasks["record 0"], r.tasks["record 1"], waits, gone)
	if granted[r.tasks["record 0"]] != "granted" || granted[r.tasks["record 1"]] != "granted" || granted[waits] != "drop" || granted[gone] != "" {
		t.Errorf("grants are %v", granted)
	}
	if finished[r.tasks["record 0"]] != "accepted" || finished[r.tasks["record 1"]] != "accepted" || finished[waits] != "stale" || finished[gone] != "" {
		t.Errorf("results are %v", finished)
	}
	if n := get[int](t, conn, "select count(*)::int from loom.tasks where kind = 'normalize' and state = 'due'"); n != 2 {
		t.Errorf("%d tasks are due that needed them, want 2", n)
	}
	if key := get[string](t, conn, "select min(value) from loom.tasks t, jsonb_each_text(t.keys) where t.id = $1", r.tasks["record 0"]); key[:7] != "folder/" {
		t.Errorf("its output is %s", key)
	}
}

// An app's transaction that holds one render's row delays no other, and nothing is lost.
func TestARenderThatIsHeldIsLeftOut(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	conn, app := connect(t, url), connect(t, url)
	held, free := fresh(t, conn, 1), fresh(t, conn, 1)
	exec(t, app, "begin")
	exec(t, app, "update renders set updated_at = now() where id = $1", held.id)
	granted, finished := together(t, conn, held.tasks["record 0"], free.tasks["record 0"])
	if granted[held.tasks["record 0"]] != "" || granted[free.tasks["record 0"]] != "granted" {
		t.Errorf("grants are %v", granted)
	}
	if len(finished) != 1 || finished[free.tasks["record 0"]] != "accepted" {
		t.Errorf("results are %v", finished)
	}
	exec(t, app, "rollback")
	if granted, _ := together(t, conn, held.tasks["record 0"]); granted[held.tasks["record 0"]] != "granted" {
		t.Errorf("once it is free, grants are %v", granted)
	}
}

// Two replicas of ingest grant many tasks each, to workers of the same versions.
func TestGrantsOfManyTasksDoNotWaitForEachOthersTools(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	var grants [2]pgx.Tx
	for i := range grants {
		tx, err := connect(t, url).Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(context.Background()) }()
		grants[i] = tx
	}
	note := func(i int, tools string) {
		t.Helper()
		if _, err := grants[i].Exec(t.Context(), "select set_config('lock_timeout', '250ms', true), loom.note_tools('record', $1)", tools); err != nil {
			t.Fatal(err)
		}
	}
	note(0, "old")
	note(1, "new")
	note(0, "new")
	note(1, "old")
	for _, tx := range grants {
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := get[string](t, connect(t, url), "select string_agg(tools, ', ' order by tools) from loom.tools"); got != "new, old" {
		t.Errorf("tools are noted: %s", got)
	}
}
