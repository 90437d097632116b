package migrations_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/loom-lite/loom-lite/migrations"
)

func TestACancelEndsWhateverTheAppsChecksKnow(t *testing.T) {
	for name, constraints := range checks {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, migrated.Database(t))
			paste(t, conn, constraints)
			r := fresh(t, conn, 3)
			grant(t, conn, r.tasks["record 0"], "1 minute")
			exec(t, conn, "select loom.cancel_render($1)", r.id)
			want, wantJob := "cancelled", "cancelled"
			if strings.Contains(name, "do not") {
				want, wantJob = "failed", "failed"
			}
			if got := status(t, conn, r); got != want {
				t.Errorf("the render is %s, want %s", got, want)
			}
			if code := get[string](t, conn, "select error_code from renders where id = $1", r.id); code != "cancelled" {
				t.Errorf("its error code is %s", code)
			}
			if got := jobs(t, conn, r); got != wantJob {
				t.Errorf("its job is %s, want %s", got, wantJob)
			}
			if n := get[int](t, conn, "select count(*)::int from loom.tasks where render_id = $1 and state <> 'cancelled'", r.id); n != 0 {
				t.Errorf("%d tasks are not cancelled", n)
			}
		})
	}
}

// A trigger of the app's that refuses one job must not keep the plans of others open.
func TestAPlanThatCannotBeClosedStopsNoOther(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	stuck, other := fresh(t, conn, 3), fresh(t, conn, 3)
	paste(t, conn, `create function refuse() returns trigger language plpgsql as $$ begin
		if new.id = '`+stuck.job+`' then raise exception 'not this one'; end if; return new; end $$;
		create trigger refuse before update on render_jobs for each row execute function refuse();
		update renders set status = 'cancelled';`)
	if got := get[string](t, conn, "select coalesce(string_agg(id::text, ' '), '') from loom.close_ended_plans() as id"); got != other.id {
		t.Errorf("closed %q, want %s alone", got, other.id)
	}
}

func TestHandingBackEndsAtLast(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 3)
	task := r.tasks["record 0"]
	verdict := ""
	for range 50 {
		due(t, conn, task)
		_, attempt := grant(t, conn, task, "1 minute")
		verdict = get[string](t, conn, "select loom.hand_back_task($1, $2, 'the URL is old')", task, attempt)
	}
	if got := status(t, conn, r); verdict != "failed" || got != "failed" {
		t.Errorf("the fiftieth hand-back is %s, the render %s", verdict, got)
	}
}

func TestWhatTheAppEndsIsClosed(t *testing.T) {
	for name, constraints := range checks {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, migrated.Database(t))
			paste(t, conn, constraints)
			for _, end := range []string{"cancelled", "failed", "done"} {
				if end == "cancelled" && strings.Contains(name, "do not") {
					continue // the app cannot write what its own CHECK refuses
				}
				endedByTheApp(t, conn, end)
			}
		})
	}
}

func endedByTheApp(t *testing.T, conn *pgx.Conn, end string) {
	t.Helper()
	r := fresh(t, conn, 3)
	other := fresh(t, conn, 3)
	exec(t, conn, "insert into render_jobs (render_id, created_at) values ($1, now() + interval '1 second')", r.id)
	grant(t, conn, r.tasks["record 0"], "1 minute")
	exec(t, conn, "update renders set status = $2 where id = $1", r.id, end)
	for i, want := range []string{r.id, ""} {
		if got := get[string](t, conn, "select coalesce(string_agg(id::text, ' '), '') from loom.close_ended_plans() as id"); got != want {
			t.Errorf("%s: call %d closed %q, want %q", end, i+1, got, want)
		}
	}
	job := end
	if end == "done" {
		job = "completed"
	}
	if got := jobs(t, conn, r); got != job+" "+job {
		t.Errorf("%s: jobs are %s, want both %s", end, got, job)
	}
	got := get[string](t, conn, "select string_agg(a.outcome, ' ') from loom.attempts a join loom.tasks t on t.id = a.task_id where t.render_id = $1", r.id)
	if got != "stopped" {
		t.Errorf("%s: attempts ended as %s", end, got)
	}
	if got := status(t, conn, other); got != "recording" {
		t.Errorf("%s: the other render is %s", end, got)
	}
}

// The job of a cancelled render whose app's CHECK knows 'cancelled' on renders, but not on
// render_jobs.
func TestAJobThatCannotBeCancelledIsFailed(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	exec(t, conn, "alter table render_jobs add check (state in ('queued', 'running', 'completed', 'failed'))")
	r := fresh(t, conn, 3)
	exec(t, conn, "update renders set status = 'cancelled' where id = $1", r.id)
	exec(t, conn, "select loom.close_ended_plans()")
	if got := jobs(t, conn, r); got != "failed" {
		t.Errorf("the job is %s", got)
	}
}

// Through supabase-js an app reaches only tables of the schema public, as the role of the user who
// asks: policies say whose renders that role may change, and so whose it may cancel.
func TestWhoMayChangeARenderMayCancelItAndNobodyElse(t *testing.T) {
	conn := app(t, "drop policy own_renders on renders; create policy own_renders on renders to authenticated using (campaign_id::text = current_setting('app.campaign', true))")
	if _, err := migrations.Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	const theirs = "00000000-0000-0000-0000-0000000000f3"
	for _, c := range []struct {
		role, campaign string
		want           string
	}{
		{"anon", "00000000-0000-0000-0000-0000000000c2", "queued queued"},
		{"authenticated", "00000000-0000-0000-0000-0000000000c1", "queued queued"},
		{"authenticated", "00000000-0000-0000-0000-0000000000c2", "cancelled cancelled"},
		{"service_role", "", "cancelled cancelled"},
	} {
		exec(t, conn, "update renders set status = 'queued', error_code = null where id = $1", theirs)
		exec(t, conn, "update render_jobs set state = 'queued' where render_id = $1", theirs)
		exec(t, conn, "select set_config('app.campaign', $1, false)", c.campaign)
		exec(t, conn, "set role "+c.role)
		exec(t, conn, "update renders set cancel_requested = true where id = $1", theirs)
		exec(t, conn, "reset role")
		exec(t, conn, "select loom.cancel_requested()")
		got := get[string](t, conn, "select r.status || ' ' || j.state from renders r join render_jobs j on j.render_id = r.id where r.id = $1", theirs)
		if got != c.want {
			t.Errorf("%s of campaign %q asked for it, and render and job are %s, want %s", c.role, c.campaign, got, c.want)
		}
	}
}

func TestARequestToCancelWhatHasEndedIsForgotten(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 3)
	exec(t, conn, "update renders set status = 'failed', cancel_requested = true where id = $1", r.id)
	exec(t, conn, "select loom.close_ended_plans(), loom.cancel_requested()")
	if got := get[string](t, conn, "select status || ' ' || cancel_requested from renders where id = $1", r.id); got != "failed false" {
		t.Errorf("the render is %s", got)
	}
}

// What the app's trigger refuses is not tried every second for ever, and is known.
func TestAPlanThatCannotBeClosedIsSetAside(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 3)
	paste(t, conn, `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not this one'; end $$;
		create trigger refuse before update on render_jobs for each row execute function refuse();
		update renders set status = 'cancelled';`)
	for range 3 {
		exec(t, conn, "select loom.close_ended_plans()")
	}
	if got := get[string](t, conn, "select tries || ' ' || reason from loom.set_aside where render_id = $1", r.id); got != "1 not this one" {
		t.Errorf("it is set aside as %q", got)
	}
	exec(t, conn, "drop trigger refuse on render_jobs")
	exec(t, conn, "update loom.set_aside set not_before = now()")
	exec(t, conn, "select loom.close_ended_plans()")
	if n := get[int](t, conn, "select count(*)::int from loom.set_aside"); n != 0 || jobs(t, conn, r) != "cancelled" {
		t.Errorf("%d are set aside, and the job is %s", n, jobs(t, conn, r))
	}
}

// Somebody's open transaction holds one render, or its job.
func TestRowsThatAreHeldKeepNoOtherRenderFromBeingClosed(t *testing.T) {
	const list = "select coalesce(string_agg(id::text, ' '), '') from loom."
	for what, hold := range map[string]string{
		"its job":    "select from render_jobs where id = $1 for update",
		"the render": "select from renders where id = (select render_id from render_jobs where id = $1) for update",
	} {
		for end, calls := range map[string][2]string{
			"ended by the app":      {"update renders set status = 'cancelled'", list + "close_ended_plans() as id"},
			"asked to be cancelled": {"update renders set cancel_requested = true", list + "cancel_requested() as id"},
		} {
			t.Run(end+", held: "+what, func(t *testing.T) {
				url := migrated.Database(t)
				conn, app := connect(t, url), connect(t, url)
				stuck, other := fresh(t, conn, 3), fresh(t, conn, 3)
				exec(t, conn, calls[0])
				exec(t, app, "begin")
				exec(t, app, hold, stuck.job)
				if got := get[string](t, conn, calls[1]); got != other.id {
					t.Errorf("closed %q, want %s alone", got, other.id)
				}
				exec(t, app, "rollback")
				if got := get[string](t, conn, calls[1]); got != stuck.id {
					t.Errorf("then closed %q, want %s", got, stuck.id)
				}
			})
		}
	}
}

func TestALeaseIsRenewedThoughSomebodyHoldsTheRender(t *testing.T) {
	url := migrated.Database(t)
	conn, app := connect(t, url), connect(t, url)
	r := inPieces(t, conn, 3)
	task := r.tasks["record 0"]
	grant(t, conn, task, "1 minute")
	exec(t, app, "begin")
	exec(t, app, "select from renders where id = $1 for update", r.id)
	beat := func() bool {
		return get[bool](t, conn, "select loom.heartbeat_task($1, 1, 0.5, '1 hour', '{out}', 'folder/')", task)
	}
	if !beat() || !get[bool](t, conn, "select lease_until > now() + interval '50 minutes' from loom.tasks where id = $1", task) {
		t.Error("the lease was not renewed")
	}
	_, err := conn.Exec(t.Context(), "select loom.fail_task($1, 1, 'internal', 'x', 'x', false)", task)
	if held := new(pgconn.PgError); !errors.As(err, &held) || held.Code != "55P03" {
		t.Errorf("%v, want lock_not_available", err)
	}
	exec(t, app, "rollback")
	if !beat() || state(t, conn, r.tasks["normalize 0"]) != "due" {
		t.Error("what was stored meanwhile is not told when the row is free")
	}
}

// A transaction that deletes a render locks the rows of its tasks, and may roll back.
func TestALeaseIsRenewedThoughSomebodyDeletesTheRender(t *testing.T) {
	url := migrated.Database(t)
	conn, app := connect(t, url), connect(t, url)
	r := fresh(t, conn, 3)
	task := r.tasks["record 0"]
	grant(t, conn, task, "0 seconds")
	exec(t, app, "begin")
	exec(t, app, "delete from renders where id = $1", r.id)
	beat := func(attempt int) bool {
		return get[bool](t, conn, "select loom.heartbeat_task($1, $2, 0.5, '1 hour')", task, attempt)
	}
	if !beat(1) || beat(2) {
		t.Error("the worker that has the task is to go on, and no other")
	}
	exec(t, app, "rollback")
	if verdict, attempt := grant(t, conn, task, "1 minute"); verdict != "drop" || attempt != 1 {
		t.Errorf("%s attempt %d before its worker could say again that it is well", verdict, attempt)
	}
	if !beat(1) || !get[bool](t, conn, "select lease_until > now() + interval '50 minutes' from loom.tasks where id = $1", task) {
		t.Error("the lease was not renewed once the row was free")
	}
	// The attempt sends no more heartbeats.
	exec(t, conn, "update loom.tasks set lease_until = now() where id = $1", task)
	exec(t, conn, "update loom.heard set lease_until = now()")
	if verdict, attempt := grant(t, conn, task, "1 minute"); verdict != "granted" || attempt != 2 {
		t.Errorf("%s attempt %d when the lease that was renewed has run out", verdict, attempt)
	}
}

// A lease that ended while heartbeats could not be received charges no attempt.
func TestALeaseThatNobodyCouldRenewDoesNotLapse(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 3)
	task := r.tasks["record 0"]
	grant(t, conn, task, "0 seconds")
	for heard, want := range map[string]string{"null": "later", "clock_timestamp() - interval '40 seconds'": "later"} {
		got := get[string](t, conn, "select verdict from loom.grant_task($1, 'other', gen_random_uuid(), '1 minute', "+heard+")", task)
		if got != want {
			t.Errorf("heard at %s: %s, want %s", heard, got, want)
		}
	}
	got := get[string](t, conn, "select verdict || attempt from loom.grant_task($1, 'other', gen_random_uuid(), '1 minute', clock_timestamp())", task)
	if got != "granted2" {
		t.Errorf("heard just now: %s", got)
	}
}
