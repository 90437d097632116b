package schedule

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/natsauth"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
)

// A recorder that has been taken over asks for a task, and names a subject for the answer on which
// ingest may publish and the recorder may not.
func TestAnswersGoToInboxesOnly(t *testing.T) {
	t.Parallel()
	nc := stagetest.StartNATS(t).Connect(t)
	r := newRequests(&Scheduler{Config: Config{NATS: nc, Log: zerolog.Nop()}})
	answered := make(chan string, 10)
	sub, err := r.subscribe(t.Context(), msg.AllGrants, func(_ context.Context, m *nats.Msg) {
		answered <- m.Reply
		_ = m.Respond(nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, elsewhere := range []string{"$JS.API.STREAM.PURGE.RESULTS", "ctl.cancel.r", "task.record.r.t", "$JS.ACK.RECORD.record.1.1.1.1.0"} {
		if err := nc.PublishRequest("grant.record.r.t", elsewhere, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := nc.Request("grant.record.r.t", nil, stagetest.Patience); err != nil {
		t.Fatal(err)
	}
	if err := sub.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	r.running.Wait()
	if n := len(answered); n != 1 {
		t.Errorf("%d requests were answered, not one; the first to %s", n, <-answered)
	}
}

func TestRequestsFromTheAccountsOfWorkersAreAnswered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := natsauth.Write(dir, natsauth.Account); err != nil {
		t.Fatal(err)
	}
	accounts, err := os.ReadFile(filepath.Join(dir, natsauth.AccountFile))
	if err != nil {
		t.Fatal(err)
	}
	server := stagetest.StartNATSWith(t, "accounts {\n"+string(accounts)+"}\n")
	as := func(name string) *nats.Conn {
		return server.ConnectAs(t, name, filepath.Join(dir, natsauth.SeedFile(name)), zerolog.Nop())
	}
	ingest := as(natsauth.Ingest)
	r := newRequests(&Scheduler{Config: Config{NATS: ingest, Log: zerolog.Nop()}})
	if _, err := r.subscribe(t.Context(), msg.AllGrants, func(_ context.Context, m *nats.Msg) { _ = m.Respond([]byte("yes")) }); err != nil {
		t.Fatal(err)
	}
	if err := ingest.FlushTimeout(stagetest.Patience); err != nil {
		t.Fatal(err)
	}
	answer, err := as(natsauth.Recorder).Request("grant.record.r.t", nil, stagetest.Patience)
	if err != nil || string(answer.Data) != "yes" {
		t.Errorf("the recorder is answered %v, %v", answer, err)
	}
	r.running.Wait()
}

func TestAnAttemptMayTakeLongerTheMoreFramesItHas(t *testing.T) {
	for params, want := range map[string]time.Duration{
		`{"url": "https://example.com/ada.png"}`: 20 * time.Minute,
		`{"frames": 300}`:                        20*time.Minute + 300*timeoutPerFrame,
		`{"frames": [300, 300, 180]}`:            20*time.Minute + 780*timeoutPerFrame,
		`{"frames": 1000000}`:                    timeoutMost,
		`{"frames": "many"}`:                     20 * time.Minute,
	} {
		if got := timeout(20*time.Minute, msg.Concat, json.RawMessage(params)); got != want {
			t.Errorf("%s may take %s, want %s", params, got, want)
		}
	}
	if got := timeout(20*time.Minute, msg.Probe, json.RawMessage(`{"url": "https://example.com/ada.mp4"}`)); got != msg.ProbeTimeout {
		t.Errorf("a probe may take %s, want %s", got, msg.ProbeTimeout)
	}
}
