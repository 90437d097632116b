package stage

import (
	"context"
	"strconv"

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
	if _, err := w.js.PublishMsg(ctx, letter, options...); err != nil {
		log.Warn().Err(err).Msg("an unreadable task could not be passed on: it goes back")
		settled(log, m.NakWithDelay(w.pace.foreign))
		return
	}
	settled(log, m.TermWithReason("malformed"))
}
