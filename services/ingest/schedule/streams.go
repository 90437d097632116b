package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/fault"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/pkg/service"
)

// checkMost is the longest interval between two checks of streams and consumers.
const checkMost = 10 * time.Second

// natsBackoff paces what JetStream refuses while NATS is away, or streams are missing.
var natsBackoff = retry.Backoff{First: 100 * time.Millisecond, Longest: 5 * time.Second}

// streams creates the streams and consumers, and creates them again when they were lost.
type streams struct {
	js        jetstream.JetStream
	configs   []jetstream.StreamConfig
	consumers map[string]jetstream.ConsumerConfig
	missing   chan struct{}
	// every is how often they are checked when nothing reports them missing.
	every time.Duration
	audit *consumerAudit
	// first is closed when all of them have been created for the first time.
	first chan struct{}
	log   zerolog.Logger
}

func newStreams(js jetstream.JetStream, replicas int, lease time.Duration, metrics *Metrics, log zerolog.Logger) *streams {
	return &streams{
		js: js, configs: msg.Streams(replicas), consumers: msg.Consumers(lease), missing: make(chan struct{}, 1),
		every: min(lease, checkMost), audit: newConsumerAudit(js, metrics.recreated, log), first: make(chan struct{}), log: log,
	}
}

// lost reports that a stream or a consumer seems to be gone.
func (s *streams) lost() {
	select {
	case s.missing <- struct{}{}:
	default:
	}
}

// keep creates streams and consumers: now, when NATS is connected again, when one was reported
// missing, and regularly. It calls created each time, when all of them exist.
func (s *streams) keep(ctx context.Context, nc *nats.Conn, created func()) error {
	connected := nc.StatusChanged(nats.CONNECTED)
	defer nc.RemoveStatusListener(connected)
	ticker := time.NewTicker(s.every)
	defer ticker.Stop()
	outage := retry.Outage{Backoff: natsBackoff, Log: s.log,
		Down: "streams cannot be created yet: retrying until they are", Up: "streams are created"}
	for started := false; ; started = true {
		if err := outage.Until(ctx, func() error { return s.create(ctx) }); err != nil {
			return nil // only ctx ends it
		}
		if !started {
			close(s.first)
		}
		created()
		select {
		case <-ctx.Done():
			return nil
		case <-connected:
		case <-s.missing:
		case <-ticker.C:
			for stream, cfg := range s.consumers {
				s.audit.check(ctx, stream, cfg.Durable)
			}
		}
	}
}

func (s *streams) create(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	named := service.Refusals(s.js.Conn())
	for _, cfg := range s.configs {
		if _, err := s.js.CreateOrUpdateStream(ctx, cfg); err != nil {
			return fmt.Errorf("create stream %s: %w", cfg.Name, named(err))
		}
		fault.Here(fault.StreamMade)
	}
	for stream, cfg := range s.consumers {
		if _, err := s.js.CreateOrUpdateConsumer(ctx, stream, cfg); err != nil {
			return fmt.Errorf("create consumer %s of stream %s: %w", cfg.Durable, stream, named(err))
		}
	}
	return nil
}

// ready returns nil if every stream and consumer exists.
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

// gone reports whether err means that a stream or a consumer does not exist.
func gone(err error) bool {
	return errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, jetstream.ErrStreamNotFound) ||
		errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrConsumerDeleted) ||
		errors.Is(err, nats.ErrNoResponders)
}
