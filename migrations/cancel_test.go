package migrations_test

import (
	"strings"
	"testing"
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
