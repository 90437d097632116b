package stage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/pkg/service"
)

// pull gives do one message after the other until ctx is cancelled; it asks for the next when do
// has returned, so that a busy slot holds nothing that a free one elsewhere could work on. Its
// error is a connection that was closed.
func (w *Worker) pull(ctx context.Context, do func(jetstream.Msg)) error {
	for ctx.Err() == nil {
		messages, err := w.bind(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		named := service.Refusals(w.nc)
		err = named(w.each(ctx, messages, do))
		if err != nil && ctx.Err() == nil {
			w.keepRefusal(err)
			// Deleted, wiped, or its server went away: look for it again.
			w.Log.Debug().Err(err).Msg("pulling was interrupted")
		}
	}
	return nil
}

func (w *Worker) each(ctx context.Context, messages jetstream.MessagesContext, do func(jetstream.Msg)) error {
	defer messages.Stop()
	defer context.AfterFunc(ctx, func() {
		// Draining waits for what the server has sent already, so that no message is lost until its
		// ack wait ends. Without a connection there is nothing to wait for.
		if w.nc.IsConnected() {
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

// bind returns an iterator over the stage's consumer, as soon as there is one: ingest makes it, and
// makes it again when its store was wiped.
func (w *Worker) bind(ctx context.Context) (messages jetstream.MessagesContext, err error) {
	err = w.outage.Until(ctx, func() (err error) {
		messages, err = w.lookUp(ctx)
		if w.nc.IsClosed() {
			return retry.Permanent(fmt.Errorf("pull tasks: %w", nats.ErrConnectionClosed))
		}
		if err != nil {
			w.keepRefusal(err)
			w.pulling.Store(away)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	switch w.pulling.Swap(bound) {
	case unknown:
		w.outage.Log.Info().Msg("waiting for tasks")
	case away:
		w.refusal.Store(nil)
	}
	return messages, nil
}

// keepRefusal keeps err for Ready if NATS refused a subject, and else forgets what it refused
// before.
func (w *Worker) keepRefusal(err error) {
	if !service.Refused(err) {
		w.refusal.Store(nil)
		return
	}
	w.refusal.Store(&err)
}

func (w *Worker) lookUp(ctx context.Context) (jetstream.MessagesContext, error) {
	if !w.nc.IsConnected() {
		return nil, errors.New("no connection to NATS")
	}
	ctx, cancel := context.WithTimeout(ctx, w.pace.request)
	defer cancel()
	named := service.Refusals(w.nc)
	consumer, err := w.js.Consumer(ctx, w.stream, w.Verb)
	if err != nil {
		return nil, named(err)
	}
	return consumer.Messages(jetstream.PullMaxMessages(1),
		jetstream.PullExpiry(max(time.Second, 10*w.pace.silence)), jetstream.PullHeartbeat(w.pace.silence))
}
