package inprocess

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// Worker works on tasks of some kinds, as a service does.
type Worker struct {
	Handlers map[msg.Kind]stage.Handler
	// Slots is how many tasks it works on at once, at least 1.
	Slots int
}

// Runner runs plans.
type Runner struct {
	Workers []Worker
	// Dir is a folder for objects and for the tasks' own folders. It stays the caller's to remove.
	Dir string
	Log zerolog.Logger
	// Progress, if it is not nil, is called with the part of a task that is done, 0 to 1, whenever
	// it changes: by the goroutines of the handlers, so by several at once. A task that is done has
	// 1.
	Progress func(t plan.Task, fraction float64)
}

// Failure is the error of a task.
type Failure struct {
	Task plan.Task
	// Bundle is the failure bundle that the handler left, a file in Runner.Dir; empty when there is
	// none.
	Bundle string
	// Err is the handler's error.
	Err error
}

func (f *Failure) Error() string { return f.Err.Error() }

func (f *Failure) Unwrap() error { return f.Err }

// Path returns the file of an output that is stored.
func (r *Runner) Path(t plan.Task, output string) string { return r.objects().path(key(t, output)) }

func (r *Runner) objects() folder { return folder(filepath.Join(r.Dir, "objects")) }

// key is the key of an output.
func key(t plan.Task, output string) string { return t.ID.String() + "/" + t.Outputs[output].File }

// Run runs tasks until all are done, and returns what they found out, as JSON, by task. Every task
// that another one needs must be among them, and each kind must have a handler. Outputs that no
// task reads stay in the folder: see Path.
//
// When a task fails, the others are cancelled, and the error is a *Failure. When ctx is cancelled,
// the error is its cause. Everything has ended when Run returns.
func (r *Runner) Run(ctx context.Context, tasks []plan.Task) (map[uuid.UUID]json.RawMessage, error) {
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	run := newRun(r, tasks)
	var failed error
	for {
		if failed == nil && ctx.Err() == nil {
			failed = run.start(working)
		}
		if failed != nil {
			cancel()
		}
		if run.running == 0 {
			break
		}
		select {
		case <-run.news:
		case e := <-run.ended:
			if err := run.end(e); err != nil && failed == nil {
				failed = err
			}
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case failed != nil:
		return nil, failed
	}
	return run.facts, nil
}

// States of a task.
const (
	waiting = iota
	running
	done
)

// run is a plan that is being run. Only Run's goroutine uses it, except for the channels.
type run struct {
	*Runner
	render uuid.UUID
	tasks  []*task
	byID   map[uuid.UUID]*task
	facts  map[uuid.UUID]json.RawMessage
	// readers counts the tasks that have yet to read an object.
	readers map[plan.Input]int
	// free are the slots of each worker.
	free    []int
	running int
	// news is sent to when a handler has announced an output.
	news  chan struct{}
	ended chan ending
}

// task is a task and its state.
type task struct {
	plan.Task
	worker int
	state  int
	// granted is what its handler works on; nil before it starts.
	granted *stage.Task
}

// ending is what came of a task.
type ending struct {
	task  *task
	facts json.RawMessage
	err   error
}

func newRun(r *Runner, tasks []plan.Task) *run {
	run := &run{
		Runner: r, render: uuid.New(), byID: map[uuid.UUID]*task{}, facts: map[uuid.UUID]json.RawMessage{},
		readers: map[plan.Input]int{}, news: make(chan struct{}, 1), ended: make(chan ending),
	}
	for _, w := range r.Workers {
		run.free = append(run.free, w.Slots)
	}
	for _, t := range tasks {
		own := &task{Task: t, worker: slices.IndexFunc(r.Workers, func(w Worker) bool { return w.Handlers[t.Kind] != nil })}
		run.tasks = append(run.tasks, own)
		run.byID[t.ID] = own
		for _, in := range t.Inputs {
			run.readers[in]++
		}
	}
	return run
}

// start starts all tasks that can be. Its error says that one never will be.
func (r *run) start(ctx context.Context) error {
	for _, t := range r.tasks {
		switch {
		case t.state != waiting:
		case t.worker < 0:
			return fmt.Errorf("run %s: there is no handler for it", t.Kind)
		case r.due(t) && r.free[t.worker] > 0:
			if err := r.grant(t); err != nil {
				return err
			}
			t.state = running
			r.running++
			r.free[t.worker]--
			go func() {
				facts, err := r.handle(ctx, t)
				r.ended <- ending{t, facts, err}
			}()
		}
	}
	if left := slices.IndexFunc(r.tasks, func(t *task) bool { return t.state == waiting }); left >= 0 && r.running == 0 {
		return fmt.Errorf("run %s: a task that it needs is not in the plan", r.tasks[left].Kind)
	}
	return nil
}

// due reports whether all inputs of a task are there.
func (r *run) due(t *task) bool {
	for _, in := range t.Inputs {
		from := r.byID[in.Task]
		if from == nil || from.state == waiting || from.state == running && !slices.Contains(from.granted.Announced(), in.Output) {
			return false
		}
	}
	return true
}

// grant makes what the handler works on.
func (r *run) grant(t *task) error {
	params, err := json.Marshal(t.Params)
	if err != nil {
		return fmt.Errorf("run %s: write its parameters: %w", t.Kind, err)
	}
	grant := msg.Grant{
		Ref: msg.NewRef(t.Kind, r.render, t.ID), Attempt: 1, Params: params, Bundle: &msg.Output{},
		Inputs: map[string]msg.Input{}, Outputs: map[string]msg.Output{},
	}
	for name, in := range t.Inputs {
		grant.Inputs[name] = msg.Input{Key: key(r.byID[in.Task].Task, in.Output), Facts: r.facts[in.Task]}
	}
	for name, out := range t.Outputs {
		grant.Outputs[name] = msg.Output{Key: key(t.Task, name), ContentType: out.ContentType}
	}
	// Beside the objects: a handler may keep files for later tasks in the folder around its own.
	dir := filepath.Join(r.Dir, "tasks", t.ID.String())
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("run %s: make its folder: %w", t.Kind, err)
	}
	t.granted = stage.NewTask(grant, dir, r.Log)
	t.granted.Objects = r.objects()
	t.granted.Reported = func() {
		if r.Progress != nil {
			r.Progress(t.Task, t.granted.Done())
		}
		select {
		case r.news <- struct{}{}:
		default:
		}
	}
	return nil
}

// handle runs the handler of a task, and removes its folder.
func (r *run) handle(ctx context.Context, t *task) (facts json.RawMessage, err error) {
	found, err := r.Workers[t.worker].Handlers[t.Kind].Handle(ctx, t.granted)
	if err == nil {
		if facts, err = json.Marshal(found); err != nil {
			err = fmt.Errorf("run %s: write its facts: %w", t.Kind, err)
		}
	}
	if err != nil {
		failure := &Failure{Task: t.Task, Err: err}
		bundle := filepath.Join(r.Dir, "failure-bundle-"+t.ID.String())
		if os.Rename(t.granted.BundlePath(), bundle) == nil {
			failure.Bundle = bundle
		}
		err = failure
	}
	if removing := os.RemoveAll(t.granted.Dir); err == nil && removing != nil {
		err = fmt.Errorf("run %s: remove its folder: %w", t.Kind, removing)
	}
	return facts, err
}

// end takes over what came of a task, and removes the objects that nobody reads any more.
func (r *run) end(e ending) error {
	r.running--
	r.free[e.task.worker]++
	e.task.state = done
	if e.err != nil {
		return e.err
	}
	r.facts[e.task.ID] = e.facts
	if r.Progress != nil {
		r.Progress(e.task.Task, 1)
	}
	for _, in := range e.task.Inputs {
		if r.readers[in]--; r.readers[in] > 0 {
			continue
		}
		if err := os.Remove(r.Path(r.byID[in.Task].Task, in.Output)); err != nil {
			return fmt.Errorf("run %s: remove what it has read: %w", e.task.Kind, err)
		}
	}
	return nil
}
