package webhooks

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
	"github.com/loom-lite/loom-lite/services/console/access/accesstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var migrated = postgrestest.NewTemplate(func(ctx context.Context, conn *pgx.Conn) error {
	_, err := migrations.Apply(ctx, conn)
	return err
})

// patience bounds waits for what happens on its own.
const patience = 2 * time.Minute

// rig is a database and what a courier needs.
type rig struct {
	*testing.T
	db     *pgxpool.Pool
	url    string
	keeper *Keeper
	policy egress.Policy
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t, url: migrated.Database(t)}
	var err error
	if r.db, err = pgxpool.New(t.Context(), r.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.db.Close)
	if r.keeper, err = NewKeeper("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="); err != nil {
		t.Fatal(err)
	}
	if r.policy, err = egress.Parse("127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	return r
}

// courier starts a courier, which stop ends and the end of the test.
func (r *rig) courier(change ...func(*Courier)) (stop func()) {
	r.Helper()
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		r.Fatal(err)
	}
	c := &Courier{DB: r.db, Policy: r.policy, Keeper: r.keeper, Metrics: metrics, Log: zerolog.New(zerolog.NewTestWriter(r.T)).Level(zerolog.WarnLevel),
		Keep: 30 * 24 * time.Hour, Timeout: Timeout}
	for _, f := range change {
		f(c)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	r.Cleanup(stop)
	return stop
}

func (r *rig) exec(sql string, args ...any) {
	r.Helper()
	if _, err := r.db.Exec(r.Context(), sql, args...); err != nil {
		r.Fatalf("%s: %v", sql, err)
	}
}

func value[T any](r *rig, sql string, args ...any) (v T) {
	r.Helper()
	if err := r.db.QueryRow(r.Context(), sql, args...).Scan(&v); err != nil {
		r.Fatalf("%s: %v", sql, err)
	}
	return v
}

// until waits until a query returns want.
func until[T comparable](r *rig, want T, sql string, args ...any) {
	r.Helper()
	var got T
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if got = value[T](r, sql, args...); got == want {
			return
		}
	}
	r.Fatalf("%s: %v, want %v", sql, got, want)
}

// endpoint makes an endpoint of a receiver.
func (r *rig) endpoint(url string, change ...func(*NewEndpoint)) (Endpoint, Secret) {
	r.Helper()
	n := NewEndpoint{URL: url}
	for _, f := range change {
		f(&n)
	}
	e, secret, err := Create(accesstest.Operator(r), r.db, r.keeper, uuid.New(), n)
	if err != nil {
		r.Fatal(err)
	}
	return e, secret
}

// render inserts a render, and ends it with a status.
func (r *rig) render(status string) (id uuid.UUID) {
	r.Helper()
	id = value[uuid.UUID](r, `with c as (insert into campaigns (name, metadata) values ('x', '{"a": "<&>"}') returning id)
		insert into renders (campaign_id, status) select id, 'queued' from c returning id`)
	r.exec("update renders set status = $2::text, final_video_url = case when $2::text = 'done' then 'https://video/?a=1&b=2' end where id = $1", id, status)
	return id
}

// request is one that a receiver got.
type request struct {
	http.Header
	body []byte
}

func (q request) id() string { return q.Header.Get("webhook-id") }

// receiver is a web server that keeps what it gets.
type receiver struct {
	*httptest.Server
	mu  sync.Mutex
	got []request
}

// receive starts a receiver that answers as respond does, or with 204.
func (r *rig) receive(respond http.HandlerFunc) *receiver {
	x := &receiver{}
	x.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			return
		}
		x.mu.Lock()
		x.got = append(x.got, request{q.Header.Clone(), body})
		x.mu.Unlock()
		if respond == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		respond(w, q)
	}))
	r.Cleanup(x.Close)
	return x
}

func (x *receiver) requests() []request {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.got)
}

// await waits until a receiver has got n requests.
func (r *rig) await(x *receiver, n int) []request {
	r.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if got := x.requests(); len(got) >= n {
			return got
		}
	}
	r.Fatalf("it got %d requests, want %d", len(x.requests()), n)
	return nil
}
