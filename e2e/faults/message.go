package faults

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// twice has every message delivered a second time, later.
var twice = Fault{
	Name: "twice", What: "every message and request again after up to 6 s, each connection's bytes up to 0.2 s late; a fifth of attempts fail",
	Ingests: 2, Recorders: 2, Transcoders: 2, Uploaders: 2, Unharmed: true, Unheard: true, Retries: endless, Env: map[string]string{"FAULTS_FAIL": "0.2", "FAULTS_WORK": "3s"},
	Do: func(ctx context.Context, r *Run) error {
		for _, p := range r.replicas {
			if err := p.nats.delay(100, 100); err != nil {
				return err
			}
		}
		return r.withJetStream(func(nc *nats.Conn, _ jetstream.JetStream) error {
			again, err := r.repeat(ctx, nc)
			if err != nil {
				return err
			}
			err = r.submitMany(ctx, r.times(40))
			if err == nil {
				err = r.whileOpen(ctx, func() error { pause(ctx, 200*time.Millisecond); return nil })
			}
			return errors.Join(err, again())
		})
	},
}

// repeated marks the repetitions.
const repeated = "Faults-Repeated"

// repeat sends again whatever is sent, once. The function that it returns ends that, and waits
// until all is sent.
func (r *Run) repeat(ctx context.Context, nc *nats.Conn) (end func() error, err error) {
	rng := r.another()
	var pending sync.WaitGroup
	again := func(m *nats.Msg) {
		if m.Header.Get(repeated) != "" {
			return
		}
		repetition := nats.NewMsg(m.Subject)
		repetition.Header.Set(repeated, "1")
		repetition.Data = m.Data
		most := 6 * time.Second
		if !strings.HasPrefix(m.Subject, "task.") && !strings.HasPrefix(m.Subject, "result.") {
			// A request. Its answer goes where the first one's does.
			repetition.Reply, most = m.Reply, time.Second
		}
		wait := time.Duration(rng.Int64N(int64(most)))
		r.count("repeated", 1)
		pending.Go(func() {
			pause(ctx, wait)
			_ = nc.PublishMsg(repetition)
		})
	}
	var mu sync.Mutex
	subscriptions := make([]*nats.Subscription, 0, 5)
	for _, subject := range []string{"task.>", "result.>", msg.AllGrants, msg.AllHeartbeats, msg.AllCancels} {
		s, err := nc.Subscribe(subject, func(m *nats.Msg) {
			mu.Lock()
			defer mu.Unlock()
			again(m)
		})
		if err != nil {
			return nil, err
		}
		subscriptions = append(subscriptions, s)
	}
	return func() error {
		var err error
		for _, s := range subscriptions {
			err = errors.Join(err, s.Unsubscribe())
		}
		mu.Lock()
		defer mu.Unlock()
		pending.Wait()
		return errors.Join(err, nc.Flush())
	}, nil
}

// outOfOrder has ingest read results in the reverse of their order.
var outOfOrder = Fault{
	Name: "out of order", What: "results that wait for ingest are read in the reverse order", Ingests: 1, Recorders: 2, Transcoders: 2,
	Uploaders: 2, Unharmed: true, Env: map[string]string{"FAULTS_SLOTS": "4"},
	Do: func(ctx context.Context, r *Run) error {
		stop := r.feed(ctx, 12)
		ingest := r.of("ingest")[0]
		for range r.times(15) {
			pause(ctx, r.between(time.Second, 2*time.Second))
			if err := ingest.crash(); err != nil {
				return err
			}
			pause(ctx, time.Second) // tasks end
			if err := r.reverse(ctx); err != nil {
				return err
			}
			if err := ingest.start(ctx, nil); err != nil {
				return err
			}
		}
		return stop()
	},
}

// reverse replaces the results that wait by the same in the reverse order.
func (r *Run) reverse(ctx context.Context) error {
	return r.askJetStream(ctx, func(ctx context.Context, js jetstream.JetStream) error {
		stream, err := js.Stream(ctx, msg.StreamResults)
		if err != nil {
			return err
		}
		state := stream.CachedInfo().State
		var waiting []*jetstream.RawStreamMsg
		for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
			m, err := stream.GetMsg(ctx, seq)
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				continue
			}
			if err != nil {
				return fmt.Errorf("read the results: %w", err)
			}
			waiting = append(waiting, m)
		}
		if len(waiting) == 0 {
			return nil
		}
		if err := stream.Purge(ctx, jetstream.WithPurgeSequence(state.LastSeq+1)); err != nil {
			return fmt.Errorf("take the results away: %w", err)
		}
		for i := len(waiting) - 1; i >= 0; i-- {
			if _, err := js.Publish(ctx, waiting[i].Subject, waiting[i].Data); err != nil {
				return fmt.Errorf("bring the results back: %w", err)
			}
		}
		r.count("reversed", len(waiting))
		return nil
	})
}

// together has the last two scenes of a render finish at the same time.
var together = Fault{
	Name: "together", What: "the last two scenes finish at the same moment, 1,000 times", Ingests: 2, Recorders: 2, Transcoders: 2, Uploaders: 2,
	Unharmed: true, Short: 0.03, Env: map[string]string{"FAULTS_SLOTS": "8", "FAULTS_WORK": "0s"},
	Do: func(ctx context.Context, r *Run) error {
		m := &meeting{waiting: map[string]chan struct{}{}}
		server := httptest.NewServer(m)
		defer server.Close()
		for _, p := range r.of("transcoder") {
			if err := p.stop(); err != nil {
				return err
			}
			if err := p.start(ctx, map[string]string{"FAULTS_MEET": server.URL}); err != nil {
				return err
			}
		}
		for left := r.times(1000); left > 0; {
			open, err := r.open(ctx)
			if err != nil {
				return err
			}
			if moves, err := r.moves(ctx); err != nil || !moves {
				return err
			}
			for ; open < 16 && left > 0; open, left = open+1, left-1 {
				c := newCampaign(r.rng, 2)
				c.facecam, c.scenes[0].seconds, c.scenes[1].seconds = "", 1, 1
				if _, err := r.submit(ctx, c); err != nil {
					return err
				}
			}
			pause(ctx, 100*time.Millisecond)
		}
		err := r.whileOpen(ctx, func() error { pause(ctx, 100*time.Millisecond); return nil })
		r.count("finished together", m.met())
		return err
	},
}

// meeting holds the first of two requests for a render until the second is there.
type meeting struct {
	mu      sync.Mutex
	waiting map[string]chan struct{}
	pairs   int
}

func (m *meeting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	render := r.URL.Query().Get("render")
	m.mu.Lock()
	other, there := m.waiting[render]
	if there {
		close(other)
		delete(m.waiting, render)
		m.pairs++
		m.mu.Unlock()
		return
	}
	other = make(chan struct{})
	m.waiting[render] = other
	m.mu.Unlock()
	select {
	case <-other:
	case <-r.Context().Done():
	case <-time.After(lease):
	}
	w.WriteHeader(http.StatusOK)
}

func (m *meeting) met() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pairs
}

// race has several ingests claim the same jobs.
var race = Fault{
	Name: "race", What: "four ingests poll every 10 ms for bursts of 10 jobs, some of them for one render", Ingests: 4, Recorders: 2, Transcoders: 2,
	Uploaders: 2, Unharmed: true, Env: map[string]string{"WORKER_POLL_INTERVAL": "10", "FAULTS_WORK": "50ms", "FAULTS_SLOTS": "4"},
	Do: func(ctx context.Context, r *Run) error {
		for range r.times(20) {
			for range 10 {
				w, err := r.submit(ctx, r.small())
				if err != nil {
					return err
				}
				if r.rng.IntN(5) == 0 {
					w.jobs++
					if _, err := r.db.Exec(ctx, "insert into render_jobs (render_id, state) values ($1, 'queued')", w.id); err != nil {
						return err
					}
				}
			}
			r.count("jobs raced for", 10)
			pause(ctx, r.between(0, time.Second))
		}
		return nil
	},
}
