package main

import (
	"slices"
	"sync"
	"time"

	"github.com/loom-lite/loom-lite/cmd/loom/progress"
	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// soloView shows how a capture goes, as loom render shows a render.
type soloView struct {
	mu    sync.Mutex
	view  progress.View
	tasks []renders.Task
}

func newSoloView(a *app, tasks []plan.Task) *soloView {
	v := &soloView{view: progress.New(a.stderr, a.terminal)}
	for _, t := range tasks {
		v.tasks = append(v.tasks, renders.NewTask(t.ID, t.Kind, t.Weight))
	}
	return v
}

// update takes the progress of a task, 0 to 1.
func (v *soloView) update(task plan.Task, fraction float64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	i := slices.IndexFunc(v.tasks, func(t renders.Task) bool { return t.ID == task.ID })
	t, now := &v.tasks[i], time.Now()
	if t.StartedAt == nil {
		t.StartedAt = &now
	}
	if t.Progress = max(t.Progress, fraction); t.Progress >= 1 && t.EndedAt == nil {
		t.State, t.EndedAt = renders.Done, &now
	}
	stages := renders.Stages(v.tasks)
	earliest := slices.IndexFunc(stages, func(s renders.Stage) bool { return s.Progress < 1 })
	render := renders.Render{Status: renders.Done, Progress: 100}
	if earliest >= 0 {
		render = renders.Render{Status: stages[earliest].Status, Progress: int(100 * renders.Progress(v.tasks))}
	}
	v.view.Update(render, stages)
}

func (v *soloView) close() { v.view.Close() }
