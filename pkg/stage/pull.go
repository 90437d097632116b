package stage

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/pkg/service"
)

// What is known of the consumer.
const (
	unknown int32 = iota
	bound
	away
)

// puller gets messages from the stage's consumer. The slots of a worker share one.
type puller struct {
	nc               *nats.Conn
	js               jetstream.JetStream
	stream, consumer string
	pace             pace
	outage           retry.Outage // of the consumer

	// state is unknown, bound or away: what the last slot found that looked for the consumer.
	state atomic.Int32
	// refusal is why NATS gives no tasks, if it refuses a subject.
	refusal atomic.Pointer[error]
}

// ready returns nil while messages can be pulled.
func (p *puller) ready() error {
	if refusal := p.refusal.Load(); refusal != nil {
		return fmt.Errorf("tasks cannot be pulled: %w", *refusal)
	}
	if p.state.Load() != bound {
		return fmt.Errorf("waiting for ingest to make consumer %s on stream %s", p.consumer, p.stream)
	}
	return nil
}

// pull calls do with one message after the other until ctx is cancelled. It requests the next when
// do has returned, so that a busy slot holds no message that a free one elsewhere could take. It
// returns an error only when the connection was closed.
func (p *puller) pull(ctx context.Context, do func(jetstream.Msg)) error {
	for ctx.Err() == nil {
		messages, err := p.bind(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		named := service.Refusals(p.nc)
		err = named(p.each(ctx, messages, do))
		if err != nil && ctx.Err() == nil {
			p.keepRefusal(err)
			// Deleted, wiped, or its server went away: look for it again.
			p.outage.Log.Debug().Err(err).Msg("pulling was interrupted")
		}
	}
	return nil
}

func (p *puller) each(ctx context.Context, messages jetstream.MessagesContext, do func(jetstream.Msg)) error {
	defer messages.Stop()
	defer context.AfterFunc(ctx, func() {
		// Drain delivers what the server has already sent. Those messages would otherwise be lost
		// until their ack wait ends. Without a connection there are none.
		if p.nc.IsConnected() {
			messages.Drain()
		} else {
			messages.Stop()
		}
	})()
	for {
		m, err := messages.Next()
		if err != nil {
			return err
		}
		do(m)
	}
}

// bind waits for the stage's consumer and returns an iterator over its messages. Ingest creates the
// consumer, and creates it again when its store was wiped.
func (p *puller) bind(ctx context.Context) (messages jetstream.MessagesContext, err error) {
	err = p.outage.Until(ctx, func() (err error) {
		messages, err = p.lookUp(ctx)
		if p.nc.IsClosed() {
			return retry.Permanent(fmt.Errorf("pull tasks: %w", nats.ErrConnectionClosed))
		}
		if err != nil {
			p.keepRefusal(err)
			p.state.Store(away)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	switch p.state.Swap(bound) {
	case unknown:
		p.outage.Log.Info().Msg("waiting for tasks")
	case away:
		p.refusal.Store(nil)
	}
	return messages, nil
}

// keepRefusal keeps err for ready if NATS refused a subject. Otherwise it clears the last refusal.
func (p *puller) keepRefusal(err error) {
	if !service.Refused(err) {
		p.refusal.Store(nil)
		return
	}
	p.refusal.Store(&err)
}

func (p *puller) lookUp(ctx context.Context) (jetstream.MessagesContext, error) {
	if !p.nc.IsConnected() {
		return nil, errors.New("no connection to NATS")
	}
	ctx, cancel := context.WithTimeout(ctx, p.pace.request)
	defer cancel()
	named := service.Refusals(p.nc)
	consumer, err := p.js.Consumer(ctx, p.stream, p.consumer)
	if err != nil {
		return nil, named(err)
	}
	return consumer.Messages(jetstream.PullMaxMessages(1),
		jetstream.PullExpiry(max(time.Second, 10*p.pace.silence)), jetstream.PullHeartbeat(p.pace.silence))
}
