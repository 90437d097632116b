package schedule

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/pkg/service"
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
	// MaxRenders is how many renders may be in flight, MaxPerOwner how many of them one owner's.
	// They are noted for forecasts.
	MaxRenders, MaxPerOwner int
	// Ended is called when a render has ended, so that another one may be claimed.
	Ended   func()
	Metrics *Metrics
	Log     zerolog.Logger
}

// tick is the longest interval between two rounds: Wake starts one earlier.
const tick = time.Second

const (
	// roundWithin bounds a round.
	roundWithin = 15 * time.Second
	// restLeast and restMost bound the pause after a round, which is as long as the round.
	restLeast, restMost = 4 * time.Millisecond, 100 * time.Millisecond
)

// Scheduler takes renders through their tasks.
type Scheduler struct {
	Config
	js      jetstream.JetStream
	tasks   taskStore
	pages   pageStore
	streams *streams
	locks   *renderLocks
	leases  *leaseClock
	wake    chan struct{}
	short   atomic.Bool // due tasks wait for room in their streams
	changes *changes
	batches sync.Mutex // of grants and results: they hold the renders that they change
	// pulses are those of the loops.
	dispatching, watching, closing service.Pulse
	// Outages of rounds, whichever server they failed for.
	outage, watchOutage retry.Outage
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
		pages:   pageStore{db: cfg.DB, lease: cfg.Lease},
		streams: newStreams(js, cfg.Replicas, cfg.Lease, cfg.Metrics, cfg.Log), wake: make(chan struct{}, 1),
		leases:      newLeaseClock(cfg),
		changes:     newChanges(),
		dispatching: service.Pulse{Of: "publishing due tasks", Within: stillWithin},
		watching:    service.Pulse{Of: "watching renders", Within: stillWithin},
		closing:     service.Pulse{Of: "reading results", Within: stillWithin},
		outage:      retry.Outage{Log: cfg.Log, Down: "tasks cannot be scheduled: retrying until they can be", Up: "tasks are scheduled again"},
		watchOutage: retry.Outage{Log: cfg.Log, Down: "renders cannot be watched: retrying until they can be", Up: "renders are watched again"},
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
	for _, outage := range []*retry.Outage{&s.outage, &s.watchOutage} {
		if err := outage.Err(); postgres.SQLState(err) != "" {
			return fmt.Errorf("renders cannot be scheduled: %s", postgres.Reason(err))
		}
	}
	return s.streams.ready(ctx)
}

// stillWithin is how long a loop may take for a round, which is bounded by far less.
const stillWithin = 3 * time.Minute

// Alive returns nil while the scheduler's loops go on: an error says that only a restart helps.
func (s *Scheduler) Alive() error {
	return errors.Join(s.dispatching.Alive(), s.watching.Alive(), s.closing.Alive())
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
	group.Go(func() error { return s.dispatch(ctx) })
	group.Go(func() error { return s.watch(ctx) })
	group.Go(func() error { return s.noteCapacity(ctx) })
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

// noteRefusalOf is noteRefusal for the work on a task. A page of a preflight is of no render.
func (s *Scheduler) noteRefusalOf(ctx context.Context, log zerolog.Logger, work string, ref msg.Ref, cause error) {
	if ref.Kind == msg.Preflight {
		s.Metrics.DatabaseError(work, cause)
		return
	}
	s.noteRefusal(ctx, log, work, ref.RenderID, cause)
}

// Changed starts a round at once, and has what happened to a render published.
func (s *Scheduler) Changed(render uuid.UUID) {
	s.changes.add(render)
	s.Wake()
}

// changes are renders that this replica has changed since the watcher looked.
type changes struct {
	mu      sync.Mutex
	renders map[uuid.UUID]struct{}
	some    chan struct{}
}

func newChanges() *changes {
	return &changes{renders: map[uuid.UUID]struct{}{}, some: make(chan struct{}, 1)}
}

func (c *changes) add(render uuid.UUID) {
	c.mu.Lock()
	c.renders[render] = struct{}{}
	c.mu.Unlock()
	select {
	case c.some <- struct{}{}:
	default:
	}
}

// take returns the renders, and forgets them.
func (c *changes) take() []uuid.UUID {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := slices.Collect(maps.Keys(c.renders))
	clear(c.renders)
	return list
}

// dispatch publishes due tasks at every tick and at every Wake.
func (s *Scheduler) dispatch(ctx context.Context) error {
	d := newDispatcher(s)
	return s.rounds(ctx, &s.dispatching, &s.outage, s.wake, d.others, func(ctx context.Context, full bool) error {
		if !full {
			return d.dispatch(ctx)
		}
		_, unsettled := s.tasks.settleLeft(ctx, true, s.locks.held(heldAfter(s.Lease)))
		// Tasks are counted while NATS is away, too.
		return errors.Join(unsettled, d.dispatch(ctx), s.Metrics.measure(ctx, s.tasks), s.Metrics.measureQueue(ctx, s.tasks))
	})
}

// watch publishes what happens to renders.
func (s *Scheduler) watch(ctx context.Context) error {
	w := newWatcher(s)
	alone := func() float64 { return 1 }
	return s.rounds(ctx, &s.watching, &s.watchOutage, s.changes.some, alone, func(ctx context.Context, full bool) error {
		changed := s.changes.take()
		if !full {
			return w.look(ctx, changed)
		}
		return w.tick(ctx, changed)
	})
}

// rounds runs rounds: full ones at every tick, and others when woken. At least half of the time is
// between rounds, so that many wake-ups cost no more than a few. Pauses are longer where others
// have rounds as well.
func (s *Scheduler) rounds(
	ctx context.Context, pulse *service.Pulse, outage *retry.Outage, wake <-chan struct{}, others func() float64,
	round func(ctx context.Context, full bool) error,
) error {
	defer pulse.Stop()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	full := true
	for {
		pulse.Beat()
		began := time.Now()
		within, cancel := context.WithTimeout(ctx, roundWithin)
		err := round(within, full)
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		outage.Note(err)
		woken := wake
		if postgres.SQLState(err) != "" {
			s.Metrics.DatabaseError("conduct", err)
		}
		if err != nil {
			woken = nil // during an outage, wake-ups are ignored
		}
		rest := time.Duration(float64(max(time.Since(began), restLeast)) * others())
		retry.Sleep(ctx, min(rest, restMost))
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			full = true
		case <-woken:
			full = false
		}
	}
}
