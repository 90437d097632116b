package schedule

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/retry"
)

// Config is what a Scheduler works with.
type Config struct {
	DB    *pgxpool.Pool
	NATS  *nats.Conn
	Store Store
	// WorkBucket holds the objects that tasks pass to each other.
	WorkBucket string
	// Lease is how long a grant lasts without a heartbeat, and how long a delivery may go without
	// an InProgress.
	Lease time.Duration
	// Replicas is how many servers hold each stream: 1 on a single server, 3 in a cluster.
	Replicas int
	// TaskTimeout is how long an attempt may take, beside what each frame adds; RenderTimeout, how
	// long after its planning a render may end; 0: any time.
	TaskTimeout, RenderTimeout time.Duration
	// PerHost is how many pages of one host are recorded at once; 0: any number.
	PerHost int
	// Ended is called when a render has ended, so that another one may be claimed.
	Ended   func()
	Metrics *Metrics
	Log     zerolog.Logger
}

// tick is the longest interval between two rounds: Wake starts one earlier.
const tick = time.Second

// Scheduler takes renders through their tasks.
type Scheduler struct {
	Config
	js      jetstream.JetStream
	tasks   taskStore
	streams *streams
	locks   *renderLocks
	leases  *leaseClock
	wake    chan struct{}
	short   atomic.Bool  // due tasks wait for room in their streams
	outage  retry.Outage // of rounds, whichever server they failed for
}

// New returns a scheduler. The caller closes cfg.NATS and cfg.DB.
func New(cfg Config) (*Scheduler, error) {
	// A server whose store was wiped answers no publish: none may count as under way for ever.
	js, err := jetstream.New(cfg.NATS, jetstream.WithPublishAsyncTimeout(publishWithin))
	if err != nil {
		return nil, fmt.Errorf("make the scheduler: %w", err)
	}
	return &Scheduler{
		Config: cfg, js: js, tasks: taskStore{db: cfg.DB, lease: cfg.Lease, perHost: cfg.PerHost}, locks: newRenderLocks(),
		streams: newStreams(js, cfg.Replicas, cfg.Lease, cfg.Metrics, cfg.Log), wake: make(chan struct{}, 1),
		leases: newLeaseClock(cfg),
		outage: retry.Outage{Log: cfg.Log, Down: "tasks cannot be scheduled: retrying until they can be", Up: "tasks are scheduled again"},
	}, nil
}

// Wake starts a round at once.
func (s *Scheduler) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Ready returns nil while all streams and consumers exist and the database accepted all of the last
// round.
func (s *Scheduler) Ready(ctx context.Context) error {
	if err := s.outage.Err(); postgres.SQLState(err) != "" {
		return fmt.Errorf("renders cannot be scheduled: %s", postgres.Reason(err))
	}
	return s.streams.ready(ctx)
}

// heartbeatEvery is how often a worker sends a heartbeat during a lease. A few may be lost before
// the lease lapses, and users see progress move.
func heartbeatEvery(lease time.Duration) time.Duration {
	return min(max(lease/10, 200*time.Millisecond), 3*time.Second)
}

// Run schedules until ctx is cancelled. It then finishes the requests and results that it has
// received, each within its own bound, and leaves the rest to other replicas.
func (s *Scheduler) Run(ctx context.Context) error {
	work := context.WithoutCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.streams.keep(ctx, s.NATS, s.Wake) })
	group.Go(func() error { return s.leases.run(ctx) })
	group.Go(func() error { return s.loop(ctx) })
	group.Go(func() error { return newRequests(s).serve(ctx, work) })
	group.Go(func() error { return newResults(s).consume(ctx, work) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("schedule: %w", err)
	}
	return nil
}

// noteRefusal counts a database error that the work on one render met. If the error may be caused
// by that render's rows, it also records it in loom.set_aside.
func (s *Scheduler) noteRefusal(ctx context.Context, log zerolog.Logger, work string, render uuid.UUID, cause error) {
	s.Metrics.DatabaseError(work, cause)
	if !mayPersist(cause) {
		return
	}
	if err := s.tasks.noteRefusal(ctx, render, cause); err != nil {
		log.Warn().Err(err).Msg("the database's refusal could not be recorded: it is only in this log")
	}
}

// loop runs a round at every tick and at every Wake.
func (s *Scheduler) loop(ctx context.Context) error {
	d, w := newDispatcher(s), newWatcher(s)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	full := true
	for {
		err := s.round(ctx, d, w, full)
		if ctx.Err() != nil {
			return nil
		}
		s.outage.Note(err)
		if postgres.SQLState(err) != "" {
			s.Metrics.DatabaseError("conduct", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			full = true
		case <-s.wake:
			full = false
		}
		if err != nil && !full {
			// During an outage, wake-ups are ignored.
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
				full = true
			}
		}
	}
}

// round publishes events and due tasks. A full round also does what is enough once a tick. An error
// of one part does not keep the others from running.
func (s *Scheduler) round(ctx context.Context, d *dispatcher, w *watcher, full bool) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	var ended error
	if full {
		ended = w.closeEnded(ctx)
	}
	_, unsettled := s.tasks.settleLeft(ctx, full, s.locks.held(heldAfter(s.Lease)))
	if err := errors.Join(ended, unsettled, w.poll(ctx), d.dispatch(ctx)); err != nil {
		return err
	}
	if full {
		return errors.Join(s.Metrics.measure(ctx, s.tasks), w.watchWorkers(ctx))
	}
	return nil
}
