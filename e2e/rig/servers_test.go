package rig

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/loom-lite/loom-lite/pkg/servers/postgresd"
)

// The tests of the pipeline depend on these: that the servers can stop and come back with what they
// stored, or empty.

func TestPostgresComesBackWithItsRows(t *testing.T) {
	dir, err := postgresd.Folder("loom-e2e-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	p := startPostgres(t, dir)
	t.Cleanup(p.stop)
	app := &App{DB: p.migrate(t)}
	t.Cleanup(app.DB.Close)
	id := app.Submit(t, Campaign{Width: 320, Height: 180, FPS: 30})
	p.Stop(t)
	if _, err := app.Look(id); err == nil {
		t.Error("a stopped server answers")
	}
	p.Start(t)
	r, err := app.Look(id)
	if err != nil || r.Status != "queued" || len(r.JobStates) != 1 {
		t.Errorf("after the restart: %+v, %v", r, err)
	}
}

func TestNATSKeepsItsStreamsUnlessWiped(t *testing.T) {
	n := startNATS(t, t.TempDir())
	t.Cleanup(n.stop)
	stream := func() error {
		conn := n.Connect(t)
		defer conn.Close()
		js, err := conn.JetStream()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.StreamInfo("KEPT"); err == nil {
			return nil
		}
		_, err = js.AddStream(&nats.StreamConfig{Name: "KEPT", Subjects: []string{"kept"}})
		if err != nil {
			t.Fatal(err)
		}
		return nats.ErrStreamNotFound
	}
	if stream() == nil {
		t.Error("a new server has a stream")
	}
	n.Kill(t)
	n.Start(t)
	if err := stream(); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	n.Kill(t)
	n.Wipe(t)
	n.Start(t)
	if stream() == nil {
		t.Error("the stream survived the wipe")
	}
}

func TestARequestToTheStoreIsHeld(t *testing.T) {
	s := startStore(t, t.TempDir())
	t.Cleanup(s.stop)
	hold := s.Hold(t, http.MethodPut, "/bucket/held")
	put := func(key string) int {
		req, err := http.NewRequest(http.MethodPut, s.Endpoint+"/bucket/"+key, strings.NewReader("x"))
		if err != nil {
			t.Error(err)
			return 0
		}
		res, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return 0
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		return res.StatusCode
	}
	// Nothing is signed here: that the server refuses it shows that it was asked.
	if got := put("free"); got < 400 {
		t.Errorf("an unsigned request got %d", got)
	}
	answered := make(chan int, 1)
	go func() { answered <- put("held-1") }()
	hold.Await(t, 1)
	select {
	case <-answered:
		t.Error("a held request went through")
	default:
	}
	hold.Release()
	if got := <-answered; got < 400 {
		t.Errorf("an unsigned request got %d", got)
	}
}
