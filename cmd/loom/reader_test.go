package main

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/migrations/migrationstest"
)

// Who may only read can run all commands that only read.
func TestAReaderRunsTheCommandsThatRead(t *testing.T) {
	role := migrationstest.LeastRole(t)
	db, err := pgxpool.New(t.Context(), role.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	failed, _, tasks := planned(t, db)
	running, _, _ := planned(t, db)
	attempt := scan[int](t, db, grantTask, tasks["record 0"], "worker")
	scan[string](t, db, "select loom.fail_task($1, $2, 'scene_refused', 'It did not load.', 'exit status 1', true, 'a/key')", tasks["record 0"], attempt)
	scan[string](t, db, "select loom.pause_kinds('{draw}')")
	letter := tasks["record 0"].String()

	environ := map[string]string{"DATABASE_URL": role.Member("loom_reader")}
	for _, c := range []struct {
		args string
		want string // what is printed
	}{
		{"list", "Spring launch"},
		{"list --json", failed.String()},
		{"status " + failed.String(), "scene_refused"},
		{"status --json " + failed.String(), "exit status 1"},
		{"status " + running.String(), "Spring launch"},
		{"receipt " + failed.String(), "failed"},
		{"receipt --json " + failed.String(), `"unreported": 1`},
		{"top --once", "draw"},
		{"top --json", running.String()},
		{"dead list", "scene_refused"},
		{"dead list --json --all --render " + failed.String(), `"scene": 1`},
		{"dead show " + letter, "exit status 1"},
		{"dead show --json " + letter, `"scene": 1`},
		// Then it looks for the object store, which is not a matter of the database.
		{"bundle " + failed.String(), "S3_ENDPOINT"},
	} {
		status, stdout, stderr := loom(t, environ, strings.Fields(c.args)...)
		if !strings.Contains(stdout+stderr, c.want) || status != statusDone && !strings.HasPrefix(c.args, "bundle") {
			t.Errorf("loom %s ends with %d, and prints no %q: %s%s", c.args, status, c.want, stdout, stderr)
		}
	}
}
