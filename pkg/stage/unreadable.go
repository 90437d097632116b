package stage

import (
	"context"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/redact"
)

// giveAway passes a message that cannot be read on to ingest, which keeps it for its operator, and
// ends it. If ingest's stream does not take it, the message goes back.
func (w *Worker) giveAway(ctx context.Context, log zerolog.Logger, m jetstream.Msg, cause error) {
	log.Error().Err(cause).Str("subject", m.Subject()).Msg("unreadable task: ingest keeps it")
	w.metrics.unread.WithLabelValues(w.Verb, unreadMalformed).Inc()
	if err := w.passOn(ctx, m, cause); err != nil {
		log.Warn().Err(err).Msg("an unreadable task could not be passed on: it goes back")
		settled(log, m.NakWithDelay(w.pace.foreign))
		return
	}
	settled(log, m.TermWithReason("malformed"))
}

// leave puts a message back that is for another release: one of its workers will pull it. If none
// has for long, ingest gets a copy, so that its operator finds it. The message stays.
func (w *Worker) leave(ctx context.Context, log zerolog.Logger, m jetstream.Msg, cause error) {
	log.Warn().Err(cause).Str("subject", m.Subject()).Msg("task is for another release")
	w.metrics.unread.WithLabelValues(w.Verb, unreadForeign).Inc()
	if meta, err := m.Metadata(); err == nil && time.Since(meta.Timestamp) > w.pace.foreignKept {
		if _, told := w.foreign.LoadOrStore(meta.Sequence.Stream, true); !told {
			if err := w.passOn(ctx, m, cause); err != nil {
				w.foreign.Delete(meta.Sequence.Stream)
				log.Warn().Err(err).Msg("a task for another release is not among the dead letters yet")
			}
		}
	}
	settled(log, m.NakWithDelay(w.pace.foreign))
}

// passOn gives ingest a copy of a message.
func (w *Worker) passOn(ctx context.Context, m jetstream.Msg, cause error) error {
	ctx, cancel := context.WithTimeout(ctx, w.pace.request)
	defer cancel()
	letter := nats.NewMsg(msg.UnreadableSubject(m.Subject()))
	letter.Data = m.Data()[:min(len(m.Data()), msg.MaxUnreadable)]
	letter.Header.Set(msg.HeaderUnreadable, truncate(redact.Text(cause.Error()), maxMessage))
	letter.Header.Set(msg.HeaderWorker, w.WorkerID)
	options := []jetstream.PublishOpt{jetstream.WithExpectStream(msg.StreamResults)}
	if meta, err := m.Metadata(); err == nil {
		options = append(options, jetstream.WithMsgID(meta.Stream+"/"+strconv.FormatUint(meta.Sequence.Stream, 10)))
	}
	_, err := w.js.PublishMsg(ctx, letter, options...)
	return err
}
