package schedule

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
)

// queue is the stream of recordings and its consumer, as a scheduler creates them. The scheduler
// does not run: the test takes its steps.
type queue struct {
	*testing.T
	*Scheduler
	dispatcher *dispatcher
}

func newQueue(t *testing.T) *queue {
	t.Helper()
	t.Parallel()
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{NATS: stagetest.StartNATS(t).Connect(t), Lease: time.Second, Replicas: 1, Metrics: metrics,
		Log: zerolog.New(zerolog.NewTestWriter(t))})
	if err != nil {
		t.Fatal(err)
	}
	q := &queue{T: t, Scheduler: s, dispatcher: newDispatcher(s)}
	q.create()
	return q
}

func (q *queue) create() {
	q.Helper()
	if err := q.streams.create(q.Context()); err != nil {
		q.Fatal(err)
	}
}

// offer publishes a new task.
func (q *queue) offer() msg.Ref {
	q.Helper()
	ref := msg.NewRef(msg.Record, uuid.New(), uuid.New())
	if published, err := q.dispatcher.settle(q.Context(), q.dispatcher.send(ref, false)); err != nil || !published {
		q.Fatalf("published: %v, %v", published, err)
	}
	return ref
}

// next returns the message that a worker gets next.
func (q *queue) next() jetstream.Msg {
	q.Helper()
	consumer, err := q.js.Consumer(q.Context(), msg.StreamRecord, msg.ConsumerRecord)
	if err != nil {
		q.Fatal(err)
	}
	m, err := consumer.Next(jetstream.FetchMaxWait(stagetest.Patience))
	if err != nil {
		q.Fatalf("no message: %v", err)
	}
	return m
}

// until polls until done returns true.
func (q *queue) until(what string, done func() bool) {
	q.Helper()
	for deadline := time.Now().Add(stagetest.Patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			q.Fatalf("waited in vain until %s", what)
		}
	}
}

// lose returns a task whose message is in the stream, but whose delivery the server has lost.
func (q *queue) lose() msg.Ref {
	q.Helper()
	first, second := q.offer(), q.offer()
	q.next()
	q.next()
	stream, err := q.js.Stream(q.Context(), msg.StreamRecord)
	if err == nil {
		err = stream.Purge(q.Context(), jetstream.WithPurgeSubject(msg.TaskSubject(second)))
	}
	if err != nil {
		q.Fatal(err)
	}
	q.offer()
	if err := q.next().DoubleAck(q.Context()); err != nil {
		q.Fatal(err)
	}
	q.until("the server has lost the first's delivery", func() bool {
		consumer, err := q.js.Consumer(q.Context(), msg.StreamRecord, msg.ConsumerRecord)
		return err == nil && consumer.CachedInfo().NumAckPending == 0
	})
	return first
}

func TestAMessageThatReachesNobodyIsReplaced(t *testing.T) {
	q := newQueue(t)
	lost := q.lose()
	q.until("its message is replaced", func() bool {
		published, err := q.dispatcher.settle(t.Context(), q.dispatcher.send(lost, true))
		if err != nil {
			t.Fatal(err)
		}
		return published
	})
	if m := q.next(); m.Subject() != msg.TaskSubject(lost) {
		t.Errorf("a worker got %s", m.Subject())
	}
	if n := testutil.ToFloat64(q.Metrics.replaced); n != 1 {
		t.Errorf("%v messages were replaced", n)
	}
}

// All workers may be busy: a message may be queued for as long as it takes.
func TestAMessageThatIsQueuedKeepsItsPlace(t *testing.T) {
	q := newQueue(t)
	queued := q.offer()
	stream, err := q.js.Stream(t.Context(), msg.StreamRecord)
	if err != nil {
		t.Fatal(err)
	}
	q.until("it is old", func() bool {
		info, err := stream.Info(t.Context())
		return err == nil && info.TimeStamp.Sub(info.State.FirstTime) > 2*q.stuckAfter()
	})
	if published, err := q.dispatcher.settle(t.Context(), q.dispatcher.send(queued, true)); err != nil || published {
		t.Errorf("published again: %v, %v", published, err)
	}
	if info, err := stream.Info(t.Context()); err != nil || info.State.FirstSeq != 1 {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestAConsumerThatLostAMessageIsMadeAgain(t *testing.T) {
	q := newQueue(t)
	check := func() { q.streams.audit.check(t.Context(), msg.StreamRecord, msg.ConsumerRecord) }
	waiting, held := q.offer(), q.offer()
	q.next()
	for range 3 {
		check()
	}
	if n := testutil.ToFloat64(q.Metrics.recreated); n != 0 {
		t.Fatalf("a consumer whose counts are true was made again %v times", n)
	}
	for range 2 {
		if err := q.next().DoubleAck(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = waiting, held
	lost := q.lose()
	check()
	if n := testutil.ToFloat64(q.Metrics.recreated); n != 0 {
		t.Error("one check is enough")
	}
	check()
	q.create()
	if m := q.next(); m.Subject() != msg.TaskSubject(lost) {
		t.Errorf("a worker got %s", m.Subject())
	}
	for range 3 {
		check()
	}
	if n := testutil.ToFloat64(q.Metrics.recreated); n != 1 {
		t.Errorf("the consumer was made again %v times", n)
	}
}

// While messages are pulled and acknowledged, counts that are read one after the other differ.
func TestABusyConsumerIsLeftAlone(t *testing.T) {
	q := newQueue(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			q.offer()
			if err := q.next().Ack(); err != nil {
				t.Error(err)
			}
		}
	}()
	for range 50 {
		q.streams.audit.check(t.Context(), msg.StreamRecord, msg.ConsumerRecord)
	}
	cancel()
	<-ended
	if n := testutil.ToFloat64(q.Metrics.recreated); n != 0 {
		t.Errorf("it was made again %v times", n)
	}
}

// Replicas publish the same tasks. Those that come late with most of them have fewer rounds.
func TestAReplicaLeavesRoundsToThoseThatAreFirst(t *testing.T) {
	q := newQueue(t)
	first, second := q.dispatcher, newDispatcher(q.Scheduler)
	offer := func(dispatchers ...*dispatcher) {
		t.Helper()
		ref := msg.NewRef(msg.Record, uuid.New(), uuid.New())
		for _, d := range dispatchers {
			o := d.send(ref, false)
			o.fresh = true
			if _, err := d.settle(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 100 {
		offer(first, second)
	}
	if first.others() > 1.01 || second.others() < 4 {
		t.Errorf("the first pauses %.1f times as long, the second %.1f", first.others(), second.others())
	}
	for range 200 {
		offer(second)
	}
	if second.others() > 1.1 {
		t.Errorf("alone it pauses %.1f times as long", second.others())
	}
}
