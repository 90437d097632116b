package schedule

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/retry"
)

const (
	// readTries is how often a check reads a consumer, readPause apart. readAgree is how many of
	// these readings must find the same fault.
	readTries, readAgree = 6, 3
	readPause            = 20 * time.Millisecond
	// recreateEvery is the shortest interval in which a consumer is created again twice.
	recreateEvery = 5 * time.Minute
)

// consumerAudit deletes consumers that have lost messages of their stream, so that streams creates
// them again and the messages are delivered. In a work queue each message either waits for its
// consumer or is with a worker. If these two counts do not add up to the messages of the stream, in
// two checks one after the other, some messages would never be delivered.
type consumerAudit struct {
	js       jetstream.JetStream
	recreate prometheus.Counter
	log      zerolog.Logger
	// suspect holds the streams whose counts did not add up in the last check.
	suspect map[string]bool
	// until holds, by stream, the time before which its consumer is not deleted again.
	until map[string]time.Time
}

func newConsumerAudit(js jetstream.JetStream, recreate prometheus.Counter, log zerolog.Logger) *consumerAudit {
	return &consumerAudit{js: js, recreate: recreate, log: log, suspect: map[string]bool{}, until: map[string]time.Time{}}
}

// check checks one consumer, and deletes it when its counts were wrong twice. Running work goes on:
// workers hold their leases in Postgres, and a worker to which a message of a running task is
// delivered again is told to drop it.
func (a *consumerAudit) check(ctx context.Context, stream, name string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	lost, err := a.lost(ctx, stream, name)
	if err != nil {
		// A stream or consumer that is gone is created again before the next check.
		a.log.Debug().Err(err).Str("stream", stream).Msg("counts of a consumer not known")
	}
	before := a.suspect[stream]
	a.suspect[stream] = lost != 0
	if lost == 0 || !before || time.Now().Before(a.until[stream]) {
		return
	}
	a.suspect[stream] = false
	a.until[stream] = time.Now().Add(recreateEvery)
	a.log.Warn().Str("stream", stream).Str("consumer", name).Int64("messages", lost).
		Msg("a consumer's counts cannot be true: it is created again")
	a.recreate.Inc()
	if err := a.js.DeleteConsumer(ctx, stream, name); err != nil {
		a.log.Warn().Err(err).Str("stream", stream).Msg("consumer not deleted")
	}
}

// lost returns how many messages of a stream its consumer does not count, and 0 when it counts them
// all or when that cannot be told. A reading trusts the stream's count only between two equal
// answers of the consumer: otherwise somebody has published, pulled or acknowledged in between. On
// a busy server a consumer hears of a new message a moment after the stream counts it, so one
// reading is not enough.
func (a *consumerAudit) lost(ctx context.Context, stream, name string) (lost int64, err error) {
	agree := 0
	for try := range readTries {
		if try > 0 && !retry.Sleep(ctx, readPause) {
			return 0, ctx.Err()
		}
		n, still, err := a.read(ctx, stream, name)
		switch {
		case err != nil:
			return 0, err
		case !still:
			continue
		case n == 0:
			return 0, nil
		}
		lost = n
		if agree++; agree == readAgree {
			return lost, nil
		}
	}
	return 0, nil
}

// read returns how many messages a consumer does not count, and whether its counts held still.
func (a *consumerAudit) read(ctx context.Context, stream, name string) (lost int64, still bool, err error) {
	consumer, err := a.js.Consumer(ctx, stream, name)
	if err != nil {
		return 0, false, fmt.Errorf("look up the consumer: %w", err)
	}
	before := consumer.CachedInfo()
	s, err := a.js.Stream(ctx, stream)
	if err != nil {
		return 0, false, fmt.Errorf("look up the stream: %w", err)
	}
	messages := s.CachedInfo().State.Msgs
	after, err := consumer.Info(ctx)
	if err != nil {
		return 0, false, fmt.Errorf("look up the consumer: %w", err)
	}
	still = before.Delivered.Consumer == after.Delivered.Consumer && before.NumPending == after.NumPending &&
		before.NumAckPending == after.NumAckPending && before.AckFloor.Stream == after.AckFloor.Stream
	return int64(messages) - int64(after.NumPending) - int64(after.NumAckPending), still, nil
}
