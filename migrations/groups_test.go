package migrations_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/migrations/migrationstest"
)

// What operators run by hand, as the owner.
var operators = []string{"close_as_owner()", "grant_groups()", "offer_sign_in(bytea,text,uuid,text,interval)"}

// A function that is new is granted to somebody by the rules of 0012_roles.sql, or it is an
// operator's.
func TestEachFunctionIsSomebodys(t *testing.T) {
	conn := app(t, "")
	if _, err := migrations.Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	nobodys := get[[]string](t, conn, `
		select coalesce(array_agg(replace(p.oid::regprocedure::text, 'loom.', '') order by 1), '{}') from pg_proc p
		 where p.pronamespace = 'loom'::regnamespace and p.prorettype <> 'trigger'::regtype
		   and not exists (select from unnest(array['loom_ingest', 'loom_uploader', 'loom_reader', 'loom_console', 'loom_scaler']) g where has_function_privilege(g, p.oid, 'execute'))`)
	if slices.Sort(nobodys); !slices.Equal(nobodys, operators) {
		t.Errorf("nobody may run %v; operators run %v", nobodys, operators)
	}
}

// The rules are applied to what is there: a function that the readers' come to call, a table that
// is new, and rights that somebody added.
func TestGroupsAreGrantedAfreshAtEachVersion(t *testing.T) {
	conn := app(t, "")
	if _, err := migrations.Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	paste(t, conn, `
		create table loom.added (id int);
		create function loom.deeper() returns int language sql as 'select 1';
		create function loom.deep() returns int language sql as 'select loom.deeper()';
		revoke execute on function loom.deep(), loom.deeper() from public;
		create or replace function loom.params_of(p_task uuid) returns jsonb language sql as 'select to_jsonb(loom.deep())';
		grant delete on renders to loom_uploader; grant execute on function loom.next_job(text[]) to loom_uploader;`)
	paste(t, conn, file(t, "schema_version.sql"))
	for right, want := range map[string]bool{
		"has_table_privilege('loom_ingest', 'loom.added', 'insert')":                  true,
		"has_any_column_privilege('loom_uploader', 'loom.added', 'select')":           false,
		"has_any_column_privilege('loom_uploader', 'loom.copies', 'select')":          false,
		"has_any_column_privilege('loom_reader', 'loom.added', 'select')":             true,
		"has_function_privilege('loom_reader', 'loom.deep()', 'execute')":             true,
		"has_function_privilege('loom_reader', 'loom.deeper()', 'execute')":           true,
		"has_function_privilege('loom_uploader', 'loom.deep()', 'execute')":           false,
		"has_table_privilege('loom_uploader', 'renders', 'delete')":                   false,
		"has_function_privilege('loom_uploader', 'loom.next_job(text[])', 'execute')": false,
		"has_column_privilege('loom_reader', 'loom.tasks', 'params', 'select')":       false,
		"has_column_privilege('loom_reader', 'loom.tasks', 'state', 'select')":        true,
		"has_any_column_privilege('loom_uploader', 'renders', 'update')":              false,
		"has_column_privilege('loom_ingest', 'renders', 'final_video_url', 'update')": true,
		"has_column_privilege('loom_ingest', 'renders', 'campaign_id', 'update')":     false,
	} {
		if got := get[bool](t, conn, "select "+right); got != want {
			t.Errorf("%s: %v, want %v", right, got, want)
		}
	}
}

func TestMembersOfAGroupHaveWhatTheirServiceNeeds(t *testing.T) {
	for group, service := range map[string]migrations.Service{"loom_ingest": migrations.Ingest, "loom_uploader": migrations.Uploader} {
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			r := migrationstest.MemberOf(t, group)
			conn := connect(t, r.URL)
			if err := migrations.Check(t.Context(), conn, service); err != nil {
				t.Errorf("for %s: %v", service, err)
			}
			if problems, err := migrations.Rights(t.Context(), conn); err != nil || len(problems) == 0 {
				t.Errorf("for all services, nothing is missing: %v", err)
			}
		})
	}
}

// Autoscalers see what is due and what runs, and which workers are busy.
func TestScalersReadHowMuchThereIsToDo(t *testing.T) {
	r := migrationstest.MemberOf(t, "loom_scaler")
	exec(t, connect(t, r.OwnerURL), `
		with c as (insert into campaigns (name) values ('load') returning id),
		     r as (insert into renders (campaign_id) select id from c returning id),
		     j as (insert into render_jobs (render_id) select id from r returning id, render_id),
		     p as (insert into loom.plans (id, render_id, job_id, campaign, max_retries) select gen_random_uuid(), render_id, id, '{}', 3 from j returning id, render_id)
		insert into loom.tasks (id, plan_id, render_id, kind, seq, params, weight, state, worker, not_before)
		select gen_random_uuid(), p.id, p.render_id, t.kind, t.seq, '{}', 1, t.state, t.worker, now() + t.after::interval
		  from p, (values ('record', 0, 'running', 'one', '0'), ('record', 1, 'running', 'one', '0'), ('record', 2, 'due', null, '0'),
		                  ('record', 3, 'due', null, '1 hour'), ('record', 4, 'done', 'two', '0'), ('normalize', 0, 'waiting', null, '0'),
		                  ('overlay', 0, 'due', null, '0'), ('concat', 0, 'due', null, '0')) t (kind, seq, state, worker, after);
		insert into loom.paused (kind) values ('concat')`)
	conn := connect(t, r.URL)
	load := get[[]string](t, conn, "select array_agg(concat_ws(' ', stage, due, running, load) order by stage) from loom.stage_load")
	if !slices.Equal(load, []string{"record 1 2 3", "transcode 1 0 1", "upload 0 0 0"}) {
		t.Errorf("the stages have %q", load)
	}
	busy := get[[]string](t, conn, "select array_agg(concat_ws(' ', worker, stage, running)) from loom.worker_load")
	if !slices.Equal(busy, []string{"one record 2"}) {
		t.Errorf("the workers have %q", busy)
	}
}

// What members of a group must not do, and the table that they must not read.
func TestEachGroupIsRefusedWhatItHasNoPartIn(t *testing.T) {
	writes := []string{
		"update public.renders set progress = 1", "update public.render_jobs set state = 'queued'", "delete from loom.copies",
		"update loom.tasks set state = 'done'", "insert into loom.paused values ('record')", "select loom.cancel_render(gen_random_uuid())",
	}
	ddl := []string{
		"drop table public.renders", "drop schema loom cascade", "create table loom.mine ()", "create table public.mine ()",
		"alter table public.renders disable row level security", "drop function loom.schema_version()", "truncate public.renders",
		"create or replace function loom.schema_version() returns int language sql as 'select 0'", "create role other",
		"grant loom_ingest to current_user", "select loom.grant_groups()",
	}
	others := []string{
		"select * from private.users", "select * from public.app_secrets", "insert into public.renders default values",
		"delete from public.renders", "update public.renders set campaign_id = gen_random_uuid()", "update public.campaigns set name = ''",
		"update loom.shares set weight = 1000", "update loom.migrations set sha256 = ''", "select public.claim_render_job()",
	}
	for group, refused := range map[string][]string{
		"loom_ingest": {
			"select loom.finish_render(gen_random_uuid(), 1, '', '', '{}', '')",
			"select loom.begin_copies(gen_random_uuid(), 1, '[]')", "select loom.pause_kinds('{record}')",
		},
		"loom_uploader": append(writes,
			"update public.renders set status = 'cancelled'", "update public.renders set status = 'done', final_video_url = 'https://elsewhere/'",
			"update loom.tasks set params = '{}', attempt = attempt + 1", "select params from loom.tasks", "select campaign from loom.plans",
			"select status from public.renders", "select state from loom.tasks", "select loom.lock_task(gen_random_uuid())", "select loom.close_as_owner()",
			"select loom.next_job()", "select loom.claim_job(gen_random_uuid())", "update public.render_jobs set started_at = now()",
			"select loom.grant_task(gen_random_uuid(), '', gen_random_uuid(), '1s')", "select loom.cancel_render(gen_random_uuid())",
			"insert into loom.tasks default values", "delete from loom.plans", "select * from public.campaigns", "select * from public.scenes",
		),
		"loom_reader": append(writes, "select params from loom.tasks", "select campaign from loom.plans", "select * from loom.tasks",
			"select facecam_url from public.campaigns", "select * from public.scenes", "select 1 from public.renders for update"),
		"loom_scaler": append(writes, "select state from loom.tasks", "select worker from loom.attempts", "select id from public.renders",
			"select id from loom.preflight_pages", "select loom.schema_version()"),
	} {
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			r := migrationstest.MemberOf(t, group)
			paste(t, connect(t, r.OwnerURL), "create schema private; create table private.users (id int); create table public.app_secrets (id int)")
			conn := connect(t, r.URL)
			for _, sql := range slices.Concat(refused, others, ddl) {
				_, err := conn.Exec(t.Context(), sql)
				if pg := new(pgconn.PgError); !errors.As(err, &pg) || pg.Code != "42501" && !strings.Contains(pg.Message, "must be owner") {
					t.Errorf("%s: %v", sql, err)
				}
			}
		})
	}
}

// Where the owner of the app's tables may not create roles, everything else is migrated, and it is
// said what is missing.
func TestWithoutTheRightToCreateRolesTheGroupsAreLeftOut(t *testing.T) {
	r := migrationstest.LeastRole(t)
	admin := connect(t, r.AdminURL)
	// Other tests' databases share the server, so its groups are away in this transaction only.
	exec(t, admin, "begin")
	for _, group := range []string{"loom_ingest", "loom_uploader", "loom_reader", "loom_console", "loom_scaler"} {
		exec(t, admin, "alter role "+group+" rename to "+group+"_away")
	}
	exec(t, admin, "set local role "+r.Owner())
	for _, name := range []string{"0012_roles.sql", "schema_version.sql"} {
		paste(t, admin, file(t, name))
	}
	if err := migrations.Check(t.Context(), admin); err != nil {
		t.Error(err)
	}
	problems, err := migrations.Groups(t.Context(), admin)
	if err != nil || len(problems) != 1 || !strings.Contains(problems[0].Mend, "create role loom_console nologin") {
		t.Errorf("%v, %v", problems, err)
	}
	exec(t, admin, "rollback")
	if problems, err := migrations.Groups(t.Context(), admin); err != nil || len(problems) > 0 {
		t.Errorf("with them: %v, %v", problems, err)
	}
}

// Whoever may create functions where the app's triggers look for theirs can have them called when
// an upload ends.
func TestASchemaInWhichTheUploaderMayCreateIsNamed(t *testing.T) {
	role := migrationstest.LeastRole(t)
	conn := connect(t, role.OwnerURL)
	if problems, err := migrations.Groups(t.Context(), conn); err != nil || len(problems) > 0 {
		t.Errorf("before: %v, %v", problems, err)
	}
	exec(t, connect(t, role.AdminURL), "grant create on schema public to public")
	problems, err := migrations.Groups(t.Context(), conn)
	if err != nil || len(problems) != 1 || !strings.Contains(problems[0].Mend, "revoke create on schema public") {
		t.Errorf("%v, %v", problems, err)
	}
}

// In an empty path, the caller's temporary schema comes first. Only loom.finish_render and
// loom.stop_render set their path themselves.
func TestNoFunctionWithAPathLooksInTheCallersTemporarySchemaFirst(t *testing.T) {
	conn := app(t, "")
	if _, err := migrations.Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	led := get[[]string](t, conn, `
		select coalesce(array_agg(p.oid::regprocedure::text), '{}')
		  from pg_proc p left join lateral (select c from unnest(p.proconfig) c where c like 'search_path=%') s (path) on true
		 where p.pronamespace = 'loom'::regnamespace and s.path is distinct from 'search_path=pg_catalog, pg_temp'
		   and (s.path is not null or p.prosecdef and p.proname not in ('finish_render', 'stop_render'))`)
	if len(led) > 0 {
		t.Errorf("%v do", led)
	}
}
