package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/pkg/service"
)

// checkMost is the longest interval between two checks of streams and consumers.
const checkMost = 10 * time.Second

// natsBackoff paces what JetStream refuses while NATS is away, or streams are missing.
var natsBackoff = retry.Backoff{First: 100 * time.Millisecond, Longest: 5 * time.Second}

// streams makes the streams and consumers, and makes them again when they were lost.
type streams struct {
	js        jetstream.JetStream
	configs   []jetstream.StreamConfig
	consumers map[string]jetstream.ConsumerConfig
	missing   chan struct{}
	// every is how often they are looked after when nothing says that they are gone.
	every  time.Duration
	counts *counts
	// first is closed when everything has been made for the first time.
	first chan struct{}
	log   zerolog.Logger
}

func newStreams(js jetstream.JetStream, replicas int, lease time.Duration, metrics *Metrics, log zerolog.Logger) *streams {
	return &streams{
		js: js, configs: msg.Streams(replicas), consumers: msg.Consumers(lease), missing: make(chan struct{}, 1),
		every: min(lease, checkMost), counts: newCounts(js, metrics.remade, log), first: make(chan struct{}), log: log,
	}
}

// lost says that a stream or a consumer seems to be gone.
func (s *streams) lost() {
	select {
	case s.missing <- struct{}{}:
	default:
	}
}

// keep makes streams and consumers: now, when NATS is connected again, when one was found missing,
// and every now and then. made is called when they are there after they may not have been.
func (s *streams) keep(ctx context.Context, nc *nats.Conn, made func()) error {
	connected := nc.StatusChanged(nats.CONNECTED)
	defer nc.RemoveStatusListener(connected)
	ticker := time.NewTicker(s.every)
	defer ticker.Stop()
	outage := retry.Outage{Backoff: natsBackoff, Log: s.log,
		Down: "streams cannot be made yet: retrying until they are", Up: "streams are made"}
	for started := false; ; started = true {
		if err := outage.Until(ctx, func() error { return s.make(ctx) }); err != nil {
			return nil // only ctx ends it
		}
		if !started {
			close(s.first)
		}
		made()
		select {
		case <-ctx.Done():
			return nil
		case <-connected:
		case <-s.missing:
		case <-ticker.C:
			for stream, cfg := range s.consumers {
				s.counts.check(ctx, stream, cfg.Durable)
			}
		}
	}
}

func (s *streams) make(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	named := service.Refusals(s.js.Conn())
	for _, cfg := range s.configs {
		if _, err := s.js.CreateOrUpdateStream(ctx, cfg); err != nil {
			return fmt.Errorf("make stream %s: %w", cfg.Name, named(err))
		}
	}
	for stream, cfg := range s.consumers {
		if _, err := s.js.CreateOrUpdateConsumer(ctx, stream, cfg); err != nil {
			return fmt.Errorf("make consumer %s of stream %s: %w", cfg.Durable, stream, named(err))
		}
	}
	return nil
}

// ready returns nil when every stream and consumer is there.
func (s *streams) ready(ctx context.Context) error {
	named := service.Refusals(s.js.Conn())
	for _, cfg := range s.configs {
		if _, err := s.js.Stream(ctx, cfg.Name); err != nil {
			return fmt.Errorf("look for stream %s: %w", cfg.Name, named(err))
		}
	}
	for stream, cfg := range s.consumers {
		if _, err := s.js.Consumer(ctx, stream, cfg.Durable); err != nil {
			return fmt.Errorf("look for consumer %s of stream %s: %w", cfg.Durable, stream, named(err))
		}
	}
	return nil
}

// gone reports whether err says that a stream or a consumer does not exist.
func gone(err error) bool {
	return errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, jetstream.ErrStreamNotFound) ||
		errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrConsumerDeleted) ||
		errors.Is(err, nats.ErrNoResponders)
}
