package stage

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/natsauth"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
)

// users are an installation's, as `loom nats-config` writes them.
type users struct{ dir, config string }

func newUsers(t *testing.T) users {
	t.Helper()
	u := users{dir: t.TempDir()}
	if _, err := natsauth.Write(u.dir, natsauth.Account); err != nil {
		t.Fatal(err)
	}
	account, err := os.ReadFile(filepath.Join(u.dir, natsauth.AccountFile))
	if err != nil {
		t.Fatal(err)
	}
	u.config = "accounts {\n" + string(account) + "}\n"
	return u
}

// as connects to a server that has these users.
func (u users) as(t *testing.T, server *stagetest.NATS, name string, log zerolog.Logger) *nats.Conn {
	t.Helper()
	return server.ConnectAs(t, name, filepath.Join(u.dir, natsauth.SeedFile(name)), log)
}

// said is a log that can be read while it is written to.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) line(parts ...string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.Lines(s.text.String()) {
		found := true
		for _, part := range parts {
			found = found && strings.Contains(line, part)
		}
		if found {
			return true
		}
	}
	return false
}

// locked starts a server with these users, and a worker there as a service's own. It tells what was
// logged.
func locked(t *testing.T, u users, service, verb string, kinds []msg.Kind, handler HandlerFunc) (*rig, *said) {
	t.Helper()
	server := stagetest.StartNATSWith(t, u.config)
	// The test's ingest also reads streams for the test.
	ingest := stagetest.NewIngestOn(t, u.as(t, server, natsauth.Ingest, zerolog.Nop()))
	ingest.MakeStreams()
	log := &said{}
	handlers := map[msg.Kind]Handler{}
	for _, kind := range kinds {
		handlers[kind] = handler
	}
	return workOn(t, server, u.as(t, server, service, zerolog.New(log)), ingest, func(c *Config) {
		c.Verb, c.Handlers, c.Fetches, c.Log, c.Drain = verb, handlers, 1, zerolog.New(log), 50*time.Millisecond
	}, nil), log
}

func TestWorkersNeedOnlyTheSubjectsThatTheirUserMayUse(t *testing.T) {
	t.Parallel()
	u := newUsers(t)
	for service, test := range map[string]struct {
		verb  string
		kinds []msg.Kind
	}{
		"recorder":   {msg.ConsumerRecord, []msg.Kind{msg.Record}},
		"transcoder": {msg.ConsumerTranscode, []msg.Kind{msg.Probe, msg.Draw, msg.Normalize, msg.Concat, msg.Overlay}},
		"uploader":   {msg.ConsumerUpload, []msg.Kind{msg.Upload}},
	} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			cancelled := make(chan struct{}, len(test.kinds))
			r, log := locked(t, u, service, test.verb, test.kinds, func(ctx context.Context, task *Task) (any, error) {
				if task.Attempt == 1 {
					return nil, nil
				}
				<-ctx.Done()
				cancelled <- struct{}{}
				return nil, ctx.Err()
			})
			for _, kind := range test.kinds {
				ref := r.Publish(kind)
				if result := r.Result(); result.Outcome != msg.Done || result.TaskID != ref.TaskID {
					t.Fatalf("%s: %+v", kind, result)
				}
				// A second attempt, which is seen to be alive and is then cancelled.
				r.OnGrant(func(request msg.GrantRequest) (msg.GrantReply, bool) {
					return stagetest.Granted(request, func(g *msg.Grant) { g.Attempt = 2 }), true
				})
				ref = r.Publish(kind)
				r.Until("there is a heartbeat", func() bool { return (<-r.Heartbeats).TaskID == ref.TaskID })
				r.Cancel(ref.RenderID)
				await(t, cancelled, "the cancel arrives")
				r.OnGrant(func(request msg.GrantRequest) (msg.GrantReply, bool) {
					return stagetest.Granted(request, nil), true
				})
			}
			r.Until("all messages are acknowledged", func() bool { return r.Waiting(test.kinds[0].Stream()) == 0 })
			observer := u.as(t, r.server, natsauth.Observer, zerolog.Nop())
			if reply, err := observer.Request("$SRV.PING."+test.verb, nil, stagetest.Patience); err != nil || !strings.Contains(string(reply.Data), test.verb) {
				t.Errorf("who is there was answered with %v, %v", reply, err)
			}
			if err := r.worker.nc.LastError(); err != nil {
				t.Errorf("NATS refused: %v", err)
			}
			if log.line("permissions violation") {
				t.Error("a refusal was logged")
			}
		})
	}
}

// The answers to workers hold URLs with which objects can be read and written.
func TestAnObserverReadsNoAnswersToWorkers(t *testing.T) {
	t.Parallel()
	u := newUsers(t)
	r, _ := locked(t, u, natsauth.Recorder, msg.ConsumerRecord, []msg.Kind{msg.Record}, func(context.Context, *Task) (any, error) {
		return nil, nil
	})
	watcher := u.as(t, r.server, natsauth.Observer, zerolog.Nop())
	answers, err := watcher.SubscribeSync("_INBOX.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := watcher.Flush(); err != nil {
		t.Fatal(err)
	}
	r.Publish(msg.Record)
	r.Result() // so the grant was answered
	if _, err := watcher.Request("$SRV.PING."+msg.ConsumerRecord, nil, stagetest.Patience); err != nil {
		t.Fatalf("ask who is there: %v", err)
	}
	for {
		answer, err := answers.NextMsg(stagetest.Patience)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.HasPrefix(answer.Subject, "_INBOX.observer."):
			return // its own, which came last
		case strings.HasPrefix(answer.Subject, "_INBOX."):
			// else it is of a stream, in which it may look
			t.Errorf("the watcher reads %s: %s", answer.Subject, answer.Data)
		}
	}
}

func TestASubjectThatAWorkerMayNotUseIsNamed(t *testing.T) {
	t.Parallel()
	u := newUsers(t)
	for name, test := range map[string]struct {
		subject string
		// unready: the worker can do nothing, and says so. Else what is logged.
		unready bool
		logged  string
	}{
		"to look for the consumer": {subject: `"$JS.API.CONSUMER.INFO.RECORD.record"`, unready: true, logged: "tasks cannot be pulled"},
		"to pull":                  {subject: `"$JS.API.CONSUMER.MSG.NEXT.RECORD.record"`, unready: true},
		"to be answered":           {subject: `"_INBOX.recorder.>"`, unready: true, logged: "tasks cannot be pulled"},
		"to ask for a task":        {subject: `"grant.record.>"`, logged: "no answer from ingest"},
		"to report":                {subject: `"result.record.>"`, logged: "result cannot be delivered yet"},
		"to hear of cancels":       {subject: `"ctl.cancel.*"`, logged: "docs/operations/nats.md"},
		"to renew a lease":         {subject: `"heartbeat.record.>"`, logged: "heartbeat unanswered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(u.config, test.subject) {
				t.Fatalf("%s is nobody's", test.subject)
			}
			without := users{u.dir, strings.ReplaceAll(u.config, test.subject, `"nothing"`)}
			r, log := locked(t, without, "recorder", msg.ConsumerRecord, []msg.Kind{msg.Record}, func(ctx context.Context, task *Task) (any, error) {
				if strings.HasPrefix(test.subject, `"heartbeat`) {
					<-ctx.Done()
				}
				return nil, nil
			})
			r.Publish(msg.Record)
			// As the server spells it: the inbox has more to it.
			subject := strings.TrimSuffix(strings.TrimSuffix(strings.Trim(test.subject, `"`), ">"), "*")
			if test.unready {
				r.Until("readiness names "+subject, func() bool {
					err := r.worker.Ready(t.Context())
					return err != nil && strings.Contains(err.Error(), subject)
				})
			}
			if test.logged != "" {
				r.Until("the log names "+subject, func() bool { return log.line(test.logged, subject) })
			}
		})
	}
}

// A recorder that has been taken over pulls a task, and names the subject of cancels for the
// answer.
func TestACancelThatIsDeliveredInAnswerToAPullIsIgnored(t *testing.T) {
	t.Parallel()
	u := newUsers(t)
	started, cancelled := make(chan struct{}), make(chan struct{})
	r, _ := locked(t, u, natsauth.Recorder, msg.ConsumerRecord, []msg.Kind{msg.Record}, func(ctx context.Context, _ *Task) (any, error) {
		close(started)
		<-ctx.Done()
		close(cancelled)
		return nil, ctx.Err()
	})
	ref := r.Publish(msg.Record)
	await(t, started, "the task starts")
	// Another task of the same render lies in the stream: its message names the render.
	other := u.as(t, r.server, natsauth.Recorder, zerolog.Nop())
	seen, err := other.SubscribeSync(msg.AllCancels)
	if err == nil {
		err = other.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	data, err := msg.Encode(msg.Task{Ref: msg.NewRef(msg.Record, ref.RenderID, uuid.New())})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.PublishRequest("$JS.API.CONSUMER.MSG.NEXT."+msg.StreamRecord+"."+msg.ConsumerRecord, msg.CancelSubject(ref.RenderID), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := r.JS.Publish(t.Context(), "task.record.x.y", data); err != nil {
		t.Fatal(err)
	}
	if m, err := seen.NextMsg(stagetest.Patience); err != nil || m.Reply == "" {
		t.Fatalf("JetStream delivers %+v, %v", m, err)
	}
	// The worker has that message too: heartbeats show that it goes on.
	for range 3 {
		select {
		case <-r.Heartbeats:
		case <-cancelled:
			t.Fatal("the task was cancelled")
		}
	}
	r.Cancel(ref.RenderID)
	await(t, cancelled, "the cancel of ingest arrives")
}
