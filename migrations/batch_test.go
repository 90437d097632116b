package migrations_test

import (
	"context"
	"testing"
	"time"

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

// Two replicas of ingest work on the same renders. Batches of both would leave out what the other
// one holds.
func TestABatchWaitsForOneOfAnotherSession(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	conn, other, look := connect(t, url), connect(t, url), connect(t, url)
	pid := get[int](t, other, "select pg_backend_pid()")
	for range 20 { // a batch does not wait for ever, and this test may be starved
		r := fresh(t, conn, 1)
		exec(t, conn, "begin")
		if granted, _ := together(t, conn, r.tasks["record 0"]); granted[r.tasks["record 0"]] != "granted" {
			t.Fatalf("grants are %v", granted)
		}
		ended := make(chan map[string]string, 1)
		go func() {
			granted := map[string]string{}
			rows, err := other.Query(t.Context(), `select task::text, verdict from loom.grant_tasks(array[$1::uuid], '{worker}', array[gen_random_uuid()], '1 minute', null, 0, '{""}')`,
				r.tasks["record 1"])
			if err == nil {
				var task, verdict string
				_, err = pgx.ForEachRow(rows, []any{&task, &verdict}, func() error {
					granted[task] = verdict
					return nil
				})
			}
			if err != nil {
				t.Error(err)
			}
			ended <- granted
		}()
		for len(ended) == 0 && !get[bool](t, look, "select exists (select from pg_stat_activity where pid = $1 and wait_event = 'advisory')", pid) {
			time.Sleep(5 * time.Millisecond)
		}
		exec(t, conn, "commit")
		if granted := <-ended; granted[r.tasks["record 1"]] == "granted" {
			return
		}
	}
	t.Error("it leaves out what the other one holds")
}

// One that is stopped in the middle of its batch holds up nobody for long.
func TestABatchWaitsForASessionThatIsStoppedOnlyForAMoment(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	conn, stopped := connect(t, url), connect(t, url)
	r := fresh(t, conn, 1)
	exec(t, stopped, "begin")
	exec(t, stopped, "select loom.await_batch()")
	granted, finished := together(t, conn, r.tasks["record 0"])
	if granted[r.tasks["record 0"]] != "granted" || finished[r.tasks["record 0"]] != "accepted" {
		t.Errorf("grants are %v, results %v", granted, finished)
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

// tried runs f in a transaction that is rolled back.
func tried(t *testing.T, conn *pgx.Conn, f func()) {
	t.Helper()
	exec(t, conn, "begin")
	f()
	exec(t, conn, "rollback")
}

// What is plain is decided for many at once, and everything else one by one: nobody sees which.
func TestABatchDecidesAsOneByOneDoes(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	type request struct{ task, worker, id string }
	var list []request
	add := func(task, worker string) { list = append(list, request{task, worker, uuid.NewString()}) }
	exec(t, conn, `insert into loom.workers (worker, stage, done_at) values ('well', 'record', now()), ('well', 'transcode', now());
		insert into loom.workers (worker, stage, rest_until) values ('rests', 'record', now() + interval '1 hour');
		insert into loom.workers (worker, stage, heard_at) values ('away', 'record', now() - interval '1 hour');
		insert into loom.workers (worker, stage, failed) values ('fails', 'record', array_fill(gen_random_uuid(), array[3]))`)
	for _, worker := range []string{"well", "rests", "away", "fails", "new"} {
		r := fresh(t, conn, 3)
		add(r.tasks["record 0"], worker)
		add(r.tasks["record 0"], "well")
		add(r.tasks["record 1"], worker)
		add(r.tasks["upload 0"], worker)
	}
	// Three pages of each of two hosts, of which two may be recorded.
	for _, host := range []string{"a", "b"} {
		for range 3 {
			r := fresh(t, conn, 3)
			exec(t, conn, "update loom.tasks set host = $2 where id = $1", r.tasks["record 1"], host)
			add(r.tasks["record 1"], "well")
		}
	}
	begun, ended, later, again, paused := fresh(t, conn, 3), fresh(t, conn, 3), fresh(t, conn, 3), fresh(t, conn, 3), fresh(t, conn, 3)
	ask(t, conn, begun.tasks["record 0"], "00000000-0000-0000-0000-000000000001", "1 minute")
	ask(t, conn, begun.tasks["record 1"], "00000000-0000-0000-0000-000000000002", "1 minute")
	list = append(list, request{begun.tasks["record 0"], "well", "00000000-0000-0000-0000-000000000001"})
	add(begun.tasks["record 1"], "well")
	exec(t, conn, "update renders set status = 'cancelled' where id = $1", ended.id)
	add(ended.tasks["record 0"], "well")
	exec(t, conn, "update loom.tasks set not_before = now() + interval '1 hour' where id = $1", later.tasks["record 0"])
	add(later.tasks["record 0"], "well")
	grant(t, conn, again.tasks["record 0"], "1 minute")
	fail(t, conn, again.tasks["record 0"], 1, false)
	exec(t, conn, "update loom.tasks set not_before = now() where id = $1", again.tasks["record 0"])
	add(again.tasks["record 0"], "worker")
	done(t, conn, paused.tasks["record 0"])
	exec(t, conn, "select loom.pause_kinds('{normalize}')")
	add(paused.tasks["normalize 0"], "well")

	var alone, together []string
	tried(t, conn, func() {
		for _, r := range list {
			alone = append(alone, get[string](t, conn, `select $3::text || ' ' || verdict || ' ' || coalesce(reason, '') || ' ' || attempt || coalesce(inputs::text || outputs::text, '')
				from loom.grant_task($1, $2, $3::text::uuid, '1 minute', null, 2, 'tools')`, r.task, r.worker, r.id))
		}
		alone = append(alone, everything(t, conn))
	})
	tasks, workers, ids, tools := []string{}, []string{}, []string{}, []string{}
	for _, r := range list {
		tasks, workers, ids, tools = append(tasks, r.task), append(workers, r.worker), append(ids, r.id), append(tools, "tools")
	}
	tried(t, conn, func() {
		together = get[[]string](t, conn, `
			with g as materialized (select * from loom.grant_tasks($1::text[]::uuid[], $2, $3::text[]::uuid[], '1 minute', null, 2, $4))
			select array_agg(request || ' ' || verdict || ' ' || coalesce(reason, '') || ' ' || attempt || coalesce(inputs::text || outputs::text, '')
			         order by array_position($3::text[]::uuid[], request)) from g`, tasks, workers, ids, tools)
		together = append(together, everything(t, conn))
	})
	for i := range alone {
		if i >= len(together) || alone[i] != together[i] {
			t.Errorf("alone:    %s\ntogether: %s", alone[i], together[min(i, len(together)-1)])
		}
	}
}

// everything is what a database has of tasks, without their times.
func everything(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	return get[string](t, conn, `
		select coalesce(string_agg(concat_ws(' ', t.render_id, t.kind, t.seq, t.state, t.attempt, t.worker, t.request_id, t.tools, t.keys, t.facts, t.output_key, t.maker,
		         t.source, a.outcome, a.used, p.unfinished, p.weight_done, r.status, r.warnings), E'\n' order by t.id), '')
		  from loom.tasks t join loom.plans p on p.id = t.plan_id join renders r on r.id = t.render_id
		  left join loom.attempts a on a.task_id = t.id and a.attempt = t.attempt`)
}

func TestABatchOfResultsChangesWhatOneByOneDoes(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	maker, next, other, warned := alike(t, conn, 3), alike(t, conn, 3), fresh(t, conn, 3), fresh(t, conn, 3)
	ended := fresh(t, conn, 3)
	results := []map[string]any{}
	add := func(task string, attempt int, facts map[string]any) {
		results = append(results, map[string]any{"task": task, "attempt": attempt, "folder": "f/" + task + "/", "facts": facts, "used": map[string]any{"cpu_ms": attempt}})
	}
	for _, r := range []render{maker, other, warned, ended} {
		for _, task := range []string{"record 0", "record 1"} {
			grant(t, conn, r.tasks[task], "1 minute")
			facts := map[string]any{"frames": 1}
			if r.id == warned.id {
				facts["warnings"] = []map[string]any{{"scene": 0, "message": "Scene 0 is blank."}}
			}
			add(r.tasks[task], 1, facts)
		}
	}
	finish(t, conn, other.tasks["record 0"], 1)
	add(other.tasks["record 1"], 2, nil)
	add(maker.tasks["record 0"], 1, nil)
	add(next.tasks["record 0"], 1, nil)
	exec(t, conn, "update renders set status = 'cancelled' where id = $1", ended.id)

	var alone, together string
	tried(t, conn, func() {
		for _, r := range results {
			get[string](t, conn, `select loom.finish_task($1, $2, (select jsonb_object_agg(o.key, $3 || (o.value ->> 'file')) from loom.tasks t, jsonb_each(t.outputs) o
				where t.id = $1), $4, $5)`, r["task"], r["attempt"], r["folder"], r["facts"], r["used"])
		}
		alone = everything(t, conn)
	})
	tried(t, conn, func() {
		if n := get[int](t, conn, "select count(*)::int from loom.finish_tasks($1) where verdict = 'accepted'", results); n != 5 {
			t.Errorf("%d results are accepted, want 5", n)
		}
		together = everything(t, conn)
	})
	if alone != together {
		t.Errorf("alone:\n%s\ntogether:\n%s", alone, together)
	}
	for _, task := range []string{"record 0", "record 1"} {
		if s := state(t, conn, next.tasks[task]); s != "waiting" {
			t.Fatalf("%s is %s before", task, s)
		}
	}
}
