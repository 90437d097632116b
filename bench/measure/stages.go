package measure

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/bench/process"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/ingest/inprocess"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
	"github.com/loom-lite/loom-lite/services/transcoder"
)

// stageRun is our transcoder at work on a recorded scene, one task at a time.
type stageRun struct {
	job        Job
	transcoder *transcoder.Transcoder
	// done are the tasks that it has done.
	done []Task
}

func newStages(job Job, environ map[string]string) (run tool, release func(), err error) {
	t, err := newTranscoder(environ, 1)
	if err != nil {
		return nil, nil, err
	}
	return (&stageRun{job: job, transcoder: t}).scene, t.Close, nil
}

// scene runs the tasks after recording, or a replica's share of them.
func (s *stageRun) scene(ctx context.Context, dir string, m marks) (output, error) {
	all := s.job.tasks()
	kept := map[msg.Kind]stage.Handler{msg.Record: s.kept(nil)}
	handlers := map[msg.Kind]stage.Handler{}
	for kind, h := range s.transcoder.Handlers() {
		handlers[kind] = s.measured(h)
	}
	tasks := all
	if r := s.job.Replica; r != nil {
		kept[msg.Probe] = s.kept(r.Facecam)
		delete(handlers, msg.Probe)
		tasks = r.share(all)
	}
	m.first()
	runner := &inprocess.Runner{
		Workers: []inprocess.Worker{{Handlers: kept, Slots: 1}, {Handlers: handlers, Slots: 1}}, Dir: dir, Log: zerolog.Nop(),
	}
	if _, err := runner.Run(ctx, tasks); err != nil {
		return output{}, err
	}
	m.finished()
	if s.job.Replica == nil {
		if err := os.Rename(runner.Path(all[len(all)-1], msg.Video), filepath.Join(s.job.Dir, msg.Video)); err != nil {
			return output{}, fmt.Errorf("keep the video: %w", err)
		}
	}
	return output{frames: s.job.Frames, tasks: s.done}, nil
}

// share are the tasks that normalize a replica's segments, and those that they need.
func (r *replica) share(tasks []plan.Task) (list []plan.Task) {
	for _, t := range tasks {
		if t.Kind == msg.Record || t.Kind == msg.Probe || t.Kind == msg.Normalize && t.Seq%r.Count == r.Place {
			list = append(list, t)
		}
	}
	return list
}

// kept stands for a task that was done before: its outputs are in the job's folder.
func (s *stageRun) kept(facts any) stage.Handler {
	return stage.HandlerFunc(func(ctx context.Context, t *stage.Task) (any, error) {
		for name := range t.Outputs {
			if err := t.Store(ctx, name, filepath.Join(s.job.Dir, name)); err != nil {
				return nil, err
			}
		}
		return facts, nil
	})
}

// measured measures a handler, and keeps the bubble's pictures that it draws.
func (s *stageRun) measured(h stage.Handler) stage.Handler {
	return stage.HandlerFunc(func(ctx context.Context, t *stage.Task) (any, error) {
		before, err := process.Used()
		if err != nil {
			return nil, err
		}
		done := Task{Kind: t.Kind, Began: time.Now()}
		facts, err := h.Handle(ctx, t)
		if err != nil {
			return nil, err
		}
		done.Ended = time.Now()
		after, err := process.Used()
		if err != nil {
			return nil, err
		}
		done.CPU = after.Self + after.Children - before.Self - before.Children
		if done.Facts, err = json.Marshal(facts); err != nil {
			return nil, fmt.Errorf("write facts: %w", err)
		}
		s.done = append(s.done, done)
		if t.Kind != msg.Normalize {
			return facts, nil
		}
		for _, name := range []string{filePlate, fileMask} {
			// By renaming: a replica beside this one does the same.
			if err := os.Rename(filepath.Join(t.Dir, name), filepath.Join(s.job.Dir, name)); err != nil {
				return nil, fmt.Errorf("keep the bubble's pictures: %w", err)
			}
		}
		return facts, nil
	})
}
