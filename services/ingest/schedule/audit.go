package schedule

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

const (
	// looks is how often a consumer is looked at, one look after the other, until it holds still
	// for the length of one.
	looks = 3
	// remadeSeldom is how long a consumer is left alone after it was made again.
	remadeSeldom = 5 * time.Minute
)

// counts deletes consumers that have lost messages of their stream, so that they are made again and
// deliver them. Every message of a work queue waits for its consumer or is with a worker. When the
// two counts together are not the number of messages, and are not at the next look either, there
// are messages that nobody will ever be handed.
type counts struct {
	js     jetstream.JetStream
	remade prometheus.Counter
	log    zerolog.Logger
	// odd are the streams whose counts did not add up at the last look, rested until when each is
	// left alone.
	odd    map[string]bool
	rested map[string]time.Time
}

func newCounts(js jetstream.JetStream, remade prometheus.Counter, log zerolog.Logger) *counts {
	return &counts{js: js, remade: remade, log: log, odd: map[string]bool{}, rested: map[string]time.Time{}}
}

// check looks at one consumer, and deletes it when its counts cannot be true. What is being worked
// on goes on: workers hold leases in Postgres, and whoever is handed such a message again is told
// to drop it.
func (c *counts) check(ctx context.Context, stream, name string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	odd, lost, err := c.look(ctx, stream, name)
	if err != nil {
		// A stream or consumer that is gone is made again before the next look.
		c.log.Debug().Err(err).Str("stream", stream).Msg("counts of a consumer not known")
		odd = false
	}
	suspected := c.odd[stream]
	c.odd[stream] = odd
	if !odd || !suspected || time.Now().Before(c.rested[stream]) {
		return
	}
	c.odd[stream] = false
	c.rested[stream] = time.Now().Add(remadeSeldom)
	c.log.Warn().Str("stream", stream).Str("consumer", name).Int64("messages", lost).
		Msg("a consumer's counts cannot be true: it is made again")
	c.remade.Inc()
	if err := c.js.DeleteConsumer(ctx, stream, name); err != nil {
		c.log.Warn().Err(err).Str("stream", stream).Msg("consumer not deleted")
	}
}

// look reports whether a consumer's counts differ from its stream's, and by how many messages. It
// believes only in what it read between two equal answers of the consumer: else somebody published,
// pulled or acknowledged in between.
func (c *counts) look(ctx context.Context, stream, name string) (odd bool, lost int64, err error) {
	for range looks {
		consumer, err := c.js.Consumer(ctx, stream, name)
		if err != nil {
			return false, 0, fmt.Errorf("look up the consumer: %w", err)
		}
		before := consumer.CachedInfo()
		s, err := c.js.Stream(ctx, stream)
		if err != nil {
			return false, 0, fmt.Errorf("look up the stream: %w", err)
		}
		messages := s.CachedInfo().State.Msgs
		after, err := consumer.Info(ctx)
		if err != nil {
			return false, 0, fmt.Errorf("look up the consumer: %w", err)
		}
		if before.Delivered.Consumer != after.Delivered.Consumer || before.NumPending != after.NumPending ||
			before.NumAckPending != after.NumAckPending || before.AckFloor.Stream != after.AckFloor.Stream {
			continue
		}
		lost = int64(messages) - int64(after.NumPending) - int64(after.NumAckPending)
		return lost != 0, lost, nil
	}
	return false, 0, nil
}
