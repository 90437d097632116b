package migrations_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
)

func TestApplyingTwiceChangesNothing(t *testing.T) {
	conn := connect(t, postgrestest.Database(t))
	if err := migrations.Check(t.Context(), conn); !errors.As(err, new(*migrations.OutdatedError)) {
		t.Errorf("an empty database: %v", err)
	}
	for i, want := range [][]string{migrations.Files, nil} {
		applied, err := migrations.Apply(t.Context(), conn)
		if err != nil || !slices.Equal(applied, want) {
			t.Errorf("round %d applied %v, %v", i+1, applied, err)
		}
		if err := migrations.Check(t.Context(), conn); err != nil {
			t.Error(err)
		}
	}
}

func TestEveryFileOfTheFolderIsApplied(t *testing.T) {
	found, err := filepath.Glob("*.sql")
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(slices.Values(migrations.Files))
	if slices.Sort(found); !slices.Equal(found, want) {
		t.Errorf("the folder holds %v, Files is %v", found, want)
	}
}

func TestEveryFileCanBePastedAgain(t *testing.T) {
	conn := connect(t, postgrestest.Database(t))
	for range 2 {
		for _, name := range migrations.Files {
			paste(t, conn, file(t, name))
		}
	}
	if err := migrations.Check(t.Context(), conn); err != nil {
		t.Error(err)
	}
	if _, err := migrations.Apply(t.Context(), conn); err != nil {
		t.Errorf("applied after pasting: %v", err)
	}
}

// A transaction has a table that the migration wants, and wants one that the migration has.
func TestADeadlockOnlyDelaysTheMigration(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	migrating, app, watch := connect(t, url), connect(t, url), connect(t, url)
	// The migration looks for deadlocks first, and is the one that gives up. Where this test is
	// starved for so long that it has looked too early, the app gives up, and nothing is shown.
	exec(t, migrating, "set deadlock_timeout = '2s'")
	exec(t, app, "set deadlock_timeout = '20s'")
	for shown := false; !shown; {
		exec(t, watch, "update loom.migrations set sha256 = ''")
		exec(t, app, "begin; lock table renders in row exclusive mode")
		done := make(chan error, 1)
		go func() {
			applied, err := migrations.Apply(t.Context(), migrating)
			if err == nil && !slices.Equal(applied, migrations.Files) {
				err = fmt.Errorf("applied %v", applied)
			}
			done <- err
		}()
		const waits = "select exists (select from pg_locks where relation = 'renders'::regclass and not granted)"
		for len(done) == 0 && !get[bool](t, watch, waits) {
			time.Sleep(time.Millisecond)
		}
		_, err := app.Exec(t.Context(), "select from loom.migrations")
		if shown = err == nil; !shown && postgres.SQLState(err) != "40P01" {
			t.Fatal(err)
		}
		exec(t, app, "rollback")
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func TestManyMayApplyAtOnce(t *testing.T) {
	url := postgrestest.Database(t)
	var wait sync.WaitGroup
	var mu sync.Mutex
	total := 0
	for range 4 {
		conn := connect(t, url)
		wait.Go(func() {
			applied, err := migrations.Apply(t.Context(), conn)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			total += len(applied)
		})
	}
	wait.Wait()
	if total != len(migrations.Files) {
		t.Errorf("%d files were applied, want each of %d once", total, len(migrations.Files))
	}
}

// Variants of the CHECK constraints that an app may have.
var checks = map[string]string{
	"without constraints": "",
	"with constraints that know cancelled": `
		alter table renders add constraint renders_status check (status in ('queued', 'recording', 'normalizing',
		  'concatenating', 'overlaying', 'uploading', 'done', 'failed', 'cancelled'));
		alter table render_jobs add constraint jobs_state check (state in ('queued', 'running', 'completed', 'failed', 'cancelled'))`,
	"with constraints that do not": `
		alter table renders add constraint renders_status check (status in ('queued', 'recording', 'normalizing',
		  'concatenating', 'overlaying', 'uploading', 'done', 'failed'));
		alter table render_jobs add constraint jobs_state check (state in ('queued', 'running', 'completed', 'failed'))`,
}

// app returns a database as an app has it before loom-lite.
func app(t *testing.T, constraints string) *pgx.Conn {
	t.Helper()
	text, err := os.ReadFile("testdata/app.sql")
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, postgrestest.Database(t))
	paste(t, conn, string(text))
	paste(t, conn, constraints)
	return conn
}

// snapshots are queries for all that is the app's: each returns one text.
var snapshots = map[string]string{
	"rows": `select jsonb_build_object(
		'campaigns', (select jsonb_agg(to_jsonb(c) - 'output_rate' - 'output_options' - 'facecam_options' - 'metadata' - 'variables' order by id) from campaigns c),
		'scenes', (select jsonb_agg(to_jsonb(s) - 'options' order by id) from scenes s),
		'renders', (select jsonb_agg(to_jsonb(r) - 'error_code' - 'warnings' - 'thumb_small_url' - 'preview_url' - 'preview_webp_url' - 'share_url' - 'report' - 'cancel_requested' - 'variables' order by id) from renders r),
		'render_jobs', (select jsonb_agg(to_jsonb(j) - 'priority' - 'queue_turn' - 'queue_owner' - 'queued_at' order by id) from render_jobs j))::text`,
	"columns": `select string_agg(concat_ws(' ', table_name, ordinal_position, column_name, data_type, column_default, is_nullable), E'\n'
		order by table_name, ordinal_position) from information_schema.columns
		where table_schema = 'public' and (table_name, column_name) not in
		  (('renders', 'error_code'), ('renders', 'warnings'), ('renders', 'thumb_small_url'), ('renders', 'preview_url'), ('renders', 'preview_webp_url'), ('renders', 'share_url'), ('renders', 'report'), ('renders', 'cancel_requested'), ('scenes', 'options'),
		   ('campaigns', 'output_rate'), ('campaigns', 'output_options'), ('campaigns', 'facecam_options'), ('campaigns', 'metadata'), ('campaigns', 'variables'), ('renders', 'variables'), ('render_jobs', 'priority'), ('render_jobs', 'queue_turn'), ('render_jobs', 'queue_owner'),
		   ('render_jobs', 'queued_at'))`,
	"constraints": `select string_agg(conname || ' ' || pg_get_constraintdef(oid), E'\n' order by conname)
		from pg_constraint where connamespace = 'public'::regnamespace`,
	// Those of our groups apart.
	"grants": `select string_agg(concat_ws(' ', relname, (select string_agg(a::text, ',' order by a::text)
		from unnest(coalesce(relacl, acldefault('r', relowner))) a where a::text !~ '^loom_(ingest|uploader|reader|console)='),
		relowner::regrole, relrowsecurity), E'\n' order by relname)
		from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'`,
	"default privileges": `select string_agg(concat_ws(' ', defaclnamespace, defaclobjtype, defaclacl), E'\n'
		order by defaclnamespace, defaclobjtype) from pg_default_acl`,
	"policies": "select string_agg(concat_ws(' ', tablename, policyname, roles, cmd, qual, with_check), E'\n' order by policyname) from pg_policies where schemaname = 'public' and policyname not in ('loom_ingest', 'loom_uploader', 'loom_reader', 'loom_console', 'loom_scaler')",
	"functions": `select string_agg(proname, ' ' order by proname) from pg_proc
		where pronamespace = 'public'::regnamespace and proname <> 'claim_render_job'`,
	"schema": "select concat_ws(' ', nspacl, nspowner::regrole) from pg_namespace where nspname = 'public'",
	"triggers": `select string_agg(tgname, ' ') from pg_trigger t join pg_class c on c.oid = t.tgrelid
		where c.relnamespace = 'public'::regnamespace and not tgisinternal and tgname not in ('loom_notify_job', 'loom_keep_turns', 'loom_tell_render', 'loom_tell_job', 'LOOM_tell_deleted', 'loom_note_status', 'loom_note_change', 'loom_note_batch')`,
}

func TestNothingOfTheAppsChanges(t *testing.T) {
	for name, constraints := range checks {
		t.Run(name, func(t *testing.T) {
			conn := app(t, constraints)
			before := map[string]string{}
			for what, query := range snapshots {
				before[what] = get[string](t, conn, "select coalesce(("+query+"), '')")
			}
			for range 2 {
				if _, err := migrations.Apply(t.Context(), conn); err != nil {
					t.Fatal(err)
				}
				for _, name := range migrations.Files {
					paste(t, conn, file(t, name))
				}
			}
			for what, query := range snapshots {
				if after := get[string](t, conn, "select coalesce(("+query+"), '')"); after != before[what] {
					t.Errorf("%s changed from\n%s\nto\n%s", what, before[what], after)
				}
			}
		})
	}
}

func TestRolesOfBrowsersSeeAndRunNothing(t *testing.T) {
	conn := app(t, "")
	if _, err := migrations.Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	exec(t, conn, "create role "+t.Name()+" nologin")
	t.Cleanup(func() { _, _ = conn.Exec(context.Background(), "drop role "+t.Name()) })
	for _, role := range []string{"anon", "authenticated", strings.ToLower(t.Name())} {
		open := get[[]string](t, conn, `
			select coalesce(array_agg(what), '{}') from (
			  select 'function ' || p.oid::regprocedure from pg_proc p
			   where (p.pronamespace = 'loom'::regnamespace or p.proname = 'claim_render_job')
			     and has_function_privilege($1, p.oid, 'execute')
			  union all
			  select 'table ' || c.oid::regclass from pg_class c
			   where c.relnamespace = 'loom'::regnamespace and c.relkind in ('r', 'S', 'v')
			     and has_table_privilege($1, c.oid, 'select, insert, update, delete, truncate')
			  union all
			  select 'schema loom' where has_schema_privilege($1, 'loom', 'usage, create')) as o (what)`, role)
		if len(open) > 0 {
			t.Errorf("%s may use %v", role, open)
		}
		exec(t, conn, "set role "+role)
		for _, sql := range []string{
			"select * from loom.plans", "select * from loom.tasks", "select * from loom.migrations",
			"select public.claim_render_job()", "select loom.close_ended_plans()",
		} {
			_, err := conn.Exec(t.Context(), sql)
			if pg := new(pgconn.PgError); !errors.As(err, &pg) || pg.Code != "42501" {
				t.Errorf("%s as %s: %v", sql, role, err)
			}
		}
		exec(t, conn, "reset role")
	}
	if bare := get[int](t, conn, `select count(*) from pg_class where relnamespace = 'loom'::regnamespace and relkind = 'r'
		and not relrowsecurity`); bare != 0 {
		t.Errorf("%d of our tables have no row level security", bare)
	}
	// The Node worker went in as service_role.
	exec(t, conn, "set role service_role")
	if n := len(claims(t, conn)); n != 1 {
		t.Errorf("service_role claimed %d jobs, want 1", n)
	}
}

func TestTheAppGoesOnAsBefore(t *testing.T) {
	conn := app(t, "")
	if _, err := migrations.Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	r := planned(t, conn, "00000000-0000-0000-0000-0000000000f3", 3)
	exec(t, conn, "set role authenticated")
	// Its inserts, from columns that it knows, though the trigger on render_jobs is ours.
	id := get[string](t, conn, `insert into renders (campaign_id, status, progress)
		values ('00000000-0000-0000-0000-0000000000c1', 'queued', 0) returning id::text`)
	exec(t, conn, "insert into render_jobs (render_id, state) values ($1, 'queued')", id)
	// And its deletes, though plans, tasks and attempts hang on them.
	exec(t, conn, "delete from renders where id = $1", r.id)
	exec(t, conn, "reset role")
	if n := get[int](t, conn, "select (select count(*) from loom.plans) + (select count(*) from loom.tasks)"); n != 0 {
		t.Errorf("%d rows of ours are left", n)
	}
	if left := get[string](t, conn, "select string_agg(render_id::text, ' ') from loom.leftovers"); left != r.id {
		t.Errorf("leftovers are of %q", left)
	}
	exec(t, conn, "set role authenticated")
	exec(t, conn, "delete from campaigns")
}

func TestClaimingCanBePastedAloneOnTheAppsTables(t *testing.T) {
	conn := app(t, "")
	for range 2 {
		paste(t, conn, file(t, "claim_render_job.sql"))
	}
	claimed := claims(t, conn)
	if want := []string{"00000000-0000-0000-0000-0000000000f3"}; !slices.Equal(claimed, want) {
		t.Errorf("claimed jobs of %v, want %v", claimed, want)
	}
	if again := claims(t, conn); len(again) != 0 {
		t.Errorf("claimed %v, though nothing is queued", again)
	}
}

// claims calls claim_render_job() once and returns the renders of the jobs that it claimed.
func claims(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), "select render_id::text from public.claim_render_job()")
	if err != nil {
		t.Fatal(err)
	}
	renders, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return renders
}

func file(t *testing.T, name string) string {
	t.Helper()
	text, err := migrations.SQL(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
