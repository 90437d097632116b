package inprocess_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/ingest/inprocess"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// planned is the plan of scenes of some frames each, at 30 frames a second.
func planned(facecam string, frames ...int) []plan.Task {
	r := &plan.Render{Width: 320, Height: 180, Rate: msg.FPS(30), Facecam: facecam}
	for _, n := range frames {
		r.Scenes = append(r.Scenes, plan.RenderScene{URL: "http://127.0.0.1/", Frames: n})
	}
	return plan.Build(r, 0, uuid.New)
}

// fake has handlers of all kinds that write their outputs, each of a text that says what was read.
type fake struct {
	t  *testing.T
	mu sync.Mutex
	// order has the kinds of the tasks in the order in which they ended.
	order []msg.Kind
	// before, if it is not nil, is called when a handler begins.
	before func(ctx context.Context, task *stage.Task) error
}

func (f *fake) handle(ctx context.Context, task *stage.Task) (any, error) {
	if f.before != nil {
		if err := f.before(ctx, task); err != nil {
			return nil, err
		}
	}
	read := string(task.Kind)
	for _, name := range sortedKeys(task.Inputs) {
		path := filepath.Join(task.Dir, "in-"+name)
		if err := task.Fetch(ctx, name, path); err != nil {
			return nil, err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		read += " (" + string(data) + ")"
	}
	for _, name := range sortedKeys(task.Outputs) {
		path := filepath.Join(task.Dir, name)
		if err := os.WriteFile(path, []byte(read), 0o600); err != nil {
			return nil, err
		}
		if err := task.Store(ctx, name, path); err != nil {
			return nil, err
		}
	}
	task.Progress(0.5)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.order = append(f.order, task.Kind)
	return map[string]string{"kind": string(task.Kind)}, nil
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func (f *fake) workers(slots int) []inprocess.Worker {
	of := func(kinds ...msg.Kind) inprocess.Worker {
		w := inprocess.Worker{Handlers: map[msg.Kind]stage.Handler{}, Slots: slots}
		for _, kind := range kinds {
			w.Handlers[kind] = stage.HandlerFunc(f.handle)
		}
		return w
	}
	return []inprocess.Worker{of(msg.Record), of(msg.Probe, msg.Draw, msg.Normalize, msg.Concat, msg.Overlay), of(msg.Upload)}
}

func TestTasksRunByDependency(t *testing.T) {
	for _, facecam := range []string{"", "http://127.0.0.1/face.mp4"} {
		tasks := planned(facecam, 30, 200)
		f := &fake{t: t}
		var mu sync.Mutex
		progress := map[uuid.UUID]float64{}
		r := &inprocess.Runner{Workers: f.workers(2), Dir: t.TempDir(), Progress: func(task plan.Task, fraction float64) {
			mu.Lock()
			defer mu.Unlock()
			progress[task.ID] = fraction
		}}
		facts, err := r.Run(t.Context(), tasks)
		if err != nil {
			t.Fatal(err)
		}
		if len(f.order) != len(tasks) || f.order[len(tasks)-1] != msg.Upload {
			t.Errorf("tasks ended in the order %v, and there are %d", f.order, len(tasks))
		}
		for _, task := range tasks {
			if want := fmt.Sprintf(`{"kind":%q}`, task.Kind); string(facts[task.ID]) != want || progress[task.ID] != 1 {
				t.Errorf("%s found out %s, progress %v", task.Kind, facts[task.ID], progress[task.ID])
			}
		}
		if left := files(t, r.Dir); len(left) > 0 {
			t.Errorf("%v are left, which have been read", left)
		}
	}
}

func TestWhatNobodyReadsStays(t *testing.T) {
	tasks := planned("", 30)
	tasks = tasks[:len(tasks)-1] // no upload
	r := &inprocess.Runner{Workers: (&fake{t: t}).workers(1), Dir: t.TempDir()}
	if _, err := r.Run(t.Context(), tasks); err != nil {
		t.Fatal(err)
	}
	concat := tasks[len(tasks)-1]
	if data, err := os.ReadFile(r.Path(concat, msg.Video)); err != nil || string(data) != "concat (normalize (record))" {
		t.Errorf("the video is %q, %v", data, err)
	}
	if left := files(t, r.Dir); len(left) != 3 {
		t.Errorf("%v are left, want a video and two thumbnails", left)
	}
}

// A piece is normalized while its scene is still being recorded: the recording here waits for it.
func TestAnAnnouncedOutputReleasesItsTasks(t *testing.T) {
	f, normalized := &fake{t: t}, make(chan struct{})
	f.before = func(ctx context.Context, task *stage.Task) error {
		switch {
		case task.Kind == msg.Normalize && task.Inputs[msg.Mezzanine].Facts == nil:
			close(normalized)
		case task.Kind == msg.Record:
			first := filepath.Join(task.Dir, "first")
			if err := errors.Join(os.WriteFile(first, nil, 0o600), task.Store(ctx, msg.PieceName(0), first)); err != nil {
				return err
			}
			task.Announce(msg.PieceName(0))
			select {
			case <-normalized:
			case <-ctx.Done():
			}
		}
		return nil
	}
	r := &inprocess.Runner{Workers: f.workers(1), Dir: t.TempDir()}
	if _, err := r.Run(t.Context(), planned("", 120)); err != nil {
		t.Fatal(err)
	}
}

func TestAWorkerHasNoMoreTasksThanSlots(t *testing.T) {
	const slots = 2
	f := &fake{t: t}
	var mu sync.Mutex
	now, most := 0, 0
	f.before = func(_ context.Context, task *stage.Task) error {
		if task.Kind != msg.Normalize {
			return nil
		}
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		for _, name := range sortedKeys(task.Outputs) { // some work
			if err := os.WriteFile(filepath.Join(task.Dir, name), nil, 0o600); err != nil {
				return err
			}
		}
		mu.Lock()
		now--
		mu.Unlock()
		return nil
	}
	r := &inprocess.Runner{Workers: f.workers(slots), Dir: t.TempDir()}
	if _, err := r.Run(t.Context(), planned("", slices.Repeat([]int{30}, 20)...)); err != nil {
		t.Fatal(err)
	}
	if most > slots {
		t.Errorf("%d tasks ran at once on %d slots", most, slots)
	}
}

func TestAFailureEndsTheRun(t *testing.T) {
	gone := stage.Permanent(msg.CodeSceneStatus, "The page is gone.", errors.New("404"))
	f := &fake{t: t}
	f.before = func(ctx context.Context, task *stage.Task) error {
		if task.Kind != msg.Record {
			return nil
		}
		var p msg.RecordParams
		if err := json.Unmarshal(task.Grant.Params, &p); err != nil || p.Scene == 1 {
			<-ctx.Done() // until the other scene fails
			return context.Cause(ctx)
		}
		if err := os.WriteFile(task.BundlePath(), []byte("why"), 0o600); err != nil {
			return err
		}
		return gone
	}
	r := &inprocess.Runner{Workers: f.workers(2), Dir: t.TempDir()}
	_, err := r.Run(t.Context(), planned("", 30, 30))
	var failure *inprocess.Failure
	if !errors.As(err, &failure) || !errors.Is(err, gone) || failure.Task.Kind != msg.Record || failure.Task.Seq != 1 {
		t.Fatalf("got %v", err)
	}
	if data, err := os.ReadFile(failure.Bundle); err != nil || string(data) != "why" {
		t.Errorf("the failure bundle is %q, %v", data, err)
	}
	if len(f.order) > 0 {
		t.Errorf("%v were done all the same", f.order)
	}
}

func TestACancelledRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := &fake{t: t}
	f.before = func(ctx context.Context, _ *stage.Task) error {
		cancel()
		<-ctx.Done()
		return errors.New("ended by a signal")
	}
	r := &inprocess.Runner{Workers: f.workers(2), Dir: t.TempDir()}
	if _, err := r.Run(ctx, planned("", 30)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestATaskThatCanNeverRunIsAnError(t *testing.T) {
	f, tasks := &fake{t: t}, planned("", 30)
	for name, c := range map[string]struct {
		workers []inprocess.Worker
		tasks   []plan.Task
		want    string
	}{
		"no handler":      {f.workers(1)[:2], tasks, "run upload: there is no handler for it"},
		"no task to need": {f.workers(1), tasks[1:], "run normalize: a task that it needs is not in the plan"},
	} {
		r := &inprocess.Runner{Workers: c.workers, Dir: t.TempDir()}
		if _, err := r.Run(t.Context(), c.tasks); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// files returns the files below a folder.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
