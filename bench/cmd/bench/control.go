package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/loom-lite/loom-lite/bench/control"
	"github.com/loom-lite/loom-lite/bench/report"
)

// controlOptions are what the command line asks for of the part control.
type controlOptions struct {
	// programs is the folder that bench/control/setup.sh fills.
	programs string
	renders  int
	rate     float64
	backlog  int
	history  int
	builds   []control.Build
	ingests  []int
}

const (
	controlScenes = 10
	controlSlots  = 32
	// pacedFor is about how long renders come one by one.
	pacedFor = 15 * time.Second
	// turnsSlots and turnsHold are the slots of each stage and the length of tasks where the wait
	// behind others is measured.
	turnsSlots = 2
	turnsHold  = 250 * time.Millisecond
)

// measureControl measures control: builds take turns. When ctx is cancelled, it returns what is
// done.
func measureControl(ctx context.Context, o options, stderr io.Writer) *report.Control {
	c := &report.Control{Scenes: controlScenes, Slots: controlSlots, River: control.RiverVersion()}
	tell := func(format string, args ...any) { _, _ = fmt.Fprintf(stderr, "control, "+format+"\n", args...) }
	servers, err := control.StartServers(ctx)
	if err != nil {
		c.Error = err.Error()
		return c
	}
	defer func() {
		if err := servers.Stop(); err != nil {
			c.Error = errors.Join(errors.New(c.Error), err).Error()
		}
	}()
	for turn := 1; turn <= o.Repeat; turn++ {
		for _, run := range o.control.plan(turn) {
			if ctx.Err() != nil {
				return c
			}
			within, cancel := context.WithTimeoutCause(ctx, o.controlTimeout(run), errors.New("not done in time"))
			switch {
			case run.Twice:
				again, err := control.MeasureAgain(within, servers, run.Job)
				run.Again = &again
				run.note(err)
			case run.Behind:
				turns, err := control.MeasureTurns(within, servers, run.Job)
				run.Turns = &turns
				run.note(err)
			default:
				result, err := control.Measure(within, servers, run.Job)
				run.Result = &result
				run.note(err)
			}
			cancel()
			c.Runs = append(c.Runs, run.ControlRun)
			tell("turn %d, %s", turn, run.ControlRun)
		}
	}
	return c
}

// controlRun is a measurement to make.
type controlRun struct{ report.ControlRun }

func (r *controlRun) note(err error) {
	if err != nil {
		r.Error, r.Result, r.Turns, r.Again = err.Error(), nil, nil, nil
	}
}

// plan returns the measurements of a turn. The backlog and the turns are measured once.
func (o controlOptions) plan(turn int) (runs []controlRun) {
	add := func(b control.Build, change func(*control.Job), behind bool) {
		job := control.Job{
			Build: b, Programs: filepath.Join(o.programs, string(b)), Ingests: 1, Slots: controlSlots, Scenes: controlScenes,
			Renders: o.renders, Rate: o.rate, Paced: int(o.rate * pacedFor.Seconds() / (2*controlScenes + 2)),
		}
		change(&job)
		runs = append(runs, controlRun{report.ControlRun{Job: job, Turn: turn, Behind: behind}})
	}
	for _, ingests := range o.ingests {
		for _, b := range o.builds {
			if b != control.River || ingests == o.ingests[0] {
				add(b, func(j *control.Job) { j.Ingests = ingests }, false)
			}
		}
	}
	if turn > 1 {
		return runs
	}
	for _, b := range o.builds {
		if b != control.River && o.backlog+o.history > 0 {
			add(b, func(j *control.Job) { j.Backlog, j.History, j.Paced = o.backlog, o.history, 0 }, false)
		}
	}
	for _, b := range o.builds {
		add(b, func(j *control.Job) { j.Slots, j.Hold = turnsSlots, turnsHold }, true)
	}
	if slices.Contains(o.builds, control.Ours) {
		add(control.Ours, func(*control.Job) {}, false)
		runs[len(runs)-1].Twice = true
	}
	return runs
}

// controlTimeout bounds a measurement. To make a history takes time of its own.
func (o options) controlTimeout(r controlRun) time.Duration {
	return o.timeout + time.Duration(r.Job.History+r.Job.Backlog*r.Job.Scenes)*2*time.Millisecond
}

// chooseBuilds returns the builds that list names, or all that are there.
func chooseBuilds(list, programs string) ([]control.Build, error) {
	available := control.Available(programs)
	if list == "" {
		return available, nil
	}
	builds, err := choose("build", list, control.Builds)
	if err != nil {
		return nil, err
	}
	for _, b := range builds {
		if !slices.Contains(available, b) {
			return nil, fmt.Errorf("build %s is not in %s: bench/control/setup.sh makes it", b, programs)
		}
	}
	return builds, nil
}
