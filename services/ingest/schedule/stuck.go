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

// doubtMost is the longest that a taken subject is believed in while its task has nobody who works
// on it.
const doubtMost = 30 * time.Second

// doubtAfter is how long a task may be due, or its lease lapsed, with its subject taken before that
// is looked into: a worker that died holds its message no longer than a lease.
func (c *Conductor) doubtAfter() time.Duration { return min(c.Lease, doubtMost) }

// free looks into a subject that is said to be taken, and deletes its message when nobody is going
// to be handed it: it was delivered a while ago and whoever had it has not asked for the task, or
// gave it back, or it waits although workers do. Whatever lost the wake-up, the next publish is a
// new one. To delete too early costs a publish: grants alone decide who works.
func (d *dispatcher) free(ctx context.Context, r msg.Ref) (freed bool, err error) {
	name := r.Kind.Stream()
	stream, err := d.c.js.Stream(ctx, name)
	if err != nil {
		return false, fmt.Errorf("look up the stream: %w", err)
	}
	held, err := stream.GetLastMsgForSubject(ctx, msg.TaskSubject(r))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return true, nil // let go meanwhile
	}
	if err != nil {
		return false, fmt.Errorf("find the message: %w", err)
	}
	consumer, err := d.c.js.Consumer(ctx, name, d.c.streams.consumers[name].Durable)
	if err != nil {
		return false, fmt.Errorf("look up the consumer: %w", err)
	}
	info := consumer.CachedInfo() // from just now
	queued := held.Sequence > info.Delivered.Stream && info.NumWaiting == 0
	if queued || info.TimeStamp.Sub(held.Time) < d.c.doubtAfter() {
		return false, nil
	}
	err = stream.DeleteMsg(ctx, held.Sequence)
	// unsuccessful: it is gone already
	if err != nil && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		return false, fmt.Errorf("delete the message: %w", err)
	}
	d.c.Metrics.replaced.Inc()
	level := zerolog.WarnLevel
	if r.Kind.Fetches() {
		level = zerolog.DebugLevel // workers give those back that they have no room for
	}
	d.c.Log.WithLevel(level).Stringer("render_id", r.RenderID).Stringer("task_id", r.TaskID).Str("kind", string(r.Kind)).
		Uint64("sequence", held.Sequence).Dur("age", info.TimeStamp.Sub(held.Time)).
		Msg("a task's message kept its subject though nobody works on it: it is replaced")
	return true, nil
}
