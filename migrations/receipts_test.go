package migrations_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

const spent = `{"children_cpu_ms": 1000, "worker_cpu_ms": 100, "bytes_in": 10, "bytes_out": 20, "bytes_web": 5}`

// doneWith grants a task and finishes it with what it used.
func doneWith(t *testing.T, conn *pgx.Conn, task string) {
	t.Helper()
	_, attempt := grant(t, conn, task, "1 minute")
	verdict := get[string](t, conn, `select loom.finish_task($1, $2, (select jsonb_object_agg(o, format('%s/a%s/%s', $1::uuid, $2::int, o))
		from loom.tasks t, jsonb_object_keys(t.outputs) o where t.id = $1), '{"frames": 60}', $3::text::jsonb)`, task, attempt, spent)
	if verdict != "accepted" {
		t.Fatalf("result is %s", verdict)
	}
}

func TestAPlanThatEndsHasAReceiptOfAllItsAttempts(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 3)
	exec(t, conn, `update loom.tasks set params = params || case kind when 'concat' then '{"frames": [30, 30], "rate": "30/1"}'
		else '{"frames": 30, "rate": "30/1"}' end::jsonb where kind in ('record', 'normalize', 'concat')`)
	record := r.tasks["record 0"]
	grant(t, conn, record, "1 minute")
	get[string](t, conn, "select loom.fail_task($1, 1, 'scene_timeout', 'Slow.', '', false, null, $2::text::jsonb)", record, spent)
	due(t, conn, record)
	grant(t, conn, record, "1 minute")
	get[string](t, conn, "select loom.hand_back_task($1, 2, 'drain', $2::text::jsonb)", record, spent)
	for _, task := range []string{"record 0", "record 1", "normalize 0", "normalize 1", "concat 0"} {
		doneWith(t, conn, r.tasks[task])
	}
	done(t, conn, r.tasks["upload 0"])
	receipt := func() string {
		return get[string](t, conn, `select concat_ws(' ', outcome, seconds, cpu_ms, bytes_in, bytes_out, bytes_web,
			kinds #>> '{record,attempts}', kinds #>> '{record,cpu_ms}', kinds #>> '{record,made}', kinds #>> '{record,frames}',
			kinds #>> '{concat,frames}', kinds #>> '{upload,unreported}') from loom.receipts where render_id = $1`, r.id)
	}
	if got := receipt(); got != "done 2 7700 70 140 35 4 4400 2 60 60 1" {
		t.Errorf("the receipt is %s", got)
	}
	// The upload's result comes after its render has been closed.
	for range 2 {
		exec(t, conn, "select loom.note_used($1, 1, $2::text::jsonb)", r.tasks["upload 0"], spent)
		if got := receipt(); got != "done 2 8800 80 160 40 4 4400 2 60 60 0" {
			t.Errorf("the receipt with the upload's is %s", got)
		}
	}
	exec(t, conn, "update loom.plans set swept_at = now()")
	if n := get[int](t, conn, "select loom.thin_plan(id) from loom.plans"); n == 0 {
		t.Fatal("the plan was not thinned")
	}
	if used := get[int](t, conn, `select sum((used ->> 'children_cpu_ms')::int) from (
		select jsonb_path_query(history, '$[*].used') as used from loom.plans
		union all select jsonb_path_query(history, '$[*].attempts[*].used') from loom.plans) u`); used != 8000 {
		t.Errorf("the history has %d ms of CPU time", used)
	}
	exec(t, conn, "select loom.write_receipt(id) from loom.plans")
	if got := receipt(); got != "done 2 8800 80 160 40 4 4400 2 60 60 0" {
		t.Errorf("the receipt of what was thinned became %s", got)
	}
	exec(t, conn, "delete from renders")
	if got := receipt(); got != "done 2 8800 80 160 40 4 4400 2 60 60 0" {
		t.Errorf("the receipt of a render that was deleted became %s", got)
	}
}

func TestWhatARenderUsedThatIsDeletedBeforeItsEndIsKept(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 3)
	doneWith(t, conn, r.tasks["record 0"])
	grant(t, conn, r.tasks["record 1"], "1 minute")
	exec(t, conn, "delete from campaigns")
	if got := get[string](t, conn, `select concat_ws(' ', outcome, seconds, cpu_ms, kinds #>> '{record,unreported}') from loom.receipts where render_id = $1`,
		r.id); got != "deleted 0 1100 1" {
		t.Errorf("the receipt is %s", got)
	}
}

// What cannot be summed costs the receipt, and not the render.
func TestARenderEndsThoughItsReceiptCannotBeWritten(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 3)
	exec(t, conn, "alter table loom.receipts add constraint never check (false)")
	exec(t, conn, "select loom.cancel_render($1)", r.id)
	if got := status(t, conn, r); got != "cancelled" {
		t.Errorf("the render is %s", got)
	}
}

// A result that came too late changes no task, and its work was done.
func TestWhatALateAttemptUsedIsNotedOnce(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 3)
	task := r.tasks["record 0"]
	grant(t, conn, task, "0 seconds")
	grant(t, conn, task, "1 minute")
	for _, used := range []string{spent, `{"children_cpu_ms": 9}`} {
		exec(t, conn, "select loom.note_used($1, 1, $2::text::jsonb)", task, used)
	}
	if got := get[string](t, conn, "select used ->> 'children_cpu_ms' from loom.attempts where task_id = $1 and attempt = 1", task); got != "1000" {
		t.Errorf("it used %s ms", got)
	}
}
