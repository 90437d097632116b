package schedule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// unqueueWithin bounds the deletion of a render's messages.
const unqueueWithin = 2 * time.Second

// unqueue deletes the messages of a render that has ended, if no worker has received them yet. If
// that fails, workers drop them one by one: nothing depends on it.
//
// Each message is deleted by its sequence. A purge of their subjects would make the server forget
// to deliver messages of other renders again (findings/purge-stops-redelivery.sh).
func (w *watcher) unqueue(ctx context.Context, render uuid.UUID) {
	ctx, cancel := context.WithTimeout(ctx, unqueueWithin)
	defer cancel()
	var streams []string
	for _, k := range msg.Kinds {
		if !slices.Contains(streams, k.Stream()) {
			streams = append(streams, k.Stream())
		}
	}
	for _, stream := range streams {
		if err := w.unqueueFrom(ctx, stream, render); err != nil {
			w.Log.Debug().Err(err).Stringer("render_id", render).Str("stream", stream).
				Msg("messages of a render that has ended not deleted: workers drop them")
		}
	}
}

func (w *watcher) unqueueFrom(ctx context.Context, name string, render uuid.UUID) error {
	stream, err := w.js.Stream(ctx, name)
	if err != nil {
		return fmt.Errorf("look up the stream: %w", err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(msg.TasksOf(render)))
	if err != nil {
		return fmt.Errorf("find the messages: %w", err)
	}
	if len(info.State.Subjects) == 0 {
		return nil
	}
	consumer, err := w.js.Consumer(ctx, name, w.streams.consumers[name].Durable)
	if err != nil {
		return fmt.Errorf("look up the consumer: %w", err)
	}
	delivered := consumer.CachedInfo().Delivered.Stream // from the look-up
	for subject := range info.State.Subjects {
		held, err := stream.GetLastMsgForSubject(ctx, subject)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			continue
		case err != nil:
			return fmt.Errorf("find a message: %w", err)
		case held.Sequence <= delivered:
			continue // a worker has it, and settles it
		}
		// Unsuccessful means that another replica has deleted it.
		err = stream.DeleteMsg(ctx, held.Sequence)
		if err != nil && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
			return fmt.Errorf("delete a message: %w", err)
		}
	}
	return nil
}
