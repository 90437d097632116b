package stage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/fault"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/pkg/telemetry"
	"github.com/loom-lite/loom-lite/pkg/usage"
)

// Config says what a worker works on.
type Config struct {
	// Verb names the stage: record, transcode, upload. It is the consumer's name and the one that
	// workers are found by.
	Verb string
	// Handlers do the work, by kind. All kinds are of one stream.
	Handlers map[msg.Kind]Handler
	// Slots is how many tasks run at once, at least 1, beside those that fetch.
	Slots int
	// Fetches is how many tasks of kinds that fetch (msg.Kind.Fetches) run at once; at least 1 when
	// there is a handler of one. They take no slot. Further messages go back for a moment.
	Fetches int
	// WorkerID names the replica, in logs and in loom.attempts.
	WorkerID string
	// Tools names the programs that the handlers work with, and their versions. Outputs that other
	// tools made, or another release of this program, are not used in place of new ones.
	Tools string
	// Drain is how long running tasks may go on once Run's context is cancelled. Then they are
	// handed back.
	Drain time.Duration
	// WorkDir holds the tasks' folders. Default os.TempDir().
	WorkDir string
	// Registry takes the worker's metrics. Nil: they are not exported.
	Registry *prometheus.Registry
	Log      zerolog.Logger

	// pace is for tests; zero fields have defaults.
	pace pace
}

// Worker works on tasks. Several may run in one process.
type Worker struct {
	Config
	nc      *nats.Conn
	js      jetstream.JetStream
	scratch *scratch
	metrics *metrics

	// fetching has room for as many as fetch at once; fetches waits for them.
	fetching chan struct{}
	fetches  sync.WaitGroup
	puller   *puller
	rest     rest
	foreign  sync.Map // sequences of messages of which ingest has had a copy
	mu       sync.Mutex
	running  map[*lease]struct{}
	// alone is until when each heartbeat is a message of its own.
	alone time.Time
}

// New returns a worker that uses nc, which stays the caller's to close.
func New(nc *nats.Conn, cfg Config) (*Worker, error) {
	kinds := slices.Collect(maps.Keys(cfg.Handlers))
	if cfg.Verb == "" || cfg.WorkerID == "" || cfg.Slots < 1 || len(kinds) == 0 {
		return nil, errors.New("make worker: verb, worker, slots and handlers must be set")
	}
	for _, kind := range kinds {
		if kind.Fetches() && cfg.Fetches < 1 {
			return nil, fmt.Errorf("make worker: fetches must be set for %s", kind)
		}
		if kind.Stream() != kinds[0].Stream() {
			return nil, fmt.Errorf("make worker: %s and %s are of different streams", kind, kinds[0])
		}
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("make worker: %w", err)
	}
	if cfg.WorkDir == "" {
		cfg.WorkDir = os.TempDir()
	}
	cfg.pace.fill()
	m, err := newMetrics(cfg.Registry)
	if err != nil {
		return nil, fmt.Errorf("make worker: %w", err)
	}
	m.begin(cfg, kinds)
	return &Worker{
		Config: cfg, nc: nc, js: js, metrics: m, running: map[*lease]struct{}{},
		fetching: make(chan struct{}, max(0, cfg.Fetches)),
		puller: &puller{
			nc: nc, js: js, stream: kinds[0].Stream(), consumer: cfg.Verb, pace: cfg.pace,
			outage: retry.Outage{
				Backoff: retry.Backoff{First: cfg.pace.bind, Longest: cfg.pace.bindMax}, Minor: true,
				Log:  cfg.Log.With().Str("stream", kinds[0].Stream()).Str("consumer", cfg.Verb).Logger(),
				Down: "tasks cannot be pulled: looking for the consumer until it is there", Up: "waiting for tasks",
				Kind: func(err error) string { return fmt.Sprint(service.Refused(err)) },
			},
		},
	}, nil
}

// Ready returns nil while the worker can be given work: it has a connection, its consumer exists,
// and NATS lets it pull.
func (w *Worker) Ready(context.Context) error {
	if !w.nc.IsConnected() {
		return errors.New("no connection to NATS")
	}
	return w.puller.ready()
}

// Run works on tasks until ctx is cancelled. Then it pulls no more, lets running tasks go on for
// Drain, cancels what is left and hands it back, and returns when everything has ended. Its error
// says why it could not work at all.
func (w *Worker) Run(ctx context.Context) (err error) {
	if w.scratch, err = openScratch(w.WorkDir, w.Verb, w.Log); err != nil {
		return err
	}
	defer w.scratch.close()

	// Two contexts: ctx is for pulling, working for what was pulled.
	working, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	defer context.AfterFunc(ctx, func() {
		w.Log.Info().Dur("at_most_ms", w.Drain).Msg("draining")
		timer := time.AfterFunc(w.Drain, func() { stop(errDraining) })
		context.AfterFunc(working, func() { timer.Stop() })
	})()

	leave, err := w.announce()
	if err != nil {
		return err
	}
	defer leave()

	errs := make([]error, w.Slots)
	var slots sync.WaitGroup
	for i := range w.Slots {
		slots.Go(func() {
			errs[i] = w.puller.pull(ctx, func(m jetstream.Msg) {
				w.take(ctx, working, m)
				w.rest.over(ctx)
			})
		})
	}
	slots.Wait()
	w.fetches.Wait()
	return errors.Join(errs...)
}

// take does the task of a message: in the slot that pulled it or, for kinds that fetch, beside the
// slots.
func (w *Worker) take(pulling, working context.Context, m jetstream.Msg) {
	token, err := msg.Decode[msg.Task](m.Data())
	if err != nil || !token.Kind.Fetches() {
		w.do(pulling, working, m, token, err)
		return
	}
	select {
	case w.fetching <- struct{}{}:
		w.fetches.Go(func() {
			defer func() { <-w.fetching }()
			w.do(pulling, working, m, token, nil)
		})
	default:
		w.Log.Debug().Stringer("task_id", token.TaskID).Msg("as many fetch as may at once: task goes back")
		settled(w.Log, m.NakWithDelay(w.pace.again))
	}
}

// do handles one message, decoded to token or err, until it is settled.
func (w *Worker) do(pulling, working context.Context, m jetstream.Msg, token msg.Task, err error) {
	fault.Here(fault.MessagePulled)
	handler := w.Handlers[token.Kind]
	log := w.Log.With().Stringer("render_id", token.RenderID).Stringer("task_id", token.TaskID).Logger()
	trace := msg.ParseTrace(m.Headers().Get(msg.HeaderTrace))
	if trace != (msg.Trace{}) {
		log = log.With().Str("trace_id", trace.ID()).Logger()
		working = msg.WithTrace(working, trace)
	}
	switch {
	case pulling.Err() != nil:
		settled(log, m.Nak())
		return
	case errors.Is(err, msg.ErrVersion), err == nil && handler == nil:
		if err == nil {
			err = fmt.Errorf("this release has no task of kind %q", token.Kind)
		}
		w.leave(working, log, m, err)
		return
	case err != nil:
		w.giveAway(working, log, m, err)
		return
	}

	received := time.Now()
	grant := w.grant(working, log, token, m)
	if grant == nil {
		return
	}
	fault.Here(fault.TaskGranted)
	log = log.With().Str("kind", string(token.Kind)).Int("attempt", grant.Attempt).Logger()
	working, span := telemetry.Begin(working, trace, grant, w.WorkerID, sentAt(m), received)
	l := w.hold(working, log, grant, m, received)
	l.span = span
	defer l.release()
	started := time.Now()
	var facts any
	if pulling.Err() != nil {
		err = fmt.Errorf("%w: the worker is stopping", ErrHandBack)
	} else {
		share := usage.Begin()
		facts, err = l.handle(handler)
		l.used = used(&l.account, share.End())
	}
	fault.Here(fault.WorkDone)
	l.settle(facts, err, time.Since(started))
}

// sentAt is when a message was stored in its stream; zero when that is not known.
func sentAt(m jetstream.Msg) time.Time {
	about, err := m.Metadata()
	if err != nil {
		return time.Time{}
	}
	return about.Timestamp
}
