package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/services/console/access/accesstest"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// controlled is a database with some renders that are queued, and the settings of a command that
// uses it.
func controlled(t *testing.T, n int) (db *pgxpool.Pool, environ map[string]string, ids []uuid.UUID) {
	t.Helper()
	url := migrated.Database(t)
	db, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	for range n {
		id, err := renders.Submit(accesstest.Operator(t), db, renders.Submission{
			Name: "Launch", Scenes: []renders.Scene{{URL: "https://example.com", Seconds: 1}},
		})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return db, map[string]string{"DATABASE_URL": url}, ids
}

func execute(t *testing.T, db *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := db.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// printed runs a command that succeeds, and reads the JSON that it prints.
func printed[T any](t *testing.T, environ map[string]string, args ...string) (value T) {
	t.Helper()
	status, stdout, stderr := loom(t, environ, args...)
	if err := json.Unmarshal([]byte(stdout), &value); status != statusDone || err != nil {
		t.Fatalf("loom %s: status %d, %v, %s%s", strings.Join(args, " "), status, err, stdout, stderr)
	}
	return value
}

func TestCancelEndsWhatHasNotEndedAndTells(t *testing.T) {
	bothWays(t, 3, func(t *testing.T, db *pgxpool.Pool, environ map[string]string, ids []uuid.UUID) {
		execute(t, db, "update renders set status = 'done' where id = $1", ids[1])
		got := printed[[]struct {
			ID, Status string
			Cancelled  bool
		}](t, environ, "cancel", ids[0].String()[:10], ids[1].String(), "--json")
		if want := fmt.Sprintf("[{%s cancelled true} {%s done false}]", ids[0], ids[1]); fmt.Sprint(got) != want {
			t.Errorf("it prints %v, want %s", got, want)
		}
		// One that is not there: nothing is cancelled.
		status, _, stderr := loom(t, environ, "cancel", ids[2].String(), uuid.NewString())
		if status != statusUsage || !strings.Contains(stderr, "there is no such render") {
			t.Errorf("status %d, %s", status, stderr)
		}
		var states string
		err := db.QueryRow(t.Context(), `select string_agg(r.status || ' ' || j.state, ', ' order by r.created_at)
			from renders r join render_jobs j on j.render_id = r.id`).Scan(&states)
		if want := "cancelled cancelled, done queued, queued queued"; err != nil || states != want {
			t.Errorf("renders and jobs are %s, %v; want %s", states, err, want)
		}
	})
}

// holding has a transaction of the app's that deletes a render, and does not end before the test.
func holding(t *testing.T, db *pgxpool.Pool, render uuid.UUID) {
	t.Helper()
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	if _, err := tx.Exec(t.Context(), "delete from renders where id = $1", render); err != nil {
		t.Fatal(err)
	}
}

func TestCancelAndRetrySayThatRowsAreHeld(t *testing.T) {
	db, environ, ids := controlled(t, 2)
	execute(t, db, "update render_jobs set state = 'failed' where render_id = $1", ids[1])
	execute(t, db, "update renders set status = 'failed' where id = $1", ids[1])
	for i, command := range []string{"cancel", "retry"} {
		holding(t, db, ids[i])
		if status, _, stderr := loom(t, environ, command, ids[i].String()); status != statusFailed || !strings.Contains(stderr, "another transaction has held its rows") {
			t.Errorf("%s: status %d, %s", command, status, stderr)
		}
	}
}

func TestDeadLettersOfRendersThatAreHeldAreLeft(t *testing.T) {
	db, environ, ids := controlled(t, 3)
	var tasks []uuid.UUID
	for _, id := range ids {
		tasks = append(tasks, died(t, db, id, "internal", "a.example"))
	}
	holding(t, db, ids[1])
	for _, step := range []struct{ command, target, want string }{
		{"replay", tasks[0].String(), "1 replayed, for 1 renders\n"}, {"replay", "--all", "1 replayed, for 1 renders\n"}, {"discard", "--all", "0 discarded\n"},
	} {
		status, stdout, stderr := loom(t, environ, "dead", step.command, step.target)
		if left := strings.Contains(stderr, "1 are left, since other transactions hold"); stdout != step.want || left != (step.target == "--all") || left != (status == statusFailed) {
			t.Errorf("%s %s: status %d, %s%s", step.command, step.target, status, stdout, stderr)
		}
	}
	if got := printed[[]struct{ ID uuid.UUID }](t, environ, "dead", "list", "--json"); len(got) != 1 || got[0].ID != tasks[1] {
		t.Errorf("left: %v", got)
	}
}

func TestStatusSaysWhichSceneATaskWaitsFor(t *testing.T) {
	db, environ, ids := controlled(t, 1)
	execute(t, db, `select loom.open_plan(gen_random_uuid(), $1, (select id from render_jobs where render_id = $1), '{}', 0, (
		select jsonb_agg(jsonb_build_object('id', gen_random_uuid(), 'kind', 'record', 'seq', n, 'params', jsonb_build_object('scene', n), 'weight', 1, 'recipe', 'ab'))
		  from generate_series(1, 2) n))`, ids[0])
	if _, shown, _ := loom(t, environ, "status", ids[0].String()); !strings.Contains(shown, "waiting for scene 1 ") {
		t.Error(shown)
	}
	loom(t, environ, "cancel", ids[0].String())
	if _, shown, _ := loom(t, environ, "status", ids[0].String()); strings.Contains(shown, " for ") || strings.Count(shown, "cancelled ") < 2 {
		t.Error(shown)
	}
}

func TestStagesArePausedAndResumed(t *testing.T) {
	bothWays(t, 1, func(t *testing.T, _ *pgxpool.Pool, environ map[string]string, _ []uuid.UUID) {
		type paused = []struct{ Kind string }
		names := func(list paused) string {
			var names []string
			for _, p := range list {
				names = append(names, p.Kind)
			}
			return strings.Join(names, " ")
		}
		for _, step := range []struct{ args, want string }{
			{"pause record", "record"},
			{"pause record concat", "record concat"},
			{"pause transcode", "draw probe record normalize concat overlay"},
			{"resume transcode", "record"},
			{"resume upload", "record"},
		} {
			if got := names(printed[paused](t, environ, append(strings.Fields(step.args), "--json")...)); got != step.want {
				t.Errorf("%s: %s is paused, want %s", step.args, got, step.want)
			}
		}
		if _, _, stderr := loom(t, environ, "list"); !strings.Contains(stderr, "loom resume record") {
			t.Errorf("loom list does not tell: %s", stderr)
		}
		if status, stdout, _ := loom(t, environ, "resume", "record", "upload"); status != statusDone || stdout != "resumed: record\nnot paused: upload\n" {
			t.Errorf("status %d, %q", status, stdout)
		}
		if status, _, stderr := loom(t, environ, "pause", "paint"); status != statusUsage || !strings.Contains(stderr, "record, probe") {
			t.Errorf("status %d, %s", status, stderr)
		}
	})
}

func TestRetryQueuesWhatHasFailedAndTells(t *testing.T) {
	bothWays(t, 4, func(t *testing.T, db *pgxpool.Pool, environ map[string]string, ids []uuid.UUID) {
		execute(t, db, "update render_jobs set state = 'failed' where render_id = any ($1)", ids[:3])
		execute(t, db, "update renders set status = 'failed' where id = any ($1)", ids[:2])
		execute(t, db, "update renders set status = 'done' where id = $1", ids[2])
		type outcome struct {
			ID, Status string
			Retried    bool
			Job        *uuid.UUID
		}
		args := []string{"retry", "--json", ids[0].String()[:10], ids[1].String(), ids[2].String(), ids[3].String()}
		for i, want := range []string{
			fmt.Sprintf("%s failed true, %s failed true, %s done false, %s queued false", ids[0], ids[1], ids[2], ids[3]),
			fmt.Sprintf("%s failed false, %s failed false, %s done false, %s queued false", ids[0], ids[1], ids[2], ids[3]),
		} {
			var got []string
			for _, r := range printed[[]outcome](t, environ, args...) {
				got = append(got, fmt.Sprint(r.ID, " ", r.Status, " ", r.Retried))
				if (r.Job != nil) != r.Retried {
					t.Errorf("the job of %s is %v", r.ID, r.Job)
				}
			}
			if text := strings.Join(got, ", "); text != want {
				t.Errorf("call %d prints %s, want %s", i+1, text, want)
			}
		}
		var jobs int
		if err := db.QueryRow(t.Context(), "select count(*) from render_jobs where state = 'queued'").Scan(&jobs); err != nil || jobs != 3 {
			t.Errorf("%d jobs are queued, %v", jobs, err)
		}
		if status, _, stderr := loom(t, environ, "retry", uuid.NewString()); status != statusUsage || !strings.Contains(stderr, "there is no such render") {
			t.Errorf("status %d, %s", status, stderr)
		}
	})
}

// died plans a render of one scene whose recording has failed for good.
func died(t *testing.T, db *pgxpool.Pool, render uuid.UUID, code, host string) (task uuid.UUID) {
	t.Helper()
	task = uuid.Must(uuid.NewV7())
	execute(t, db, `update render_jobs set state = 'running' where render_id = $1`, render)
	execute(t, db, `select loom.open_plan(gen_random_uuid(), $1, (select id from render_jobs where render_id = $1), '{}', 0,
		jsonb_build_array(jsonb_build_object('id', $2::uuid, 'kind', 'record', 'seq', 0, 'params', '{"scene": 2}'::jsonb, 'weight', 1, 'host', $3::text)))`,
		render, task, host)
	execute(t, db, "select loom.grant_task($1, 'recorder-1', gen_random_uuid(), '1 minute')", task)
	execute(t, db, "select loom.fail_task($1, 1, $2, 'Something went wrong.', 'no space left', false)", task, code)
	return task
}

func TestDeadLettersAreListedReadReplayedAndDiscarded(t *testing.T) {
	bothWays(t, 4, func(t *testing.T, db *pgxpool.Pool, environ map[string]string, ids []uuid.UUID) {
		var tasks []uuid.UUID
		for i, id := range ids {
			tasks = append(tasks, died(t, db, id, []string{"internal", "storage_unavailable"}[i%2], []string{"a.example", "b.example"}[i/2]))
		}
		execute(t, db, "select loom.keep_unreadable('task.record.x.y', '\\x00ff1b41', E'not \\u001bJSON', 'recorder-2')")
		type letters = []struct {
			ID           uuid.UUID
			Kind, Host   *string
			Render       *uuid.UUID `json:"render_id"`
			Scene        *int
			Code         string  `json:"error_code"`
			Subject      *string `json:"subject"`
			Worker, Died string
			Settled      *string
		}
		list := func(args ...string) letters {
			return printed[letters](t, environ, append([]string{"dead", "list", "--json"}, args...)...)
		}
		for filter, want := range map[string]int{
			"": 5, "--kind record": 5, "--kind upload": 0, "--code storage_unavailable": 2, "--host b.example": 2, "--host B.example --code internal": 1,
			"--since 1h": 5, "--before 1h": 0, "--user " + uuid.NewString(): 0, "--limit 2": 2, "--render " + ids[0].String()[:10]: 1,
		} {
			if got := list(strings.Fields(filter)...); len(got) != want {
				t.Errorf("%q: %d, want %d", filter, len(got), want)
			}
		}
		l := list("--render", ids[1].String())[0]
		if l.ID != tasks[1] || *l.Render != ids[1] || *l.Kind != "record" || *l.Host != "a.example" || *l.Scene != 2 || l.Code != "storage_unavailable" ||
			l.Worker != "recorder-1" || l.Subject != nil || l.Settled != nil {
			t.Errorf("%+v", l)
		}
		shown := printed[struct {
			Detail string
			Tries  []struct{ Outcome, Worker string }
		}](t, environ, "dead", "show", tasks[1].String(), "--json")
		if shown.Detail != "no space left" || fmt.Sprint(shown.Tries) != "[{failed recorder-1}]" {
			t.Errorf("%+v", shown)
		}
		unreadable := list("--code", "unreadable")[0].ID.String()
		if status, stdout, _ := loom(t, environ, "dead", "show", unreadable); status != statusDone || !strings.Contains(stdout, `"\\000\\377\x1bA"`) || strings.Contains(stdout, "\x1b") {
			t.Errorf("status %d, %q", status, stdout)
		}
		status, stdout, _ := loom(t, environ, "dead", "list")
		if status != statusDone || strings.Count(stdout, "record scene 2") != 4 {
			t.Errorf("status %d, %s", status, stdout)
		}
		// What it prints finds each, though the tasks were made in the same moment.
		for _, line := range strings.Split(strings.TrimSpace(stdout), "\n")[1:] {
			if status, _, stderr := loom(t, environ, "dead", "show", strings.Fields(line)[0]); status != statusDone {
				t.Errorf("%s: status %d, %s", line, status, stderr)
			}
		}
		// Nothing, both, and what is not there.
		for _, args := range [][]string{{}, {unreadable, "--all"}, {unreadable, "--code", "x"}, {uuid.NewString()}} {
			if status, _, stderr := loom(t, environ, append([]string{"dead", "discard"}, args...)...); status != statusUsage {
				t.Errorf("%v: status %d, %s", args, status, stderr)
			}
		}
		replayed := printed[[]struct {
			ID     uuid.UUID
			Render uuid.UUID `json:"render_id"`
			Job    uuid.UUID `json:"job_id"`
		}](t, environ, "dead", "replay", "--code", "storage_unavailable", "--host", "a.example", "--json")
		if len(replayed) != 1 || replayed[0].ID != tasks[1] || replayed[0].Render != ids[1] {
			t.Fatalf("%+v", replayed)
		}
		var job string
		if err := db.QueryRow(t.Context(), "select render_id || ' ' || state from render_jobs where id = $1", replayed[0].Job).Scan(&job); err != nil || job != ids[1].String()+" queued" {
			t.Errorf("its job is %s, %v", job, err)
		}
		if _, stdout, stderr := loom(t, environ, "dead", "replay", tasks[0].String(), unreadable); stdout != "1 replayed, for 1 renders\n" || !strings.Contains(stderr, "1 were settled already") {
			t.Errorf("%s%s", stdout, stderr)
		}
		if got := printed[[]uuid.UUID](t, environ, "dead", "discard", tasks[2].String(), "--json"); len(got) != 1 || got[0] != tasks[2] {
			t.Errorf("discarded %v", got)
		}
		if _, stdout, _ := loom(t, environ, "dead", "discard", "--all"); stdout != "2 discarded\n" {
			t.Errorf("%s", stdout)
		}
		if open, all := len(list()), len(list("--all")); open != 0 || all != 5 {
			t.Errorf("%d are open, of %d", open, all)
		}
	})
}
