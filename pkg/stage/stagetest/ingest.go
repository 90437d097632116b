package stagetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Ingest plays ingest: it makes streams, publishes tasks, answers requests as the test decides, and
// reads results.
type Ingest struct {
	t    testing.TB
	nc   *nats.Conn
	subs []*nats.Subscription
	// JS is for what has no method here.
	JS jetstream.JetStream

	// Grants and Heartbeats are the requests that came, in order.
	Grants     chan msg.GrantRequest
	Heartbeats chan msg.Heartbeat

	mu        sync.Mutex
	grant     func(msg.GrantRequest) (msg.GrantReply, bool)
	heartbeat func(msg.Heartbeat) (msg.HeartbeatReply, bool)
	overlooks bool
}

// NewIngest returns an ingest that grants every task (attempt 1, a lease of 30 s, heartbeats every
// 100 ms, no inputs) and never stops one.
func NewIngest(t testing.TB, server *NATS) *Ingest {
	t.Helper()
	return NewIngestOn(t, server.Connect(t))
}

// NewIngestOn is NewIngest with a connection of the caller's.
func NewIngestOn(t testing.TB, nc *nats.Conn) *Ingest {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	i := &Ingest{
		t: t, nc: nc, JS: js,
		Grants: make(chan msg.GrantRequest, 1000), Heartbeats: make(chan msg.Heartbeat, 10000),
		grant:     func(r msg.GrantRequest) (msg.GrantReply, bool) { return Granted(r, nil), true },
		heartbeat: func(msg.Heartbeat) (msg.HeartbeatReply, bool) { return msg.HeartbeatReply{Version: msg.Version}, true },
	}
	i.listen()
	return i
}

// Granted is the reply that NewIngest describes, after change.
func Granted(r msg.GrantRequest, change func(*msg.Grant)) msg.GrantReply {
	grant := &msg.Grant{
		Ref: r.Ref, Attempt: 1, Lease: msg.Duration(30 * time.Second), HeartbeatEvery: msg.Duration(100 * time.Millisecond),
		Params: []byte("{}"),
	}
	if change != nil {
		change(grant)
	}
	return msg.GrantReply{Version: msg.Version, Verdict: msg.Granted, Grant: grant}
}

// OnGrant decides the answers to grant requests; false is silence.
func (i *Ingest) OnGrant(f func(msg.GrantRequest) (msg.GrantReply, bool)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.grant = f
}

// OnHeartbeat decides the answers to heartbeats; false is silence.
func (i *Ingest) OnHeartbeat(f func(msg.Heartbeat) (msg.HeartbeatReply, bool)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.heartbeat = f
}

// Overlook makes it an ingest of an older release, which knows one heartbeat in a message.
func (i *Ingest) Overlook() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.overlooks = true
}

func (i *Ingest) listen() {
	i.t.Helper()
	for subject, answer := range map[string]func([]byte) ([]byte, bool){
		msg.AllGrants: func(data []byte) ([]byte, bool) {
			request, err := msg.Decode[msg.GrantRequest](data)
			if err != nil {
				i.t.Errorf("grant request: %v", err)
				return nil, false
			}
			i.Grants <- request
			i.mu.Lock()
			f := i.grant
			i.mu.Unlock()
			reply, ok := f(request)
			return encode(i.t, reply, ok), ok
		},
		msg.AllHeartbeats: func(data []byte) ([]byte, bool) {
			beat, err := msg.Decode[msg.Heartbeat](data)
			if err != nil {
				i.t.Errorf("heartbeat: %v", err)
				return nil, false
			}
			i.mu.Lock()
			f, old := i.heartbeat, i.overlooks
			i.mu.Unlock()
			i.Heartbeats <- beat
			reply, ok := f(beat)
			if old {
				return encode(i.t, reply, ok), ok
			}
			for _, other := range beat.Also {
				i.Heartbeats <- other
				answer, answered := f(other)
				reply.Also, ok = append(reply.Also, answer), ok && answered
			}
			return encode(i.t, reply, ok), ok
		},
	} {
		sub, err := i.nc.Subscribe(subject, func(m *nats.Msg) {
			if reply, ok := answer(m.Data); ok {
				_ = m.Respond(reply)
			}
		})
		if err != nil {
			i.t.Fatal(err)
		}
		i.subs = append(i.subs, sub)
	}
	i.Flush()
}

// Deaf stops listening for requests: they then fail with no responders.
func (i *Ingest) Deaf() {
	i.t.Helper()
	for _, sub := range i.subs {
		if err := sub.Unsubscribe(); err != nil {
			i.t.Fatal(err)
		}
	}
	i.Flush()
}

// Ask returns the answer to an empty request.
func (i *Ingest) Ask(subject string) []byte {
	i.t.Helper()
	answer, err := i.nc.Request(subject, nil, Patience)
	if err != nil {
		i.t.Fatalf("ask %s: %v", subject, err)
	}
	return answer.Data
}

// Flush returns when the server has all that was sent.
func (i *Ingest) Flush() {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	for i.nc.FlushWithContext(ctx) != nil {
		select {
		case <-ctx.Done():
			i.t.Fatal("NATS does not answer")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// MakeStreams makes the streams and consumers as ingest does, with an ack wait of a lease.
func (i *Ingest) MakeStreams() {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	i.Flush()
	consumers := msg.Consumers(30 * time.Second)
	for _, cfg := range msg.Streams(1) {
		stream, err := i.JS.CreateOrUpdateStream(ctx, cfg)
		if err != nil {
			i.t.Fatalf("make stream %s: %v", cfg.Name, err)
		}
		if consumer, ok := consumers[cfg.Name]; ok {
			if _, err := stream.CreateOrUpdateConsumer(ctx, consumer); err != nil {
				i.t.Fatalf("make consumer %s: %v", consumer.Durable, err)
			}
		}
	}
}

// Publish queues a new task of a new render.
func (i *Ingest) Publish(kind msg.Kind) msg.Ref {
	i.t.Helper()
	ref := msg.NewRef(kind, uuid.New(), uuid.New())
	i.PublishRef(ref)
	return ref
}

// PublishRef queues a task.
func (i *Ingest) PublishRef(ref msg.Ref) {
	i.t.Helper()
	i.PublishRaw(msg.TaskSubject(ref), encode(i.t, msg.Task{Ref: ref}, true))
}

// PublishRaw queues any bytes.
func (i *Ingest) PublishRaw(subject string, data []byte) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if _, err := i.JS.Publish(ctx, subject, data); err != nil {
		i.t.Fatalf("publish %s: %v", subject, err)
	}
}

// Cancel broadcasts that a render is cancelled.
func (i *Ingest) Cancel(render uuid.UUID) {
	i.t.Helper()
	data := encode(i.t, msg.Cancel{Version: msg.Version, RenderID: render}, true)
	if err := i.nc.Publish(msg.CancelSubject(render), data); err != nil {
		i.t.Fatal(err)
	}
}

// Result returns the next result, and acknowledges it.
func (i *Ingest) Result() msg.Result {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	consumer, err := i.JS.Consumer(ctx, msg.StreamResults, msg.ConsumerConduct)
	if err != nil {
		i.t.Fatalf("read results: %v", err)
	}
	m, err := consumer.Next(jetstream.FetchContext(ctx))
	if err != nil {
		i.t.Fatalf("no result: %v", err)
	}
	if err := m.DoubleAck(ctx); err != nil {
		i.t.Fatalf("acknowledge a result: %v", err)
	}
	result, err := msg.Decode[msg.Result](m.Data())
	if err != nil {
		i.t.Fatalf("result: %v", err)
	}
	return result
}

// Waiting returns how many messages a stream holds.
func (i *Ingest) Waiting(stream string) uint64 {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	s, err := i.JS.Stream(ctx, stream)
	if err != nil {
		i.t.Fatalf("look at stream %s: %v", stream, err)
	}
	return s.CachedInfo().State.Msgs
}

// Until polls until condition holds.
func (i *Ingest) Until(what string, condition func() bool) {
	i.t.Helper()
	deadline := time.Now().Add(Patience)
	for !condition() {
		if time.Now().After(deadline) {
			i.t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func encode[M msg.Message](t testing.TB, m M, used bool) []byte {
	t.Helper()
	if !used {
		return nil
	}
	data, err := msg.Encode(m)
	if err != nil {
		t.Errorf("encode %T: %v", m, err)
	}
	return data
}
