package migrations_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// crew are workers that record scenes, one render each time.
type crew struct {
	t    *testing.T
	conn *pgx.Conn
}

func newCrew(t *testing.T) crew {
	t.Helper()
	t.Parallel()
	return crew{t, connect(t, migrated.Database(t))}
}

// scene returns a task to record.
func (c crew) scene() string {
	c.t.Helper()
	return fresh(c.t, c.conn, 3).tasks["record 0"]
}

// asks has a worker ask for a task, and returns the verdict.
func (c crew) asks(worker, task string) string {
	c.t.Helper()
	return get[string](c.t, c.conn, "select verdict from loom.grant_task($1, $2, gen_random_uuid(), '1 minute')", task, worker)
}

// does has a worker finish a new task, and fails has one fail a task.
func (c crew) does(worker string) {
	c.t.Helper()
	task := c.scene()
	if v := c.asks(worker, task); v != "granted" {
		c.t.Fatalf("%s's verdict is %s", worker, v)
	}
	finish(c.t, c.conn, task, 1)
}

func (c crew) fails(worker, task string) {
	c.t.Helper()
	exec(c.t, c.conn, "update loom.tasks set not_before = clock_timestamp() - interval '1 minute' where id = $1 and state = 'due'", task)
	if v := c.asks(worker, task); v != "granted" {
		c.t.Fatalf("%s's verdict is %s", worker, v)
	}
	fail(c.t, c.conn, task, get[int](c.t, c.conn, "select attempt from loom.tasks where id = $1", task), false)
}

// rested ends a worker's rest.
func (c crew) rested(worker string) {
	c.t.Helper()
	exec(c.t, c.conn, "update loom.workers set rest_until = clock_timestamp() - interval '1 second' where worker = $1", worker)
}

// rests returns how often a worker has had to rest, and for how many minutes it does now.
func (c crew) rests(worker string) string {
	c.t.Helper()
	return get[string](c.t, c.conn, `select concat(rests, ' ', round(extract(epoch from greatest(rest_until - clock_timestamp(), '0')) / 60))
		from loom.workers where worker = $1`, worker)
}

func TestAWorkerThatFailsThreeTasksInARowRestsLongerEachTime(t *testing.T) {
	c := newCrew(t)
	for range 2 {
		c.fails("bad", c.scene())
	}
	c.does("good")
	if got := c.rests("bad"); got != "0 0" {
		t.Errorf("after two failures: %s", got)
	}
	c.fails("bad", c.scene())
	for i, want := range []string{"1 1", "2 2", "3 4", "4 8", "5 16", "6 30", "7 30"} {
		if got := c.rests("bad"); got != want {
			t.Errorf("rest %d: %s, want %s", i+1, got, want)
		}
		if v := c.asks("bad", c.scene()); v != "rest" {
			t.Errorf("meanwhile its verdict is %s", v)
		}
		c.rested("bad")
		c.fails("bad", c.scene())
	}
	c.rested("bad")
	c.does("bad")
	if got := c.rests("bad"); got != "0 0" {
		t.Errorf("once it has done a task: %s", got)
	}
	for range 2 {
		c.fails("bad", c.scene())
	}
	if got := c.rests("bad"); got != "0 0" {
		t.Errorf("what it failed before still counts: %s", got)
	}
}

func TestATaskThatTwoWorkersFailIsHeldAgainstNeither(t *testing.T) {
	c := newCrew(t)
	for range 5 {
		poison := c.scene()
		c.fails("one", poison)
		c.fails("two", poison)
		c.does("three")
	}
	for _, worker := range []string{"one", "two"} {
		if got := c.rests(worker); got != "0 0" {
			t.Errorf("%s: %s", worker, got)
		}
	}
}

// One user's dead pages are failed by one worker after the other.
func TestARestEndsWhenAnotherWorkerFailsTheSame(t *testing.T) {
	for name, again := range map[string][]int{"the first": {0}, "the last": {2}, "all": {0, 1, 2}} {
		t.Run(name, func(t *testing.T) {
			c := newCrew(t)
			pages := []string{c.scene(), c.scene(), c.scene()}
			for _, page := range pages {
				c.fails("one", page)
			}
			c.does("two")
			if v := c.asks("one", c.scene()); v != "rest" {
				t.Fatalf("its verdict is %s", v)
			}
			for _, i := range again {
				c.fails("two", pages[i])
			}
			for _, worker := range []string{"one", "two"} {
				if got, v := c.rests(worker), c.asks(worker, c.scene()); got != "0 0" || v != "granted" {
					t.Errorf("%s: rests and minutes %s, verdict %s", worker, got, v)
				}
			}
			// What nobody else has failed is still held against it.
			for range again {
				c.fails("one", c.scene())
			}
			c.does("three")
			if v := c.asks("one", c.scene()); v != "rest" {
				t.Errorf("after three failures of its own its verdict is %s", v)
			}
		})
	}
}

func TestAWorkerRestsOnlyWhileOthersWork(t *testing.T) {
	c := newCrew(t)
	for range 5 {
		c.fails("only", c.scene())
	}
	if got := c.rests("only"); got != "0 0" {
		t.Errorf("there is no other that could do better: %s", got)
	}
	c.does("other")
	if v := c.asks("only", c.scene()); v != "rest" {
		t.Errorf("another one could: %s", v)
	}
	exec(t, c.conn, "update loom.workers set heard_at = heard_at - interval '3 minutes' where worker = 'other'")
	if v := c.asks("only", c.scene()); v != "granted" {
		t.Errorf("the other one is gone: %s", v)
	}
}

func TestAnotherWorkerHasTheNextTry(t *testing.T) {
	c := newCrew(t)
	task := c.scene()
	c.fails("one", task)
	due(t, c.conn, task)
	if v := c.asks("one", task); v != "granted" {
		t.Errorf("there is no other worker: %s", v)
	}
	fail(t, c.conn, task, 2, false)
	c.does("two")
	due(t, c.conn, task)
	if v := c.asks("one", task); v != "later" {
		t.Errorf("there is another one: %s", v)
	}
	exec(t, c.conn, "update loom.tasks set not_before = not_before - interval '4 seconds' where id = $1", task)
	if v := c.asks("one", task); v != "granted" {
		t.Errorf("the other one has not come: %s", v)
	}
	fail(t, c.conn, task, 3, false)
	due(t, c.conn, task)
	if v := c.asks("two", task); v != "granted" {
		t.Errorf("the other one comes: %s", v)
	}
}

// Two grants at once see only what is committed, so the second does not begin. Nor does it wait:
// that would look as if somebody held its render.
func TestTwoGrantsAtOnceDoNotExceedAHostsPages(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	one, two := connect(t, url), connect(t, url)
	var tasks []string
	for range 3 {
		tasks = append(tasks, fresh(t, one, 3).tasks["record 0"])
	}
	exec(t, one, "update loom.tasks set host = 'x' where id = any ($1::text[]::uuid[])", tasks[:2])
	const grant = "select verdict from loom.grant_task($1, 'w', gen_random_uuid(), '1 minute', 'infinity', 1)"
	exec(t, one, "begin")
	if v := get[string](t, one, grant, tasks[0]); v != "granted" {
		t.Fatalf("the first: %s", v)
	}
	if v := get[string](t, two, grant, tasks[1]); v != "later" {
		t.Errorf("the second, meanwhile: %s", v)
	}
	exec(t, one, "commit")
	if v := get[string](t, two, grant, tasks[1]); v != "later" {
		t.Errorf("the second: %s", v)
	}
	if v := get[string](t, two, grant, tasks[2]); v != "granted" {
		t.Errorf("one without a host: %s", v)
	}
	finish(t, two, tasks[0], 1)
	if v := get[string](t, two, grant, tasks[1]); v != "granted" {
		t.Errorf("the second, once the first has ended: %s", v)
	}
}

// The pages of a host whose workers vanished wait for their turn like others of that host. They
// must not keep those from being granted: then nobody would be.
func TestPagesWhoseLeaseHasLapsedKeepNoneOfTheirHostWaiting(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	var tasks []string
	for range 3 {
		tasks = append(tasks, fresh(t, conn, 3).tasks["record 0"])
	}
	exec(t, conn, "update loom.tasks set host = 'x' where id = any ($1::text[]::uuid[])", tasks)
	grant := func(task, heard string) string {
		return get[string](t, conn, "select verdict from loom.grant_task($1, 'w', gen_random_uuid(), '1 minute', $2::text::timestamptz, 1)", task, heard)
	}
	if v := grant(tasks[0], "infinity"); v != "granted" {
		t.Fatalf("the first: %s", v)
	}
	exec(t, conn, "update loom.tasks set lease_until = clock_timestamp() - interval '1 second' where id = $1", tasks[0])
	if v := grant(tasks[1], "-infinity"); v != "later" {
		t.Errorf("another, while the first's worker may not have been heard: %s", v)
	}
	if v := grant(tasks[1], "infinity"); v != "granted" {
		t.Errorf("another, once the first has lapsed: %s", v)
	}
	if v := grant(tasks[0], "infinity"); v != "later" {
		t.Errorf("the first again, while another is being recorded: %s", v)
	}
}

func TestDeadLettersAreReplayedAndDiscardedOnce(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	var letters []string
	var renders []render
	for range 3 {
		r := fresh(t, conn, 0)
		task := r.tasks["record 1"]
		_, attempt := grant(t, conn, task, "1 minute")
		if v := fail(t, conn, task, attempt, false); v != "failed" {
			t.Fatal(v)
		}
		letters, renders = append(letters, task), append(renders, r)
	}
	exec(t, conn, "select loom.keep_unreadable('task.record.a.b', 'x', 'not JSON', 'w')")
	unreadable := get[string](t, conn, "select id::text from loom.dead_letters where task_id is null")
	open := func() int { return get[int](t, conn, "select count(*) from loom.dead_letters where settled is null") }
	if n := open(); n != 4 {
		t.Fatalf("there are %d dead letters", n)
	}
	replay := func(ids ...string) string {
		return get[string](t, conn, "select coalesce(string_agg(id::text, ' ' order by id), '') from loom.replay_dead($1::text[]::uuid[])", ids)
	}
	if got := replay(letters[0], unreadable, uuid.NewString()); got != letters[0] {
		t.Errorf("replayed: %s", got)
	}
	if got := replay(letters[0]); got != "" {
		t.Errorf("replayed again: %s", got)
	}
	if got := jobs(t, conn, renders[0]); got != "failed queued" {
		t.Errorf("its render's jobs are %s", got)
	}
	// One whose render has a job already gets no second one.
	exec(t, conn, "insert into render_jobs (render_id) values ($1)", renders[1].id)
	if got := replay(letters[1]); got != letters[1] || strings.Count(jobs(t, conn, renders[1]), "queued") != 1 {
		t.Errorf("replayed: %s, jobs %s", got, jobs(t, conn, renders[1]))
	}
	discard := func(ids ...string) int {
		return get[int](t, conn, "select count(*) from loom.discard_dead($1::text[]::uuid[])", ids)
	}
	if a, b := discard(letters[2], unreadable, letters[0]), discard(letters[2]); a != 2 || b != 0 || open() != 0 {
		t.Errorf("discarded %d, then %d; %d are left", a, b, open())
	}
	if got := replay(letters[2]); got != "" {
		t.Errorf("replayed though it was discarded: %s", got)
	}
	if got := status(t, conn, renders[2]); got != "failed" {
		t.Errorf("its render is %s", got)
	}
	exec(t, conn, "delete from campaigns")
	if n := get[int](t, conn, "select count(*) from loom.dead_letters"); n != 1 {
		t.Errorf("%d are left of renders that were deleted", n-1)
	}
}

func TestANewPlanSettlesTheDeadLettersOfItsRender(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 0)
	_, attempt := grant(t, conn, r.tasks["record 0"], "1 minute")
	fail(t, conn, r.tasks["record 0"], attempt, true)
	planned(t, conn, r.id, 0)
	if got := get[string](t, conn, "select settled from loom.dead_letters"); got != "replayed" {
		t.Errorf("it is %s", got)
	}
}

func TestUnreadableMessagesAreKeptUpToABound(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	exec(t, conn, "select loom.keep_unreadable('result.record.a.' || n, 'x', 'not JSON', null) from generate_series(1, 1100) n")
	if n := get[int](t, conn, "select count(*) from loom.dead_letters"); n < 1000 || n > 1001 {
		t.Errorf("%d are kept", n)
	}
	if !get[bool](t, conn, "select exists (select from loom.dead_letters where subject = 'result.record.a.1100')") {
		t.Error("the newest is not kept")
	}
}

// Otherwise a transaction of the app's that holds one render could keep a stage paused, and all
// other renders from going on meanwhile.
func TestResumingWaitsForNoRender(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	conn, app := connect(t, url), connect(t, url)
	held := fresh(t, conn, 3)
	exec(t, conn, "select loom.pause_kinds('{record}')")
	exec(t, app, "begin")
	exec(t, app, "delete from renders where id = $1", held.id)
	exec(t, conn, "set lock_timeout = '100ms'")
	if got := get[string](t, conn, "select string_agg(k, ',') from loom.resume_kinds('{record,upload}') k"); got != "record" {
		t.Errorf("resumed: %s", got)
	}
}

func TestTimeInWhichTwoStagesArePausedCountsOnce(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	exec(t, conn, "select loom.pause_kinds('{record,upload,concat}')")
	exec(t, conn, `update loom.paused set since = clock_timestamp() - case kind when 'record' then interval '3 hours' else '2 hours' end`)
	for _, kind := range []string{"record", "concat", "upload"} {
		exec(t, conn, "select loom.resume_kinds(array[$1::text])", kind)
	}
	for age, want := range map[string]int{"4 hours": 180, "150 minutes": 150, "30 minutes": 30} {
		if got := get[int](t, conn, "select round(extract(epoch from loom.paused_after(clock_timestamp() - $1::text::interval)) / 60)::int", age); got != want {
			t.Errorf("of %s, %d minutes were paused, want %d", age, got, want)
		}
	}
	if got := get[int](t, conn, "select extract(epoch from loom.paused_after(clock_timestamp()))::int"); got != 0 {
		t.Errorf("after all pauses, %d seconds were", got)
	}
}

func TestTimeInWhichAStageIsPausedIsNoRenders(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	before := fresh(t, conn, 3)
	exec(t, conn, "update loom.plans set created_at = created_at - interval '2 hours'")
	exec(t, conn, "select loom.pause_kinds('{record,upload}')")
	exec(t, conn, "update loom.paused set since = since - interval '1 hour' where kind = 'record'")
	within := fresh(t, conn, 3)
	overdue := func(limit string) string {
		return get[string](t, conn, "select coalesce(string_agg(render_id || ' ' || kind, ','), '') from loom.fail_overdue($1::text::interval, 'render_timeout', 'Too long.')", limit)
	}
	if got := overdue("1 second"); got != "" {
		t.Errorf("failed while stages are paused: %s", got)
	}
	exec(t, conn, "select loom.resume_kinds('{record,upload,concat}')")
	if got := overdue("65 minutes"); got != "" {
		t.Errorf("the pause counts: %s", got)
	}
	if got, want := overdue("55 minutes"), fmt.Sprintf("%s record", before.id); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := get[string](t, conn, "select status || ' ' || error_code || ' ' || error_message from renders where id = $1", before.id); got != "failed render_timeout Too long." {
		t.Errorf("it is %s", got)
	}
	if got := status(t, conn, within); got != "recording" {
		t.Errorf("the other is %s", got)
	}
}
