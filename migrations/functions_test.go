package migrations_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

func TestARenderGoesThroughItsStatuses(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 3)
	var seen []string
	look := func() { seen = append(seen, status(t, conn, r)) }
	for _, task := range []string{"record 0", "record 1", "normalize 0", "normalize 1", "concat 0", "upload 0"} {
		look()
		done(t, conn, r.tasks[task])
	}
	look()
	want := []string{"recording", "recording", "normalizing", "normalizing", "concatenating", "uploading", "done"}
	if !slices.Equal(seen, want) {
		t.Errorf("statuses were %v, want %v", seen, want)
	}
	if n := get[int](t, conn, "select progress from renders where id = $1", r.id); n != 100 {
		t.Errorf("progress is %d", n)
	}
	if jobs(t, conn, r) != "completed" {
		t.Errorf("jobs are %s", jobs(t, conn, r))
	}
	if !get[bool](t, conn, "select completed_at is not null and final_video_url = 'v' and thumb_url = 't' from renders where id = $1", r.id) {
		t.Error("completed_at or the URLs are missing")
	}
}

func TestOnlyTheCurrentAttemptCounts(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 3)
	task := r.tasks["record 0"]
	if v, attempt := grant(t, conn, task, "0 seconds"); v != "granted" || attempt != 1 {
		t.Fatalf("%s, attempt %d", v, attempt)
	}
	if v, attempt := grant(t, conn, task, "1 minute"); v != "granted" || attempt != 2 {
		t.Fatalf("after the lease has lapsed: %s, attempt %d", v, attempt)
	}
	if v := finish(t, conn, task, 1); v != "stale" {
		t.Errorf("the superseded attempt's result is %s", v)
	}
	if v := fail(t, conn, task, 1, true); v != "stale" {
		t.Errorf("the superseded attempt's failure is %s", v)
	}
	if v := get[string](t, conn, "select loom.hand_back_task($1, 1, 'drain')", task); v != "stale" {
		t.Errorf("the superseded attempt's hand-back is %s", v)
	}
	if get[bool](t, conn, "select loom.heartbeat_task($1, 1, 0.5, '1 minute')", task) {
		t.Error("the superseded attempt is told to go on")
	}
	if v := finish(t, conn, task, 3); v != "stale" {
		t.Errorf("an attempt that never was: %s", v)
	}
	for i, want := range []string{"accepted", "already"} {
		if v := finish(t, conn, task, 2); v != want {
			t.Errorf("result %d of the current attempt is %s, want %s", i+1, v, want)
		}
	}
	if v, _ := grant(t, conn, task, "1 minute"); v != "drop" {
		t.Errorf("a finished task's grant is %s", v)
	}
}

func TestALapsedLeaseIsChargedOnceAndRetriesRunOut(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 1)
	task := r.tasks["record 0"]
	grant(t, conn, task, "0 seconds")
	if v, attempt := grant(t, conn, task, "0 seconds"); v != "granted" || attempt != 2 {
		t.Fatalf("%s, attempt %d", v, attempt)
	}
	if n := get[int](t, conn, "select failures from loom.tasks where id = $1", task); n != 1 {
		t.Errorf("%d failures are charged, want 1", n)
	}
	if v, _ := grant(t, conn, task, "0 seconds"); v != "drop" {
		t.Errorf("a task that was lost too often is %s", v)
	}
	if got := get[string](t, conn, "select status || ' ' || error_code from renders where id = $1", r.id); got != "failed worker_lost" {
		t.Errorf("the render is %s", got)
	}
	if got := get[string](t, conn, "select string_agg(outcome, ' ' order by attempt) from loom.attempts"); got != "lapsed lapsed" {
		t.Errorf("attempts ended as %s", got)
	}
	if open := get[int](t, conn, "select count(*) from loom.tasks where state in ('waiting', 'due', 'running')"); open != 0 {
		t.Errorf("%d tasks of the failed render are open", open)
	}
}

// A scene is normalized while it is still being recorded, and again when its recording starts
// again.
func TestWhatIsStoredIsWorkedOnWhileItsAttemptGoesOnAndTakenBackWithIt(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, conn *pgx.Conn, task string) (attempt int){
		"it fails": func(t *testing.T, conn *pgx.Conn, task string) int {
			fail(t, conn, task, 1, false)
			due(t, conn, task)
			_, attempt := grant(t, conn, task, "1 minute")
			return attempt
		},
		"it is handed back": func(t *testing.T, conn *pgx.Conn, task string) int {
			get[string](t, conn, "select loom.hand_back_task($1, 1, 'drain')", task)
			_, attempt := grant(t, conn, task, "1 minute")
			return attempt
		},
		"its worker is lost": func(t *testing.T, conn *pgx.Conn, task string) int {
			exec(t, conn, "update loom.tasks set lease_until = now() where id = $1", task)
			_, attempt := grant(t, conn, task, "1 minute")
			return attempt
		},
	} {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, migrated.Database(t))
			r := inPieces(t, conn, 3)
			record, first, last := r.tasks["record 0"], r.tasks["normalize 0"], r.tasks["normalize 1"]
			grant(t, conn, record, "1 minute")
			beat := func(attempt int, stored ...string) bool {
				return get[bool](t, conn, "select loom.heartbeat_task($1, $2, 0.5, '1 minute', $3, 'folder/')", record, attempt, stored)
			}
			if !beat(1) || state(t, conn, first) != "waiting" {
				t.Error("it does not wait for what is not stored")
			}
			if !beat(1, "out", "no such output") || !beat(1, "out") {
				t.Error("the attempt is told to stop")
			}
			if a, b := state(t, conn, first), state(t, conn, last); a != "due" || b != "waiting" {
				t.Fatalf("the one that needs what is stored is %s, the other %s", a, b)
			}
			if key := get[string](t, conn, `select inputs -> 'in' ->> 'key' from loom.grant_task($1, 'worker', gen_random_uuid(), '1 minute')`, first); key != "folder/out" {
				t.Errorf("it reads %s", key)
			}
			finish(t, conn, first, 1)

			attempt := end(t, conn, record)
			if attempt != 2 || state(t, conn, first) != "waiting" {
				t.Errorf("attempt %d of the recording, and what was made of the one before is %s", attempt, state(t, conn, first))
			}
			beat(2, "out")
			grant(t, conn, first, "1 minute")
			if v := finish(t, conn, first, 1); v != "stale" {
				t.Errorf("what was made of the first attempt is %s", v)
			}
			finish(t, conn, first, 2)
			finish(t, conn, record, 2)
			if a, b := state(t, conn, first), state(t, conn, last); a != "done" || b != "due" {
				t.Errorf("in the end they are %s and %s", a, b)
			}
			if n := get[int](t, conn, "select failures from loom.tasks where id = $1", first); n != 0 {
				t.Errorf("%d failures are charged to who could do nothing for it", n)
			}
		})
	}
}

func TestWhatReadsNothingOfATaskWaitsForItsEnd(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := inPieces(t, conn, 3)
	record, segment := r.tasks["record 0"], r.tasks["normalize 0"]
	exec(t, conn, "update loom.tasks set inputs = '{}' where id = $1", segment)
	grant(t, conn, record, "1 minute")
	get[bool](t, conn, "select loom.heartbeat_task($1, 1, 0.5, '1 minute', '{out}', 'folder/')", record)
	if s := state(t, conn, segment); s != "waiting" {
		t.Errorf("with something stored it is %s", s)
	}
	finish(t, conn, record, 1)
	if s := state(t, conn, segment); s != "due" {
		t.Errorf("in the end it is %s", s)
	}
}

func TestAWorkerIsStoppedWhoseInputIsTakenBack(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := inPieces(t, conn, 3)
	record, segment := r.tasks["record 0"], r.tasks["normalize 0"]
	grant(t, conn, record, "1 minute")
	get[bool](t, conn, "select loom.heartbeat_task($1, 1, 0.5, '1 minute', '{out}', 'folder/')", record)
	grant(t, conn, segment, "1 minute")
	fail(t, conn, record, 1, false)
	if get[bool](t, conn, "select loom.heartbeat_task($1, 1, 0.5, '1 minute')", segment) {
		t.Error("it is told to go on")
	}
	if got := get[string](t, conn, "select outcome from loom.attempts where task_id = $1", segment); got != "stopped" {
		t.Errorf("its attempt ended as %s", got)
	}
}

func TestAHeartbeatRenewsEvenALapsedLease(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 1)
	task := r.tasks["record 0"]
	grant(t, conn, task, "0 seconds")
	if !get[bool](t, conn, "select loom.heartbeat_task($1, 1, 0.5, '1 minute')", task) {
		t.Error("nobody else has the task, and still it is told to stop")
	}
	if v, _ := grant(t, conn, task, "1 minute"); v != "drop" {
		t.Errorf("another worker is answered %s", v)
	}
}

func TestARepeatedRequestIsOneAttempt(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 0)
	request := uuid.NewString()
	for _, lease := range []string{"0 seconds", "1 minute", "1 minute"} {
		if v, attempt := ask(t, conn, r.tasks["record 0"], request, lease); v != "granted" || attempt != 1 {
			t.Errorf("%s, attempt %d", v, attempt)
		}
	}
}

func TestFailuresAreRetriedAndThenFailTheRender(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 2)
	task := r.tasks["record 0"]
	for i, want := range []string{"retry", "retry", "failed"} {
		due(t, conn, task)
		v, attempt := grant(t, conn, task, "1 minute")
		if v != "granted" {
			t.Fatalf("attempt %d is %s", i+1, v)
		}
		if got := fail(t, conn, task, attempt, false); got != want {
			t.Errorf("failure %d: %s, want %s", i+1, got, want)
		}
		if want == "retry" {
			if v, _ := grant(t, conn, task, "1 minute"); v != "later" {
				t.Errorf("right after failure %d a grant is %s, want later", i+1, v)
			}
		}
		if got := fail(t, conn, task, attempt, false); got != "stale" {
			t.Errorf("the same failure again: %s", got)
		}
	}
	if got := get[string](t, conn, "select concat_ws('|', status, error_code, error_message) from renders where id = $1", r.id); got !=
		"failed|scene_timeout|It did not load." {
		t.Errorf("the render is %s", got)
	}
	if jobs(t, conn, r) != "failed" {
		t.Errorf("jobs are %s", jobs(t, conn, r))
	}
}

func TestHandingBackIsNotChargedButSlowsDown(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 0)
	task := r.tasks["record 0"]
	for i := range 8 {
		due(t, conn, task)
		_, attempt := grant(t, conn, task, "1 minute")
		if v := get[string](t, conn, "select loom.hand_back_task($1, $2, 'drain')", task, attempt); v != "accepted" {
			t.Fatalf("hand-back %d is %s", i+1, v)
		}
		later := get[bool](t, conn, "select not_before > clock_timestamp() from loom.tasks where id = $1", task)
		if later != (i >= 3) {
			t.Errorf("after hand-back %d the task waits: %v", i+1, later)
		}
	}
	if n := get[int](t, conn, "select failures from loom.tasks where id = $1", task); n != 0 {
		t.Errorf("%d failures are charged", n)
	}
	if get[bool](t, conn, "select not_before > clock_timestamp() + interval '31 seconds' from loom.tasks where id = $1", task) {
		t.Error("the task waits for more than 30 seconds")
	}
}

func TestConcurrentFinishersUnlockWhatFollowsOnce(t *testing.T) {
	url := migrated.Database(t)
	conn := connect(t, url)
	others := [2]*pgx.Conn{connect(t, url), connect(t, url)}
	for round := range 20 {
		r := fresh(t, conn, 3)
		for _, task := range []string{"record 0", "record 1"} {
			done(t, conn, r.tasks[task])
		}
		var wait sync.WaitGroup
		start := make(chan struct{})
		for i, task := range []string{"normalize 0", "normalize 1"} {
			_, attempt := grant(t, conn, r.tasks[task], "1 minute")
			wait.Go(func() {
				<-start
				if v := finish(t, others[i], r.tasks[task], attempt); v != "accepted" {
					t.Errorf("round %d: %s is %s", round, task, v)
				}
			})
		}
		close(start)
		wait.Wait()
		if got := state(t, conn, r.tasks["concat 0"]); got != "due" {
			t.Fatalf("round %d: concat is %s after both segments are done", round, got)
		}
		if got := status(t, conn, r); got != "concatenating" {
			t.Errorf("round %d: the render is %s", round, got)
		}
	}
}

func TestProgressIsThrottledAndNeverFalls(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 3)
	task := r.tasks["record 0"]
	_, attempt := grant(t, conn, task, "1 minute")
	beat := func(progress float64) int {
		t.Helper()
		get[bool](t, conn, "select loom.heartbeat_task($1, $2, $3, '1 minute')", task, attempt, progress)
		return get[int](t, conn, "select progress from renders where id = $1", r.id)
	}
	age := func() {
		exec(t, conn, "update renders set updated_at = now() - interval '2 seconds' where id = $1", r.id)
	}
	if n := beat(0.9); n != 0 {
		t.Errorf("progress is %d within a second of the last write", n)
	}
	age()
	high := beat(0.9)
	if want := 99 * 9 / 10 / 6; high != want {
		t.Errorf("progress is %d, want %d", high, want)
	}
	if stale := get[bool](t, conn, "select updated_at < now() - interval '1 second' from renders where id = $1", r.id); stale {
		t.Error("updated_at did not move")
	}
	age()
	if n := beat(0.1); n != high {
		t.Errorf("a heartbeat that knows less: progress is %d, was %d", n, high)
	}
	// The next attempt starts from nothing; the app's user does not see that.
	fail(t, conn, task, attempt, false)
	due(t, conn, task)
	_, attempt = grant(t, conn, task, "1 minute")
	age()
	if n := beat(0.05); n != high {
		t.Errorf("in the second attempt progress is %d, was %d", n, high)
	}
	// An app may leave updated_at null.
	exec(t, conn, "alter table renders alter updated_at drop not null")
	exec(t, conn, "update renders set updated_at = null where id = $1", r.id)
	if n := beat(1); n <= high {
		t.Errorf("without updated_at progress stays at %d", n)
	}
}

func TestARenderThatHasEndedStaysAsItIs(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	for _, end := range []string{"done", "failed", "cancelled"} {
		t.Run(end, func(t *testing.T) {
			r := fresh(t, conn, 3)
			task := r.tasks["record 0"]
			_, attempt := grant(t, conn, task, "1 minute")
			exec(t, conn, "update renders set status = $2, progress = 33 where id = $1", r.id, end)
			row := "select to_jsonb(r)::text from renders r where id = $1"
			before := get[string](t, conn, row, r.id)
			if v, _ := grant(t, conn, r.tasks["record 1"], "1 minute"); v != "drop" {
				t.Errorf("a grant is %s", v)
			}
			if get[bool](t, conn, "select loom.heartbeat_task($1, $2, 0.9, '1 minute')", task, attempt) {
				t.Error("its worker is told to go on")
			}
			if v := finish(t, conn, task, attempt); v != "stale" {
				t.Errorf("a result is %s", v)
			}
			if v := fail(t, conn, task, attempt, true); v != "stale" {
				t.Errorf("a failure is %s", v)
			}
			exec(t, conn, "select loom.fail_render($1, null, $2, 'internal', 'no')", r.id, r.job)
			if after := get[string](t, conn, row, r.id); after != before {
				t.Errorf("the row changed from\n%s\nto\n%s", before, after)
			}
		})
	}
}

func TestUploadsAreClosedByFinishRenderAlone(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 3)
	for _, task := range []string{"record 0", "record 1", "normalize 0", "normalize 1", "concat 0"} {
		done(t, conn, r.tasks[task])
	}
	_, attempt := grant(t, conn, r.tasks["upload 0"], "1 minute")
	if _, err := conn.Exec(t.Context(), "select loom.finish_task($1, $2, '{}', '{}')", r.tasks["upload 0"], attempt); err == nil {
		t.Error("finish_task closed an upload, and left its render open")
	}
	if v := get[string](t, conn, "select loom.finish_render($1, $2, 'v', 't', '{}')", r.tasks["upload 0"], attempt+1); v != "stale" {
		t.Errorf("another attempt's end is %s", v)
	}
	for i, want := range []string{"accepted", "already"} {
		if v := get[string](t, conn, "select loom.finish_render($1, $2, 'v', 't', '{}')", r.tasks["upload 0"], attempt); v != want {
			t.Errorf("end %d is %s, want %s", i+1, v, want)
		}
	}
}

func TestJobsOfOneRenderAreClaimedOneByOne(t *testing.T) {
	url := migrated.Database(t)
	conn, other := connect(t, url), connect(t, url)
	ids := []string{}
	for range 2 {
		ids = append(ids, get[string](t, conn, `with c as (insert into campaigns (name) values ('test') returning id)
			insert into renders (campaign_id) select id from c returning id::text`))
	}
	exec(t, conn, `insert into render_jobs (render_id, created_at) values
		($1, now()), ($1, now() + interval '1 second'), ($2, now() + interval '2 seconds')`, ids[0], ids[1])
	// While the first claim is not yet committed, another claimer gets the other render's job, not
	// the second of this one.
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := claims(t, conn); !slices.Equal(got, ids[:1]) {
		t.Errorf("the first claim is %v, want %v", got, ids[:1])
	}
	if got := claims(t, other); !slices.Equal(got, ids[1:]) {
		t.Errorf("the claim beside it is %v, want %v", got, ids[1:])
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := claims(t, other); len(got) != 0 {
		t.Errorf("claimed %v though the render has a running job", got)
	}
	exec(t, conn, "update render_jobs set state = 'failed' where state = 'running'")
	if got := claims(t, other); !slices.Equal(got, ids[:1]) {
		t.Errorf("after the first has ended: %v, want %v", got, ids[:1])
	}
}

func TestAJobThatWasDeletedLeavesItsPlanOpen(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 3)
	exec(t, conn, "delete from render_jobs where id = $1", r.job)
	job := get[string](t, conn, "insert into render_jobs (render_id, state) values ($1, 'running') returning id::text", r.id)
	if !get[bool](t, conn, "select loom.attach_job($1, $2)", r.id, job) {
		t.Fatal("the open plan does not take the job")
	}
	exec(t, conn, "select loom.fail_render($1, $2, $3, 'internal', 'no')", r.id, r.plan, job)
	if got := jobs(t, conn, r); got != "failed" {
		t.Errorf("the job is %s", got)
	}
	if get[bool](t, conn, "select loom.attach_job($1, $2)", r.id, job) {
		t.Error("a plan that has ended takes a job")
	}
}

func TestInsertingAJobIsNotified(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	exec(t, conn, "listen loom_jobs")
	fresh(t, conn, 3)
	n, err := conn.WaitForNotification(t.Context())
	if err != nil || n.Channel != "loom_jobs" {
		t.Errorf("%+v, %v", n, err)
	}
}
