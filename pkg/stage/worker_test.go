package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
	"github.com/loom-lite/loom-lite/pkg/usage"
)

func TestAnAttemptEndsInOneResultAndAnEmptyStream(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handle HandlerFunc
		check  func(*testing.T, msg.Result)
	}{
		"done": {
			func(context.Context, *Task) (any, error) { return msg.RecordFacts{Frames: 7}, nil },
			func(t *testing.T, r msg.Result) {
				t.Helper()
				var facts msg.RecordFacts
				if err := json.Unmarshal(r.Facts, &facts); err != nil || r.Outcome != msg.Done || facts.Frames != 7 {
					t.Errorf("%+v, %v", r, err)
				}
			},
		},
		"permanent": {
			func(context.Context, *Task) (any, error) {
				return nil, Permanent(msg.CodeSceneStatus, "Scene 2 answered 404.", errors.New("GET: 404"))
			},
			func(t *testing.T, r msg.Result) {
				t.Helper()
				want := msg.Failure{Code: msg.CodeSceneStatus, Message: "Scene 2 answered 404.", Detail: "GET: 404", Permanent: true}
				if r.Outcome != msg.Failed || *r.Failure != want {
					t.Errorf("%+v %+v", r, r.Failure)
				}
			},
		},
		"retryable": {
			func(context.Context, *Task) (any, error) {
				return nil, fmt.Errorf("open the page: %w", Retryable(msg.CodeSceneTimeout, "Scene 1 is slow.", errors.New("no frame")))
			},
			func(t *testing.T, r msg.Result) {
				t.Helper()
				if r.Outcome != msg.Failed || r.Failure.Permanent || r.Failure.Code != msg.CodeSceneTimeout ||
					r.Failure.Detail != "open the page: no frame" {
					t.Errorf("%+v %+v", r, r.Failure)
				}
			},
		},
		"any other error, its secrets left out": {
			func(context.Context, *Task) (any, error) {
				return nil, errors.New("ffmpeg: https://s3.example/b/k?X-Amz-Signature=abcdef: refused")
			},
			func(t *testing.T, r msg.Result) {
				t.Helper()
				if r.Outcome != msg.Failed || r.Failure.Code != msg.CodeInternal || strings.Contains(r.Failure.Detail, "abcdef") ||
					!strings.Contains(r.Failure.Detail, "refused") {
					t.Errorf("%+v %+v", r, r.Failure)
				}
			},
		},
		"panic": {
			func(context.Context, *Task) (any, error) { panic("out of cheese") },
			func(t *testing.T, r msg.Result) {
				t.Helper()
				if r.Outcome != msg.Failed || r.Failure.Permanent || !strings.Contains(r.Failure.Detail, "out of cheese") ||
					!strings.Contains(r.Failure.Detail, "worker_test.go") {
					t.Errorf("%+v %+v", r, r.Failure)
				}
			},
		},
		"handed back": {
			func(context.Context, *Task) (any, error) {
				return nil, fmt.Errorf("%w: the URL is old", ErrHandBack)
			},
			func(t *testing.T, r msg.Result) {
				t.Helper()
				if r.Outcome != msg.HandedBack || !strings.Contains(r.Reason, "the URL is old") {
					t.Errorf("%+v", r)
				}
			},
		},
		"facts that cannot be written": {
			func(context.Context, *Task) (any, error) { return func() {}, nil },
			func(t *testing.T, r msg.Result) {
				t.Helper()
				if r.Outcome != msg.Failed || r.Failure.Code != msg.CodeInternal {
					t.Errorf("%+v", r)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			server, ingest := arrange(t)
			r := work(t, server, ingest, nil, test.handle)
			ref := r.Publish(msg.Record)
			result := r.Result()
			if result.TaskID != ref.TaskID || result.Attempt != 1 || result.Worker != "worker-1" {
				t.Errorf("result of %s, attempt %d, worker %s", result.TaskID, result.Attempt, result.Worker)
			}
			test.check(t, result)
			r.settled()
		})
	}
}

func TestASlotHoldsOneMessage(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	started, finish := make(chan *Task), make(chan struct{})
	r := work(t, server, ingest, func(c *Config) { c.Slots = 2 }, func(context.Context, *Task) (any, error) {
		started <- nil
		<-finish
		return nil, nil
	})
	for range 4 {
		r.Publish(msg.Record)
	}
	await(t, started, "a first task starts")
	await(t, started, "a second task starts")
	consumer, err := r.JS.Consumer(t.Context(), msg.StreamRecord, msg.ConsumerRecord)
	if err != nil {
		t.Fatal(err)
	}
	// The server counts a moment after it has stored: only when it knows of all four does it say
	// who has them.
	var info *jetstream.ConsumerInfo
	r.Until("the server knows of four messages", func() bool {
		if info, err = consumer.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
		return info.NumAckPending+int(info.NumPending) == 4
	})
	if info.NumAckPending != 2 || info.NumPending != 2 {
		t.Errorf("two busy slots hold %d messages, %d are left for others", info.NumAckPending, info.NumPending)
	}
	close(finish)
	await(t, started, "a third task starts")
	await(t, started, "a fourth task starts")
	r.settled()
}

func TestHeartbeatsCarryProgressAndTheAttempt(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	finish := make(chan struct{})
	r := work(t, server, ingest, nil, func(_ context.Context, task *Task) (any, error) {
		task.Progress(0.25)
		<-finish
		return nil, nil
	})
	ref := r.Publish(msg.Record)
	for {
		beat := await(t, r.Heartbeats, "a heartbeat with the progress")
		if beat.TaskID != ref.TaskID || beat.Attempt != 1 || beat.Worker != "worker-1" {
			t.Fatalf("%+v", beat)
		}
		if beat.Progress == 0.25 {
			break
		}
	}
	close(finish)
	r.Result()
}

func TestATaskHasAFolderThatIsGoneAfterwards(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	dirs := make(chan string, 1)
	r := work(t, server, ingest, nil, func(_ context.Context, task *Task) (any, error) {
		dirs <- task.Dir
		return nil, os.WriteFile(task.Dir+"/file", []byte("x"), 0o600)
	})
	r.Publish(msg.Record)
	if result := r.Result(); result.Outcome != msg.Done {
		t.Fatalf("%+v %+v", result, result.Failure)
	}
	if _, err := os.Stat(<-dirs); !os.IsNotExist(err) {
		t.Errorf("the task's folder: %v", err)
	}
	r.drain()
	await(t, r.ended, "the worker ends")
	if left, _ := os.ReadDir(r.worker.WorkDir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A message of a newer release goes back until a worker of that release takes it; nobody is asked
// for a grant.
func TestAnotherReleasesTaskGoesBack(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	r := work(t, server, ingest, nil, func(context.Context, *Task) (any, error) { return nil, nil })
	r.PublishRaw("task.record.a.b", []byte(`{"v":999,"kind":"record","anything":"else"}`))
	consumer, err := r.JS.Consumer(t.Context(), msg.StreamRecord, msg.ConsumerRecord)
	if err != nil {
		t.Fatal(err)
	}
	r.Until("the message was delivered again", func() bool {
		info, err := consumer.Info(t.Context())
		return err == nil && info.Delivered.Consumer >= 2
	})
	if len(r.Grants) != 0 || r.Waiting(msg.StreamRecord) != 1 {
		t.Errorf("%d grants asked for, %d messages left", len(r.Grants), r.Waiting(msg.StreamRecord))
	}
	r.noResult()
}

// Its operator finds it, and it stays for a worker that can read it.
func TestATaskThatWaitsForAnotherReleaseIsPassedOnOnce(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	r := work(t, server, ingest, func(c *Config) { c.pace.foreignKept = time.Nanosecond },
		func(context.Context, *Task) (any, error) { return nil, nil })
	r.PublishRaw("task.record.a.b", []byte(`{"v":999,"kind":"record"}`))
	consumer, err := r.JS.Consumer(t.Context(), msg.StreamRecord, msg.ConsumerRecord)
	if err != nil {
		t.Fatal(err)
	}
	r.Until("it was delivered three times", func() bool {
		info, err := consumer.Info(t.Context())
		return err == nil && info.Delivered.Consumer >= 3
	})
	if passed, left := r.Waiting(msg.StreamResults), r.Waiting(msg.StreamRecord); passed != 1 || left != 1 {
		t.Errorf("%d copies were passed on, and %d messages are left", passed, left)
	}
}

// Nothing but a restart gives its slot back.
func TestAWorkerWhoseHandlerDoesNotEndIsNotAlive(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	stuck := make(chan struct{})
	r := work(t, server, ingest, func(c *Config) { c.pace.overWithin = time.Millisecond },
		func(ctx context.Context, _ *Task) (any, error) {
			<-ctx.Done()
			<-stuck
			return nil, nil
		})
	ref := r.Publish(msg.Record)
	await(t, r.Heartbeats, "the task runs")
	if err := r.worker.Alive(); err != nil {
		t.Errorf("while the task may run: %v", err)
	}
	r.worker.cancelRender(ref.RenderID)
	r.Until("it is not alive", func() bool { return r.worker.Alive() != nil })
	close(stuck)
	r.settled()
	if err := r.worker.Alive(); err != nil {
		t.Errorf("when the handler has returned: %v", err)
	}
}

func TestAnUnreadableTaskIsPassedOnToIngest(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	r := work(t, server, ingest, nil, func(context.Context, *Task) (any, error) { return nil, nil })
	r.PublishRaw("task.record.a.b", []byte(`not json`))
	r.settled()
	stream, err := r.JS.Stream(t.Context(), msg.StreamResults)
	if err != nil {
		t.Fatal(err)
	}
	m, err := stream.GetLastMsgForSubject(t.Context(), "result.record.a.b")
	if err != nil {
		t.Fatal(err)
	}
	if string(m.Data) != "not json" || m.Header.Get(msg.HeaderUnreadable) == "" || m.Header.Get(msg.HeaderWorker) != "worker-1" {
		t.Errorf("%q, %v", m.Data, m.Header)
	}
}

// Ingest must have it before it is gone.
func TestAnUnreadableTaskStaysUntilIngestHasIt(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	if err := ingest.JS.DeleteStream(t.Context(), msg.StreamResults); err != nil {
		t.Fatal(err)
	}
	r := work(t, server, ingest, nil, func(context.Context, *Task) (any, error) { return nil, nil })
	r.PublishRaw("task.record.a.b", []byte(`not json`))
	r.Until("it was delivered again", func() bool {
		consumer, err := r.JS.Consumer(t.Context(), msg.StreamRecord, msg.ConsumerRecord)
		return err == nil && consumer.CachedInfo().Delivered.Consumer >= 2
	})
	ingest.MakeStreams()
	r.settled()
	if n := r.Waiting(msg.StreamResults); n != 1 {
		t.Errorf("%d messages were passed on", n)
	}
}

func TestTheResultIsInItsStreamBeforeTheMessageIsAcknowledged(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	if err := ingest.JS.DeleteStream(t.Context(), msg.StreamResults); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{}, 1)
	r := work(t, server, ingest, nil, func(context.Context, *Task) (any, error) {
		done <- struct{}{}
		return nil, nil
	})
	r.Publish(msg.Record)
	await(t, done, "the task is done")
	// The worker now tries to publish, and heartbeats go on.
	for len(r.Heartbeats) > 0 {
		<-r.Heartbeats
	}
	for range 3 {
		await(t, r.Heartbeats, "a heartbeat while the result waits")
	}
	if n := r.Waiting(msg.StreamRecord); n != 1 {
		t.Errorf("%d messages are left while the result has no stream, want 1", n)
	}
	r.MakeStreams()
	if result := r.Result(); result.Outcome != msg.Done {
		t.Errorf("%+v", result)
	}
	r.settled()
}

func TestAWorkerIsFoundByItsVerb(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	work(t, server, ingest, nil, func(context.Context, *Task) (any, error) { return nil, nil })
	nc := server.Connect(t)
	var info struct {
		Name     string            `json:"name"`
		Metadata map[string]string `json:"metadata"`
	}
	ingest.Until("the worker answers", func() bool {
		if !nc.IsConnected() {
			return false
		}
		answer, err := nc.Request("$SRV.INFO.record", nil, time.Second)
		return err == nil && json.Unmarshal(answer.Data, &info) == nil
	})
	if info.Metadata[MetaWorker] != "worker-1" || info.Metadata[MetaLoopback] != Loopback() || Loopback() == "" {
		t.Errorf("%+v", info)
	}
}

func TestReadyOnlyOnceThereIsAConsumer(t *testing.T) {
	t.Parallel()
	server := stagetest.StartNATS(t)
	ingest := stagetest.NewIngest(t, server)
	r := work(t, server, ingest, nil, func(context.Context, *Task) (any, error) { return nil, nil })
	if err := r.worker.Ready(t.Context()); err == nil {
		t.Error("ready without a consumer")
	}
	ingest.MakeStreams()
	r.Until("the worker is ready", func() bool { return r.worker.Ready(t.Context()) == nil })
}

// Also where it fails: the work was done.
func TestAResultSaysWhatTheAttemptUsed(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	r := work(t, server, ingest, nil, func(ctx context.Context, _ *Task) (any, error) {
		account := usage.From(ctx)
		account.AddCPU(3 * time.Second)
		account.AddIn(1)
		account.AddOut(2)
		account.AddWeb(3)
		for begin, n := time.Now(), 0; time.Since(begin) < 50*time.Millisecond; { // this process's own time
			n++
		}
		return nil, errors.New("it failed")
	})
	r.Publish(msg.Record)
	result := r.Result()
	if result.Used == nil || result.Used.Worker <= 0 {
		t.Fatalf("it used %+v", result.Used)
	}
	result.Used.Worker = 0
	if want := (msg.Usage{Children: msg.Duration(3 * time.Second), In: 1, Out: 2, Web: 3}); result.Outcome != msg.Failed || *result.Used != want {
		t.Errorf("%s: it used %+v, want %+v", result.Outcome, *result.Used, want)
	}
}
