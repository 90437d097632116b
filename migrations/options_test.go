package migrations_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// secretly opens a plan with two scenes, of which one has options that hold a secret.
func secretly(t *testing.T, conn *pgx.Conn) render {
	t.Helper()
	r := fresh(t, conn, 0)
	exec(t, conn, `update loom.plans set campaign = '{"name": "x", "scenes": [
		{"url": "u1", "duration_sec": 1, "options": {"basic_auth": {"username": "u", "password": "hunter2"}}},
		{"url": "u2", "duration_sec": 2}]}' where id = $1`, r.plan)
	exec(t, conn, `update loom.tasks set params = '{"scene": 1, "options": {"headers": {"Authorization": "hunter2"}}}' where id = $1`,
		r.tasks["record 0"])
	return r
}

// kept is all that our tables hold of a plan.
func kept(t *testing.T, conn *pgx.Conn, r render) string {
	t.Helper()
	return get[string](t, conn, `select (select jsonb_agg(to_jsonb(p)) from loom.plans p where p.id = $1)::text
		|| (select jsonb_agg(to_jsonb(t)) from loom.tasks t where t.plan_id = $1)::text`, r.plan)
}

func TestSecretsDoNotOutliveThePlan(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *pgx.Conn, render){
		"done": func(t *testing.T, conn *pgx.Conn, r render) {
			for _, task := range []string{"record 0", "record 1", "normalize 0", "normalize 1", "concat 0", "upload 0"} {
				done(t, conn, r.tasks[task])
			}
		},
		"failed": func(t *testing.T, conn *pgx.Conn, r render) {
			_, attempt := grant(t, conn, r.tasks["record 0"], "1 minute")
			fail(t, conn, r.tasks["record 0"], attempt, true)
		},
		"cancelled": func(t *testing.T, conn *pgx.Conn, r render) {
			exec(t, conn, "select loom.cancel_render($1)", r.id)
		},
		"cancelled by the app": func(t *testing.T, conn *pgx.Conn, r render) {
			exec(t, conn, "update renders set status = 'cancelled' where id = $1", r.id)
			exec(t, conn, "select loom.close_ended_plans()")
		},
	} {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, migrated.Database(t))
			r, other := secretly(t, conn), secretly(t, conn)
			end(t, conn, r)
			if !get[bool](t, conn, "select ended_at is not null from loom.plans where id = $1", r.plan) {
				t.Fatal("the plan is open")
			}
			if text := kept(t, conn, r); strings.Contains(text, "hunter2") || strings.Contains(text, "options") {
				t.Errorf("our tables still hold %s", text)
			}
			want := `{"name": "x", "scenes": [{"url": "u1", "duration_sec": 1}, {"url": "u2", "duration_sec": 2}]}`
			if !get[bool](t, conn, "select campaign = $2::text::jsonb from loom.plans where id = $1", r.plan, want) {
				t.Error("more than the options was removed")
			}
			if scene := get[string](t, conn, "select params ->> 'scene' from loom.tasks where id = $1", r.tasks["record 0"]); scene != "1" {
				t.Errorf("the task is of scene %q", scene)
			}
			if !strings.Contains(kept(t, conn, other), "hunter2") {
				t.Error("another plan, which is open, has lost its options")
			}
		})
	}
}

func TestWarningsOfTasksAreTheRenders(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	r := fresh(t, conn, 3)
	warnings := func() (list []map[string]any) {
		t.Helper()
		if err := json.Unmarshal([]byte(get[string](t, conn, "select warnings::text from renders where id = $1", r.id)), &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	if got := warnings(); got == nil || len(got) != 0 {
		t.Errorf("a new render has the warnings %v", got)
	}
	const first = `{"code": "scene_timeout", "scene": 1, "message": "Scene 1 stopped."}`
	const second = `{"code": "scene_timeout", "scene": 2, "message": "Scene 2 stopped."}`
	report := func(task, facts string) {
		t.Helper()
		_, attempt := grant(t, conn, r.tasks[task], "1 minute")
		query := "select loom.finish_task($1, $2, '{}', $3::text::jsonb)"
		if task == "upload 0" {
			query = "select loom.finish_render($1, $2, 'v', 't', $3::text::jsonb)"
		}
		for i, want := range []string{"accepted", "already"} { // a result may be delivered twice
			if got := get[string](t, conn, query, r.tasks[task], attempt, facts); got != want {
				t.Errorf("result %d of %s is %s, want %s", i+1, task, got, want)
			}
		}
	}
	report("record 0", `{"frames": 1, "warnings": [`+first+`]}`)
	report("record 1", `{"frames": 1, "warnings": [`+second+`, `+first+`]}`)
	report("normalize 0", `{"frames": 1}`)
	report("normalize 1", `{"warnings": []}`)
	report("concat 0", `{"warnings": "none"}`)
	report("upload 0", `{"warnings": [`+second+`, {"code": "internal", "message": "At the end."}]}`)
	got := warnings()
	if len(got) != 3 || got[0]["message"] != "Scene 1 stopped." || got[1]["message"] != "Scene 2 stopped." || got[2]["message"] != "At the end." {
		t.Errorf("the warnings are %v", got)
	}
	// The next time it is rendered, it starts without.
	planned(t, conn, r.id, 3)
	if got := warnings(); len(got) != 0 {
		t.Errorf("a render that starts again has the warnings %v", got)
	}
}
