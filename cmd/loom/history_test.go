package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/services/console/access/accesstest"
	"github.com/loom-lite/loom-lite/services/console/receipts"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// planned submits a render of two scenes and plans it. It returns its tasks by kind and seq, such
// as "record 0".
func planned(t *testing.T, db *pgxpool.Pool) (render, plan uuid.UUID, tasks map[string]uuid.UUID) {
	t.Helper()
	scene := renders.Scene{URL: "https://example.com/a?token=secret", Seconds: 1}
	render, err := renders.Submit(accesstest.Operator(t), db, renders.Submission{Name: "Spring launch", Scenes: []renders.Scene{scene, scene}})
	if err != nil {
		t.Fatal(err)
	}
	plan, tasks = uuid.New(), map[string]uuid.UUID{}
	var list []map[string]any
	add := func(kind string, seq int, params map[string]any, needs ...string) {
		id := uuid.New()
		tasks[fmt.Sprint(kind, " ", seq)] = id
		var ids []uuid.UUID
		inputs := map[string]any{}
		for _, n := range needs {
			ids = append(ids, tasks[n])
			inputs["video"] = map[string]any{"task": tasks[n], "output": "out"}
		}
		list = append(list, map[string]any{"id": id, "kind": kind, "seq": seq, "needs": ids, "params": params, "inputs": inputs,
			"outputs": map[string]any{"out": map[string]any{"file": "out", "content_type": "x/y"}}, "weight": seq + 1,
			"recipe": map[bool]any{true: fmt.Sprintf("%x", id[:])}[kind != "upload"]})
	}
	for i := range 2 {
		add("record", i, map[string]any{"url": scene.URL, "scene": i + 1})
		add("normalize", i, map[string]any{"scene": i + 1}, fmt.Sprint("record ", i))
	}
	add("concat", 0, map[string]any{"rate": "30000/1001"}, "normalize 0", "normalize 1")
	add("upload", 0, map[string]any{}, "concat 0")
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	const open = "select loom.open_plan($1, $2, (select id from render_jobs where render_id = $2), $3::text::jsonb, 3, $4::text::jsonb, 'c0ffee')"
	if _, err := db.Exec(t.Context(), open, plan, render, fmt.Sprintf(`{"scenes": [{"url": %q}]}`, scene.URL), string(text)); err != nil {
		t.Fatal(err)
	}
	return render, plan, tasks
}

// scan reads the one value of a query.
func scan[T any](t *testing.T, db *pgxpool.Pool, sql string, args ...any) (value T) {
	t.Helper()
	if err := db.QueryRow(t.Context(), sql, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

const grantTask = "select attempt from loom.grant_task($1, $2, gen_random_uuid(), '1 minute')"

func TestStatusShowsTheSameOfARenderWhoseHistoryWasThinned(t *testing.T) {
	for _, name := range []string{"done", "failed"} {
		t.Run(name, func(t *testing.T) {
			db, err := pgxpool.New(t.Context(), migrated.Database(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(db.Close)
			render, plan, tasks := planned(t, db)
			thin := func() int { return scan[int](t, db, "select loom.thin_plan($1)", plan) }
			if n := thin(); n != 0 {
				t.Errorf("%d rows of a render in progress were deleted", n)
			}
			finish := func(task, facts string) {
				t.Helper()
				attempt := scan[int](t, db, grantTask, tasks[task], "worker-"+task)
				got := scan[string](t, db, `select loom.finish_task($1, $2, '{"out": "key"}', $3::text::jsonb,
					'{"children_cpu_ms": 2000, "worker_cpu_ms": 500, "bytes_in": 1, "bytes_out": 2, "bytes_web": 3}')`, tasks[task], attempt, facts)
				if got != "accepted" {
					t.Fatalf("the result of %s is %s", task, got)
				}
			}
			fail := func(task, code string, permanent bool) {
				t.Helper()
				attempt := scan[int](t, db, grantTask, tasks[task], "worker")
				scan[string](t, db, "select loom.fail_task($1, $2, $3, 'It did not load.', 'exit status 1', $4, 'a/key')", tasks[task], attempt, code, permanent)
				if _, err := db.Exec(t.Context(), "update loom.tasks set not_before = now() where id = $1", tasks[task]); err != nil {
					t.Fatal(err)
				}
			}
			fail("record 0", "scene_timeout", false)
			finish("record 0", `{"mode": "realtime", "frames": 30, "bytes": 100}`)
			if name == "failed" {
				fail("record 1", "scene_refused", true)
			} else {
				finish("record 1", `{"mode": "exact", "warnings": [{"code": "scene_inexact", "scene": 2, "message": "Hm."}]}`)
				finish("normalize 0", `{"frames": 30}`)
				finish("normalize 1", `{"frames": 30}`)
				finish("concat 0", `{"frames": 60, "bytes": 1000, "sound": false, "looks": [], "report": {"frames": 60}}`)
				attempt := scan[int](t, db, grantTask, tasks["upload 0"], "worker")
				if got := scan[string](t, db, "select loom.finish_render($1, $2, 'https://v', 'https://t', '{}')", tasks["upload 0"], attempt); got != "accepted" {
					t.Fatalf("the upload is %s", got)
				}
			}
			before, shown := statusOf(t, db, render)
			receipt := receiptOf(t, db, render)
			finished := map[string]float64{"done": 5, "failed": 1}[name]
			if receipt.CPUSeconds != finished*2.5 || receipt.BytesWeb != int64(finished)*3 || receipt.Unreported != 2 || receipt.Cost.Total == 0 {
				t.Errorf("the receipt is %+v", receipt)
			}
			if len(receipt.Jobs) != 1 || len(receipt.Jobs[0].Outputs) != int(finished) || *receipt.Jobs[0].Campaign != "c0ffee" {
				t.Errorf("its jobs are %+v", receipt.Jobs)
			}

			if n := thin(); n != 0 {
				t.Errorf("%d rows were deleted before the objects were", n)
			}
			if !scan[bool](t, db, "select loom.begin_sweep($1)", plan) {
				t.Fatal("the render's objects are kept")
			}
			if _, err := db.Exec(t.Context(), "update loom.plans set swept_at = now() where id = $1", plan); err != nil {
				t.Fatal(err)
			}
			if n := thin(); n < 7 {
				t.Errorf("%d rows were deleted", n)
			}
			if n := thin(); n != 0 {
				t.Errorf("%d more rows were deleted", n)
			}
			if n := scan[int](t, db, "select (select count(*) from loom.tasks) + (select count(*) from loom.attempts)"); n != 0 {
				t.Errorf("%d tasks and attempts are left", n)
			}
			if kept := scan[string](t, db, "select p::text from loom.plans p"); bytes.Contains([]byte(kept), []byte("secret")) {
				t.Errorf("the snapshot is still there: %s", kept)
			}
			after, shownAfter := statusOf(t, db, render)
			// The object of the failure bundle is gone.
			shown = regexp.MustCompile("(?m)^bundle .*\n").ReplaceAllString(shown, "")
			if shownAfter != shown {
				t.Errorf("status prints\n%s\nwhere it printed\n%s", shownAfter, shown)
			}
			if thinned := receiptOf(t, db, render); !reflect.DeepEqual(thinned, receipt) {
				t.Errorf("the receipt is\n%+v\nand was\n%+v", thinned, receipt)
			}
			if !reflect.DeepEqual(after.Render, before.Render) {
				t.Errorf("the render is %+v, and was %+v", after.Render, before.Render)
			}
			for i, was := range before.Stages {
				now := after.Stages[i]
				if !same(now.StartedAt, was.StartedAt) || !same(now.EndedAt, was.EndedAt) {
					t.Errorf("%s was from %s to %s, and is from %s to %s", was.Status, was.StartedAt, was.EndedAt, now.StartedAt, now.EndedAt)
				}
			}
			frames, rate, err := renders.Frames(before.Tasks)
			if err != nil {
				t.Fatal(err)
			}
			if n, r, err := renders.Frames(after.Tasks); n != frames || r != rate || err != nil {
				t.Errorf("the video has %d frames at %s, %v; it had %d at %s", n, r, err, frames, rate)
			}
		})
	}
}

func same(a, b *time.Time) bool { return a == b || a != nil && b != nil && a.Equal(*b) }

// receiptOf returns a render's receipt.
func receiptOf(t *testing.T, db *pgxpool.Pool, render uuid.UUID) receipts.Receipt {
	t.Helper()
	r, err := receipts.Read(t.Context(), db, render, receipts.Prices{Currency: "USD", CPUHour: 1})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// statusOf returns what `loom status` reads and prints of a render.
func statusOf(t *testing.T, db *pgxpool.Pool, render uuid.UUID) (report, string) {
	t.Helper()
	found, err := renders.Read(t.Context(), db, render)
	r := report{Report: found}
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := r.print(&out); err != nil {
		t.Fatal(err)
	}
	return r, out.String()
}
