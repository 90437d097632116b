package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Handler does the work of one granted task and returns what it found out, the kind's facts
// (msg.RecordFacts, …).
//
// It works in t.Dir, reads its inputs with t.Fetch and writes all of its outputs with t.Store. When
// ctx is cancelled, for whatever cause, it ends everything it started and returns soon. Its error
// decides what happens to the task: see Permanent, Retryable and ErrHandBack. It may leave files
// for the operator at t.BundlePath.
type Handler interface {
	Handle(ctx context.Context, t *Task) (facts any, err error)
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(ctx context.Context, t *Task) (any, error)

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, t *Task) (any, error) { return f(ctx, t) }

// Task is a granted task, as its handler sees it.
type Task struct {
	msg.Grant
	// Dir is an empty folder of the task's own, removed with all that is in it when Handle returns.
	// What a handler keeps for later tasks may be beside it: the folder around it is the worker's,
	// and goes with it.
	Dir string
	// Log carries render_id, task_id and attempt.
	Log zerolog.Logger
	// Objects moves inputs and outputs. NewTask sets what uses the grant's URLs.
	Objects Objects
	// Reported, if it is not nil, is called after each Progress and Announce, by several goroutines
	// at once where a handler has several.
	Reported func()

	progress atomic.Uint64 // float64 bits

	mu     sync.Mutex
	stored []string
	// news is sent to when there is something that ingest should know at once.
	news chan struct{}
}

// Objects moves the objects that tasks read and write: by presigned URLs for a worker, by links
// within a folder for tasks that all run in one process.
type Objects interface {
	// Get writes the input called name to the file at path: all of it, or there is no such file.
	Get(ctx context.Context, name string, input msg.Input, path string) error
	// Put writes the file at path to the output called name. The handler may remove the file
	// afterwards, but does not write to it again.
	Put(ctx context.Context, name string, output msg.Output, path string) error
}

// NewTask returns a task to call a handler with, as the worker and tests do.
func NewTask(grant msg.Grant, dir string, log zerolog.Logger) *Task {
	return &Task{Grant: grant, Dir: dir, Log: log, Objects: s3, news: make(chan struct{}, 1)}
}

// Progress says how much of the work is done, from 0 to 1. It costs nothing; the next heartbeat
// carries it.
func (t *Task) Progress(fraction float64) {
	if math.IsNaN(fraction) {
		return
	}
	t.progress.Store(math.Float64bits(min(max(fraction, 0), 1)))
	t.reported()
}

func (t *Task) reported() {
	if t.Reported != nil {
		t.Reported()
	}
}

// Done returns the fraction last given to Progress.
func (t *Task) Done() float64 { return math.Float64frombits(t.progress.Load()) }

// Announce reports to ingest at once that the output called name is stored although the task goes
// on: tasks that wait for nothing else may start. Outputs that are not announced, such as the last
// of several, go with the result. If the attempt fails later, the tasks that used its outputs run
// again.
func (t *Task) Announce(name string) {
	t.mu.Lock()
	t.stored = append(t.stored, name)
	t.mu.Unlock()
	select {
	case t.news <- struct{}{}:
	default:
	}
	t.reported()
}

// Announced returns what Announce was called with.
func (t *Task) Announced() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.stored)
}

// Params returns the kind's parameters. Its error is permanent: ingest wrote something that this
// build cannot read.
func Params[P any](t *Task) (P, error) {
	var p P
	if err := json.Unmarshal(t.Grant.Params, &p); err != nil {
		return p, Permanent(msg.CodeInternal, "This render could not be processed.", fmt.Errorf("read parameters: %w", err))
	}
	return p, nil
}

// Facts returns what the task that wrote the input called name found out.
func Facts[F any](t *Task, name string) (F, error) {
	var f F
	if err := json.Unmarshal(t.Inputs[name].Facts, &f); err != nil {
		return f, fmt.Errorf("read the facts of input %s: %w", name, err)
	}
	return f, nil
}
