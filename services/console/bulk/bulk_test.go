package bulk

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/migrations/migrationstest"
	"github.com/loom-lite/loom-lite/pkg/fault"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/access/accesstest"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, stagetest.Ours()...) }

// site is a database with renders, as its owner and as a console see it.
type site struct {
	owner, console *pgxpool.Pool
	consoleURL     string
}

func newSite(t *testing.T) *site {
	t.Helper()
	role := migrationstest.LeastRole(t)
	s := &site{consoleURL: role.Member("loom_console")}
	s.owner, s.console = open(t, role.AdminURL), open(t, s.consoleURL)
	return s
}

func open(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	db, err := pgxpool.New(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// failed inserts renders of a user's that have failed with a code.
func (s *site) failed(t *testing.T, n int, code string, user uuid.UUID) {
	t.Helper()
	s.exec(t, `with c as (insert into campaigns (name, user_id) values ('test', $3) returning id),
		r as (insert into renders (campaign_id, status, error_code, completed_at) select c.id, 'failed', $2, now() from c, generate_series(1, $1) returning id)
		insert into render_jobs (render_id, state) select id, 'failed' from r`, n, code, user)
}

func (s *site) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := s.owner.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func get[T any](t *testing.T, db *pgxpool.Pool, sql string, args ...any) (value T) {
	t.Helper()
	if err := db.QueryRow(t.Context(), sql, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// run carries actions out until one has ended.
func (s *site) run(t *testing.T, id uuid.UUID) Action {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		(&Runner{DB: s.console, Log: zerolog.New(zerolog.NewTestWriter(t))}).Run(ctx)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	return s.ended(t, id)
}

// ended waits until an action has ended.
func (s *site) ended(t *testing.T, id uuid.UUID) Action {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		a, err := Get(t.Context(), s.console, id)
		if err != nil {
			t.Fatal(err)
		}
		if a.Ended() {
			return a
		}
		if time.Now().After(deadline) {
			t.Fatalf("it has not ended: %+v", a)
		}
	}
}

var timeouts = Request{Action: Retry, Filter: renders.Filter{Statuses: []string{"failed"}, Codes: []string{"scene_timeout"}}}

func TestAllThatAFilterMeansIsRetriedOnce(t *testing.T) {
	s := newSite(t)
	ctx := accesstest.Operator(t)
	ann := uuid.New()
	s.failed(t, 500, "scene_timeout", ann)
	s.failed(t, 7, "scene_status", ann)
	s.exec(t, "insert into render_jobs (render_id) select id from renders where error_code = 'scene_timeout' limit 3") // they have a job already
	counts, err := Count(ctx, s.console, timeouts)
	if err != nil || counts != (Counts{Matched: 500, Eligible: 497}) {
		t.Fatalf("it is about %+v, %v", counts, err)
	}
	if n := get[int](t, s.owner, "select count(*) from render_jobs where state = 'queued'"); n != 3 {
		t.Fatalf("counting has queued %d jobs", n-3)
	}
	a, err := Create(ctx, s.console, timeouts)
	if err != nil || a.Total != 497 || a.State != "running" {
		t.Fatalf("%+v, %v", a, err)
	}
	s.exec(t, "delete from renders where id in (select render_id from loom.bulk_items order by place desc limit 1)")
	if a = s.run(t, a.ID); a.State != "done" || a.Changed != 496 || a.Unchanged != 1 || a.Failed != 0 {
		t.Errorf("it ended as %+v", a)
	}
	s.oneJobEach(t, 499)
	if n := get[int](t, s.owner, "select count(*) from loom.audit where action = 'render.retry' and actor = 'test'"); n != 496 {
		t.Errorf("the audit log has %d of them", n)
	}
	if n := get[int](t, s.owner, "select count(*) from loom.bulk_items"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

// oneJobEach checks that each of n renders has one queued job, and that others have none.
func (s *site) oneJobEach(t *testing.T, n int) {
	t.Helper()
	got := get[string](t, s.owner, `select concat_ws(' ', count(*), count(distinct j.render_id)) from render_jobs j join renders r on r.id = j.render_id
		where j.state = 'queued' and r.error_code = 'scene_timeout'`)
	all := get[int](t, s.owner, "select count(*) from render_jobs where state = 'queued'")
	if fields := strings.Fields(got); fields[0] != fields[1] || all != n || fields[0] != get[string](t, s.owner, "select $1::int::text", n) {
		t.Errorf("there are %s jobs and renders with one, want %d; %d jobs in all", got, n, all)
	}
}

func TestAnActionIsCarriedOutOnceThoughItsConsoleIsKilled(t *testing.T) {
	program := filepath.Join(t.TempDir(), "console")
	build := exec.Command("go", "build", "-tags", "faults", "-o", program, "../cmd/console")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := newSite(t)
	ctx := accesstest.Operator(t)
	s.failed(t, 500, "scene_timeout", uuid.New())
	a, err := Create(ctx, s.console, timeouts)
	if err != nil {
		t.Fatal(err)
	}
	nats := stagetest.StartNATS(t).URL()
	for _, kill := range []struct {
		step fault.Step
		pass string
	}{{fault.BulkChanged, "100"}, {fault.BulkCommitted, "90"}, {fault.BulkChanged, "1"}} {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, program)
		cmd.Env = append(os.Environ(), "DATABASE_URL="+s.consoleURL, "NATS_URL="+nats, "S3_ENDPOINT=http://127.0.0.1:1", "S3_ACCESS_KEY_ID=key",
			"S3_SECRET_ACCESS_KEY=secret", "PORT=0", "CONSOLE_PORT=0", "FAULT_KILL="+string(kill.step), "FAULT_PASS="+kill.pass)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if ctx.Err() != nil || !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("%s: %v: %s", kill.step, err, lastLines(out))
		}
		// Its lease has run out.
		s.exec(t, "update loom.bulk_actions set lease_until = now() where state = 'running'")
	}
	if a, err = Get(ctx, s.console, a.ID); err != nil || a.Changed != 99+90 || a.Ended() {
		t.Errorf("after the kills it is %+v, %v", a, err)
	}
	if a = s.run(t, a.ID); a.State != "done" || a.Changed != 500 || a.Unchanged != 0 || a.Failed != 0 {
		t.Errorf("it ended as %+v", a)
	}
	s.oneJobEach(t, 500)
	if n := get[int](t, s.owner, "select count(*) from loom.audit where action = 'render.retry'"); n != 500 {
		t.Errorf("the audit log has %d of them", n)
	}
}

// lastLines are for a failure's message.
func lastLines(out []byte) string {
	var lines []string
	for scanner := bufio.NewScanner(strings.NewReader(string(out))); scanner.Scan(); {
		lines = append(lines, scanner.Text())
	}
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

func TestOneConsoleHasAnActionUntilItsLeaseRunsOut(t *testing.T) {
	s := newSite(t)
	s.failed(t, 1, "scene_timeout", uuid.New())
	a, err := Create(accesstest.Operator(t), s.console, timeouts)
	if err != nil {
		t.Fatal(err)
	}
	lease := func(holder uuid.UUID) bool {
		return get[*uuid.UUID](t, s.console, "select loom.lease_bulk($1, '1 minute')", holder) != nil
	}
	first, second := uuid.New(), uuid.New()
	if !lease(first) || lease(second) || !lease(first) {
		t.Error("two have it, or none")
	}
	s.exec(t, "update loom.bulk_actions set lease_until = now()")
	if !lease(second) {
		t.Error("nobody goes on with it")
	}
	// The first has not noticed, and changes nothing.
	if more, err := (&Runner{DB: s.console, holder: first}).one(t.Context(), a.ID); more || err != nil {
		t.Errorf("who has lost it goes on: %v, %v", more, err)
	}
	s.oneJobEach(t, 0)
}

func TestAnAbortedActionLeavesTheRest(t *testing.T) {
	s := newSite(t)
	ctx := accesstest.Operator(t)
	s.failed(t, 10, "scene_timeout", uuid.New())
	a, err := Create(ctx, s.console, timeouts)
	if err != nil {
		t.Fatal(err)
	}
	r := &Runner{DB: s.console, Log: zerolog.Nop(), holder: uuid.New()}
	get[*uuid.UUID](t, s.console, "select loom.lease_bulk($1, '1 minute')", r.holder)
	for range 3 {
		if _, err := r.one(ctx, a.ID); err != nil {
			t.Fatal(err)
		}
	}
	if a, err = Abort(ctx, s.console, a.ID); err != nil || !a.Aborting {
		t.Fatalf("%+v, %v", a, err)
	}
	if _, err := r.one(ctx, a.ID); err != nil {
		t.Fatal(err)
	}
	if a, err = Abort(ctx, s.console, a.ID); err != nil || a.State != "aborted" || a.Changed != 3 || a.Total != 10 {
		t.Errorf("%+v, %v", a, err)
	}
	s.oneJobEach(t, 3)
}

func TestWhatIsRefused(t *testing.T) {
	s := newSite(t)
	operator := accesstest.Operator(t)
	ann, ben := uuid.New(), uuid.New()
	asAnn := access.With(t.Context(), access.Principal{ID: "ann", Name: "Ann", Kind: access.Token, Scope: access.Write, User: &ann})
	s.failed(t, 2, "scene_timeout", ann)
	s.failed(t, 3, "scene_timeout", ben)
	if _, err := Create(operator, s.console, Request{Action: Cancel}); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty filter: %v", err)
	}
	if _, err := Count(operator, s.console, Request{Action: Cancel}); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty filter is counted: %v", err)
	}
	if _, err := Create(asAnn, s.console, Request{Action: Priority, Priority: 5, Filter: timeouts.Filter}); !errors.Is(err, ErrPriority) {
		t.Errorf("a user's priority: %v", err)
	}
	if _, err := Create(t.Context(), s.console, timeouts); err == nil {
		t.Error("nobody made an action")
	}
	// Of a user's filter, only the user's are meant.
	a, err := Create(asAnn, s.console, timeouts)
	if err != nil || a.Total != 2 {
		t.Fatalf("%+v, %v", a, err)
	}
	theirs, err := Create(operator, s.console, timeouts)
	if err != nil || theirs.Total != 5 {
		t.Fatalf("%+v, %v", theirs, err)
	}
	if _, err := Get(asAnn, s.console, theirs.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("a user sees others' actions: %v", err)
	}
	if _, err := Abort(asAnn, s.console, theirs.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("a user aborts others' actions: %v", err)
	}
	list, next, err := List(asAnn, s.console, "", 10)
	if err != nil || len(list) != 1 || list[0].ID != a.ID || next != "" {
		t.Errorf("a user's list is %+v, %q, %v", list, next, err)
	}
	all, next, err := List(operator, s.console, "", 1)
	if err != nil || len(all) != 1 || all[0].ID != theirs.ID || next == "" {
		t.Fatalf("the first page is %+v, %q, %v", all, next, err)
	}
	if rest, _, err := List(operator, s.console, next, 1); err != nil || len(rest) != 1 || rest[0].ID != a.ID {
		t.Errorf("the second page is %+v, %v", rest, err)
	}
}

// Rows that somebody holds, and triggers that refuse, cost that render and no other.
func TestARenderThatCannotBeChangedStopsNoOther(t *testing.T) {
	s := newSite(t)
	ctx := accesstest.Operator(t)
	s.failed(t, 3, "scene_timeout", uuid.New())
	a, err := Create(ctx, s.console, timeouts)
	if err != nil {
		t.Fatal(err)
	}
	first := get[uuid.UUID](t, s.owner, "select render_id from loom.bulk_items order by place limit 1")
	s.exec(t, `create or replace function refuse() returns trigger language plpgsql as $$
		begin
		  if new.render_id = '`+first.String()+`' then raise exception 'no, and a secret'; end if;
		  return new;
		end $$`)
	s.exec(t, "create trigger refuse before insert on render_jobs for each row execute function refuse()")
	a = s.run(t, a.ID)
	if a.State != "done" || a.Changed != 2 || a.Failed != 1 || a.LastError == nil || strings.Contains(*a.LastError, "secret") {
		t.Errorf("it ended as %+v", a)
	}
}

func TestRendersThatMatchAreCancelledOrGetAPriority(t *testing.T) {
	s := newSite(t)
	ctx := accesstest.Operator(t)
	s.exec(t, `with c as (insert into campaigns (name) values ('spring') returning id),
		r as (insert into renders (campaign_id, status) select c.id, s from c, unnest('{queued,queued,done}'::text[]) s returning id, status)
		insert into render_jobs (render_id, state) select id, case status when 'done' then 'completed' else 'queued' end from r`)
	spring := renders.Filter{Text: "spring"}
	a, err := Create(ctx, s.console, Request{Action: Priority, Priority: 7, Filter: spring})
	if err != nil {
		t.Fatal(err)
	}
	if a = s.run(t, a.ID); a.Changed != 2 || get[int](t, s.owner, "select count(*) from render_jobs where priority = 7") != 2 {
		t.Errorf("priorities: %+v", a)
	}
	if a, err = Create(ctx, s.console, Request{Action: Cancel, Filter: spring}); err != nil {
		t.Fatal(err)
	}
	if a = s.run(t, a.ID); a.Changed != 2 || get[int](t, s.owner, "select count(*) from renders where status = 'cancelled'") != 2 {
		t.Errorf("cancels: %+v", a)
	}
}
