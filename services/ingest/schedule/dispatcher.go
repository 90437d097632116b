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
	// window is how many due tasks of a stream are offered to workers at once, those that fetch
	// counted apart. The rest wait in Postgres, where they can be cancelled and put in another
	// order.
	window = 64
	// repeatEvery is how often a due task's token is published until it is granted.
	repeatEvery = 900 * time.Millisecond
	// subjectTaken is JetStream's error code for a subject that has its one message.
	subjectTaken jetstream.ErrorCode = 10077
)

// dispatcher publishes a token for every task that is due, again and again until it is granted.
type dispatcher struct {
	c     *Conductor
	kinds map[string][]string
	// published is when each token was last published. To forget it costs a publish that is
	// refused.
	published map[token]time.Time
	// doubted is when each token's subject was last looked into.
	doubted map[token]time.Time
}

// token is one state of being due: a task that was granted in between is published at once.
type token struct {
	task    uuid.UUID
	attempt int
}

func newDispatcher(c *Conductor) *dispatcher {
	d := &dispatcher{c: c, kinds: map[string][]string{}, published: map[token]time.Time{}, doubted: map[token]time.Time{}}
	for _, k := range msg.Kinds {
		group := k.Stream()
		if k.Fetches() {
			group += ", fetches" // strangers' slow servers fill no window but their own
		}
		d.kinds[group] = append(d.kinds[group], string(k))
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
	for t, at := range d.doubted {
		if now.Sub(at) > d.c.doubtAfter() {
			delete(d.doubted, t)
		}
	}
	if !d.c.NATS.IsConnected() {
		return nats.ErrDisconnected
	}
	var errs []error
	for _, kinds := range d.kinds {
		list, err := d.c.ledger.due(ctx, kinds, d.c.hearing.heard(), d.c.lanes.held(), window)
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
		t := token{task.TaskID, task.attempt}
		if _, recent := d.published[t]; recent {
			continue
		}
		d.published[t] = time.Now()
		_, looked := d.doubted[t]
		doubt := task.idle > d.c.doubtAfter() && !looked
		if doubt {
			d.doubted[t] = time.Now()
		}
		group.Go(func() error {
			published, err := d.offer(ctx, task.Ref, doubt)
			if published {
				sent.Add(1)
			}
			return err
		})
	}
	err := group.Wait()
	d.c.Metrics.published.Add(float64(sent.Load()))
	if err != nil {
		clear(d.published)
	}
	return err
}

// offer publishes one task. That its subject is taken is no error: its last message is still
// queued, or held by a worker that is about to let it go, and the next round tries again. doubt: it
// has been so for long, and is to be looked into.
func (d *dispatcher) offer(ctx context.Context, r msg.Ref, doubt bool) (published bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	published, err = d.publishOne(ctx, r)
	if published || err != nil || !doubt {
		return published, err
	}
	freed, err := d.free(ctx, r)
	if gone(err) {
		d.c.streams.lost()
	}
	if err != nil {
		return false, fmt.Errorf("look into a taken subject of stream %s: %w", r.Kind.Stream(), err)
	}
	if !freed {
		return false, nil
	}
	return d.publishOne(ctx, r)
}

// publishOne publishes a token; false: its subject is taken.
func (d *dispatcher) publishOne(ctx context.Context, r msg.Ref) (published bool, err error) {
	data, err := msg.Encode(msg.Task{Ref: r})
	if err != nil {
		return false, fmt.Errorf("publish a task: %w", err)
	}
	_, err = d.c.js.Publish(ctx, msg.TaskSubject(r), data, jetstream.WithExpectStream(r.Kind.Stream()))
	var api *jetstream.APIError
	switch {
	case err == nil:
		d.c.Log.Debug().Stringer("render_id", r.RenderID).Stringer("task_id", r.TaskID).Str("kind", string(r.Kind)).
			Msg("task published")
		return true, nil
	case errors.As(err, &api) && api.ErrorCode == subjectTaken:
		return false, nil
	case gone(err):
		d.c.streams.lost()
	}
	return false, fmt.Errorf("publish a task to stream %s: %w", r.Kind.Stream(), err)
}
