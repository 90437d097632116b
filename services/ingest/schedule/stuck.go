package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// stuckMost bounds stuckAfter.
const stuckMost = 30 * time.Second

// stuckAfter is how long a task may wait for a worker while its subject has a message, before that
// message is inspected. A worker that died holds its message for a lease at most.
func (s *Scheduler) stuckAfter() time.Duration { return min(s.Lease, stuckMost) }

// freeSubject deletes the message that keeps a task's subject taken, if no worker will act on it:
// either it was delivered a while ago and its worker neither asked for the task nor gave the
// message back, or it is still queued although workers wait for messages. Whatever the cause, the
// next publish replaces it. Deleting too early costs one publish: only grants decide who works.
func (d *dispatcher) freeSubject(ctx context.Context, r msg.Ref) (freed bool, err error) {
	name := r.Kind.Stream()
	stream, err := d.js.Stream(ctx, name)
	if err != nil {
		return false, fmt.Errorf("look up the stream: %w", err)
	}
	held, err := stream.GetLastMsgForSubject(ctx, msg.TaskSubject(r))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return true, nil // acknowledged meanwhile
	}
	if err != nil {
		return false, fmt.Errorf("find the message: %w", err)
	}
	consumer, err := d.js.Consumer(ctx, name, d.streams.consumers[name].Durable)
	if err != nil {
		return false, fmt.Errorf("look up the consumer: %w", err)
	}
	info := consumer.CachedInfo() // from the look-up
	queued := held.Sequence > info.Delivered.Stream && info.NumWaiting == 0
	if queued || info.TimeStamp.Sub(held.Time) < d.stuckAfter() {
		return false, nil
	}
	err = stream.DeleteMsg(ctx, held.Sequence)
	// Unsuccessful means that it is gone already.
	if err != nil && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		return false, fmt.Errorf("delete the message: %w", err)
	}
	d.Metrics.replaced.Inc()
	level := zerolog.WarnLevel
	if r.Kind.Fetches() {
		level = zerolog.DebugLevel // a worker without room for it gives it back: that is normal
	}
	d.Log.WithLevel(level).Stringer("render_id", r.RenderID).Stringer("task_id", r.TaskID).Str("kind", string(r.Kind)).
		Uint64("sequence", held.Sequence).Dur("age_ms", info.TimeStamp.Sub(held.Time)).
		Msg("a task's message kept its subject though nobody works on it: it is replaced")
	return true, nil
}
