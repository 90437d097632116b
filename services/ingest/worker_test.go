package ingest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// worker speaks the workers' protocol: it takes messages, asks for grants, sends heartbeats and
// reports results. do takes the place of the work, and returns how the attempt ends.
type worker struct {
	r    *rig
	name string
	nc   *nats.Conn
	js   jetstream.JetStream
	// do works on a grant. Nil ends it at once, as done.
	do func(ctx context.Context, g msg.Grant) msg.Result

	mu      sync.Mutex
	granted []msg.Grant
}

// work starts a worker for all stages, which ends with the test.
func (r *rig) work(name string, do func(ctx context.Context, g msg.Grant) msg.Result) *worker {
	r.t.Helper()
	w := &worker{r: r, name: name, nc: r.nats.Connect(r.t), do: do}
	js, err := jetstream.New(w.nc)
	if err != nil {
		r.t.Fatal(err)
	}
	w.js = js
	ctx, cancel := context.WithCancel(context.Background())
	var stages sync.WaitGroup
	for stream, consumer := range map[string]string{
		msg.StreamRecord: msg.ConsumerRecord, msg.StreamTranscode: msg.ConsumerTranscode, msg.StreamUpload: msg.ConsumerUpload,
		msg.StreamPreflight: msg.ConsumerPreflight,
	} {
		stages.Go(func() { w.stage(ctx, stream, consumer) })
	}
	r.t.Cleanup(func() {
		cancel()
		stages.Wait()
	})
	return w
}

// vanish ends the worker as kill -9 does: its connection is gone, and its messages are neither
// acknowledged nor given back.
func (w *worker) vanish() { w.nc.Close() }

func (w *worker) grants() []msg.Grant {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]msg.Grant(nil), w.granted...)
}

func (w *worker) stage(ctx context.Context, stream, consumer string) {
	for ctx.Err() == nil {
		if err := w.pull(ctx, stream, consumer); err != nil && ctx.Err() == nil {
			time.Sleep(20 * time.Millisecond) // the consumer is not made yet, or not made again yet
		}
	}
}

func (w *worker) pull(ctx context.Context, stream, consumer string) error {
	binding, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, err := w.js.Consumer(binding, stream, consumer)
	if err != nil {
		return err
	}
	batch, err := c.Fetch(1, jetstream.FetchMaxWait(500*time.Millisecond))
	if err != nil {
		return err
	}
	for m := range batch.Messages() {
		w.handle(ctx, m)
	}
	return batch.Error()
}

func (w *worker) handle(ctx context.Context, m jetstream.Msg) {
	task, err := msg.Decode[msg.Task](m.Data())
	if err != nil || m.Subject() != msg.TaskSubject(task.Ref) {
		w.r.t.Errorf("token %s on %s: %v", m.Data(), m.Subject(), err)
		return
	}
	reply, err := w.ask(ctx, task.Ref)
	if err != nil {
		_ = m.NakWithDelay(100 * time.Millisecond)
		return
	}
	switch reply.Verdict {
	case msg.Drop:
		_ = m.Ack()
		return
	case msg.Later:
		_ = m.NakWithDelay(time.Duration(reply.RetryAfter))
		return
	}
	w.mu.Lock()
	w.granted = append(w.granted, *reply.Grant)
	w.mu.Unlock()

	working, stop := context.WithCancel(ctx)
	defer stop()
	go w.heartbeat(working, stop, *reply.Grant, m)
	result := w.result(working, *reply.Grant)
	if working.Err() != nil && result.Outcome == msg.Done {
		_ = m.Ack()
		return // stopped: there is nothing to report
	}
	if result.Outcome == "" {
		return // silence: the worker died
	}
	if w.report(ctx, result) == nil {
		_ = m.DoubleAck(ctx)
	}
}

func (w *worker) result(ctx context.Context, g msg.Grant) msg.Result {
	result := msg.Result{Outcome: msg.Done}
	if w.do != nil {
		result = w.do(ctx, g)
	}
	if g.Kind == msg.Upload && result.Outcome == msg.Done && ctx.Err() == nil {
		if err := w.finish(ctx, g); err != nil && ctx.Err() == nil {
			w.r.t.Error(err)
		}
	}
	if result.Outcome == msg.Done && result.Facts == nil {
		result.Facts = json.RawMessage(`{"frames": 1}`)
	}
	result.Ref, result.Attempt, result.Worker = g.Ref, g.Attempt, w.name
	return result
}

// finish closes an upload with its render, as the uploader does itself: again, while others hold
// the render's row.
func (w *worker) finish(ctx context.Context, g msg.Grant) error {
	for {
		_, err := w.r.db.Exec(ctx, "select loom.finish_render($1, $2, $3, $4, '{}')", g.TaskID, g.Attempt,
			fmt.Sprintf("http://videos/%s/%s.mp4", g.RenderID, g.TaskID), "http://thumbnails/"+g.RenderID.String()+".jpg")
		if held := new(pgconn.PgError); !errors.As(err, &held) || held.Code != "55P03" {
			return err
		}
	}
}

func (w *worker) ask(ctx context.Context, ref msg.Ref) (msg.GrantReply, error) {
	data, err := msg.Encode(msg.GrantRequest{Ref: ref, Worker: w.name, RequestID: uuid.New()})
	if err != nil {
		return msg.GrantReply{}, err
	}
	for range 20 {
		var answer *nats.Msg
		if answer, err = w.request(ctx, msg.GrantSubject(ref), data); err == nil {
			return msg.Decode[msg.GrantReply](answer.Data)
		}
		if ctx.Err() != nil || errors.Is(err, nats.ErrNoResponders) {
			break
		}
	}
	return msg.GrantReply{}, err
}

func (w *worker) request(ctx context.Context, subject string, data []byte) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return w.nc.RequestWithContext(ctx, subject, data)
}

func (w *worker) heartbeat(ctx context.Context, stop func(), g msg.Grant, m jetstream.Msg) {
	ticker := time.NewTicker(time.Duration(g.HeartbeatEvery))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		_ = m.InProgress()
		if reply, err := w.sendHeartbeat(ctx, g); err == nil && reply.Stop {
			stop()
			return
		}
	}
}

// sendHeartbeat sends one heartbeat.
func (w *worker) sendHeartbeat(ctx context.Context, g msg.Grant, stored ...string) (msg.HeartbeatReply, error) {
	data, err := msg.Encode(msg.Heartbeat{Ref: g.Ref, Attempt: g.Attempt, Worker: w.name, Progress: 0.5, Stored: stored})
	if err != nil {
		w.r.t.Error(err)
		return msg.HeartbeatReply{}, err
	}
	answer, err := w.request(ctx, msg.HeartbeatSubject(g.Ref), data)
	if err != nil {
		return msg.HeartbeatReply{}, err
	}
	return msg.Decode[msg.HeartbeatReply](answer.Data)
}

// report publishes a result until its stream has it.
func (w *worker) report(ctx context.Context, result msg.Result) error {
	data, err := msg.Encode(result)
	if err != nil {
		w.r.t.Error(err)
		return err
	}
	for ctx.Err() == nil {
		publishing, cancel := context.WithTimeout(ctx, time.Second)
		_, err = w.js.Publish(publishing, msg.ResultSubject(result.Ref), data)
		cancel()
		if err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}
