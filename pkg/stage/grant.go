package stage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/pkg/service"
)

// grant requests the task from ingest. It returns nil when there is no grant; then it has settled
// the message.
func (w *Worker) grant(ctx context.Context, log zerolog.Logger, token msg.Task, m jetstream.Msg) *msg.Grant {
	reply, err := w.ask(ctx, token, m)
	switch {
	case err != nil:
		log.Warn().Err(err).Msg("no answer from ingest: task goes back")
		settled(log, m.NakWithDelay(w.pace.again))
	case reply.Verdict == msg.Drop:
		log.Debug().Str("reason", reply.Reason).Msg("task is not wanted")
		settled(log, m.Ack())
	case reply.Verdict == msg.Later && reply.Rest > 0:
		rest := min(time.Duration(reply.Rest), w.pace.laterMax)
		log.Warn().Str("reason", reply.Reason).Dur("for_ms", rest).Msg("worker rests")
		w.rest.take(rest)
		settled(log, m.Nak())
	case reply.Verdict == msg.Later:
		wait := min(max(time.Duration(reply.RetryAfter), w.pace.again/10), w.pace.laterMax)
		log.Debug().Str("reason", reply.Reason).Dur("wait_ms", wait).Msg("task is for later")
		settled(log, m.NakWithDelay(wait))
	case reply.Grant.TaskID != token.TaskID || reply.Grant.Kind != token.Kind:
		log.Error().Stringer("granted", reply.Grant.TaskID).Msg("ingest granted another task: it goes back")
		settled(log, m.NakWithDelay(w.pace.again))
	default:
		return reply.Grant
	}
	return nil
}

// ask sends the request until it is answered. Every repetition carries the same RequestID, because
// the answer to the first may have been lost: the attempt that it granted would be charged if no
// worker took it. For the same reason ask waits for about a minute. No responders, or a refusal by
// NATS, ends the wait, if no request before was received: ingest may have died with its answer.
func (w *Worker) ask(ctx context.Context, token msg.Task, m jetstream.Msg) (reply msg.GrantReply, err error) {
	data, err := msg.Encode(msg.GrantRequest{
		Ref: msg.NewRef(token.Kind, token.RenderID, token.TaskID), Worker: w.WorkerID, RequestID: uuid.New(),
		Tools: strings.TrimSpace(service.Version() + " " + w.Tools),
	})
	if err != nil {
		return reply, err
	}
	received := false
	for range w.pace.requests {
		asked := time.Now()
		var answer *nats.Msg
		if answer, err = w.request(ctx, msg.GrantSubject(token.Ref), data); err == nil {
			w.metrics.grants.Observe(time.Since(asked).Seconds())
			reply, err = msg.Decode[msg.GrantReply](answer.Data)
			return reply, err
		}
		unheard := errors.Is(err, nats.ErrNoResponders) || service.Refused(err)
		if ctx.Err() != nil || errors.Is(err, nats.ErrConnectionClosed) || unheard && !received {
			break
		}
		received = received || !unheard
		_ = m.InProgress() // delays redelivery, if NATS is there
		retry.Sleep(ctx, w.pace.request-time.Since(asked))
	}
	return reply, fmt.Errorf("ask for the task: %w", err)
}

// request waits for one answer, for a bounded time.
func (w *Worker) request(ctx context.Context, subject string, data []byte) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, w.pace.request)
	defer cancel()
	named := service.Refusals(w.nc)
	answer, err := w.nc.RequestWithContext(ctx, subject, data)
	return answer, named(err)
}
