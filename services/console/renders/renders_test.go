package renders

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
	"github.com/loom-lite/loom-lite/services/console/access/accesstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var migrated = postgrestest.NewTemplate(func(ctx context.Context, conn *pgx.Conn) error {
	_, err := migrations.Apply(ctx, conn)
	return err
})

func open(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	db, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func submit(t *testing.T, db *pgxpool.Pool, s Submission) uuid.UUID {
	t.Helper()
	id, err := Submit(accesstest.Operator(t), db, s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func execute(t *testing.T, db *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := db.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func TestSubmitInsertsWhatTheAppInserts(t *testing.T) {
	db := open(t, migrated.Database(t))
	facecam, width := "https://example.com/f.mp4", 1280
	id := submit(t, db, Submission{
		Name: "Launch", FacecamURL: &facecam, Width: &width,
		Scenes: []Scene{{URL: "https://example.com/b", Seconds: 2}, {URL: "https://example.com/a", Seconds: 1}},
	})
	var name, gotFacecam, status, state, urls string
	var w, h, fps, progress int
	err := db.QueryRow(t.Context(), `select c.name, c.facecam_url, c.output_width, c.output_height, c.output_fps, r.status,
		r.progress, j.state, (select string_agg(url || ' ' || duration_sec, ', ' order by order_index) from scenes where campaign_id = c.id)
		from renders r join campaigns c on c.id = r.campaign_id join render_jobs j on j.render_id = r.id where r.id = $1`, id).
		Scan(&name, &gotFacecam, &w, &h, &fps, &status, &progress, &state, &urls)
	if err != nil {
		t.Fatal(err)
	}
	if name != "Launch" || gotFacecam != facecam || status != "queued" || progress != 0 || state != "queued" {
		t.Errorf("got %s, %s, %s, %d, %s", name, gotFacecam, status, progress, state)
	}
	if w != 1280 || h != 1080 || fps != 60 {
		t.Errorf("the output is %d×%d at %d: what is not given is the columns' defaults", w, h, fps)
	}
	if want := "https://example.com/b 2, https://example.com/a 1"; urls != want {
		t.Errorf("the scenes are %s, want %s", urls, want)
	}
}

func TestTheRateIsInsertedBesideTheWholeNumber(t *testing.T) {
	db := open(t, migrated.Database(t))
	fps, rate := 25, "30000/1001"
	submit(t, db, Submission{Name: "a", FPS: &fps, Rate: &rate, Scenes: []Scene{{URL: "https://example.com", Seconds: 1}}})
	submit(t, db, Submission{Name: "b", FPS: &fps, Scenes: []Scene{{URL: "https://example.com", Seconds: 1}}})
	var got string
	err := db.QueryRow(t.Context(),
		"select string_agg(output_fps || ' ' || coalesce(output_rate, 'null'), ', ' order by name) from campaigns").Scan(&got)
	if err != nil {
		t.Fatal(err)
	}
	if want := "25 30000/1001, 25 null"; got != want {
		t.Errorf("the rates are %s, want %s", got, want)
	}
}

func TestOptionsAreInsertedWhenTheyAreGiven(t *testing.T) {
	db := open(t, migrated.Database(t))
	submit(t, db, Submission{Name: "x", Scenes: []Scene{
		{URL: "https://example.com", Seconds: 1, Options: json.RawMessage(`{"color_scheme": "dark"}`)},
		{URL: "https://example.com", Seconds: 1},
	}})
	var options string
	if err := db.QueryRow(t.Context(), "select string_agg(options::text, ' ' order by order_index) from scenes").Scan(&options); err != nil {
		t.Fatal(err)
	}
	if want := `{"color_scheme": "dark"} {}`; options != want {
		t.Errorf("the options are %s, want %s", options, want)
	}
	// An installation that was not migrated since takes what asks for nothing.
	execute(t, db, "alter table scenes drop column options")
	submit(t, db, Submission{Name: "x", Scenes: []Scene{{URL: "https://example.com", Seconds: 1}}})
}

func TestWarningsAreRead(t *testing.T) {
	db := open(t, migrated.Database(t))
	id := submit(t, db, Submission{Name: "x", Scenes: []Scene{{URL: "https://example.com", Seconds: 1}}})
	read := func() []msg.Warning {
		r, err := Get(t.Context(), db, id)
		if err != nil {
			t.Fatal(err)
		}
		return r.Warnings
	}
	if got := read(); got == nil || len(got) != 0 {
		t.Errorf("without any: %v, want an empty list", got)
	}
	execute(t, db, `update renders set warnings = '[{"code": "scene_timeout", "scene": 2, "message": "Scene 2 stopped."}]'`)
	if got, want := read(), []msg.Warning{{Code: msg.CodeSceneTimeout, Scene: 2, Message: "Scene 2 stopped."}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRefusedSubmissionLeavesNothing(t *testing.T) {
	db := open(t, migrated.Database(t))
	execute(t, db, "alter table renders add check (status <> 'queued')")
	if _, err := Submit(accesstest.Operator(t), db, Submission{Name: "x", Scenes: []Scene{{URL: "https://example.com", Seconds: 1}}}); err == nil {
		t.Fatal("it was taken")
	}
	var n int
	if err := db.QueryRow(t.Context(), "select count(*) from campaigns").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d campaigns are left: %v", n, err)
	}
}

func TestRenderIsFoundByTheStartOfItsID(t *testing.T) {
	db := open(t, migrated.Database(t))
	campaign := uuid.New()
	execute(t, db, "insert into campaigns (id, name) values ($1, 'x')", campaign)
	for _, id := range []string{
		"aaaa1111-0000-4000-8000-000000000000", "aaaa2222-0000-4000-8000-000000000000", "bbbb0000-0000-4000-8000-000000000000",
	} {
		execute(t, db, "insert into renders (id, campaign_id) values ($1, $2)", id, campaign)
	}
	for prefix, want := range map[string]any{
		"b": "bbbb0000-0000-4000-8000-000000000000", "AAAA1": "aaaa1111-0000-4000-8000-000000000000",
		"aaaa2222-0000-4000-8000-000000000000": "aaaa2222-0000-4000-8000-000000000000",
		"aaaa":                                 ErrAmbiguous, "c": ErrNotFound, "": ErrNotFound, "%": ErrNotFound, "_": ErrNotFound, "x'": ErrNotFound,
	} {
		id, err := Find(t.Context(), db, prefix)
		if wantErr, ok := want.(error); ok {
			if !errors.Is(err, wantErr) {
				t.Errorf("%q: %v, %v, want %v", prefix, id, err, wantErr)
			}
			continue
		}
		if err != nil || id.String() != want {
			t.Errorf("%q: %v, %v, want %v", prefix, id, err, want)
		}
	}
}

func TestListIsNewestFirstAndBounded(t *testing.T) {
	db := open(t, migrated.Database(t))
	var ids []uuid.UUID
	for i, name := range []string{"first", "second", "third"} {
		id := submit(t, db, Submission{Name: name, Scenes: []Scene{{URL: "https://example.com", Seconds: 1}}})
		execute(t, db, "update renders set created_at = now() + $2 * interval '1 second' where id = $1", id, i)
		ids = append(ids, id)
	}
	list, _, err := List(t.Context(), db, Filter{}, "", 2)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].ID != ids[2] || list[1].ID != ids[1] || *list[0].Campaign != "third" {
		t.Errorf("got %+v", list)
	}
}

// planned writes a plan as ingest does, with a facecam and two scenes, one of them twice as long.
func planned(t *testing.T, db *pgxpool.Pool, render uuid.UUID) map[string]uuid.UUID {
	t.Helper()
	ids := map[string]uuid.UUID{}
	tasks := []map[string]any{}
	for _, k := range []struct {
		name, kind string
		seq        int
		weight     float64
		params     map[string]any
	}{
		{"record1", "record", 0, 2, map[string]any{"scene": 1, "rate": "30/1"}},
		{"record2", "record", 1, 1, map[string]any{"scene": 2, "rate": "30/1"}},
		{"probe", "probe", 0, 1, map[string]any{}},
		{"overlay", "overlay", 0, 1, map[string]any{"rate": "30/1"}},
		{"upload", "upload", 0, 1, map[string]any{}},
	} {
		ids[k.name] = uuid.New()
		tasks = append(tasks, map[string]any{"id": ids[k.name], "kind": k.kind, "seq": k.seq, "weight": k.weight,
			"params": k.params, "needs": []uuid.UUID{}, "inputs": map[string]any{}, "outputs": map[string]any{}})
	}
	execute(t, db, "select loom.open_plan($1, $2, null, '{}', 3, $3)", uuid.New(), render, tasks)
	return ids
}

func TestStagesSumUpTasks(t *testing.T) {
	db := open(t, migrated.Database(t))
	render := submit(t, db, Submission{Name: "x", Scenes: []Scene{{URL: "https://example.com", Seconds: 2}, {URL: "https://example.com", Seconds: 1}}})
	if tasks, err := Tasks(t.Context(), db, render); err != nil || len(Stages(tasks)) != 0 {
		t.Errorf("before the job is claimed: %v, %v", tasks, err)
	}
	ids := planned(t, db, render)
	execute(t, db, "select loom.grant_task($1, 'w', $2, '1 minute')", ids["record1"], uuid.New())
	execute(t, db, "select loom.heartbeat_task($1, 1, 0.5, '1 minute')", ids["record1"])
	execute(t, db, "select loom.grant_task($1, 'w', $2, '1 minute')", ids["probe"], uuid.New())
	execute(t, db, "select loom.finish_task($1, 1, '{}', '{}')", ids["probe"])
	execute(t, db, "select loom.grant_task($1, 'w', $2, '1 minute')", ids["overlay"], uuid.New())
	execute(t, db, `select loom.finish_task($1, 1, '{}', '{"frames": 90, "bytes": 1, "sound": true}')`, ids["overlay"])

	tasks, err := Tasks(t.Context(), db, render)
	if err != nil {
		t.Fatal(err)
	}
	stages := Stages(tasks)
	if len(stages) != 3 || stages[0].Status != "recording" || stages[1].Status != "overlaying" || stages[2].Status != "uploading" {
		t.Fatalf("got %+v", stages)
	}
	// Half of the scene that is half of the stage, and all of the probe that is a quarter of it.
	if s := stages[0]; s.Done != 1 || s.Total != 3 || s.Progress != 0.5 || s.StartedAt == nil || s.EndedAt != nil {
		t.Errorf("recording is %+v", s)
	}
	if s := stages[1]; s.Progress != 1 || s.EndedAt == nil {
		t.Errorf("overlaying is %+v", s)
	}
	if s := stages[2]; s.Progress != 0 || s.StartedAt != nil {
		t.Errorf("uploading is %+v", s)
	}
	frames, rate, err := Frames(tasks)
	if err != nil || frames != 90 || rate != msg.FPS(30) {
		t.Errorf("the video has %d frames at %v: %v", frames, rate, err)
	}
	if _, found := UploadTask(tasks); found {
		t.Error("an upload that is not done was found")
	}
}

func TestAttemptsTellHowTheyEnded(t *testing.T) {
	db := open(t, migrated.Database(t))
	render := submit(t, db, Submission{Name: "x", Scenes: []Scene{{URL: "https://example.com", Seconds: 1}}})
	task := planned(t, db, render)["record1"]
	execute(t, db, "select loom.grant_task($1, 'w1', $2, '1 minute')", task, uuid.New())
	execute(t, db, "select loom.fail_task($1, 1, 'scene_timeout', 'Too slow.', 'detail', false, 'r/t/a1/failure.zip')", task)
	execute(t, db, "update loom.tasks set not_before = now() where id = $1", task)
	execute(t, db, "select loom.grant_task($1, 'w2', $2, '1 minute')", task, uuid.New())

	tasks, err := Tasks(t.Context(), db, render)
	if err != nil {
		t.Fatal(err)
	}
	if err := AddAttempts(t.Context(), db, tasks); err != nil {
		t.Fatal(err)
	}
	first := tasks[0]
	if first.ID != task || first.Scene != 1 || len(first.Attempts) != 2 || first.Failures != 1 {
		t.Fatalf("got %+v", first)
	}
	if a := first.Attempts[0]; a.Worker != "w1" || *a.Outcome != "failed" || *a.ErrorCode != "scene_timeout" || *a.Detail != "detail" || a.EndedAt == nil ||
		*a.BundleKey != "r/t/a1/failure.zip" {
		t.Errorf("the first attempt is %+v", a)
	}
	if a := first.Attempts[1]; a.Worker != "w2" || a.Outcome != nil || a.EndedAt != nil || a.BundleKey != nil {
		t.Errorf("the second attempt is %+v", a)
	}
}

func TestCancelEndsARenderOnce(t *testing.T) {
	db := open(t, migrated.Database(t))
	render := submit(t, db, Submission{Name: "x", Scenes: []Scene{{URL: "https://example.com", Seconds: 1}}})
	if done, status, err := Cancel(accesstest.Operator(t), db, render); err != nil || !done || status != "cancelled" {
		t.Fatal(done, status, err)
	}
	r, err := Get(t.Context(), db, render)
	if err != nil || r.Status != "cancelled" || !r.Ended() || r.CompletedAt == nil {
		t.Errorf("got %+v, %v", r, err)
	}
	execute(t, db, "update renders set status = 'done' where id = $1", render)
	if done, status, err := Cancel(accesstest.Operator(t), db, render); err != nil || done || status != "done" {
		t.Fatal(done, status, err)
	}
	if r, err := Get(t.Context(), db, render); err != nil || r.Status != "done" {
		t.Errorf("a finished render became %s: %v", r.Status, err)
	}
}

// A pooler in transaction mode has no prepared statements to learn parameters' types from.
func TestEverythingWorksWithoutPreparedStatements(t *testing.T) {
	url := migrated.Database(t)
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	prepared, db := open(t, url), open(t, url+separator+"default_query_exec_mode=exec")
	facecam, fps := "https://example.com/f.mp4", 30
	render := submit(t, db, Submission{Name: "x", FacecamURL: &facecam, FPS: &fps, Scenes: []Scene{{URL: "https://example.com", Seconds: 1}}})
	task := planned(t, prepared, render)["record1"]
	execute(t, prepared, "select loom.grant_task($1, 'w', $2, '1 minute')", task, uuid.New())
	if id, err := Find(t.Context(), db, render.String()[:8]); err != nil || id != render {
		t.Errorf("Find: %v, %v", id, err)
	}
	if _, err := Get(t.Context(), db, render); err != nil {
		t.Error(err)
	}
	if list, _, err := List(t.Context(), db, Filter{}, "", 3); err != nil || len(list) != 1 {
		t.Errorf("List: %v, %v", list, err)
	}
	tasks, err := Tasks(t.Context(), db, render)
	if err != nil || len(tasks) != 5 {
		t.Fatalf("Tasks: %v, %v", tasks, err)
	}
	if err := AddAttempts(t.Context(), db, tasks); err != nil || len(tasks[0].Attempts) != 1 {
		t.Errorf("AddAttempts: %v, %v", tasks[0].Attempts, err)
	}
	if _, err := Pause(accesstest.Operator(t), db, msg.Kinds); err != nil {
		t.Error(err)
	}
	if kinds, err := Resume(accesstest.Operator(t), db, msg.Kinds); err != nil || len(kinds) != len(msg.Kinds) {
		t.Errorf("Resume: %v, %v", kinds, err)
	}
	if _, _, err := Cancel(accesstest.Operator(t), db, render); err != nil {
		t.Error(err)
	}
	if job, status, err := Retry(accesstest.Operator(t), db, render); err != nil || job == nil || status != "cancelled" {
		t.Errorf("Retry: %v, %s, %v", job, status, err)
	}
}

func TestDatabaseThatIsNotPreparedIsToldSo(t *testing.T) {
	db := open(t, postgrestest.Database(t))
	_, _, err := List(t.Context(), db, Filter{}, "", 1)
	if !errors.Is(err, ErrNotMigrated) || !strings.Contains(err.Error(), "loom migrate") {
		t.Errorf("got %v", err)
	}
}

func TestTimeLeftFollowsFromTheSpeedSoFar(t *testing.T) {
	now := time.Now()
	begun := now.Add(-10 * time.Second)
	if left, known := (Stage{StartedAt: &begun, Progress: 0.2}).Left(now); !known || left.Round(time.Second) != 40*time.Second {
		t.Errorf("got %v, %v", left, known)
	}
	if _, known := (Stage{StartedAt: &begun}).Left(now); known {
		t.Error("nothing is done, and yet the time left is known")
	}
}

func TestWithoutACacheNothingAllowsIt(t *testing.T) {
	s := Submission{Output: json.RawMessage(`{"cache":"1h","quality":"high"}`), Scenes: []Scene{
		{Options: json.RawMessage(`{"cache":"1h","mobile":true}`)}, {},
	}}
	if err := s.WithoutCache(); err != nil {
		t.Fatal(err)
	}
	if got := string(s.Output) + string(s.Scenes[0].Options); got != `{"cache":"off","quality":"high"}{"mobile":true}` || s.Scenes[1].Options != nil {
		t.Errorf("it is %s, and %s", got, s.Scenes[1].Options)
	}
	s = Submission{}
	if err := s.WithoutCache(); err != nil || string(s.Output) != `{"cache":"off"}` {
		t.Errorf("it is %s, %v", s.Output, err)
	}
}
