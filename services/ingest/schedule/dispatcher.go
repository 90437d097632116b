package schedule

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/pkg/fault"
	"github.com/loom-lite/loom-lite/pkg/msg"
)

const (
	// window is how many due tasks of a stream are looked at in a round.
	window = 256
	// repeatEvery is how often a due task is published until it is granted.
	repeatEvery = 900 * time.Millisecond
	// slotsFor is how long the number of a stream's slots is not counted again.
	slotsFor = 250 * time.Millisecond
	// publishWithin bounds the time in which a stream answers.
	publishWithin = 5 * time.Second
	// forgetAfter is how long a task that was published counts when it is not published again,
	// because it was granted.
	forgetAfter = 5 * repeatEvery
	// subjectTaken is JetStream's error code for a subject that has its one message.
	subjectTaken jetstream.ErrorCode = 10077
)

// dispatcher publishes a message for every due task, and repeats it until the task is granted.
//
// A stream is a queue: what is published later waits for what is there. So only as many tasks are
// published as workers will take soon. The rest wait in Postgres, where whose turn it is can change
// with every task, and where they can be cancelled.
type dispatcher struct {
	*Scheduler
	windows []kindsTogether
	// offered is when each task was last published, or found to be published already, while it has
	// not been granted.
	offered map[dueTask]time.Time
	// inspected is when the message on each task's subject was last inspected.
	inspected map[dueTask]time.Time
	slots     map[string]slots // by stream
	traces    traces
	// first is the share of new tasks that this replica has published, of late, and no other one
	// before it.
	first float64

	// morePages says that the last look at the pages of preflights, at lookedForPages, found some.
	morePages      bool
	lookedForPages time.Time
}

// kindsTogether are kinds of tasks that take the same workers' slots. Tasks that fetch take none:
// slow third-party servers must not keep others waiting.
type kindsTogether struct {
	stream  string
	kinds   []string
	fetches bool
	turns   *turns
}

// dueTask is a task in one period of being due. A task that was granted and is due again is another
// one, and so is published at once.
type dueTask struct {
	task    uuid.UUID
	attempt int
}

func newDispatcher(s *Scheduler) *dispatcher {
	d := &dispatcher{Scheduler: s, offered: map[dueTask]time.Time{}, inspected: map[dueTask]time.Time{}, slots: map[string]slots{}, traces: traces{}, first: 1}
	for _, k := range msg.Kinds {
		i := slices.IndexFunc(d.windows, func(w kindsTogether) bool { return w.stream == k.Stream() && w.fetches == k.Fetches() })
		if i < 0 {
			i = len(d.windows)
			d.windows = append(d.windows, kindsTogether{stream: k.Stream(), fetches: k.Fetches(), turns: newTurns()})
		}
		d.windows[i].kinds = append(d.windows[i].kinds, string(k))
	}
	return d
}

// dispatch publishes what is due: the pages of preflights, and the tasks of renders. One is not
// held up by an error of the other.
func (d *dispatcher) dispatch(ctx context.Context) error {
	forget(d.offered, forgetAfter)
	forget(d.inspected, d.stuckAfter())
	if !d.NATS.IsConnected() {
		return nats.ErrDisconnected
	}
	return errors.Join(d.dispatchPages(ctx), d.dispatchTasks(ctx))
}

func (d *dispatcher) dispatchTasks(ctx context.Context) error {
	hosts, err := d.hosts(ctx)
	if err != nil {
		return err
	}
	list, err := d.tasks.inHand(ctx, d.leases.lapsed(), d.locks.locked(), hosts.list(), window)
	if err != nil {
		return err
	}
	var errs []error
	short := false
	for _, w := range d.windows {
		renders, running := w.renders(list)
		if len(renders) == 0 {
			continue
		}
		ahead := window
		if !w.fetches {
			if ahead, err = d.ahead(ctx, w.stream, running, d.fetching(list, w.stream)); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		left, err := d.publish(ctx, w.turns, w.turns.order(renders, window, hosts, d.isOffered), ahead)
		errs = append(errs, err)
		short = short || left
	}
	d.short.Store(short)
	return errors.Join(errs...)
}

// renders returns the renders that have tasks of these kinds which can be granted, and how many
// tasks of these kinds have a worker.
func (w kindsTogether) renders(list []inHand) (renders []open, running int) {
	busy, own := map[string]int{}, map[uuid.UUID]int{}
	for _, one := range list {
		if !slices.Contains(w.kinds, string(one.kind)) {
			continue
		}
		running += one.running
		busy[one.owner] += one.running
		own[one.plan] += one.running
		if one.due == nil {
			continue
		}
		if len(renders) == 0 || renders[len(renders)-1].plan != one.plan {
			renders = append(renders, one.open)
		}
		last := &renders[len(renders)-1]
		last.due = append(last.due, *one.due)
	}
	for i, r := range renders {
		renders[i].running, renders[i].busy = own[r.plan], busy[r.owner]
	}
	return renders, running
}

// fetching returns how many tasks of a stream have a worker but take no slot.
func (d *dispatcher) fetching(list []inHand, stream string) (n int) {
	for _, w := range d.windows {
		if w.stream == stream && w.fetches {
			_, running := w.renders(list)
			n += running
		}
	}
	return n
}

// hosts counts the pages that are being recorded.
func (d *dispatcher) hosts(ctx context.Context) (h hosts, err error) {
	if d.PerHost <= 0 {
		return hosts{}, nil
	}
	h.most = d.PerHost
	h.pages, err = d.tasks.recorded(ctx)
	return h, err
}

func (d *dispatcher) isOffered(task due) bool {
	_, offered := d.offered[dueTask{task.TaskID, task.attempt}]
	return offered
}

// forget removes what is older than d.
func forget(times map[dueTask]time.Time, d time.Duration) {
	maps.DeleteFunc(times, func(_ dueTask, at time.Time) bool { return time.Since(at) > d })
}

// ahead returns how many tasks of a stream are to be published and not granted: one for each slot
// that is free, and one for each slot, so that a worker that has finished need not wait for the
// next round. Without workers it is one, for those who look. running tasks have a slot, and
// fetching ones a worker but no slot.
func (d *dispatcher) ahead(ctx context.Context, stream string, running, fetching int) (int, error) {
	slots, err := d.slotsOf(ctx, stream, fetching)
	if err != nil {
		return 0, err
	}
	return max(0, slots-running) + max(1, slots), nil
}

// slots is how many slots a stream's workers have, and when they were counted.
type slots struct {
	n  int
	at time.Time
}

// slotsOf counts the slots of a stream's workers: each waits for a message or has one.
func (d *dispatcher) slotsOf(ctx context.Context, stream string, fetching int) (int, error) {
	if last := d.slots[stream]; time.Since(last.at) < slotsFor {
		return last.n, nil
	}
	consumer, err := d.js.Consumer(ctx, stream, d.streams.consumers[stream].Durable)
	if gone(err) {
		d.streams.lost()
	}
	if err != nil {
		return 0, fmt.Errorf("look up the consumer of stream %s: %w", stream, err)
	}
	info := consumer.CachedInfo() // from the look-up
	n := info.NumWaiting + max(0, info.NumAckPending-fetching)
	d.slots[stream] = slots{n, time.Now()}
	return n, nil
}

// publish publishes the first tasks of a list, so that no more than ahead are published, and
// repeats those that are. It reports whether others are left.
func (d *dispatcher) publish(ctx context.Context, turns *turns, list []turn, ahead int) (left bool, err error) {
	turns.forget()
	for _, task := range list {
		if _, known := d.offered[dueTask{task.TaskID, task.attempt}]; known {
			ahead--
		}
	}
	ctx, cancel := context.WithTimeout(ctx, publishWithin)
	defer cancel()
	unknown := d.traces.learn(ctx, d.tasks.db, list) // no reason to publish nothing
	var sent []*offer
	for _, task := range list {
		t := dueTask{task.TaskID, task.attempt}
		at, known := d.offered[t]
		switch {
		case known && time.Since(at) < repeatEvery:
			continue
		case known:
		case ahead <= 0:
			left = true
			continue
		default:
			ahead--
			turns.serve(task.open)
		}
		d.offered[t] = time.Now()
		_, recent := d.inspected[t]
		inspect := known && task.idle > d.stuckAfter() && !recent
		if inspect {
			d.inspected[t] = time.Now()
		}
		o := d.send(task.Ref, inspect)
		o.fresh = !known
		sent = append(sent, o)
	}
	published := 0
	errs := []error{unknown}
	for _, o := range sent {
		there, err := d.settle(ctx, o)
		if there {
			published++
		}
		errs = append(errs, err)
	}
	d.Metrics.published.Add(float64(published))
	if err = errors.Join(errs...); err != nil {
		clear(d.offered)
	}
	return left, err
}

const (
	// shareOf is how much one task counts in dispatcher.first.
	shareOf = 1.0 / 32
	// replicasMost is how many replicas a pause makes room for.
	replicasMost = 8
)

// noteShare notes whether this replica was the first to publish a task.
func (d *dispatcher) noteShare(first bool) {
	d.first -= d.first * shareOf
	if first {
		d.first += shareOf
	}
}

// others is how many times as long as usual this replica pauses between rounds, because others have
// rounds as well. Each publishes what is due, whoever made it due: together they need as many
// rounds as one alone. The one that is first with a quarter of the tasks shares with three others.
func (d *dispatcher) others() float64 { return min(1/max(d.first, 1.0/replicasMost), replicasMost) }

// offer is a task whose message was sent to its stream.
type offer struct {
	msg.Ref
	inspect bool
	fresh   bool // this replica has not sent it before
	ack     jetstream.PubAckFuture
	err     error
}

// send sends a task's message. Messages reach their stream in the order in which they are sent. If
// inspect is set, the subject has been taken for long.
func (d *dispatcher) send(r msg.Ref, inspect bool) *offer {
	o := &offer{Ref: r, inspect: inspect}
	data, err := msg.Encode(msg.Task{Ref: r})
	if err == nil {
		m := &nats.Msg{Subject: msg.TaskSubject(r), Data: data}
		if trace := d.traces.of(r.RenderID); trace != (msg.Trace{}) {
			m.Header = nats.Header{msg.HeaderTrace: {trace.String()}}
		}
		o.ack, err = d.js.PublishMsgAsync(m, jetstream.WithExpectStream(r.Kind.Stream()))
	}
	o.err = err
	fault.Here(fault.TaskSent)
	return o
}

// settle waits for the stream's answer to a task's message, and returns whether it took it. A
// subject that is taken is no error: the last message is still queued, or a worker is about to
// settle it, and the next round tries again. If the offer says so, settle inspects the message that
// is there: it deletes it if no worker will act on it, and publishes again.
func (d *dispatcher) settle(ctx context.Context, o *offer) (published bool, err error) {
	published, err = d.answer(ctx, o)
	if o.fresh && err == nil {
		d.noteShare(published)
	}
	if published || err != nil || !o.inspect {
		return published, err
	}
	freed, err := d.freeSubject(ctx, o.Ref)
	if gone(err) {
		d.streams.lost()
	}
	if err != nil {
		return false, fmt.Errorf("inspect a taken subject of stream %s: %w", o.Kind.Stream(), err)
	}
	if !freed {
		return false, nil
	}
	return d.answer(ctx, d.send(o.Ref, false))
}

// answer waits for the stream's answer. It returns false if the subject is taken.
func (d *dispatcher) answer(ctx context.Context, o *offer) (published bool, err error) {
	err = o.err
	if err == nil {
		select {
		case <-o.ack.Ok():
			d.Log.Debug().Stringer("render_id", o.RenderID).Stringer("task_id", o.TaskID).Str("kind", string(o.Kind)).
				Msg("task published")
			return true, nil
		case err = <-o.ack.Err():
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == subjectTaken {
		return false, nil
	}
	if gone(err) {
		d.streams.lost()
	}
	return false, fmt.Errorf("publish a task to stream %s: %w", o.Kind.Stream(), err)
}
