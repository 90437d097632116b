package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
	"github.com/loom-lite/loom-lite/services/ingest"
)

// proxy is a TCP proxy between ingest and Postgres that can be cut off.
type proxy struct {
	t        *testing.T
	listener net.Listener
	target   string
	pumps    sync.WaitGroup

	mu    sync.Mutex
	off   bool
	conns map[net.Conn]struct{}
}

// through returns the database's URL through a new proxy.
func (r *rig) through() (databaseURL string, p *proxy) {
	r.t.Helper()
	u, err := url.Parse(r.dbURL)
	if err != nil {
		r.t.Fatal(err)
	}
	p = &proxy{t: r.t, target: u.Host, conns: map[net.Conn]struct{}{}}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		r.t.Fatal(err)
	}
	p.pumps.Go(p.accept)
	r.t.Cleanup(func() {
		_ = p.listener.Close()
		p.cut(true)
		p.pumps.Wait()
	})
	u.Host = p.listener.Addr().String()
	return u.String(), p
}

func (p *proxy) accept() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = in.Close()
			continue
		}
		p.mu.Lock()
		if p.off {
			p.mu.Unlock()
			_, _ = in.Close(), out.Close()
			continue
		}
		p.conns[in], p.conns[out] = struct{}{}, struct{}{}
		p.mu.Unlock()
		for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
			p.pumps.Go(func() {
				_, _ = io.Copy(pair[0], pair[1])
				_, _ = pair[0].Close(), pair[1].Close()
			})
		}
	}
}

// cut closes all connections and refuses new ones while off is set.
func (p *proxy) cut(off bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off = off
	for c := range p.conns {
		_ = c.Close()
		delete(p.conns, c)
	}
}

func TestRunningWorkGoesOnWhilePostgresIsAway(t *testing.T) {
	r := newRig(t)
	r.lease = brief
	databaseURL, p := r.through()
	r.ingest(func(c *ingest.Config) { c.DatabaseURL = databaseURL })
	recording, cut := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var interrupted atomic.Bool
	w := r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
		if g.Kind != msg.Record {
			return msg.Result{Outcome: msg.Done}
		}
		once.Do(func() { close(recording) })
		select {
		case <-cut:
		case <-ctx.Done():
			interrupted.Store(true)
		}
		return msg.Result{Outcome: msg.Done}
	})
	one := small
	one.scenes = small.scenes[:1]
	render := r.submit(one)
	<-recording
	p.cut(true)
	// This takes longer than a lease, and the worker reports its result while Postgres is away.
	r.until("the lease lapses", "select exists (select from loom.tasks where state = 'running' and lease_until < clock_timestamp())")
	close(cut)
	r.eventually("the result waits in its stream", func() (bool, string) {
		s, err := w.js.Stream(t.Context(), msg.StreamResults)
		return err == nil && s.CachedInfo().State.Msgs == 1, ""
	})
	p.cut(false)
	if o := r.ended(render); o.status != "done" {
		t.Errorf("the render ended as %+v", o)
	}
	if interrupted.Load() {
		t.Error("the worker was told to stop")
	}
	var attempts int
	r.scan(&attempts, "select max(attempt) from loom.tasks")
	if attempts != 1 {
		t.Errorf("work was done %d times", attempts)
	}
}

func TestNATSMayGoAwayAndComeBack(t *testing.T) {
	r := newRig(t)
	p := r.ingest(nil)
	recording, away := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
		once.Do(func() { close(recording) })
		<-away
		return msg.Result{Outcome: msg.Done}
	})
	render := r.submit(small)
	<-recording
	r.nats.Stop()
	r.eventually("ingest is not ready", func() (bool, string) { return p.ready(t) != nil, "" })
	other := r.submit(small) // planned meanwhile: that is database only
	r.until("the other is planned", "select exists (select from loom.plans where render_id = $1)", other)
	r.nats.Start()
	close(away)
	for _, id := range []uuid.UUID{render, other} {
		if o := r.ended(id); o.status != "done" {
			t.Errorf("a render ended as %+v", o)
		}
	}
	r.eventually("ingest is ready again", func() (bool, string) {
		err := p.ready(t)
		return err == nil, ""
	})
}

func TestARepeatedRequestGetsTheSameAttempt(t *testing.T) {
	r := newRig(t)
	r.ingest(nil)
	one := small
	one.scenes = small.scenes[:1]
	render := r.submit(one)
	r.until("it is planned", "select exists (select from loom.plans where render_id = $1)", render)
	var task uuid.UUID
	r.scan(&task, "select id from loom.tasks where kind = 'record'")
	nc := r.nats.Connect(r.t)
	ask := func(id uuid.UUID) (reply msg.GrantReply) {
		t.Helper()
		request := msg.GrantRequest{Ref: msg.NewRef(msg.Record, render, task), Worker: "test", RequestID: id}
		data, err := msg.Encode(request)
		if err != nil {
			t.Fatal(err)
		}
		r.eventually("ingest answers", func() (bool, string) {
			var answer *nats.Msg
			if answer, err = nc.Request(msg.GrantSubject(request.Ref), data, patience); err != nil {
				return false, err.Error()
			}
			if reply, err = msg.Decode[msg.GrantReply](answer.Data); err != nil {
				t.Fatal(err)
			}
			return true, ""
		})
		return reply
	}
	first := uuid.New()
	for range 2 {
		if reply := ask(first); reply.Verdict != msg.Granted || reply.Grant.Attempt != 1 {
			t.Errorf("the first worker got %+v", reply)
		}
	}
	if reply := ask(uuid.New()); reply.Verdict != msg.Drop || reply.Reason == "" {
		t.Errorf("another worker got %+v", reply)
	}
}

func TestIngestWaitsForTheSchemaAndSaysSo(t *testing.T) {
	r := newRig(t)
	r.dbURL = postgrestest.Database(t)
	var log lines
	p := r.ingest(func(c *ingest.Config) { c.Log = zerolog.New(&log) })
	r.eventually("it says what to do", func() (bool, string) { return strings.Contains(log.String(), "loom migrate"), log.String() })
	r.eventually("it is not ready", func() (bool, string) {
		err := p.ready(t)
		return err != nil && strings.Contains(err.Error(), "loom migrate"), ""
	})
	conn, err := pgx.Connect(t.Context(), r.dbURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	for range 2 { // the second time somebody has dropped a column
		if _, err := migrations.Apply(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		r.eventually("it is ready", func() (bool, string) { return p.ready(t) == nil, "" })
		if _, err := conn.Exec(t.Context(), "alter table campaigns drop facecam_options"); err != nil {
			t.Fatal(err)
		}
		r.eventually("it says which column is gone", func() (bool, string) {
			err := p.ready(t)
			return err != nil && strings.Contains(err.Error(), "lacks public.campaigns.facecam_options: run `loom migrate`, or paste"), fmt.Sprint(err)
		})
	}
}

// lines is a log that may be read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
