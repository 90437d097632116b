package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/e2e/rig"
	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Outcome is how a promise was broken.
type Outcome string

// The ways in which promises are broken.
const (
	// Lost: a render ended otherwise than it should, without a reason, or without its video; or
	// nobody was told of its end.
	Lost Outcome = "lost"
	// Doubled: something was done or told twice, or went back.
	Doubled Outcome = "doubled"
	// Stuck: a render has not ended.
	Stuck Outcome = "stuck"
	// Left: a process, a file, an object, a message or a row was left behind.
	Left Outcome = "left behind"
	// Late: something took longer than it may, and the machine was not busy.
	Late Outcome = "late"
	// Broken: the run itself failed.
	Broken Outcome = "broken"
)

// Outcomes lists them in the order of reports.
var Outcomes = []Outcome{Lost, Doubled, Stuck, Left, Late, Broken}

// Finding is a promise that a run broke.
type Finding struct {
	Outcome Outcome
	What    string
}

func (r *Run) found(o Outcome, format string, args ...any) {
	r.findings = append(r.findings, Finding{o, fmt.Sprintf(format, args...)})
}

// row is a render as the database has it at the end.
type row struct {
	ID                   uuid.UUID
	Status               string
	Progress             int
	Video, Code, Message string
	Report               *string
	Jobs                 []string
}

// task is a task at the end.
type task struct {
	ID, Render uuid.UUID
	Kind       string
	Seq        int
	State      string
	Attempt    int
	Failures   int
	Facts      *string
	Done       []int // the attempts that were counted as done
}

// check reads everything at the end of a run and notes which promises were broken.
func (r *Run) check(ctx context.Context) error {
	ids := make([]uuid.UUID, 0, len(r.renders))
	for _, w := range r.renders {
		ids = append(ids, w.id)
	}
	rows, err := query[row](ctx, r, `select r.id, r.status, r.progress, coalesce(r.final_video_url, ''), coalesce(r.error_code, ''),
		coalesce(r.error_message, ''), r.report::text, array(select j.state from render_jobs j where j.render_id = r.id)
		from renders r where r.id = any ($1)`, ids)
	if err != nil {
		return err
	}
	tasks, err := query[task](ctx, r, `select t.id, t.render_id, t.kind, t.seq, t.state, t.attempt, t.failures, t.facts::text,
		array(select a.attempt from loom.attempts a where a.task_id = t.id and a.outcome = 'done' order by a.attempt)
		from loom.tasks t where t.render_id = any ($1)`, ids)
	if err != nil {
		return err
	}
	if r.begun, r.failed, r.spans, err = r.attempts(); err != nil {
		return err
	}
	byID := map[uuid.UUID]row{}
	for _, row := range rows {
		byID[row.ID] = row
	}
	// The files of a render that was done are the app's, which may have deleted the render since.
	type seenDone struct{ Render uuid.UUID }
	finished, err := query[seenDone](ctx, r, "select distinct render_id from faults.renders_seen where status = 'done'")
	if err != nil {
		return err
	}
	for _, w := range r.renders {
		row, there := byID[w.id]
		r.checkEnd(w, row, there)
		if there && row.Status == string(endDone) {
			r.checkVideo(w, row)
		} else if !slices.Contains(finished, seenDone{w.id}) {
			r.checkNoVideo(w)
		}
	}
	for _, t := range tasks {
		r.checkTask(t, byID[t.Render])
	}
	return errors.Join(r.checkHistory(ctx, ids), r.checkSteps(ctx, ids), r.checkEnds(ctx, byID), r.checkPlans(ctx, ids))
}

func query[T any](ctx context.Context, r *Run, sql string, args ...any) ([]T, error) {
	rows, err := r.db.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read the rows: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[T])
	if err != nil {
		return nil, fmt.Errorf("read the rows: %w", err)
	}
	return list, nil
}

// checkEnd: every job ends as done, failed with a reason, or cancelled (promise 1).
func (r *Run) checkEnd(w *render, row row, there bool) {
	is := end(row.Status)
	if !there {
		is = endGone
	}
	switch {
	case !slices.Contains([]end{endDone, endFailed, endCancelled, endGone}, is):
		return // it is stuck, which is noted already
	case !slices.Contains(w.ends, is):
		r.found(Lost, "render %s is %s (%s %s), want %v", w.id, is, row.Code, row.Message, w.ends)
	case is == endFailed && (row.Code == "" || row.Message == ""):
		r.found(Lost, "render %s failed without a reason", w.id)
	}
	if !there {
		return
	}
	want := map[end][]string{endDone: {"completed"}, endFailed: {"failed"}, endCancelled: {"cancelled", "failed"}}[is]
	if len(row.Jobs) != w.jobs {
		r.found(Lost, "render %s has %d jobs, want %d", w.id, len(row.Jobs), w.jobs)
	}
	for _, state := range row.Jobs {
		ended := slices.Contains([]string{"completed", "failed", "cancelled"}, state)
		if !ended || w.jobs == 1 && !slices.Contains(want, state) {
			r.found(Lost, "a job of render %s, which is %s, is %s", w.id, is, state)
		}
	}
}

// checkVideo: a done render has exactly one final video, complete, matching its report (promise 2).
func (r *Run) checkVideo(w *render, row row) {
	if row.Progress != 100 {
		r.found(Lost, "render %s is done at %d%%", w.id, row.Progress)
	}
	videos, err := files(filepath.Join(r.bucket("videos"), w.id.String()))
	pictures, err2 := files(filepath.Join(r.bucket("thumbnails"), w.id.String()))
	if err := errors.Join(err, err2); err != nil {
		r.found(Broken, "list the videos: %v", err)
		return
	}
	switch {
	case len(videos) == 0:
		r.found(Lost, "render %s is done and has no video", w.id)
		return
	case len(videos) > 1:
		r.found(Doubled, "render %s has the videos %v", w.id, videos)
	case len(pictures) != 2:
		r.found(Lost, "render %s has the thumbnails %v", w.id, pictures)
	}
	if !strings.HasSuffix(row.Video, "/videos/"+w.id.String()+"/"+videos[0]) {
		r.found(Lost, "render %s points to %s, and its video is %s", w.id, row.Video, videos[0])
	}
	text, err := os.ReadFile(filepath.Join(r.bucket("videos"), w.id.String(), videos[0]))
	if err != nil {
		r.found(Broken, "read a video: %v", err)
		return
	}
	var report msg.Report
	if row.Report == nil || json.Unmarshal([]byte(*row.Report), &report) != nil || report.Bytes != int64(len(text)) {
		r.found(Lost, "the video of render %s has %d bytes, and its report is %v", w.id, len(text), row.Report)
	}
	if r.fault.Media {
		if want := w.wanted.frames(); report.Frames != want {
			r.found(Lost, "the video of render %s has %d frames, want %d", w.id, report.Frames, want)
		}
		return
	}
	if got, want := joined(string(text)), w.wanted.video(); got != want {
		r.found(Lost, "the video of render %s is\n%s, want\n%s", w.id, got, want)
	}
}

// joined returns a video with the pieces of each page as one.
func joined(video string) string {
	var b strings.Builder
	page, frames := "", 0
	end := func() {
		if page != "" {
			fmt.Fprintf(&b, "page %s frames %d\n", page, frames)
		}
		page, frames = "", 0
	}
	for line := range strings.Lines(video) {
		var url string
		var n int
		if _, err := fmt.Sscanf(line, "page %s frames %d\n", &url, &n); err != nil {
			end()
			b.WriteString(line)
			continue
		}
		if url != page {
			end()
		}
		page, frames = url, frames+n
	}
	end()
	return b.String()
}

// video is what workers that make no media must have made.
func (c campaign) video() string {
	var b strings.Builder
	for _, s := range c.scenes {
		fmt.Fprintf(&b, "page %s frames %d\n", s.url, s.seconds*fps)
	}
	if c.facecam != "" {
		fmt.Fprintf(&b, "facecam %s\n", c.facecam)
	}
	return b.String()
}

func (c campaign) frames() (n int) {
	for _, s := range c.scenes {
		n += s.seconds * fps
	}
	return n
}

// checkNoVideo: a render that was never done has no files in the buckets of finished files.
func (r *Run) checkNoVideo(w *render) {
	for _, bucket := range []string{"videos", "thumbnails"} {
		list, err := files(filepath.Join(r.bucket(bucket), w.id.String()))
		if err != nil {
			r.found(Broken, "list the videos: %v", err)
		}
		if len(list) > 0 {
			r.found(Left, "render %s is not done, and bucket %s has %v", w.id, bucket, list)
		}
	}
}

// checkTask: a task was done by the attempt that says so, once.
func (r *Run) checkTask(t task, render row) {
	name := fmt.Sprintf("%s %d of render %s", t.Kind, t.Seq, t.Render)
	if slices.Contains([]string{"waiting", "due", "running"}, t.State) && render.Status != "" && render.Status != "recording" {
		r.found(Left, "%s is %s, and its render is %s", name, t.State, render.Status)
	}
	if len(t.Done) > 1 && !r.pieced(t.Render) {
		r.found(Doubled, "%s was done by the attempts %v", name, t.Done)
	}
	failed := r.failed[t.ID]
	if r.fault.Unheard {
		for n := 1; n < t.Attempt; n++ {
			if r.begun[attempt{t.ID, t.Render, t.Kind, n}] == 0 {
				failed++
			}
		}
	}
	if (r.fault.Unharmed || r.fault.Uncharged) && t.State == "done" && t.Failures > failed {
		r.found(Doubled, "%s was charged %d failures and failed %d times, and no worker was harmed", name, t.Failures, failed)
	}
	var by struct {
		Attempt int `json:"faults_attempt"`
	}
	if t.State == "done" && len(t.Done) > 0 && t.Facts != nil && json.Unmarshal([]byte(*t.Facts), &by) == nil && by.Attempt > 0 && by.Attempt != t.Attempt {
		r.found(Doubled, "%s has the result of attempt %d as that of attempt %d", name, by.Attempt, t.Attempt)
	}
}

// pieced reports whether a render has a scene that is recorded in pieces: when the recording fails
// after a piece was announced, tasks that were done with that piece are done again.
func (r *Run) pieced(id uuid.UUID) bool {
	return slices.ContainsFunc(r.renders, func(w *render) bool {
		return w.id == id && slices.ContainsFunc(w.wanted.scenes, func(s scene) bool { return s.seconds > 1 })
	})
}

// checkHistory: status never goes back, and progress never goes down (promise 5).
func (r *Run) checkHistory(ctx context.Context, ids []uuid.UUID) error {
	type seen struct {
		Render   uuid.UUID
		Status   string
		Progress int
	}
	list, err := query[seen](ctx, r, "select render_id, status, progress from faults.renders_seen where render_id = any ($1) order by seq", ids)
	if err != nil {
		return err
	}
	histories := map[uuid.UUID][]rig.Seen{}
	for _, s := range list {
		histories[s.Render] = append(histories[s.Render], rig.Seen{Status: s.Status, Progress: s.Progress})
	}
	for _, w := range r.renders {
		if w.jobs > 1 {
			continue // it begins anew with a job
		}
		if wrong := rig.Backward(histories[w.id]); wrong != "" {
			r.found(Doubled, "render %s: %s: %v", w.id, wrong, histories[w.id])
		}
	}
	return nil
}

// checkSteps: no step whose result is committed is done again (promise 3), and no attempt is worked
// on twice.
func (r *Run) checkSteps(ctx context.Context, ids []uuid.UUID) error {
	type change struct {
		Render, Task uuid.UUID
		Kind, State  string
		Attempt      int
	}
	again, err := query[change](ctx, r, `select render_id, task_id, kind, state, attempt from faults.tasks_seen
		where render_id = any ($1) and was = 'done' order by seq`, ids)
	if err != nil {
		return err
	}
	for _, c := range again {
		if c.Kind != "normalize" || !r.pieced(c.Render) {
			r.found(Doubled, "%s %s of render %s was done by attempt %d and is %s", c.Kind, c.Task, c.Render, c.Attempt, c.State)
		}
	}
	attempts := map[uuid.UUID]int{}
	for a, times := range r.begun {
		if attempts[a.task]++; times > 1 {
			r.found(Doubled, "attempt %d at %s %s was begun %d times", a.number, a.kind, a.task, times)
		}
	}
	if r.fault.Unharmed {
		for a := range r.begun {
			if n, failed := attempts[a.task], r.failed[a.task]; n > failed+1 && a.number == 1 {
				r.found(Doubled, "%s %s was worked on %d times and failed %d, and no worker was harmed", a.kind, a.task, n, failed)
			}
		}
	}
	return nil
}

// checkEnds: the end of every render that was planned was published, once. Where NATS loses what it
// has, so it does events.
func (r *Run) checkEnds(ctx context.Context, rows map[uuid.UUID]row) error {
	if r.fault.EventsLost {
		return nil
	}
	ends, err := r.ends(ctx)
	if err != nil {
		return err
	}
	type plan struct{ Render uuid.UUID }
	planned, err := query[plan](ctx, r, "select distinct render_id from loom.plans")
	if err != nil {
		return err
	}
	for _, w := range r.renders {
		row, there := rows[w.id]
		there = there && slices.Contains(planned, plan{w.id})
		switch n := ends[w.id]; {
		case !there || !slices.Contains([]string{"done", "failed", "cancelled"}, row.Status):
		case n == 0:
			r.found(Lost, "the end of render %s was not published", w.id)
		case n > uint64(w.jobs):
			r.found(Doubled, "the end of render %s was published %d times", w.id, n)
		}
	}
	return nil
}

// checkPlans: no job was planned twice, and every plan has ended as its render did.
func (r *Run) checkPlans(ctx context.Context, ids []uuid.UUID) error {
	type plan struct {
		Render  uuid.UUID
		Plans   int
		Outcome []string
	}
	list, err := query[plan](ctx, r, `select render_id, count(*)::int, array_agg(coalesce(outcome, 'open') order by created_at)
		from loom.plans where render_id = any ($1) group by render_id`, ids)
	if err != nil {
		return err
	}
	for _, p := range list {
		i := slices.IndexFunc(r.renders, func(w *render) bool { return w.id == p.Render })
		if w := r.renders[i]; p.Plans > w.jobs {
			r.found(Doubled, "render %s has %d plans for %d jobs", w.id, p.Plans, w.jobs)
		}
		if slices.Contains(p.Outcome, "open") && !r.stuck {
			r.found(Left, "a plan of render %s is open", p.Render)
		}
	}
	return nil
}
