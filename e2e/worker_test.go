package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/e2e/rig"
	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestAKilledRecorderOnlyDelaysTheRender(t *testing.T) {
	t.Parallel()
	p := rig.Start(t, rig.Config{Recorders: 2})
	c, hold := held(t, p, 1)
	id := p.Submit(t, c)
	hold.Await(t, 1)
	first := p.AwaitAttempt(t, id, "record", 0, 1)
	recorder := p.Service(t, first.Worker)
	children := recorder.Children()
	if len(children) == 0 {
		t.Error("the recorder has no browser: the test proves nothing")
	}
	recorder.Kill(t)
	rig.AwaitEnd(t, children)
	second := p.AwaitAttempt(t, id, "record", 0, 2)
	hold.Release()
	checkDone(t, p, p.Await(t, id), c)
	want := []string{first.Worker + " lapsed", second.Worker + " done"}
	if got := outcomes(p.Attempts(t, id), "record", 0); !slices.Equal(got, want) || first.Worker == second.Worker {
		t.Errorf("attempts: %v, want %v", got, want)
	}
}

func TestProgressStaysWhereItWasWhileWorkIsRepeated(t *testing.T) {
	t.Parallel()
	p := rig.Start(t, rig.Config{})
	c, page := held(t, p, 1)
	page.Release()
	stored := p.Store.Hold(t, http.MethodPut, "/mezzanine")
	id := p.Submit(t, c)
	stored.Await(t, 1)
	rig.Eventually(t, "the render shows that its scene is nearly recorded", func() bool {
		r, err := p.Look(id)
		return err == nil && r.Progress >= 50
	})
	page.Resume()
	p.Services("recorder")[0].Kill(t)
	p.Run(t, "recorder")
	page.Await(t, 1)
	rig.Eventually(t, "the second attempt's progress has been counted", func() bool {
		return rig.Value[bool](t, p.App, `select exists (select from renders r join loom.tasks k on k.render_id = r.id
			join loom.attempts a on a.task_id = k.id where r.id = $1 and a.attempt = 2 and r.updated_at > a.granted_at)`, id)
	})
	page.Release()
	stored.Release()
	checkDone(t, p, p.Await(t, id), c) // whose history never goes down
}

func TestAPausedRecordersResultIsRefused(t *testing.T) {
	t.Parallel()
	p := rig.Start(t, rig.Config{Recorders: 2})
	c, hold := held(t, p, 1)
	id := p.Submit(t, c)
	hold.Await(t, 1)
	first := p.AwaitAttempt(t, id, "record", 0, 1)
	paused := p.Service(t, first.Worker)
	paused.Signal(t, syscall.SIGSTOP)
	second := p.AwaitAttempt(t, id, "record", 0, 2)

	// What the paused recorder would report if it came back at the worst moment: while another
	// works on the task.
	publishResult(t, p, id, first, msg.Result{
		Outcome: msg.Failed, Failure: &msg.Failure{Code: msg.CodeSceneStatus, Message: "stale", Permanent: true},
	})
	publishResult(t, p, id, first, msg.Result{Outcome: msg.Done, Facts: json.RawMessage(`{"frames": 1}`)})
	awaitResultsRead(t, p)
	if got := outcomes(p.Attempts(t, id), "record", 0); !slices.Equal(got, []string{first.Worker + " lapsed", second.Worker + " "}) {
		t.Errorf("a stale result changed the attempts: %v", got)
	}

	paused.Signal(t, syscall.SIGCONT)
	hold.Release()
	checkDone(t, p, p.Await(t, id), c)
	want := []string{first.Worker + " lapsed", second.Worker + " done"}
	if got := outcomes(p.Attempts(t, id), "record", 0); !slices.Equal(got, want) {
		t.Errorf("attempts: %v, want %v", got, want)
	}

	// The recorder that was paused works again.
	p.Service(t, second.Worker).Signal(t, syscall.SIGTERM)
	p.Service(t, second.Worker).Wait(t)
	next := campaign(p, 1)
	nextID := p.Submit(t, next)
	checkDone(t, p, p.Await(t, nextID), next)
	if got := workers(p.Attempts(t, nextID), "record"); !slices.Equal(got, []string{first.Worker}) {
		t.Errorf("the next render was recorded by %v", got)
	}
}

// publishResult reports on an attempt as its worker does.
func publishResult(t *testing.T, p *rig.Pipeline, render uuid.UUID, a rig.Attempt, r msg.Result) {
	t.Helper()
	r.Ref, r.Attempt, r.Worker = msg.NewRef(msg.Kind(a.Kind), render, a.Task), a.Attempt, a.Worker
	data, err := msg.Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	withJetStream(t, p, func(js jetstream.JetStream) error {
		_, err := js.Publish(context.Background(), msg.ResultSubject(r.Ref), data)
		return err
	})
}

// awaitResultsRead waits until ingest has handled every result.
func awaitResultsRead(t *testing.T, p *rig.Pipeline) {
	t.Helper()
	withJetStream(t, p, func(js jetstream.JetStream) error {
		stream, err := js.Stream(context.Background(), msg.StreamResults)
		if err != nil {
			return err
		}
		rig.Eventually(t, "all results are read", func() bool {
			info, err := stream.Info(context.Background())
			return err == nil && info.State.Msgs == 0
		})
		return nil
	})
}

func withJetStream(t *testing.T, p *rig.Pipeline, do func(jetstream.JetStream) error) {
	t.Helper()
	conn := p.NATS.Connect(t)
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err == nil {
		err = do(js)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestARecorderToldToStopFinishesItsScene(t *testing.T) {
	t.Parallel()
	p := rig.Start(t, rig.Config{})
	c, hold := held(t, p, 1)
	id := p.Submit(t, c)
	hold.Await(t, 1)
	recorder := p.Services("recorder")[0]
	recorder.Signal(t, syscall.SIGTERM)
	hold.Release()
	if code := recorder.Wait(t); code != 0 {
		t.Errorf("the recorder's exit status is %d", code)
	}
	checkDone(t, p, p.Await(t, id), c)
	checkUncharged(t, p, id)
}

func TestARecorderToldToStopHandsBackWhatItCannotFinish(t *testing.T) {
	t.Parallel()
	p := rig.Start(t, rig.Config{})
	other := p.Services("recorder")[0]
	recorder := p.RunWith(t, "recorder", map[string]string{"DRAIN_TIMEOUT": "100ms"})
	recorder.AwaitReady(t)
	other.Signal(t, syscall.SIGTERM)
	other.Wait(t)
	c, hold := held(t, p, 1)
	id := p.Submit(t, c)
	hold.Await(t, 1)
	recorder.Signal(t, syscall.SIGTERM)
	if code := recorder.Wait(t); code != 0 {
		t.Errorf("the recorder's exit status is %d", code)
	}
	hold.AwaitNone(t)
	next := p.Run(t, "recorder")
	next.AwaitReady(t)
	hold.Release()
	checkDone(t, p, p.Await(t, id), c)
	want := []string{recorder.Worker + " handed_back", next.Worker + " done"}
	if got := outcomes(p.Attempts(t, id), "record", 0); !slices.Equal(got, want) {
		t.Errorf("attempts: %v, want %v", got, want)
	}
	if n := rig.Value[int](t, p.App, `select sum(failures) from loom.tasks where render_id = $1`, id); n != 0 {
		t.Errorf("%d attempts were charged", n)
	}
}

// When a service dies in the middle of a task, another replica does the task. In this render, each
// dies once, and the transcoder twice.
func TestAnyServiceMayDieMidway(t *testing.T) {
	t.Parallel()
	p := rig.Start(t, rig.Config{})
	deaths := []struct {
		service, object, kind string
		hold                  *rig.Hold
		// want is how the attempts at the task end.
		want []string
	}{
		{service: "ingest", object: "/mezzanine"},
		{service: "transcoder", object: "/segment", kind: "normalize"},
		{service: "transcoder", object: "/joined", kind: "concat"},
		{service: "uploader", object: "/videos/", kind: "upload"},
	}
	for i := range deaths {
		deaths[i].hold = p.Store.Hold(t, http.MethodPut, deaths[i].object)
	}
	c := campaign(p, 1)
	c.Facecam = p.Site.Facecam(t, "silent.mp4")
	id := p.Submit(t, c)
	for i, d := range deaths {
		d.hold.Await(t, 1)
		victim := p.Services(d.service)[0]
		children := victim.Children()
		victim.Kill(t)
		rig.AwaitEnd(t, children)
		next := p.Run(t, d.service)
		next.AwaitReady(t)
		deaths[i].want = []string{victim.Worker + " lapsed", next.Worker + " done"}
		d.hold.Release()
	}
	checkDone(t, p, p.Await(t, id), c)
	attempts := p.Attempts(t, id)
	for _, d := range deaths {
		if got := outcomes(attempts, d.kind, 0); d.kind != "" && !slices.Equal(got, d.want) {
			t.Errorf("attempts at %s: %v, want %v", d.kind, got, d.want)
		}
	}
}
