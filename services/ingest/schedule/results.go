package schedule

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/fault"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/retry"
)

const (
	// fetchFor is how long one fetch waits for results; fetchMost, how many it takes.
	fetchFor  = 20 * time.Second
	fetchMost = 4 * gatherMost
	// idleHeartbeat is how often JetStream reports that an idle fetch is alive. After two that are
	// missing, results binds to the consumer again.
	idleHeartbeat = 2 * time.Second
	// settleWithin bounds the work on one result.
	settleWithin = 10 * time.Second
	// finishWithin bounds a batch of results.
	finishWithin = 3 * time.Second
	// maxTries is how often a result is tried while the database refuses to change its render. They
	// take less than a minute.
	maxTries = 8
	// foreignRetry is how long a result of another release is left to other replicas.
	foreignRetry = 5 * time.Second
)

// Outcomes of a result in metrics, beside the verdicts of the database (accepted, already, stale,
// retry, failed).
const (
	outcomeMalformed = "malformed"
	outcomeVersion   = "unknown_version"
	outcomeError     = "error"
	outcomeHeld      = "held"
)

// results closes attempts with the results that workers report.
type results struct {
	*Scheduler
	finishes *gatherer[msg.Result, string]
	// settling has room for as many as are settled at once.
	settling chan struct{}
}

func newResults(s *Scheduler) *results {
	return &results{
		Scheduler: s, finishes: &gatherer[msg.Result, string]{
			all: s.tasks.finishAll, within: finishWithin, gate: &s.batches, isLeftOut: func(verdict string) bool { return verdict == "" },
		},
		settling: make(chan struct{}, 2*fetchMost),
	}
}

// consume applies results until ctx is cancelled, and then finishes those that it has fetched.
func (r *results) consume(ctx, work context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-r.streams.first:
	}
	var settling sync.WaitGroup
	defer settling.Wait()
	outage := retry.Outage{Backoff: natsBackoff, Log: r.Log,
		Down: "results cannot be read: retrying until they can be", Up: "results are read again"}
	defer r.closing.Stop()
	for goOn := true; goOn; {
		r.closing.Beat()
		err := r.fetch(ctx, work, &settling)
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

// fetch binds to the consumer and takes results for up to fetchFor, which settling applies. Binding
// each time is cheap, and finds a consumer that was created again.
func (r *results) fetch(ctx, work context.Context, settling *sync.WaitGroup) error {
	consumer, err := r.js.Consumer(ctx, msg.StreamResults, msg.ConsumerConduct)
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, fetchFor)
	defer cancel()
	batch, err := consumer.Fetch(fetchMost, jetstream.FetchContext(waiting), jetstream.FetchHeartbeat(idleHeartbeat))
	if err != nil {
		return err
	}
	for m := range batch.Messages() {
		r.settling <- struct{}{}
		settling.Go(func() {
			defer func() { <-r.settling }()
			ctx, cancel := context.WithTimeout(work, settleWithin)
			defer cancel()
			r.settle(ctx, m)
		})
	}
	if err := batch.Error(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// settle applies one result and settles its message, which it acknowledges only when the result is
// in the database.
func (r *results) settle(ctx context.Context, m jetstream.Msg) {
	fault.Here(fault.ResultReceived)
	result, err := msg.Decode[msg.Result](m.Data())
	if r.bury(ctx, r.Log, m, result, err) {
		return
	}
	if err != nil {
		log := r.Log.With().Str("subject", m.Subject()).Logger()
		log.Warn().Err(err).Msg("result is for another release")
		r.count(log, outcomeVersion, m.NakWithDelay(foreignRetry))
		return
	}
	log := r.Log.With().Stringer("render_id", result.RenderID).Stringer("task_id", result.TaskID).
		Str("kind", string(result.Kind)).Int("attempt", result.Attempt).Str("worker", result.Worker).
		Str("outcome", string(result.Outcome)).Logger()
	verdict, err := r.finish(ctx, log, result)
	if err != nil && result.Kind != msg.Preflight && ctx.Err() == nil {
		log.Warn().Err(err).Msg("results not stored together: each is stored alone")
	}
	if result.Kind != msg.Preflight && (err != nil || verdict == "") {
		err = r.locks.do(ctx, result.RenderID, func() (err error) {
			verdict, err = r.apply(ctx, log, result, deliveries(m))
			return err
		})
	}
	if errors.Is(err, errLocked) {
		r.renewLease(ctx, log, result)
		r.count(log, outcomeHeld, m.NakWithDelay(min(retryDelay(m), r.Lease/4)))
		return
	}
	if err != nil {
		log.Error().Err(err).Msg("result cannot be stored yet: it waits in its stream")
		r.noteRefusalOf(ctx, log, "result", result.Ref, err)
		r.count(log, outcomeError, m.NakWithDelay(retryDelay(m)))
		return
	}
	if verdict == "stale" || result.Kind == msg.Upload {
		// The work was done, and nothing else says what it used.
		if err := r.tasks.noteUsed(ctx, result); err != nil {
			log.Warn().Err(err).Msg("what the attempt used is not in its render's receipt")
		}
	}
	event := log.Info()
	if result.Failure != nil {
		r.Metrics.failed(result.Kind, result.Failure.Code)
		event = log.Warn().Str("code", string(result.Failure.Code)).Str("error", result.Failure.Detail)
	}
	if verdict == verdictFailed && result.Kind != msg.Preflight {
		r.Metrics.died(result.Kind, failureCode(result))
	}
	event.Str("verdict", verdict).Dur("elapsed_ms", time.Duration(result.Elapsed)).Msg("result")
	fault.Here(fault.ResultCommitted)
	r.count(log, verdict, m.Ack())
	fault.Here(fault.ResultAcknowledged)
	if result.Kind == msg.Upload || verdict == verdictFailed && result.Kind != msg.Preflight {
		r.Changed(result.RenderID) // it has ended
	} else {
		r.Wake()
	}
}

// finish writes a result to the database together with others. It returns no verdict for one that
// must be applied alone: of an attempt that is not done, or of a render whose rows are held. Pages
// of preflights hang on no render, and never wait for one.
func (r *results) finish(ctx context.Context, log zerolog.Logger, result msg.Result) (verdict string, err error) {
	if result.Kind == msg.Preflight {
		return r.applyPage(ctx, log, result)
	}
	if result.Outcome != msg.Done || result.Kind == msg.Upload {
		return "", nil
	}
	return r.finishes.do(ctx, result)
}

// renewLease renews the lease of an attempt whose result waits for its render's rows: its worker
// has finished, and sends no more heartbeats.
func (r *results) renewLease(ctx context.Context, log zerolog.Logger, result msg.Result) {
	_, err := r.tasks.heartbeat(ctx, msg.Heartbeat{Ref: result.Ref, Attempt: result.Attempt, Worker: result.Worker})
	if err != nil {
		log.Warn().Err(err).Msg("lease of an attempt that has reported not renewed")
	}
	log.Info().Msg("somebody holds the render's rows: its result waits in its stream")
}

// apply writes a result to the database and returns the database's verdict. tries counts this try.
func (r *results) apply(ctx context.Context, log zerolog.Logger, result msg.Result, tries uint64) (verdict string, err error) {
	switch {
	case result.Outcome == msg.Failed:
		return r.tasks.fail(ctx, result, *result.Failure)
	case result.Outcome == msg.HandedBack:
		return r.tasks.handBack(ctx, result)
	case result.Kind == msg.Upload:
		// The uploader has closed the task itself, together with the render. If it has not, the
		// lease lapses.
		r.countReused(ctx, log, result.TaskID)
		return "already", nil
	}
	outputs, err := r.tasks.outputs(ctx, result.TaskID)
	if errors.Is(err, pgx.ErrNoRows) {
		return "stale", nil
	}
	if err != nil {
		return "", err
	}
	// Keys are formed here: a worker cannot name objects of others.
	keys := make(map[string]string, len(outputs))
	for name, out := range outputs {
		keys[name] = objectKey(result.Ref, result.Attempt, out.File)
	}
	verdict, err = r.tasks.finish(ctx, result, keys)
	if !refusesData(err) && (tries < maxTries || !mayPersist(err)) {
		return verdict, err
	}
	log.Error().Err(err).Msg("the database refuses a worker's result: the attempt failed")
	return r.tasks.fail(ctx, result, msg.Failure{
		Code: msg.CodeInternal, Message: "This render failed because of an error on our side.", Detail: err.Error(),
	})
}

// countReused counts the tasks of a render that is done which were done with what others had made.
func (r *results) countReused(ctx context.Context, log zerolog.Logger, upload uuid.UUID) {
	reused, err := r.tasks.reused(ctx, upload)
	if err != nil {
		log.Warn().Err(err).Msg("what was reused is not counted")
	}
	for kind, n := range reused {
		r.Metrics.reused.WithLabelValues(string(kind)).Add(float64(n))
	}
}

// verdictFailed is the database's verdict on a result with which its task, and its render, failed.
const verdictFailed = "failed"

// failureCode returns the code with which a result failed its task.
func failureCode(r msg.Result) msg.Code {
	if r.Failure != nil {
		return r.Failure.Code
	}
	return msg.CodeInternal
}

func (r *results) count(log zerolog.Logger, outcome string, settled error) {
	r.Metrics.results.WithLabelValues(outcome).Inc()
	if settled != nil {
		// The message is delivered again, and changes nothing then.
		log.Debug().Err(settled).Msg("message not settled")
	}
}

// retryDelay is how long a result waits for its next try: twice as long each time.
func retryDelay(m jetstream.Msg) time.Duration {
	return min(500*time.Millisecond<<min(deliveries(m)-1, 10), 8*time.Second)
}

// deliveries is how often a message has been delivered.
func deliveries(m jetstream.Msg) uint64 {
	if meta, err := m.Metadata(); err == nil {
		return max(meta.NumDelivered, 1)
	}
	return 1
}
