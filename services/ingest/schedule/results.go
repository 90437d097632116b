package schedule

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/retry"
)

const (
	// fetchFor is how long one fetch waits for results; fetchMost, how many it takes.
	fetchFor  = 20 * time.Second
	fetchMost = 16
	// silence is how often JetStream says that an idle fetch is alive. Twice that without a word,
	// and it is bound anew.
	silence = 2 * time.Second
	// settleWithin bounds the work on one result.
	settleWithin = 10 * time.Second
	// triesOfResult is how often a result is tried whose render the database refuses to change, for
	// less than a minute.
	triesOfResult = 8
	// foreignAgain is how long a result of another release is left to other replicas.
	foreignAgain = 5 * time.Second
)

// What became of a result, beside what the database answers (accepted, already, stale, retry,
// failed).
const (
	outcomeMalformed = "malformed"
	outcomeVersion   = "unknown_version"
	outcomeError     = "error"
	outcomeHeld      = "held"
)

// results closes attempts by what workers report.
type results struct {
	*Conductor
}

func newResults(c *Conductor) *results { return &results{c} }

// consume deals with results until ctx is cancelled. What it has fetched by then it finishes.
func (r *results) consume(ctx, work context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-r.streams.first:
	}
	outage := retry.Outage{Backoff: natsBackoff, Log: r.Log,
		Down: "results cannot be read: retrying until they can be", Up: "results are read again"}
	for goOn := true; goOn; {
		err := r.fetch(ctx, work)
		if ctx.Err() != nil {
			return nil
		}
		outage.Note(err)
		if gone(err) {
			r.streams.lost()
		}
		if err != nil {
			goOn = outage.Pause(ctx)
		}
	}
	return nil
}

// fetch binds to the consumer, takes what there is and waits for more for a while. To bind each
// time costs little, and finds a consumer that was made anew.
func (r *results) fetch(ctx, work context.Context) error {
	consumer, err := r.js.Consumer(ctx, msg.StreamResults, msg.ConsumerConduct)
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, fetchFor)
	defer cancel()
	batch, err := consumer.Fetch(fetchMost, jetstream.FetchContext(waiting), jetstream.FetchHeartbeat(silence))
	if err != nil {
		return err
	}
	var group errgroup.Group
	for m := range batch.Messages() {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(work, settleWithin)
			defer cancel()
			r.settle(ctx, m)
			return nil
		})
	}
	_ = group.Wait() // its functions return no errors
	if err := batch.Error(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// settle deals with one result and settles its message: acknowledged once the database has it.
func (r *results) settle(ctx context.Context, m jetstream.Msg) {
	result, err := msg.Decode[msg.Result](m.Data())
	log := r.Log.With().Str("subject", m.Subject()).Logger()
	switch {
	case errors.Is(err, msg.ErrVersion):
		log.Warn().Err(err).Msg("result is for another release")
		r.count(log, outcomeVersion, m.NakWithDelay(foreignAgain))
		return
	case err == nil && m.Subject() != msg.ResultSubject(result.Ref):
		log.Error().Msg("result names another task than its subject: dropped")
		r.count(log, outcomeMalformed, m.TermWithReason("names another task than its subject"))
		return
	case err != nil:
		log.Error().Err(err).Msg("unreadable result dropped")
		r.count(log, outcomeMalformed, m.TermWithReason("unreadable"))
		return
	}
	log = r.Log.With().Stringer("render_id", result.RenderID).Stringer("task_id", result.TaskID).
		Str("kind", string(result.Kind)).Int("attempt", result.Attempt).Str("worker", result.Worker).
		Str("outcome", string(result.Outcome)).Logger()
	var verdict string
	err = r.lanes.do(ctx, result.RenderID, func() (err error) {
		verdict, err = r.apply(ctx, log, result, deliveries(m))
		return err
	})
	if errors.Is(err, errHeld) {
		r.keep(ctx, log, result)
		r.count(log, outcomeHeld, m.NakWithDelay(min(again(m), r.Lease/4)))
		return
	}
	if err != nil {
		log.Error().Err(err).Msg("result cannot be stored yet: it waits in its stream")
		r.refusedRender(ctx, log, "result", result.RenderID, err)
		r.count(log, outcomeError, m.NakWithDelay(again(m)))
		return
	}
	event := log.Info()
	if result.Failure != nil {
		event = log.Warn().Str("code", string(result.Failure.Code)).Str("error", result.Failure.Detail)
	}
	event.Str("verdict", verdict).Dur("elapsed", time.Duration(result.Elapsed)).Msg("result")
	r.count(log, verdict, m.Ack())
	r.Wake()
}

// keep keeps the lease of an attempt whose result waits for its render's rows: its worker says
// nothing more.
func (r *results) keep(ctx context.Context, log zerolog.Logger, result msg.Result) {
	_, err := r.ledger.heartbeat(ctx, msg.Heartbeat{Ref: result.Ref, Attempt: result.Attempt, Worker: result.Worker})
	if err != nil {
		log.Warn().Err(err).Msg("lease of an attempt that has reported not renewed")
	}
	log.Info().Msg("somebody holds the render's rows: its result waits in its stream")
}

// apply writes a result to the database and returns what it made of it. tries is how often it has
// been tried, this time included.
func (r *results) apply(ctx context.Context, log zerolog.Logger, result msg.Result, tries uint64) (verdict string, err error) {
	switch {
	case result.Outcome == msg.Failed:
		return r.ledger.fail(ctx, result.Ref, result.Attempt, *result.Failure)
	case result.Outcome == msg.HandedBack:
		return r.ledger.handBack(ctx, result.Ref, result.Attempt, result.Reason)
	case result.Kind == msg.Upload:
		// The uploader closed the task itself, with the render: this only confirms it. If it did
		// not, the lease lapses.
		return "already", nil
	}
	outputs, err := r.ledger.outputs(ctx, result.TaskID)
	if errors.Is(err, pgx.ErrNoRows) {
		return "stale", nil
	}
	if err != nil {
		return "", err
	}
	// Keys are ours to form: a worker cannot make the pipeline read what it likes.
	keys := make(map[string]string, len(outputs))
	for name, out := range outputs {
		keys[name] = objectKey(result.Ref, result.Attempt, out.File)
	}
	verdict, err = r.ledger.finish(ctx, result, keys)
	if !broken(err) && (tries < triesOfResult || !mayStay(err)) {
		return verdict, err
	}
	log.Error().Err(err).Msg("the database refuses what a worker found out: the attempt failed")
	return r.ledger.fail(ctx, result.Ref, result.Attempt, msg.Failure{
		Code: msg.CodeInternal, Message: "This render failed because of an error on our side.", Detail: err.Error(),
	})
}

func (r *results) count(log zerolog.Logger, outcome string, settled error) {
	r.Metrics.results.WithLabelValues(outcome).Inc()
	if settled != nil {
		// It is delivered again, and changes nothing then.
		log.Debug().Err(settled).Msg("message not settled")
	}
}

// again is how long a result waits before it is tried again: longer each time.
func again(m jetstream.Msg) time.Duration {
	return min(500*time.Millisecond<<min(deliveries(m)-1, 10), 15*time.Second)
}

// deliveries is how often a message has been delivered.
func deliveries(m jetstream.Msg) uint64 {
	if meta, err := m.Metadata(); err == nil {
		return max(meta.NumDelivered, 1)
	}
	return 1
}
