package schedule

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

const (
	// window is how many due tasks of a stream are published at a time; tasks that fetch have a
	// window of their own. The rest wait in Postgres, where they can be cancelled and reordered.
	window = 64
	// repeatEvery is how often a due task is published until it is granted.
	repeatEvery = 900 * time.Millisecond
	// subjectTaken is JetStream's error code for a subject that has its one message.
	subjectTaken jetstream.ErrorCode = 10077
)

// dispatcher publishes a message for every due task, and repeats it until the task is granted.
type dispatcher struct {
	*Scheduler
	// windows are the kinds that share a window.
	windows map[string][]string
	// published is when each task was last published. Forgetting an entry costs a publish that
	// JetStream refuses.
	published map[dueTask]time.Time
	// inspected is when the message on each task's subject was last inspected.
	inspected map[dueTask]time.Time
}

// dueTask is a task in one period of being due. A task that was granted and is due again is another
// one, and so is published at once.
type dueTask struct {
	task    uuid.UUID
	attempt int
}

func newDispatcher(s *Scheduler) *dispatcher {
	d := &dispatcher{Scheduler: s, windows: map[string][]string{}, published: map[dueTask]time.Time{}, inspected: map[dueTask]time.Time{}}
	for _, k := range msg.Kinds {
		name := k.Stream()
		if k.Fetches() {
			name += ", fetches" // slow third-party servers must not fill the window of other tasks
		}
		d.windows[name] = append(d.windows[name], string(k))
	}
	return d
}

func (d *dispatcher) dispatch(ctx context.Context) error {
	now := time.Now()
	for t, at := range d.published {
		if now.Sub(at) > repeatEvery {
			delete(d.published, t)
		}
	}
	for t, at := range d.inspected {
		if now.Sub(at) > d.stuckAfter() {
			delete(d.inspected, t)
		}
	}
	if !d.NATS.IsConnected() {
		return nats.ErrDisconnected
	}
	var errs []error
	for _, kinds := range d.windows {
		list, err := d.tasks.due(ctx, kinds, d.leases.lapsed(), d.locks.locked(), window)
		if err != nil {
			return err
		}
		errs = append(errs, d.publish(ctx, list))
	}
	return errors.Join(errs...)
}

func (d *dispatcher) publish(ctx context.Context, list []due) error {
	var sent atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for _, task := range list {
		t := dueTask{task.TaskID, task.attempt}
		if _, recent := d.published[t]; recent {
			continue
		}
		d.published[t] = time.Now()
		_, recent := d.inspected[t]
		inspect := task.idle > d.stuckAfter() && !recent
		if inspect {
			d.inspected[t] = time.Now()
		}
		group.Go(func() error {
			published, err := d.offer(ctx, task.Ref, inspect)
			if published {
				sent.Add(1)
			}
			return err
		})
	}
	err := group.Wait()
	d.Metrics.published.Add(float64(sent.Load()))
	if err != nil {
		clear(d.published)
	}
	return err
}

// offer publishes one task. A subject that is taken is no error: the last message is still queued,
// or a worker is about to settle it, and the next round tries again. If inspect is set, the subject
// has been taken for long: offer deletes its message if no worker will act on it, and publishes
// again.
func (d *dispatcher) offer(ctx context.Context, r msg.Ref, inspect bool) (published bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	published, err = d.publishOne(ctx, r)
	if published || err != nil || !inspect {
		return published, err
	}
	freed, err := d.freeSubject(ctx, r)
	if gone(err) {
		d.streams.lost()
	}
	if err != nil {
		return false, fmt.Errorf("inspect a taken subject of stream %s: %w", r.Kind.Stream(), err)
	}
	if !freed {
		return false, nil
	}
	return d.publishOne(ctx, r)
}

// publishOne publishes a task. It returns false if the subject is taken.
func (d *dispatcher) publishOne(ctx context.Context, r msg.Ref) (published bool, err error) {
	data, err := msg.Encode(msg.Task{Ref: r})
	if err != nil {
		return false, fmt.Errorf("publish a task: %w", err)
	}
	_, err = d.js.Publish(ctx, msg.TaskSubject(r), data, jetstream.WithExpectStream(r.Kind.Stream()))
	var api *jetstream.APIError
	switch {
	case err == nil:
		d.Log.Debug().Stringer("render_id", r.RenderID).Stringer("task_id", r.TaskID).Str("kind", string(r.Kind)).
			Msg("task published")
		return true, nil
	case errors.As(err, &api) && api.ErrorCode == subjectTaken:
		return false, nil
	case gone(err):
		d.streams.lost()
	}
	return false, fmt.Errorf("publish a task to stream %s: %w", r.Kind.Stream(), err)
}
