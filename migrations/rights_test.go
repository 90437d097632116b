package migrations_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/migrations/migrationstest"
)

// role makes a role that ends with the test.
func role(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	name := strings.ToLower(t.Name())
	exec(t, conn, "create role "+name+" login")
	t.Cleanup(func() {
		if _, err := conn.Exec(context.Background(), "drop owned by "+name+"; drop role "+name); err != nil {
			t.Error(err)
		}
	})
	return name
}

func TestWhoMayClaimIsKept(t *testing.T) {
	for name, earlier := range map[string]string{
		"an earlier function of the same type": "create function claim_render_job() returns setof render_jobs language sql as 'select * from render_jobs'",
		"one of another type":                  "create function claim_render_job() returns json language sql as 'select null::json'",
	} {
		t.Run(name, func(t *testing.T) {
			conn := app(t, earlier)
			exec(t, conn, "create role claimer")
			t.Cleanup(func() {
				_, err := conn.Exec(context.Background(), "drop owned by claimer; drop role claimer")
				if err != nil {
					t.Error(err)
				}
			})
			exec(t, conn, "grant execute on function claim_render_job() to claimer")
			for range 2 {
				if _, err := migrations.Apply(t.Context(), conn); err != nil {
					t.Fatal(err)
				}
				for role, want := range map[string]bool{"claimer": true, "service_role": true, "anon": false, "authenticated": false} {
					if got := get[bool](t, conn, "select has_function_privilege($1, 'public.claim_render_job()', 'execute')", role); got != want {
						t.Errorf("%s may claim: %v, want %v", role, got, want)
					}
				}
				exec(t, conn, "update loom.migrations set sha256 = ''")
			}
		})
	}
}

func TestWhoOwnsNothingIsToldWhoDoes(t *testing.T) {
	conn := app(t, "")
	exec(t, conn, "set role "+role(t, conn))
	_, err := migrations.Apply(t.Context(), conn)
	var unfit *migrations.UnfitError
	if !errors.As(err, &unfit) || !strings.Contains(err.Error(), "public.renders cannot be changed by this role") ||
		!strings.Contains(err.Error(), "migrate as postgres") {
		t.Errorf("migrate says %v", err)
	}
	exec(t, conn, "reset role")
	if there := get[bool](t, conn, "select exists (select from pg_namespace where nspname = 'loom')"); there {
		t.Error("it refused, and changed something")
	}
}

func TestARoleOfItsOwnFindsNothingToMigrate(t *testing.T) {
	r := migrationstest.LeastRole(t)
	r.Grant(migrationstest.Bypass)
	conn := connect(t, r.URL)
	if applied, err := migrations.Apply(t.Context(), conn); err != nil || len(applied) > 0 {
		t.Errorf("applied %v, %v", applied, err)
	}
	if err := migrations.Check(t.Context(), conn); err != nil {
		t.Error(err)
	}
}

// Rights and visible rows are read from the catalogs. Each lack is named with its cure.
func TestWhatARoleLacksIsNamed(t *testing.T) {
	for name, c := range map[string]struct{ change, found, mend string }{
		"a right on a table":        {"revoke update on renders from %s", "public.renders does not grant update", "grant update on public.renders to"},
		"a right on one of ours":    {"revoke delete on loom.plans from %s", "loom.plans does not grant delete", "grant delete on loom.plans to"},
		"a right on another":        {"revoke select on loom.copies from %s", "loom.copies does not grant select", "grant select on loom.copies to"},
		"a function":                {"revoke execute on function loom.close_ended_plans() from %s", "function loom.close_ended_plans() does not grant execute", "grant execute on function loom.close_ended_plans() to"},
		"sight of rows":             {"drop policy %[1]s on renders", "public.renders hides its rows", "bypassrls"},
		"sight of ours":             {"drop policy %[1]s on loom.tasks", "loom.tasks hides its rows", "create policy"},
		"sight, by a restriction":   {"create policy no on scenes as restrictive using (false)", "public.scenes hides its rows", "bypassrls"},
		"nothing: a wider policy":   {"drop policy %[1]s on scenes; create policy everybody on scenes using (true)", "", ""},
		"nothing: a policy of data": {"drop policy %[1]s on scenes; create policy own on scenes to %[1]s using (url <> '')", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := migrationstest.LeastRole(t)
			r.Grant(migrationstest.Policies)
			owner, conn := connect(t, r.OwnerURL), connect(t, r.URL)
			paste(t, owner, strings.NewReplacer("%[1]s", r.Name(), "%s", r.Name()).Replace(c.change))
			problems, err := migrations.Rights(t.Context(), conn)
			if err != nil {
				t.Fatal(err)
			}
			if c.found == "" {
				if len(problems) > 0 {
					t.Errorf("found %v", problems)
				}
				return
			}
			if len(problems) != 1 || !strings.Contains(problems[0].What+" "+problems[0].Found, c.found) || !strings.Contains(problems[0].Mend, c.mend) {
				t.Errorf("found %v, want %s", problems, c.found)
			}
		})
	}
}

func TestAnOwnerWhoIsHeldToItsPoliciesIsToldSo(t *testing.T) {
	r := migrationstest.LeastRole(t)
	conn := connect(t, r.OwnerURL)
	if problems, err := migrations.Rights(t.Context(), conn); err != nil || len(problems) > 0 {
		t.Errorf("the owner lacks %v, %v", problems, err)
	}
	exec(t, conn, "alter table renders force row level security")
	err := migrations.Check(t.Context(), conn)
	if err == nil || !strings.Contains(err.Error(), "public.renders hides its rows") || !strings.Contains(err.Error(), "bypassrls") {
		t.Errorf("with row level security forced: %v", err)
	}
}

// The same for the console's, which follow from its rules.
func TestWhatTheConsolesRoleLacksIsNamed(t *testing.T) {
	for name, c := range map[string]struct{ change, found, mend string }{
		"nothing":                   {"select 1", "", ""},
		"a right on its own":        {"revoke insert on loom.audit from loom_console", "loom.audit does not grant insert", "grant loom_console to"},
		"a right on the app's":      {"revoke insert on renders from loom_console", "public.renders does not grant insert", "or grant insert on public.renders to"},
		"a right on a column":       {"revoke update (options) on scenes from loom_console", "public.scenes does not grant update", "loom migrate"},
		"a function":                {"revoke execute on function loom.use_token(bytea) from loom_console", "function loom.use_token(bytea) does not grant execute", "grant loom_console to"},
		"what its rules are":        {"revoke execute on function loom.table_rights() from loom_console", "function loom.table_rights() does not grant execute", "grant loom_console to"},
		"sight of rows":             {"drop policy loom_console on renders", "public.renders hides its rows", "bypassrls"},
		"sight of its own":          {"drop policy loom_console on loom.sessions", "loom.sessions hides its rows", "create policy"},
		"nothing of what others do": {"revoke update on renders from loom_ingest", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := migrationstest.MemberOf(t, "loom_console")
			owner, conn := connect(t, r.OwnerURL), connect(t, r.URL)
			paste(t, owner, c.change)
			of, err := migrations.ServicesOf(t.Context(), conn)
			if err != nil || !slices.Equal(of, []migrations.Service{migrations.Console}) {
				t.Errorf("the role is for %v, %v", of, err)
			}
			problems, err := migrations.Rights(t.Context(), conn, migrations.Console)
			if err != nil {
				t.Fatal(err)
			}
			if ready := migrations.Ready(t.Context(), conn, migrations.Console); (ready == nil) != (c.found == "") {
				t.Errorf("it is ready: %v", ready)
			}
			if c.found == "" {
				if len(problems) > 0 {
					t.Errorf("found %v", problems)
				}
				return
			}
			if len(problems) != 1 || !strings.Contains(problems[0].What+" "+problems[0].Found, c.found) || !strings.Contains(problems[0].Mend, c.mend) {
				t.Errorf("found %v, want %s", problems, c.found)
			}
		})
	}
}
