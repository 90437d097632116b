package schedule

import (
	"context"
	"errors"
	"fmt"
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

// Config says what to conduct with.
type Config struct {
	DB    *pgxpool.Pool
	NATS  *nats.Conn
	Store Store
	// WorkBucket holds what tasks hand to each other.
	WorkBucket string
	// Lease is how long a grant lasts without a heartbeat, and how long a delivery may stay silent.
	Lease time.Duration
	// Replicas of each stream: 1 on a single server, 3 in a cluster.
	Replicas int
	// Retention is how long work objects are kept after their render has ended.
	Retention time.Duration
	// Ended is called when renders have ended, so that others may be claimed.
	Ended   func()
	Metrics *Metrics
	Log     zerolog.Logger
}

// tick is how often due tasks are published, and renders looked at, when nothing wakes the
// conductor earlier.
const tick = time.Second

// Conductor carries renders through their tasks.
type Conductor struct {
	Config
	js      jetstream.JetStream
	ledger  ledger
	streams *streams
	lanes   *lanes
	hearing *hearing
	wake    chan struct{}
	// outage is that of rounds, whichever server they failed for.
	outage retry.Outage
}

// New returns a conductor. It uses cfg.NATS and cfg.DB, which stay the caller's to close.
func New(cfg Config) (*Conductor, error) {
	js, err := jetstream.New(cfg.NATS)
	if err != nil {
		return nil, fmt.Errorf("make the conductor: %w", err)
	}
	c := &Conductor{
		Config: cfg, js: js, ledger: ledger{db: cfg.DB, lease: cfg.Lease}, lanes: newLanes(),
		streams: newStreams(js, cfg.Replicas, cfg.Lease, cfg.Metrics, cfg.Log), wake: make(chan struct{}, 1),
		outage: retry.Outage{Log: cfg.Log, Down: "tasks cannot be scheduled: retrying until they can be", Up: "tasks are scheduled again"},
	}
	c.hearing = &hearing{Conductor: c}
	return c, nil
}

// Wake makes the conductor look for due tasks and ended renders at once.
func (c *Conductor) Wake() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Ready returns nil when streams and consumers are there, and the database takes what the conductor
// does.
func (c *Conductor) Ready(ctx context.Context) error {
	if err := c.outage.Err(); postgres.SQLState(err) != "" {
		return fmt.Errorf("renders cannot be scheduled: %s", postgres.Reason(err))
	}
	return c.streams.ready(ctx)
}

// heartbeatEvery is how often workers are asked to report: often enough that a few may be lost
// before a lease lapses, and that progress moves before the eyes of whoever waits.
func (c *Conductor) heartbeatEvery() time.Duration {
	return min(max(c.Lease/10, 200*time.Millisecond), 3*time.Second)
}

// Run conducts until ctx is cancelled. It finishes what it has begun, for a few seconds at most,
// and leaves the rest to other replicas.
func (c *Conductor) Run(ctx context.Context) error {
	// Requests and results that were received are dealt with although ctx is cancelled; each is
	// bounded by itself.
	work := context.WithoutCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.streams.keep(ctx, c.NATS, c.Wake) })
	group.Go(func() error { return c.hearing.keep(ctx) })
	group.Go(func() error { return c.beat(ctx) })
	group.Go(func() error { return newRequests(c).serve(ctx, work) })
	group.Go(func() error { return newResults(c).consume(ctx, work) })
	group.Go(func() error { return newSweeper(c).sweep(ctx) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("conduct: %w", err)
	}
	return nil
}

// refusedRender counts an error of the database's that one render met, and writes it down where it
// may be that render's own.
func (c *Conductor) refusedRender(ctx context.Context, log zerolog.Logger, work string, render uuid.UUID, cause error) {
	c.Metrics.DatabaseError(work, cause)
	if !mayStay(cause) {
		return
	}
	if err := c.ledger.refused(ctx, render, cause); err != nil {
		log.Warn().Err(err).Msg("what the database refuses of a render is in the log alone")
	}
}

// beat publishes due tasks and looks after renders that have ended: every tick, and when it is
// woken.
func (c *Conductor) beat(ctx context.Context) error {
	d, w := newDispatcher(c), newWatcher(c)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	full := true
	for {
		err := c.round(ctx, d, w, full)
		if ctx.Err() != nil {
			return nil
		}
		c.outage.Note(err)
		if postgres.SQLState(err) != "" {
			c.Metrics.DatabaseError("conduct", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			full = true
		case <-c.wake:
			full = false
		}
		if err != nil && !full {
			// A wake-up brings nothing back: wait for the next tick.
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
				full = true
			}
		}
	}
}

// round is one round of the beat; a full one also does what is enough once a tick.
func (c *Conductor) round(ctx context.Context, d *dispatcher, w *watcher, full bool) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	// That one of them fails keeps the others from nothing.
	var ended error
	if full {
		ended = w.closeEnded(ctx)
	}
	if err := errors.Join(ended, w.look(ctx), d.dispatch(ctx)); err != nil {
		return err
	}
	if full {
		return c.Metrics.measure(ctx, c.ledger)
	}
	return nil
}
