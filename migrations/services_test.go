package migrations_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/migrations/migrationstest"
)

// Whatever ends a task that others follow, the role of the service that ends it may do all that
// follows from that: some followers are done or due, one is left since the app has its render, and
// one is refused by a trigger of the app's.
func TestServicesMayDoWhatFollowsFromTheirCalls(t *testing.T) {
	const left, refused = 1, 2
	for name, end := range map[string]string{
		"finished":    `select loom.finish_task($1, 1, '{"out": "k", "last": "k"}', '{}')`,
		"failed":      "select loom.fail_task($1, 1, 'internal', 'Oops.', '', true)",
		"handed back": "select loom.hand_back_task($1, 1, 'drain')",
		"cancelled":   "select loom.cancel_render((select render_id from loom.tasks where id = $1))::text",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			role := migrationstest.LeastRole(t)
			app, ingest := connect(t, role.OwnerURL), connect(t, role.Member("loom_ingest"))
			maker, followers := alikeAs(t, app, ingest), []render{}
			for range 3 {
				followers = append(followers, alikeAs(t, app, ingest))
			}
			refuse(t, app, followers[refused])
			grant(t, ingest, maker.tasks["record 0"], "1 minute")
			exec(t, app, "begin")
			exec(t, app, "select from renders where id = $1 for update", followers[left].id)
			get[string](t, ingest, end, maker.tasks["record 0"])
			exec(t, app, "rollback")
			get[int](t, ingest, "select loom.settle_left(false)")
			for i, want := range map[string][]string{
				"finished": {"done", "done", "done"}, "failed": {"due", "waiting", "waiting"},
				"handed back": {"waiting", "waiting", "waiting"}, "cancelled": {"due", "waiting", "waiting"},
			}[name] {
				if s := state(t, ingest, followers[i].tasks["record 0"]); s != want {
					t.Errorf("follower %d is %s, want %s", i, s, want)
				}
			}
		})
	}
}

// The same for the uploader, whose call settles what is left of its whole plan.
func TestAnUploadMaySettleWhatIsLeftOfItsRender(t *testing.T) {
	for name, forced := range map[string]bool{"as the owner": false, "where the owner does not see the rows": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			role := migrationstest.LeastRole(t)
			app, ingest, uploader := connect(t, role.OwnerURL), connect(t, role.Member("loom_ingest")), connect(t, role.Member("loom_uploader"))
			maker, left, refused := alikeAs(t, app, ingest), alikeAs(t, app, ingest), alikeAs(t, app, ingest)
			// The renders of both are held while their maker's tasks end.
			exec(t, app, "begin")
			exec(t, app, "select from renders where id in ($1, $2) for update", left.id, refused.id)
			for _, task := range []string{"record 0", "record 1", "normalize 0", "normalize 1", "normalize 2", "normalize 3", "concat 0"} {
				done(t, ingest, maker.tasks[task])
			}
			exec(t, app, "rollback")
			refuse(t, app, refused)
			if forced {
				paste(t, app, "alter table renders force row level security; select loom.grant_groups()")
			}
			upload(t, ingest, uploader, maker)
			if s := status(t, ingest, maker); s != "done" {
				t.Errorf("the render is %s", s)
			}
			if s := state(t, ingest, left.tasks["record 0"]); s != "done" {
				t.Errorf("what was left is %s", s)
			}
			if !get[bool](t, ingest, "select exists (select from loom.set_aside where render_id = $1)", refused.id) {
				t.Error("nobody has noted that the app refuses to change the other")
			}
		})
	}
}

// Triggers of the app's name its tables without a schema. Who calls may have tables, types and
// functions of the same names, and would have its own triggers run with the owner's rights.
func TestTheUploaderCannotLeadTheAppsTriggersAstray(t *testing.T) {
	role := migrationstest.LeastRole(t)
	app, ingest, uploader := connect(t, role.OwnerURL), connect(t, role.Member("loom_ingest")), connect(t, role.Member("loom_uploader"))
	paste(t, connect(t, role.AdminURL), "create schema mine; grant create on schema mine to loom_uploader; grant usage on schema mine to public")
	paste(t, app, `
		create table history (status text, by_whom text default current_user);
		create function note() returns trigger language plpgsql as $$ begin insert into history values (new.status::text); return null; end $$;
		create trigger note after update on renders for each row when (new.status = 'done') execute function note();
		create constraint trigger late after update on renders deferrable initially deferred for each row
		  when (new.status = 'done') execute function note();
		create constraint trigger at_will after update on renders deferrable for each row
		  when (new.status = 'done') execute function note();`)
	t.Cleanup(func() {
		if _, err := uploader.Exec(context.Background(), "discard temp; drop table mine.history"); err != nil {
			t.Error(err)
		}
	})
	paste(t, uploader, `
		create temp table seen (by_whom text);
		grant all on seen to public;
		create temp table history (status text, by_whom text default current_user);
		grant all on history to public;
		create function pg_temp.spy() returns trigger language plpgsql as $$ begin insert into seen values (current_user); return new; end $$;
		create trigger spy before insert on history for each row execute function pg_temp.spy();
		create function pg_temp.look(v pg_catalog.text) returns boolean language plpgsql as $$ begin insert into pg_temp.seen values (current_user); return true; end $$;
		create domain pg_temp.text as pg_catalog.text check (pg_temp.look(value::pg_catalog.text));
		create table mine.history (like history including defaults);
		grant all on mine.history to public;
		set search_path = pg_temp, mine, public;`)
	r := alikeAs(t, app, ingest)
	for _, task := range []string{"record 0", "record 1", "normalize 0", "normalize 1", "normalize 2", "normalize 3", "concat 0"} {
		done(t, ingest, r.tasks[task])
	}
	exec(t, uploader, "begin")
	exec(t, uploader, "set constraints all deferred")
	upload(t, ingest, uploader, r)
	exec(t, uploader, "commit")
	if got, want := get[[]string](t, app, "select array_agg(by_whom order by status) from public.history where status = 'done'"),
		fmt.Sprint([]string{role.Owner(), role.Owner(), role.Owner()}); fmt.Sprint(got) != want {
		t.Errorf("the app's triggers have noted %v, want %s", got, want)
	}
	if seen := get[[]string](t, uploader, "select coalesce(array_agg(by_whom), '{}') from pg_temp.seen"); len(seen) > 0 {
		t.Errorf("the uploader's own code ran as %v", seen)
	}
}

// alikeAs is alike where the app and ingest have roles of their own.
func alikeAs(t testing.TB, app, ingest *pgx.Conn) render {
	t.Helper()
	return plannedAs(t, app, ingest, freshRender(t, app), 3, func(task string) string {
		if task == "upload 0" {
			return ""
		}
		return task
	}, "out", "last")
}

// refuse makes the app refuse all changes of a render.
func refuse(t testing.TB, app *pgx.Conn, r render) {
	t.Helper()
	paste(t, app, fmt.Sprintf(`
		create function archived() returns trigger language plpgsql as $$ begin raise exception 'archived'; end $$;
		create trigger archived before update on renders for each row when (new.id = '%s') execute function archived();`, r.id))
}

// upload does what an upload calls, as the uploader.
func upload(t testing.TB, ingest, uploader *pgx.Conn, r render) {
	t.Helper()
	task := r.tasks["upload 0"]
	if v, _ := grant(t, ingest, task, "1 minute"); v != "granted" {
		t.Fatalf("the upload is %s", v)
	}
	if !get[bool](t, uploader, `select loom.begin_copies($1, 1, '[{"bucket": "b", "key": "k"}]')`, task) {
		t.Error("its copies are not wanted")
	}
	if get[bool](t, uploader, "select loom.copies_unwanted($1)", task) {
		t.Error("its copies belong to nobody")
	}
	if v := get[string](t, uploader, "select loom.finish_render($1, 1, 'v', 't', '{}', 's')", task); v != "accepted" {
		t.Errorf("it is %s", v)
	}
}
