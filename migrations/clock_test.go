package migrations_test

import "testing"

// A clock that moves back puts off all that was dated before.
func TestWhatAClockThatMovedBackPutsOffIsBroughtForward(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 3)
	if v, _ := grant(t, conn, r.tasks["record 0"], "1 minute"); v != "granted" {
		t.Fatal(v)
	}
	other := fresh(t, conn, 3)
	for _, task := range []string{"record 0", "record 1", "normalize 0", "normalize 1", "concat 0", "upload 0"} {
		done(t, conn, other.tasks[task])
	}
	exec(t, conn, "insert into loom.heard (task_id, attempt, lease_until) values ($1, 1, clock_timestamp() + interval '1 minute')", r.tasks["record 0"])
	exec(t, conn, "insert into loom.leftovers (render_id) values (gen_random_uuid())")
	if n := get[int](t, conn, "select loom.clock_moved_back('1 minute')"); n != 0 {
		t.Errorf("when the clock has not moved, %d rows are changed", n)
	}
	for _, ahead := range []string{
		"update loom.tasks set lease_until = lease_until + interval '10 minutes', began_at = began_at + interval '10 minutes' where state = 'running'",
		"update loom.tasks set not_before = clock_timestamp() + interval '10 minutes' where state = 'due'",
		"update loom.tasks set began_at = clock_timestamp() + interval '10 minutes', output_key = 'k' where kind = 'record' and state = 'done'",
		"update loom.heard set lease_until = lease_until + interval '10 minutes'",
		"update loom.plans set ended_at = ended_at + interval '10 minutes' where ended_at is not null",
		"update loom.leftovers set deleted_at = deleted_at + interval '10 minutes'",
		"update loom.workers set heard_at = heard_at + interval '10 minutes', rests = 1, rest_until = clock_timestamp() + interval '11 minutes'",
		"select loom.lead(gen_random_uuid(), 'leader', '11 minutes')",
	} {
		exec(t, conn, ahead)
	}
	if n := get[int](t, conn, "select loom.clock_moved_back('1 minute')"); n == 0 {
		t.Error("no row is changed")
	}
	for _, late := range []string{
		"select count(*)::int from loom.tasks where state in ('due', 'running') and greatest(not_before, lease_until) > clock_timestamp() + interval '1 minute'",
		"select count(*)::int from loom.tasks where began_at > clock_timestamp()",
		"select count(*)::int from loom.heard where lease_until > clock_timestamp() + interval '1 minute'",
		"select count(*)::int from loom.plans where ended_at > clock_timestamp()",
		"select count(*)::int from loom.leftovers where deleted_at > clock_timestamp()",
		"select count(*)::int from loom.workers where heard_at > clock_timestamp() or rest_until > clock_timestamp() + interval '1 minute'",
		"select count(*)::int from loom.leader where lease_until > clock_timestamp() + interval '1 minute'",
	} {
		if n := get[int](t, conn, late); n != 0 {
			t.Errorf("%d rows are late: %s", n, late)
		}
	}
	if n := get[int](t, conn, "select loom.clock_moved_back('1 minute')"); n != 0 {
		t.Errorf("called again, it changes %d rows", n)
	}
}
