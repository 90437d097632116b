package migrations_test

import "testing"

func TestTheBundleOfAFailedAttemptIsKnown(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 3)
	task := r.tasks["record 0"]
	grant(t, conn, task, "1 minute")
	// A release that knows nothing of bundles.
	if v := fail(t, conn, task, 1, false); v != "retry" {
		t.Fatalf("the failure is %s", v)
	}
	due(t, conn, task)
	grant(t, conn, task, "1 minute")
	const query = "select loom.fail_task($1, $2, 'scene_timeout', 'It did not load.', 'detail', false, $3)"
	if v := get[string](t, conn, query, task, 1, "superseded"); v != "stale" {
		t.Errorf("the superseded attempt's failure is %s", v)
	}
	if v := get[string](t, conn, query, task, 2, "r/t/a2/failure.zip"); v != "retry" {
		t.Errorf("the failure is %s", v)
	}
	got := get[string](t, conn, "select string_agg(coalesce(bundle_key, 'none'), ' ' order by attempt) from loom.attempts where task_id = $1", task)
	if want := "none r/t/a2/failure.zip"; got != want {
		t.Errorf("the attempts' bundles are %s, want %s", got, want)
	}
}
