package migrations_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/migrations/migrationstest"
)

// ends are the types of events of a render's end.
var ends = []string{"render.completed", "render.failed", "render.cancelled"}

// endpoint makes an endpoint that gets these types of events, all of a render's if none is named.
func endpoint(t testing.TB, conn *pgx.Conn, types ...string) (id string) {
	t.Helper()
	if types == nil {
		types = append([]string{"render.started"}, ends...)
	}
	id = uuid.NewString()
	exec(t, conn, "select loom.add_endpoint($1, 'https://example.com/hook', '', $2::text[], null, '\\x00aa')", id, types)
	return id
}

// told returns what was told of a render, the oldest first: "started", "cancelled", …, with the
// job's number among those of the test.
func told(t testing.TB, conn *pgx.Conn, render string, jobs ...string) (list []string) {
	t.Helper()
	rows, _ := conn.Query(t.Context(), `select type, data ->> 'job_id' from loom.webhook_events where render_id = $1 order by created_at`, render)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var name string
		var job *string
		err := row.Scan(&name, &job)
		name = strings.TrimPrefix(name, "render.")
		if job != nil && slices.Contains(jobs, *job) {
			name += fmt.Sprint(" ", 1+slices.Index(jobs, *job))
		}
		return name, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// enqueue inserts a job, as the app does.
func enqueue(t testing.TB, conn *pgx.Conn, render string) (job string) {
	t.Helper()
	return get[string](t, conn, "insert into render_jobs (render_id, state) values ($1, 'queued') returning id::text", render)
}

// refused claims a job and fails its render as ingest does when the campaign cannot be planned.
func refused(t testing.TB, conn *pgx.Conn, render, job string) {
	t.Helper()
	exec(t, conn, "begin")
	exec(t, conn, "select loom.claim_job($1)", job)
	exec(t, conn, "select loom.fail_render($1, null, $2, 'campaign_empty', 'There are no scenes.')", render, job)
	exec(t, conn, "commit")
}

// allDone does all tasks of a render.
func allDone(t testing.TB, conn *pgx.Conn, r render) {
	t.Helper()
	for _, task := range []string{"record 0", "record 1", "normalize 0", "normalize 1", "concat 0", "upload 0"} {
		done(t, conn, r.tasks[task])
	}
}

func failed(t testing.TB, conn *pgx.Conn, r render) {
	t.Helper()
	_, attempt := grant(t, conn, r.tasks["record 0"], "1 minute")
	fail(t, conn, r.tasks["record 0"], attempt, true)
}

// Whoever ends a render, and however often, each of its runs is told to have ended once.
func TestTheEndOfEachRunOfARenderIsToldOnce(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*testing.T, *pgx.Conn) (render string, jobs []string)
		want []string
	}{
		"done": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			r := fresh(t, conn, 0)
			allDone(t, conn, r)
			return r.id, []string{r.job}
		}, []string{"started 1", "completed 1"}},
		"failed": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			r := fresh(t, conn, 0)
			failed(t, conn, r)
			return r.id, []string{r.job}
		}, []string{"started 1", "failed 1"}},
		"cannot be planned": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			id := freshRender(t, conn)
			job := enqueue(t, conn, id)
			refused(t, conn, id, job)
			return id, []string{job}
		}, []string{"failed 1"}},
		"cancelled": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			r := fresh(t, conn, 0)
			exec(t, conn, "select loom.cancel_render($1)", r.id)
			exec(t, conn, "select loom.cancel_render($1)", r.id)
			return r.id, []string{r.job}
		}, []string{"started 1", "cancelled 1"}},
		"cancelled where the app knows no such status": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			exec(t, conn, "alter table renders add check (status <> 'cancelled')")
			r := fresh(t, conn, 0)
			exec(t, conn, "select loom.cancel_render($1)", r.id)
			return r.id, []string{r.job}
		}, []string{"started 1", "cancelled 1"}},
		"cancelled while it waits": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			id := freshRender(t, conn)
			job := enqueue(t, conn, id)
			exec(t, conn, "select loom.cancel_render($1)", id)
			return id, []string{job}
		}, []string{"cancelled 1"}},
		"cancelled by the app": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			r := fresh(t, conn, 0)
			exec(t, conn, "update renders set status = 'cancelled' where id = $1", r.id)
			exec(t, conn, "select loom.close_ended_plans()")
			return r.id, []string{r.job}
		}, []string{"started 1", "cancelled 1"}},
		"cancelled by the app while it waits": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			id := freshRender(t, conn)
			job := enqueue(t, conn, id)
			exec(t, conn, "update renders set status = 'cancelled' where id = $1", id)
			exec(t, conn, "update render_jobs set state = 'cancelled' where id = $1", job)
			return id, []string{job}
		}, []string{"cancelled 1"}},
		"cancelled by the app, its job first": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			id := freshRender(t, conn)
			job := enqueue(t, conn, id)
			exec(t, conn, "update render_jobs set state = 'cancelled' where id = $1", job)
			exec(t, conn, "update renders set status = 'cancelled' where id = $1", id)
			return id, []string{job}
		}, []string{"cancelled 1"}},
		"the app takes its cancel back, and it is done": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			r := fresh(t, conn, 0)
			exec(t, conn, "update renders set status = 'cancelled' where id = $1", r.id)
			exec(t, conn, "update renders set status = 'recording' where id = $1", r.id)
			allDone(t, conn, r)
			return r.id, []string{r.job}
		}, []string{"started 1", "cancelled 1"}},
		"the app changes how it ended": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			r := fresh(t, conn, 0)
			allDone(t, conn, r)
			exec(t, conn, "update renders set status = 'failed' where id = $1", r.id)
			return r.id, []string{r.job}
		}, []string{"started 1", "completed 1"}},
		"retried twice": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			r := fresh(t, conn, 0)
			failed(t, conn, r)
			second := planned(t, conn, r.id, 0)
			exec(t, conn, "select loom.cancel_render($1)", r.id)
			third := planned(t, conn, r.id, 0)
			allDone(t, conn, third)
			return r.id, []string{r.job, second.job, third.job}
		}, []string{"started 1", "failed 1", "started 2", "cancelled 2", "started 3", "completed 3"}},
		"two jobs at once": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			r := fresh(t, conn, 0)
			second := enqueue(t, conn, r.id)
			allDone(t, conn, r)
			return r.id, []string{r.job, second}
		}, []string{"started 1", "completed 1"}},
		"retried, and cannot be planned": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			r := fresh(t, conn, 0)
			failed(t, conn, r)
			second := enqueue(t, conn, r.id)
			refused(t, conn, r.id, second)
			return r.id, []string{r.job, second}
		}, []string{"started 1", "failed 1", "failed 2"}},
		"retried, and cancelled while it waits": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			r := fresh(t, conn, 0)
			failed(t, conn, r)
			second := enqueue(t, conn, r.id)
			exec(t, conn, "select loom.close_jobs($1, $2, 'cancelled', null)", r.id, second)
			return r.id, []string{r.job, second}
		}, []string{"started 1", "failed 1", "cancelled 2"}},
		"one job is queued again": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			id := freshRender(t, conn)
			job := enqueue(t, conn, id)
			refused(t, conn, id, job)
			exec(t, conn, "update render_jobs set state = 'queued' where id = $1", job)
			refused(t, conn, id, job)
			return id, []string{job}
		}, []string{"failed 1", "failed 1"}},
		"deleted": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			r := fresh(t, conn, 0)
			exec(t, conn, "delete from renders where id = $1", r.id)
			return r.id, []string{r.job}
		}, []string{"started 1", "cancelled 1"}},
		"deleted with its campaign": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			r := fresh(t, conn, 0)
			exec(t, conn, "delete from campaigns")
			return r.id, []string{r.job}
		}, []string{"started 1", "cancelled 1"}},
		"deleted while it waits": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			id := freshRender(t, conn)
			job := enqueue(t, conn, id)
			exec(t, conn, "delete from renders where id = $1", id)
			return id, []string{job}
		}, []string{"cancelled 1"}},
		"deleted after its end": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			r := fresh(t, conn, 0)
			exec(t, conn, "update renders set status = 'cancelled' where id = $1", r.id)
			exec(t, conn, "delete from renders where id = $1", r.id)
			return r.id, []string{r.job}
		}, []string{"started 1", "cancelled 1"}},
		"its deletion is prevented": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			paste(t, conn, `create function soft() returns trigger language plpgsql as $$ begin return null; end $$;
				create trigger soft before delete on renders for each row execute function soft()`)
			r := fresh(t, conn, 0)
			exec(t, conn, "delete from renders where id = $1", r.id)
			return r.id, []string{r.job}
		}, []string{"started 1"}},
		"undone": {func(t *testing.T, conn *pgx.Conn) (string, []string) {
			r := fresh(t, conn, 0)
			exec(t, conn, "begin")
			exec(t, conn, "select loom.cancel_render($1)", r.id)
			exec(t, conn, "rollback")
			return r.id, []string{r.job}
		}, []string{"started 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := connect(t, migrated.Database(t))
			endpoint(t, conn)
			id, jobs := c.do(t, conn)
			if got := told(t, conn, id, jobs...); !slices.Equal(got, c.want) {
				t.Errorf("told %q, want %q", got, c.want)
			}
			// Nothing was missed.
			exec(t, conn, "update loom.plans set ended_at = ended_at - interval '11 seconds' where ended_at is not null")
			exec(t, conn, "update loom.webhook_endpoints set updated_at = '-infinity'")
			if n := get[int](t, conn, "select loom.recover_events('1 day')"); n != 0 {
				t.Errorf("%d were missed", n)
			}
		})
	}
}

func TestNothingIsWrittenThatNobodyWants(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T, *pgx.Conn){
		"no endpoint": func(*testing.T, *pgx.Conn) {},
		"one that is disabled": func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "select loom.change_endpoint($1, null, null, null, null, false)", endpoint(t, conn))
		},
		"one of another type": func(t *testing.T, conn *pgx.Conn) { endpoint(t, conn, "render.cancelled", "batch.completed") },
		"one of another user": func(t *testing.T, conn *pgx.Conn) {
			exec(t, conn, "update loom.webhook_endpoints set user_id = $2 where id = $1", endpoint(t, conn), uuid.New())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := connect(t, migrated.Database(t))
			prepare(t, conn)
			r := fresh(t, conn, 0)
			failed(t, conn, r)
			allDone(t, conn, planned(t, conn, r.id, 0))
			if n := get[int](t, conn, "select count(*) from loom.webhook_events"); n > 0 {
				t.Errorf("%d events", n)
			}
		})
	}
}

// The app's role has no right to a table of ours, and whatever happens to them, its own work goes
// on. What it could not tell is told later.
func TestTheAppsTransactionIsNeverHarmed(t *testing.T) {
	for name, c := range map[string]struct{ harm, mend string }{
		"nothing is wrong":     {"select 1", "select 1"},
		"a table is locked":    {"begin; lock table loom.webhook_events in access exclusive mode", "rollback"},
		"a column has gone":    {"alter table loom.webhook_events rename once to gone", "alter table loom.webhook_events rename gone to once"},
		"nothing can be added": {"alter table loom.webhook_events add constraint no check (type = '') not valid", "alter table loom.webhook_events drop constraint no"},
		"a function has gone":  {"alter function loom.is_wanted(text, text) rename to gone", "alter function loom.gone(text, text) rename to is_wanted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			role := migrationstest.LeastRole(t)
			owner, ingest := connect(t, role.OwnerURL), connect(t, role.Member("loom_ingest"))
			endpoint(t, owner)
			role.GrantTables()
			r := plannedAs(t, owner, ingest, freshRender(t, owner), 0, func(string) string { return "" }, "out")
			breaker := connect(t, role.OwnerURL)
			paste(t, breaker, c.harm)
			// A wait for the lock would end here.
			exec(t, ingest, "set statement_timeout = '5s'")
			exec(t, ingest, "select loom.cancel_render($1)", r.id)
			exec(t, ingest, "update public.render_jobs set state = 'failed' where id = $1", r.job)
			if s := status(t, ingest, r); s != "cancelled" {
				t.Errorf("the render is %s", s)
			}
			paste(t, breaker, c.mend)
			exec(t, owner, "update loom.plans set ended_at = ended_at - interval '11 seconds'")
			exec(t, owner, "update loom.webhook_endpoints set updated_at = '-infinity'")
			exec(t, owner, "select loom.recover_events('1 day')")
			exec(t, owner, "select loom.recover_events('1 day')")
			got := told(t, owner, r.id, r.job)
			slices.Sort(got)
			if want := []string{"cancelled 1", "started 1"}; !slices.Equal(got, want) {
				t.Errorf("told %q, want %q", got, want)
			}
		})
	}
}

func TestAnEventHasWhatReceiversNeedAndIsSmall(t *testing.T) {
	conn := connect(t, migrated.Database(t))
	endpoint(t, conn)
	r := fresh(t, conn, 0)
	exec(t, conn, `update campaigns set user_id = '11111111-2222-3333-4444-555555555555', metadata = '{"customer": "0042"}'`)
	allDone(t, conn, r)
	got := get[string](t, conn, "select (data - '{render_id,campaign_id,job_id}'::text[])::text from loom.webhook_events where type = 'render.completed'")
	want := `{"status": "done", "deleted": false, "user_id": "11111111-2222-3333-4444-555555555555", "metadata": {"customer": "0042"}, ` +
		`"thumb_url": "t", "error_code": null, "preview_url": null, "error_message": null, "final_video_url": "v", "thumb_small_url": null}`
	if got != want {
		t.Errorf("it says\n%s, want\n%s", got, want)
	}
	// The largest of everything.
	other := fresh(t, conn, 0)
	exec(t, conn, `update campaigns set metadata = jsonb_build_object('m', repeat('x', 8100))`)
	exec(t, conn, `update renders set error_message = repeat(chr(1), 9000), final_video_url = repeat('u', 2048), thumb_url = repeat('u', 2048),
		thumb_small_url = repeat('u', 2048), preview_url = repeat('u', 1024), error_code = repeat('c', 200), status = 'failed' where id = $1`, other.id)
	if n := get[int](t, conn, "select octet_length(data::text) from loom.webhook_events where type = 'render.failed'"); n < 16_000 || n > 20_000 {
		t.Errorf("the largest has %d bytes", n)
	}
	// What is larger is left out, and it is said.
	third := fresh(t, conn, 0)
	exec(t, conn, `update campaigns set metadata = jsonb_build_object('m', repeat('x', 9000))`)
	exec(t, conn, `update renders set final_video_url = repeat('u', 3000), status = 'cancelled' where id = $1`, third.id)
	if !get[bool](t, conn, `select data @> '{"metadata": {}, "metadata_omitted": true, "final_video_url": null}' from loom.webhook_events
		where type = 'render.cancelled'`) {
		t.Error("what is too large is not left out")
	}
}

// An app that had a column of this name keeps it, whatever it is.
func TestMetadataMayBeTheAppsOwn(t *testing.T) {
	conn := connect(t, migrated.Database(t))
	endpoint(t, conn)
	paste(t, conn, "alter table campaigns drop metadata; alter table campaigns add metadata text default 'theirs'")
	r := fresh(t, conn, 0)
	allDone(t, conn, r)
	if got := get[string](t, conn, "select data ->> 'metadata' from loom.webhook_events where type = 'render.completed'"); got != "theirs" {
		t.Errorf("it is %q", got)
	}
}
