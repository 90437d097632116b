package migrations_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
)

// Each of the first three was ready once, and then failed at work or never finished a render. Every
// case but the last leaves the database as it was.
func TestADatabaseThatLacksSomethingIsNotReady(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	for _, c := range []struct {
		what, change, says, file string
	}{
		{"the options of the facecam", "alter table campaigns drop facecam_options", "lacks public.campaigns.facecam_options", "0001_app.sql"},
		{"the exact rate", "alter table campaigns drop output_rate", "lacks public.campaigns.output_rate", "0001_app.sql"},
		{"the small thumbnail", "alter table renders drop thumb_small_url", "lacks public.renders.thumb_small_url", "0001_app.sql"},
		{"a column of ours", "alter table loom.attempts drop bundle_key", "lacks loom.attempts.bundle_key", "0004_failure_bundle.sql"},
		{"a table", "drop table loom.copies", "lacks loom.copies:", "0007_copies.sql"},
		{"a view", "drop view loom.worker_load", "lacks loom.worker_load:", "0022_scaling.sql"},
		{"a function", "drop function loom.next_job(text[])", "lacks loom.next_job(_text)", "0006_set_aside.sql"},
		{"a function of an older form", "alter function loom.finish_render(uuid, int, text, text, jsonb, text, text, text, text) rename to finished",
			"lacks loom.finish_render(", "0003_functions.sql"},
		{"a kind of task", "alter table loom.tasks drop constraint tasks_kind_check", "lacks loom.tasks.kind = concat", "0005_draw.sql"},
		{"the version", "drop function loom.schema_version()", "paste all files", "schema_version.sql"},
		{"the files of this version", `create or replace function loom.schema_version() returns int language sql as 'select 8';
			update loom.migrations set sha256 = ''`, fmt.Sprintf("its version is 8, and this program needs %d: run `loom migrate`, or paste all files", migrations.Version), "0003_functions.sql"},
		{"everything", "drop schema loom cascade; drop function claim_render_job()", "more", "0002_loom.sql"},
		{"what no file can restore", "alter table loom.tasks drop request_id", "lacks loom.tasks.request_id", ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			paste(t, conn, c.change)
			notReady(t, conn, c.says)
			applied, err := migrations.Apply(t.Context(), conn)
			if c.file == "" {
				if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "backup") {
					t.Errorf("what cannot be restored is migrated: %v", err)
				}
				return
			}
			if err != nil || !slices.Contains(applied, c.file) {
				t.Errorf("applied %v, %v; want %s", applied, err, c.file)
			}
			if err := migrations.Check(t.Context(), conn); err != nil {
				t.Errorf("after migrating: %v", err)
			}
		})
	}
}

// notReady fails unless Check and Ready say this of a database, and what to do.
func notReady(t *testing.T, conn *pgx.Conn, says string) {
	t.Helper()
	for what, err := range map[string]error{"Check": migrations.Check(t.Context(), conn), "Ready": migrations.Ready(t.Context(), conn)} {
		if !errors.As(err, new(*migrations.OutdatedError)) {
			t.Fatalf("%s returns %v", what, err)
		}
		for _, want := range []string{says, "loom migrate", "paste", "docs/operations/supabase.md"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s does not say %q: %v", what, want, err)
			}
		}
	}
}

// For a while the docs listed the files without 0005_draw.sql, and earlier without those
// after it.
func TestPastedFilesAreReadyOnlyWhenAllOfThemAreThere(t *testing.T) {
	orders := map[string][]string{"without 0005_draw.sql": slices.DeleteFunc(slices.Clone(migrations.Files), func(name string) bool {
		return name == "0005_draw.sql"
	})}
	for _, name := range []string{"0003_functions.sql", "0004_failure_bundle.sql", "0007_copies.sql"} {
		orders["only up to "+name] = migrations.Files[:slices.Index(migrations.Files, name)+1]
	}
	for seed := range uint64(2) {
		random := rand.New(rand.NewPCG(seed, 0))
		order := slices.Clone(migrations.Files)
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		orders[fmt.Sprintf("in the order of seed %d", seed)] = order[:len(order)-random.IntN(3)]
	}
	for name, order := range orders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := connect(t, postgrestest.Database(t))
			for _, name := range order {
				// in a wrong order some fail
				_, _ = conn.PgConn().Exec(t.Context(), file(t, name)).ReadAll()
			}
			err := migrations.Check(t.Context(), conn)
			if !errors.As(err, new(*migrations.OutdatedError)) {
				t.Fatalf("after %v: %v", order, err)
			}
			// What it says is enough.
			first := 0
			if named := regexp.MustCompile(`paste (\S+\.sql)`).FindStringSubmatch(err.Error()); named != nil {
				first = slices.Index(migrations.Files, named[1])
			}
			for _, name := range migrations.Files[first:] {
				paste(t, conn, file(t, name))
			}
			if after := migrations.Check(t.Context(), conn); after != nil {
				t.Errorf("%v; and after that: %v", err, after)
			}
		})
	}
}

func TestANewerDatabaseIsReadyAndStaysAsItIs(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	newer := migrations.Version + 1
	paste(t, conn, fmt.Sprintf(`create or replace function loom.schema_version() returns int language sql as 'select %d';
		create or replace function loom.status_rank(status text) returns int language sql as 'select 42';
		create table loom.news (id int);
		drop function loom.hand_back_task(uuid, int, text, jsonb);
		create function loom.hand_back_task(uuid, int, text, jsonb default null, news text default '') returns text language sql as 'select news';
		update loom.migrations set sha256 = 'newer'`, newer))
	if err := migrations.Check(t.Context(), conn); err != nil {
		t.Errorf("it is not ready: %v", err)
	}
	if applied, err := migrations.Apply(t.Context(), conn); err != nil || len(applied) > 0 {
		t.Errorf("applied %v, %v", applied, err)
	}
	if rank := get[int](t, conn, "select loom.status_rank('done')"); rank != 42 {
		t.Error("a function of the newer release was replaced")
	}
	paste(t, conn, "alter table campaigns drop output_rate")
	if err := migrations.Check(t.Context(), conn); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("the release that has schema version %d", newer)) {
		t.Errorf("what it lacks: %v", err)
	}
}

// A kind that a later file adds is not taken away by an earlier one that is pasted again.
func TestFilesThatArePastedAgainKeepKindsOfTasks(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	paste(t, conn, `alter table loom.tasks drop constraint tasks_kind_check,
		add constraint tasks_kind_check check (kind in ('record', 'probe', 'draw', 'caption', 'normalize', 'concat', 'overlay', 'upload'))`)
	for _, name := range migrations.Files {
		paste(t, conn, file(t, name))
	}
	if !slices.Contains(migrations.Existing(t, conn), "loom.tasks.kind = caption") {
		t.Error("the later kind is gone")
	}
}
