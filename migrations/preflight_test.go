package migrations_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// asked is a preflight of two pages in a database of its own.
type asked struct {
	t    *testing.T
	conn *pgx.Conn
	// page is the first one, other the second.
	id, page, other string
}

func newAsked(t *testing.T) asked {
	t.Helper()
	t.Parallel()
	a := asked{t: t, conn: connect(t, migrated.Database(t))}
	a.id, a.page, a.other = get[string](t, a.conn, "select gen_random_uuid()::text"), get[string](t, a.conn, "select gen_random_uuid()::text"),
		get[string](t, a.conn, "select gen_random_uuid()::text")
	if !a.open(a.id, a.page, a.other) {
		t.Fatal("it is not opened")
	}
	return a
}

func (a asked) open(id string, pages ...string) bool {
	a.t.Helper()
	return get[bool](a.t, a.conn, `select loom.open_preflight($1::uuid, null, null, 'test', (
		select jsonb_agg(jsonb_build_object('id', p.id, 'url', 'https://example.com/', 'params', jsonb_build_object('url', 'https://example.com/?secret')))
		  from unnest($2::text[]) as p (id)))`, id, pages)
}

// grant returns the verdict for a worker that asks with a request, when heartbeats were last heard
// now.
func (a asked) grant(page, request string) (verdict string) {
	a.t.Helper()
	return get[string](a.t, a.conn, "select verdict from loom.grant_page($1::text::uuid, 'w', $2::text::uuid, '1 minute', clock_timestamp())", page, request)
}

const (
	first  = "00000000-0000-4000-8000-000000000001"
	second = "00000000-0000-4000-8000-000000000002"
)

func (a asked) state(page string) string {
	a.t.Helper()
	return get[string](a.t, a.conn, "select state || ' ' || attempt || ' ' || failures from loom.preflight_pages where id = $1::text::uuid", page)
}

func (a asked) is(got, want string) {
	a.t.Helper()
	if got != want {
		a.t.Errorf("got %q, want %q", got, want)
	}
}

func (a asked) lapse(page string) {
	a.t.Helper()
	exec(a.t, a.conn, "update loom.preflight_pages set lease_until = clock_timestamp() - interval '1 second' where id = $1::text::uuid", page)
}

func (a asked) due() int {
	a.t.Helper()
	return get[int](a.t, a.conn, "select count(*)::int from loom.due_pages(clock_timestamp(), '1 minute', 10)")
}

const finishPage = "select loom.finish_page($1::text::uuid, $2::int, '{\"picture\": true}', 'key')"

func TestOnlyTheCurrentAttemptAtAPageCounts(t *testing.T) {
	a := newAsked(t)
	a.is(a.grant(a.page, first), "granted")
	a.is(a.grant(a.page, first), "granted") // the answer was lost
	a.is(a.state(a.page), "running 1 0")
	a.is(a.grant(a.page, second), "drop")
	a.lapse(a.page)
	a.is(get[string](t, a.conn, "select verdict from loom.grant_page($1::text::uuid, 'w', $2::text::uuid, '1 minute', null)", a.page, second), "later")
	a.is(a.grant(a.page, second), "granted")
	a.is(a.state(a.page), "running 2 1")
	a.is(get[string](t, a.conn, finishPage, a.page, 1), "stale")
	if get[bool](t, a.conn, "select loom.heartbeat_page($1::text::uuid, 1, '1 minute')", a.page) {
		t.Error("the first attempt is told to go on")
	}
	a.is(get[string](t, a.conn, finishPage, a.page, 2), "accepted")
	a.is(get[string](t, a.conn, finishPage, a.page, 2), "already")
	a.is(get[string](t, a.conn, "select picture_key || params::text from loom.preflight_pages where id = $1::text::uuid", a.page), "key{}")
	a.is(a.grant(a.page, second), "drop")
}

func TestAPageFailsWhenItsWorkersAreLostThreeTimes(t *testing.T) {
	a := newAsked(t)
	for range 3 {
		a.is(a.grant(a.page, get[string](t, a.conn, "select gen_random_uuid()::text")), "granted")
		a.lapse(a.page)
	}
	a.is(a.grant(a.page, first), "drop")
	a.is(get[string](t, a.conn, "select state || ' ' || error_code || ' ' || params::text from loom.preflight_pages where id = $1::text::uuid", a.page),
		"failed worker_lost {}")
	if n := a.due(); n != 1 {
		t.Errorf("%d pages are due, want the other one", n)
	}
}

func TestAPageIsTriedAgainAndHandedBackUncharged(t *testing.T) {
	a := newAsked(t)
	a.is(a.grant(a.page, first), "granted")
	a.is(get[string](t, a.conn, "select loom.hand_back_page($1::text::uuid, 1, 'draining')", a.page), "accepted")
	a.is(a.state(a.page), "due 1 0")
	a.is(a.grant(a.page, second), "granted")
	a.is(get[string](t, a.conn, "select loom.fail_page($1::text::uuid, 2, 'internal', 'm', 'd', false)", a.page), "retry")
	a.is(a.state(a.page), "due 2 1")
	a.is(a.grant(a.page, first), "later")
	exec(t, a.conn, "update loom.preflight_pages set not_before = clock_timestamp()")
	a.is(a.grant(a.page, first), "granted")
	a.is(get[string](t, a.conn, "select loom.fail_page($1::text::uuid, 3, 'internal', 'm', 'd', true)", a.page), "failed")
	a.is(get[string](t, a.conn, "select loom.fail_page($1::text::uuid, 3, 'internal', 'm', 'd', true)", a.page), "stale")
}

func TestNoPageIsOpenedWhileRecordersArePausedOrAfterACancel(t *testing.T) {
	a := newAsked(t)
	exec(t, a.conn, "select loom.pause_kinds(array['record'])")
	if n := a.due(); n != 0 {
		t.Errorf("%d pages are due", n)
	}
	a.is(a.grant(a.page, first), "drop")
	exec(t, a.conn, "select loom.resume_kinds(array['record'])")
	a.is(a.grant(a.page, first), "granted")
	if n := get[int](t, a.conn, "select loom.cancel_preflight($1::text::uuid)", a.id); n != 2 {
		t.Errorf("%d pages were cancelled", n)
	}
	if get[bool](t, a.conn, "select loom.heartbeat_page($1::text::uuid, 1, '1 minute')", a.page) {
		t.Error("its worker is told to go on")
	}
	a.is(get[string](t, a.conn, finishPage, a.page, 1), "stale")
	a.is(a.grant(a.other, first), "drop")
}

// Nobody fills the recorders with pages.
func TestOneUserHasABoundedNumberOfPagesWaiting(t *testing.T) {
	a := newAsked(t)
	pages := func(n int) []string {
		return get[[]string](t, a.conn, "select array_agg(gen_random_uuid()::text) from generate_series(1, $1)", n)
	}
	if a.open(first, pages(999)...) {
		t.Error("1001 pages are waiting")
	}
	if !a.open(second, pages(998)...) {
		t.Error("998 more are refused")
	}
}
