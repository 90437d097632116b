package migrations_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// render is a render with an open plan of two scenes: record ×2 → normalize ×2 → concat → upload.
type render struct {
	id, plan, job string
	tasks         map[string]string // "record 0": its id
}

// planned opens a plan for an existing render, with a job of its own.
func planned(t testing.TB, conn *pgx.Conn, id string, retries int) render {
	t.Helper()
	return plannedInPieces(t, conn, id, retries, "out")
}

// plannedInPieces opens a plan in which each scene is recorded into these outputs, and each of them
// is normalized by a task of its own.
func plannedInPieces(t testing.TB, conn *pgx.Conn, id string, retries int, pieces ...string) render {
	t.Helper()
	return plannedBy(t, conn, id, retries, func(string) string { return "" }, pieces...)
}

// plannedBy opens a plan whose tasks have the recipes that recipe returns for their names; empty:
// none.
func plannedBy(t testing.TB, conn *pgx.Conn, id string, retries int, recipe func(task string) string, pieces ...string) render {
	t.Helper()
	return plannedAs(t, conn, conn, id, retries, recipe, pieces...)
}

// plannedAs is plannedBy where the app and ingest have roles of their own.
func plannedAs(t testing.TB, app, ingest *pgx.Conn, id string, retries int, recipe func(task string) string, pieces ...string) render {
	t.Helper()
	r := render{id: id, plan: uuid.NewString(), tasks: map[string]string{}}
	r.job = get[string](t, app, "insert into render_jobs (render_id, state) values ($1, 'running') returning id::text", id)
	outputs := map[string]any{}
	for _, name := range append(pieces, "out") {
		outputs[name] = map[string]any{"file": name, "content_type": "x/y"}
	}
	var tasks []map[string]any
	add := func(kind string, seq int, inputs map[string]any, needs ...string) string {
		task, name := uuid.NewString(), kind+" "+string(rune('0'+seq))
		r.tasks[name] = task
		row := map[string]any{"id": task, "kind": kind, "seq": seq, "needs": needs, "params": map[string]any{"scene": seq},
			"inputs": inputs, "outputs": outputs, "weight": 1}
		if made := recipe(name); made != "" {
			row["recipe"] = hex.EncodeToString([]byte(made))
			if len(needs) == 0 {
				row["max_age_sec"] = 0
			}
		}
		tasks = append(tasks, row)
		return task
	}
	var segments []string
	for seq := range 2 {
		record := add("record", seq, nil)
		for i, piece := range pieces {
			segments = append(segments, add("normalize", len(pieces)*seq+i, map[string]any{"in": map[string]any{"task": record, "output": piece}}, record))
		}
	}
	joined := map[string]any{}
	for i, segment := range segments {
		joined[fmt.Sprint("in", i)] = map[string]any{"task": segment, "output": pieces[len(pieces)-1]}
	}
	add("upload", 0, nil, add("concat", 0, joined, segments...))
	text, err := json.Marshal(tasks)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, ingest, "select loom.open_plan($1, $2, $3, '{}', $4, $5::text::jsonb)", r.plan, r.id, r.job, retries, string(text))
	return r
}

// fresh inserts a campaign and a render and opens a plan for it.
func fresh(t testing.TB, conn *pgx.Conn, retries int) render {
	t.Helper()
	return planned(t, conn, freshRender(t, conn), retries)
}

// inPieces is fresh with scenes in two pieces each, "out" and "last".
func inPieces(t testing.TB, conn *pgx.Conn, retries int) render {
	t.Helper()
	return plannedInPieces(t, conn, freshRender(t, conn), retries, "out", "last")
}

func freshRender(t testing.TB, conn *pgx.Conn) (id string) {
	t.Helper()
	return get[string](t, conn, `with c as (insert into campaigns (name) values ('test') returning id)
		insert into renders (campaign_id) select id from c returning id::text`)
}

// grant asks for a task and returns the verdict and the attempt.
func grant(t testing.TB, conn *pgx.Conn, task, lease string) (verdict string, attempt int) {
	t.Helper()
	return ask(t, conn, task, uuid.NewString(), lease)
}

func ask(t testing.TB, conn *pgx.Conn, task, request, lease string) (verdict string, attempt int) {
	t.Helper()
	err := patiently(func() error {
		return conn.QueryRow(t.Context(), "select verdict, attempt from loom.grant_task($1, 'worker', $2, $3::text::interval)",
			task, request, lease).Scan(&verdict, &attempt)
	})
	if err != nil {
		t.Fatal(err)
	}
	return verdict, attempt
}

// done grants a task and finishes it.
func done(t testing.TB, conn *pgx.Conn, task string) {
	t.Helper()
	verdict, attempt := grant(t, conn, task, "1 minute")
	if verdict != "granted" {
		t.Fatalf("task is not granted: %s", verdict)
	}
	if v := finish(t, conn, task, attempt); v != "accepted" {
		t.Fatalf("result is %s", v)
	}
}

func finish(t testing.TB, conn *pgx.Conn, task string, attempt int) string {
	t.Helper()
	if get[string](t, conn, "select kind from loom.tasks where id = $1", task) == "upload" {
		return get[string](t, conn, "select loom.finish_render($1, $2, 'v', 't', '{}')", task, attempt)
	}
	return get[string](t, conn, `select loom.finish_task($1, $2, (select jsonb_object_agg(o, format('%s/a%s/%s', $1::uuid, $2::int, o))
		from loom.tasks t, jsonb_object_keys(t.outputs) o where t.id = $1), '{"frames": 1}')`, task, attempt)
}

func fail(t testing.TB, conn *pgx.Conn, task string, attempt int, permanent bool) string {
	t.Helper()
	return get[string](t, conn, "select loom.fail_task($1, $2, 'scene_timeout', 'It did not load.', 'detail', $3)", task, attempt, permanent)
}

// missing fails a task because an object that it reads is gone.
func missing(t testing.TB, conn *pgx.Conn, task string, attempt int) string {
	t.Helper()
	return get[string](t, conn, "select loom.fail_task($1, $2, 'storage_object_missing', 'It is gone.', 'detail', false)", task, attempt)
}

func state(t testing.TB, conn *pgx.Conn, task string) string {
	t.Helper()
	return get[string](t, conn, "select state from loom.tasks where id = $1", task)
}

func status(t testing.TB, conn *pgx.Conn, r render) string {
	t.Helper()
	return get[string](t, conn, "select status from renders where id = $1", r.id)
}

func jobs(t testing.TB, conn *pgx.Conn, r render) string {
	t.Helper()
	return get[string](t, conn, "select string_agg(state, ' ' order by created_at, id) from render_jobs where render_id = $1", r.id)
}

// due makes a task that waits to be tried again due at once.
func due(t testing.TB, conn *pgx.Conn, task string) {
	t.Helper()
	exec(t, conn, "update loom.tasks set not_before = now() where id = $1 and state = 'due'", task)
}
