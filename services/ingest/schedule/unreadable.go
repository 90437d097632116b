package schedule

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// bury keeps a message of the results' stream that is no result: one that cannot be read, or a
// message of a task that its worker could not read and has passed on. It reports whether it was
// such a message. Operators find it among the dead letters.
func (r *results) bury(ctx context.Context, log zerolog.Logger, m jetstream.Msg, result msg.Result, cause error) bool {
	passedOn := m.Headers().Get(msg.HeaderUnreadable)
	subject, reason, worker := m.Subject(), "", m.Headers().Get(msg.HeaderWorker)
	switch {
	case passedOn != "":
		subject, reason = "task"+strings.TrimPrefix(m.Subject(), "result"), passedOn
	case errors.Is(cause, msg.ErrVersion):
		return false
	case cause != nil:
		reason = cause.Error()
	case m.Subject() != msg.ResultSubject(result.Ref):
		reason, worker = "it names another task than its subject", result.Worker
	default:
		return false
	}
	log = log.With().Str("subject", subject).Str("reason", reason).Str("worker", worker).Logger()
	if err := r.tasks.keepUnreadable(ctx, subject, m.Data(), reason, worker); err != nil {
		log.Error().Err(err).Msg("an unreadable message cannot be kept yet: it waits in its stream")
		r.count(log, outcomeError, m.NakWithDelay(retryDelay(m)))
		return true
	}
	log.Error().Msg("unreadable message: it is a dead letter now")
	r.Metrics.died(kindIn(subject), codeUnreadable)
	r.count(log, outcomeMalformed, m.TermWithReason("unreadable"))
	return true
}

// codeUnreadable is the code of dead letters that are messages.
const codeUnreadable msg.Code = "unreadable"

// kindIn returns the kind of task that a subject names.
func kindIn(subject string) msg.Kind {
	tokens := strings.Split(subject, ".")
	if kind := msg.Kind(tokens[min(1, len(tokens)-1)]); kind.Valid() {
		return kind
	}
	return ""
}

// died counts a dead letter.
func (m *Metrics) died(kind msg.Kind, code msg.Code) {
	m.dead.WithLabelValues(cmp.Or(string(kind), "none"), string(code)).Inc()
}
