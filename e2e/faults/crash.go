package faults

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/loom-lite/loom-lite/pkg/fault"
)

// endless is a number of retries that no run uses up: a task may be hit often.
const endless = 100

// calm is no fault: what goes wrong in it is the suite's own.
var calm = Fault{
	Name: "calm", What: "nothing", Ingests: 2, Recorders: 2, Transcoders: 2, Unharmed: true,
	Do: func(ctx context.Context, r *Run) error { return r.submitMany(ctx, r.times(20)) },
}

// kills kills anything at any time.
var kills = Fault{
	Name: "kills", What: "kill -9 of a service at random every few seconds, over 200 renders of 1 to 100 scenes",
	Ingests: 2, Recorders: 2, Transcoders: 2, Uploaders: 2, Retries: endless,
	Env: map[string]string{"FAULTS_SLOTS": "4"},
	Do: func(ctx context.Context, r *Run) error {
		for range r.times(200) {
			long := r.rng.Float64()
			// Most have few scenes: the average is six.
			c := newCampaign(r.rng, 1+int(100*math.Pow(long, 16)))
			if _, err := r.submit(ctx, c); err != nil {
				return err
			}
		}
		return r.whileOpen(ctx, func() error {
			pause(ctx, r.between(time.Second, 4*time.Second))
			p := r.replicas[r.rng.IntN(len(r.replicas))]
			if err := p.crash(); err != nil {
				return err
			}
			r.count("kill -9", 1)
			return p.start(ctx, nil)
		})
	},
}

// stops stops a process for longer than a lease, and has it go on as if nothing had happened.
var stops = Fault{
	Name: "stops", What: "SIGSTOP of a service for more than a lease, then SIGCONT",
	Ingests: 2, Recorders: 2, Transcoders: 2, Uploaders: 2, Retries: endless,
	Env: map[string]string{"FAULTS_WORK": "3s"},
	Do: func(ctx context.Context, r *Run) error {
		stop := r.feed(ctx, 6)
		for range r.times(15) {
			p := r.replicas[r.rng.IntN(len(r.replicas))]
			pause(ctx, r.between(0, 2*time.Second))
			if err := p.process.Signal(syscall.SIGSTOP); err != nil {
				return err
			}
			r.count("SIGSTOP", 1)
			pause(ctx, lease+r.between(500*time.Millisecond, lease))
			if err := p.process.Signal(syscall.SIGCONT); err != nil {
				return err
			}
		}
		return stop()
	},
}

// scaling stops all replicas but one, and starts them again.
var scaling = Fault{
	Name: "scaling", What: "4 replicas, 1, 4 again, by SIGTERM with a short drain",
	Ingests: 2, Recorders: 4, Transcoders: 4, Uploaders: 2, Uncharged: true,
	Env: map[string]string{"FAULTS_WORK": "2s", "DRAIN_TIMEOUT": "500ms"},
	Do: func(ctx context.Context, r *Run) error {
		stop := r.feed(ctx, 8)
		for range r.times(5) {
			pause(ctx, 3*time.Second)
			var away []*replica
			for _, kind := range []string{"ingest", "recorder", "transcoder", "uploader"} {
				away = append(away, r.of(kind)[1:]...)
			}
			for _, p := range away {
				if err := p.stop(); err != nil {
					return err
				}
				r.count("SIGTERM", 1)
			}
			pause(ctx, 3*time.Second)
			for _, p := range away {
				if err := p.start(ctx, nil); err != nil {
					return err
				}
			}
		}
		return stop()
	},
}

// steps kills each service at each of its steps.
var steps = Fault{
	Name: "steps", What: "kill -9 of each service at each of its named steps, at the first to third pass",
	Ingests: 1, Recorders: 1, Transcoders: 1, Uploaders: 1, Retries: endless, Short: 1,
	Do: func(ctx context.Context, r *Run) error {
		stop := r.feed(ctx, 4)
		return errors.Join(r.killAllAtSteps(ctx, r.replicas...), stop())
	},
}

// killAllAtSteps kills replicas at each of their steps, all at the same time.
func (r *Run) killAllAtSteps(ctx context.Context, replicas ...*replica) error {
	all, ctx := errgroup.WithContext(ctx)
	for _, p := range replicas {
		rng := r.another()
		all.Go(func() error { return r.killAtSteps(ctx, p, rng) })
	}
	return all.Wait()
}

// killAtSteps starts a replica again and again, each time to be killed at another step.
func (r *Run) killAtSteps(ctx context.Context, p *replica, rng *rand.Rand) error {
	list := fault.Steps(p.kind)
	for _, i := range rng.Perm(len(list)) {
		if err := p.crash(); err != nil {
			return err
		}
		if err := p.start(ctx, killedAt(list[i], 1+rng.IntN(3))); err != nil {
			return err
		}
		select {
		case <-p.process.Done():
			if status, known := p.process.State().Sys().(syscall.WaitStatus); known && status.Signal() != syscall.SIGKILL {
				return fmt.Errorf("%s ended before the step %q: %w", p.name, list[i], p.process.Wait())
			}
			r.count("kill -9", 1)
		case <-time.After(patience):
			return fmt.Errorf("%s never gets to the step %q", p.name, list[i])
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return p.start(ctx, nil)
}
