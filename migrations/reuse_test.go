package migrations_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// alike plans a render of a campaign whose renders are all alike.
func alike(t testing.TB, conn *pgx.Conn, retries int) render {
	t.Helper()
	return plannedBy(t, conn, freshRender(t, conn), retries, func(task string) string {
		if task == "upload 0" {
			return ""
		}
		return task
	}, "out", "last")
}

func TestWhatIsBeingMadeIsWaitedForAndMadeOnce(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	maker, next := alike(t, conn, 3), alike(t, conn, 3)
	for i := range 2 {
		task := fmt.Sprint("record ", i)
		if a, b := state(t, conn, maker.tasks[task]), state(t, conn, next.tasks[task]); a != "due" || b != "waiting" {
			t.Fatalf("the maker's %s is %s, the other's %s", task, a, b)
		}
		if v, _ := grant(t, conn, next.tasks[task], "1 minute"); v != "drop" {
			t.Errorf("what waits for another is %s", v)
		}
	}
	for _, task := range []string{"record 0", "record 1", "normalize 0", "normalize 1", "normalize 2", "normalize 3", "concat 0"} {
		done(t, conn, maker.tasks[task])
		if s := state(t, conn, next.tasks[task]); s != "done" {
			t.Errorf("%s of the other is %s", task, s)
		}
	}
	for _, r := range []render{next, maker} {
		done(t, conn, r.tasks["upload 0"])
		settled(t, conn, r)
	}
}

// A recording that began before a render was asked for may show what is no longer there.
func TestARecordingThatBeganBeforeARenderWasAskedForIsNotForIt(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	maker := alike(t, conn, 3)
	grant(t, conn, maker.tasks["record 0"], "1 minute")
	next := alike(t, conn, 3)
	if a, b := state(t, conn, next.tasks["record 0"]), state(t, conn, next.tasks["record 1"]); a != "due" || b != "waiting" {
		t.Errorf("what runs already is %s for the next render, what does not is %s", a, b)
	}
	finish(t, conn, maker.tasks["record 0"], 1)
	if last := alike(t, conn, 3); state(t, conn, last.tasks["record 0"]) != "waiting" {
		t.Error("the last render does not wait for the one that has not begun")
	}
	// When the worker is lost, the recording begins again: it is fresh for those who asked before.
	grant(t, conn, maker.tasks["record 1"], "0 seconds")
	grant(t, conn, maker.tasks["record 1"], "1 minute")
	finish(t, conn, maker.tasks["record 1"], 2)
	if s := state(t, conn, next.tasks["record 1"]); s != "done" {
		t.Errorf("what was begun after it was asked for is %s", s)
	}
}

// Whoever locks the next render's row keeps it from being settled in the maker's transaction, and
// from nothing else.
func TestAMakerEndsThoughItsFollowersRenderIsLocked(t *testing.T) {
	for name, end := range map[string]struct {
		sql, want string
	}{
		"done":      {`select loom.finish_task($1, 1, '{"out": "k", "last": "k"}', '{}')`, "done"},
		"failed":    {"select loom.fail_task($1, 1, 'internal', 'Oops.', '', true)", "due"},
		"cancelled": {"select loom.cancel_render((select render_id from loom.tasks where id = $1))::text", "due"},
		"deleted":   {"with d as (delete from renders where id = (select render_id from loom.tasks where id = $1) returning 1) select count(*)::text from d", "due"},
	} {
		t.Run(name, func(t *testing.T) {
			url := migrated.Database(t)
			conn, app := connect(t, url), connect(t, url)
			maker, held, free := alike(t, conn, 3), alike(t, conn, 3), alike(t, conn, 3)
			task := maker.tasks["record 0"]
			grant(t, conn, task, "1 minute")
			exec(t, app, "begin")
			exec(t, app, "select from renders where id = $1 for update", held.id)
			get[string](t, conn, end.sql, task)
			if name == "deleted" {
				// The app's transaction holds rows of no other render.
				get[int](t, conn, "select loom.settle_left(true)")
			}
			if s := state(t, conn, free.tasks["record 0"]); s != end.want {
				t.Errorf("the free one's is %s, want %s", s, end.want)
			}
			if s := state(t, conn, held.tasks["record 0"]); s != "waiting" {
				t.Errorf("the locked one's is %s", s)
			}
			exec(t, app, "rollback")
			get[int](t, conn, "select loom.settle_left(true)")
			if end.want == "done" {
				if s := state(t, conn, held.tasks["record 0"]); s != "done" {
					t.Errorf("then it is %s", s)
				}
				return
			}
			if m := get[string](t, conn, "select maker::text from loom.tasks where id = $1", held.tasks["record 0"]); m != free.tasks["record 0"] {
				t.Errorf("it follows %s, want the free one's", m)
			}
		})
	}
}

// A plan that is opened in the moment in which a maker ends, however that ends, waits for nobody
// who has ended.
// A trigger of the app's that refuses one render stops no other.
func TestFollowersAreSettledThoughTheAppRefusesAnother(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	others := func() render {
		return plannedBy(t, conn, freshRender(t, conn), 3, func(task string) string { return "other " + task }, "out")
	}
	maker, refused := alike(t, conn, 3), alike(t, conn, 3)
	gone, left := others(), others()
	grant(t, conn, maker.tasks["record 0"], "1 minute")
	exec(t, conn, "update loom.tasks set progress = 0.5 where id = $1", maker.tasks["record 0"])
	exec(t, conn, "update renders set updated_at = updated_at - interval '1 minute'")
	exec(t, conn, fmt.Sprintf(`create function refuse() returns trigger language plpgsql as $$ begin raise 'it is archived'; end $$;
		create trigger refuse before update on renders for each row when (old.id = '%s') execute function refuse()`, refused.id))
	exec(t, conn, "delete from renders where id = $1", gone.id)
	if n := get[int](t, conn, "select loom.settle_left(true)"); n == 0 || state(t, conn, left.tasks["record 0"]) != "due" {
		t.Errorf("%d are settled; what followed a deleted render's task is %s", n, state(t, conn, left.tasks["record 0"]))
	}
	if got := get[string](t, conn, "select string_agg(render_id || ' ' || reason, ',') from loom.set_aside"); got != refused.id+" it is archived" {
		t.Errorf("refused: %s", got)
	}
}

func TestNoPromotionIsLostWhileAPlanIsOpened(t *testing.T) {
	url := migrated.Database(t)
	conn, other := connect(t, url), connect(t, url)
	for round := range 60 {
		maker := plannedBy(t, conn, freshRender(t, conn), 0, func(task string) string { return fmt.Sprint(round, task) }, "out")
		grant(t, conn, maker.tasks["record 0"], "1 minute")
		render := freshRender(t, conn)
		var both sync.WaitGroup
		both.Go(func() {
			switch task := maker.tasks["record 0"]; round % 4 {
			case 0:
				finish(t, other, task, 1)
			case 1:
				fail(t, other, task, 1, true)
			case 2:
				exec(t, other, "select loom.cancel_render($1)", maker.id)
			case 3:
				exec(t, other, "delete from renders where id = $1", maker.id)
			}
		})
		next := plannedBy(t, conn, render, 0, func(task string) string { return fmt.Sprint(round, task) }, "out")
		both.Wait()
		get[int](t, conn, "select loom.settle_left(true)")
		for _, task := range []string{"record 0", "record 1"} {
			if get[bool](t, conn, `select f.state = 'waiting' and not exists (select from loom.tasks m where m.id = f.maker and m.state in ('due', 'running'))
				from loom.tasks f where f.id = $1`, next.tasks[task]) {
				t.Fatalf("round %d: %s waits for nobody", round, task)
			}
		}
		exec(t, conn, "delete from renders")
	}
}

// Renders that share everything, workers that crash and mix up attempts, and cancels, on several
// connections at once: every render ends once, with outputs that one task made.
func TestAnyOrderOfCallsKeepsThePromisesOfRendersThatShare(t *testing.T) {
	url := migrated.Database(t)
	conn := connect(t, url)
	paste(t, conn, guard)
	for round := range 4 {
		seed := rand.Uint64()
		renders := []render{alike(t, conn, 1+round*3), alike(t, conn, 1+round*3), alike(t, conn, 1+round*3)}
		var workers sync.WaitGroup
		for n := range uint64(3) {
			mine := connect(t, url)
			random := rand.New(rand.NewPCG(seed, n))
			workers.Go(func() {
				for range 3 {
					chaos(t, mine, renders[random.IntN(len(renders))], random)
					if random.IntN(6) == 0 {
						_, _ = mine.Exec(t.Context(), "select loom.cancel_render($1)", renders[random.IntN(len(renders))].id)
					}
					get[int](t, mine, "select loom.settle_left(true)")
				}
			})
		}
		workers.Wait()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		for range 60 {
			if get[bool](t, conn, "select not exists (select from renders where not loom.is_terminal(status))") {
				break
			}
			exec(t, conn, "update loom.tasks set not_before = now() where state = 'due'")
			exec(t, conn, "update loom.tasks set lease_until = now() where state = 'running'")
			get[int](t, conn, "select loom.settle_left(true)")
			for _, r := range renders {
				for _, task := range r.tasks {
					if v, attempt := grant(t, conn, task, "1 minute"); v == "granted" {
						finish(t, conn, task, attempt)
					}
				}
			}
		}
		for _, r := range renders {
			settled(t, conn, r)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// A plan that is being opened refers to objects that nobody can see it refer to yet.
func TestNothingIsSweptThatAPlanIsAboutToReferTo(t *testing.T) {
	for name, gone := range map[string]bool{"its render is there": false, "its render was deleted": true} {
		t.Run(name, func(t *testing.T) {
			url := migrated.Database(t)
			conn, other := connect(t, url), connect(t, url)
			old := alike(t, conn, 0)
			task := old.tasks["record 0"]
			done(t, conn, task)
			exec(t, conn, "select loom.cancel_render($1)", old.id)
			sweep := func() bool {
				if gone {
					return get[bool](t, conn, "select coalesce(cardinality(loom.referred($1)), 1) = 0", old.id)
				}
				return get[bool](t, conn, "select loom.begin_sweep($1)", old.plan)
			}
			id := freshRender(t, conn)
			// As a retry would be: what was begun before is fresh enough.
			plan := func(conn *pgx.Conn) render {
				exec(t, conn, "begin")
				next := plannedBy(t, conn, id, 0, func(string) string { return "" })
				exec(t, conn, "update loom.tasks set state = 'waiting', recipe = 'record 0', max_age = '1 hour' where id = $1", next.tasks["record 0"])
				exec(t, conn, "select loom.resolve(k) from loom.tasks k where id = $1", next.tasks["record 0"])
				return next
			}
			next := plan(other)
			if s := state(t, other, next.tasks["record 0"]); s != "done" {
				t.Fatalf("what is there is %s", s)
			}
			if gone {
				exec(t, conn, "delete from renders where id = $1", old.id)
			}
			if sweep() {
				t.Error("it is swept while a plan is opened that refers to it")
			}
			exec(t, other, "commit")
			if sweep() {
				t.Error("it is swept while a plan refers to it")
			}
			exec(t, conn, "select loom.cancel_render($1)", next.id)
			if !get[bool](t, conn, "select loom.begin_sweep($1)", next.plan) || !sweep() {
				t.Error("it is not swept though nobody refers to it")
			}
			if gone {
				return
			}
			id = freshRender(t, conn)
			next = plan(other)
			if s := state(t, other, next.tasks["record 0"]); s != "due" {
				t.Errorf("what is swept is %s", s)
			}
			exec(t, other, "rollback")
		})
	}
}

// The Node worker and the app end renders too, in their own ways.
func TestAJobThatIsQueuedAfterARenderHasEndedDoesItAgain(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	const job = "insert into render_jobs (render_id, state) values ($1, 'queued')"
	for name, c := range map[string]struct {
		steps []string
		want  bool
	}{
		"with a time": {[]string{job, "update render_jobs set state = 'failed' where render_id = $1",
			"update renders set status = 'failed', completed_at = clock_timestamp() where id = $1", job}, true},
		"with a time, before the job": {[]string{job,
			"update renders set status = 'failed', completed_at = clock_timestamp() where id = $1"}, false},
		"without a time": {[]string{job, "update render_jobs set state = 'failed' where render_id = $1",
			"update renders set status = 'failed' where id = $1", job}, true},
		"with a time of another zone": {[]string{job, "update render_jobs set state = 'failed' where render_id = $1",
			"update renders set status = 'failed', completed_at = clock_timestamp() + interval '5 hours' where id = $1", job}, true},
		"before jobs had times": {[]string{job, "update render_jobs set state = 'failed', queued_at = null where render_id = $1",
			"update renders set status = 'failed' where id = $1", job}, true},
		"before its first job was started": {[]string{job, "update renders set status = 'cancelled' where id = $1"}, false},
	} {
		render := freshRender(t, conn)
		for _, step := range c.steps {
			exec(t, conn, step, render)
		}
		if got := get[bool](t, conn, "select loom.is_retry($1, (select id from render_jobs where render_id = $1 and state = 'queued'))", render); got != c.want {
			t.Errorf("the render was ended %s: the job does it again: %t, want %t", name, got, c.want)
		}
	}
}

func TestWhatIsGoneIsMadeAgainWhileItsRenderGoesOn(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	shares := func() render {
		return plannedBy(t, conn, freshRender(t, conn), 1, func(task string) string {
			if task == "concat 0" || task == "upload 0" {
				return ""
			}
			return task
		}, "out")
	}
	maker, r := shares(), shares()
	for _, task := range []string{"record 0", "record 1", "normalize 0", "normalize 1"} {
		done(t, conn, maker.tasks[task])
	}
	states := func(want string) {
		t.Helper()
		if got := get[string](t, conn, `select string_agg(kind || ' ' || seq || ' ' || state || ' ' || failures, ', ' order by loom.stage_rank(kind), kind, seq)
			from loom.tasks where plan_id = $1`, r.plan); got != want {
			t.Errorf("its tasks are %s, want %s", got, want)
		}
	}
	states("record 0 done 0, record 1 done 0, normalize 0 done 0, normalize 1 done 0, concat 0 due 0, upload 0 waiting 0")
	_, attempt := grant(t, conn, r.tasks["concat 0"], "1 minute")
	missing(t, conn, r.tasks["concat 0"], attempt)
	states("record 0 done 0, record 1 done 0, normalize 0 due 0, normalize 1 due 0, concat 0 waiting 1, upload 0 waiting 0")
	// What they are made of is gone, too. Nothing is made of two recordings.
	done(t, conn, r.tasks["normalize 1"])
	_, attempt = grant(t, conn, r.tasks["normalize 0"], "1 minute")
	missing(t, conn, r.tasks["normalize 0"], attempt)
	states("record 0 due 0, record 1 done 0, normalize 0 waiting 1, normalize 1 done 0, concat 0 waiting 1, upload 0 waiting 0")
	counted(t, conn)
	if get[bool](t, conn, "select exists (select from loom.workers where failed <> '{}')") {
		t.Error("it counts against the worker")
	}
	for _, task := range []string{"record 0", "normalize 0", "concat 0", "upload 0"} {
		done(t, conn, r.tasks[task])
	}
	settled(t, conn, r)
	if s := status(t, conn, r); s != "done" {
		t.Errorf("the render is %s", s)
	}
}

// All that was made of a task's outputs is made again with them.
func TestNothingIsMadeOfTwoRecordings(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := inPieces(t, conn, 1)
	done(t, conn, r.tasks["record 0"])
	done(t, conn, r.tasks["normalize 0"])
	_, attempt := grant(t, conn, r.tasks["normalize 1"], "1 minute")
	missing(t, conn, r.tasks["normalize 1"], attempt)
	for task, want := range map[string]string{"record 0": "due", "normalize 0": "waiting", "normalize 1": "waiting", "record 1": "due"} {
		if s := state(t, conn, r.tasks[task]); s != want {
			t.Errorf("%s is %s, want %s", task, s, want)
		}
	}
}
