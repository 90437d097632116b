package forecast

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/servers/natsd"
	"github.com/loom-lite/loom-lite/pkg/servers/postgresd"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/console/forecast"
	"github.com/loom-lite/loom-lite/services/ingest"
)

// StandIn is a measurement with workers that only wait.
type StandIn struct {
	// Renders are measured, after Warm others, which are the history. They are queued in bursts, so
	// that some wait for others and some do not.
	Renders, Warm int
	// Spread is how different pages are: the standard deviation of the logarithm of their times.
	Spread float64
	Log    io.Writer
}

// lookEvery is how often forecasts are looked at.
const lookEvery = 500 * time.Millisecond

// Measure makes the measurement.
func (m StandIn) Measure(ctx context.Context) (lives []Life, err error) {
	home, err := postgresd.Folder("loom-forecast-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(home)) }()
	installation, err := postgresd.Find(ctx, 0)
	if err != nil {
		return nil, err
	}
	account, err := postgresd.ServerAccount()
	if err != nil {
		return nil, err
	}
	cluster := postgresd.Cluster{Installation: installation, Account: account, Data: filepath.Join(home, "pg", "data"), User: "postgres"}
	place := filepath.Dir(cluster.Data)
	if err := errors.Join(os.Mkdir(place, 0o755), account.Own(place), cluster.Init(ctx)); err != nil {
		return nil, err
	}
	postgres, err := cluster.Start(ctx, postgresd.Options{Log: filepath.Join(home, "postgres.log"), Within: time.Minute})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, postgres.Stop()) }()
	broker, err := natsd.Start(natsd.Options{Name: "bench", Store: filepath.Join(home, "nats"), Log: zerolog.Nop()})
	if err != nil {
		return nil, err
	}
	defer broker.Stop()
	return m.on(ctx, postgres.URL("postgres"), broker.URL())
}

func (m StandIn) on(ctx context.Context, database, broker string) (lives []Life, err error) {
	conn, err := pgx.Connect(ctx, database)
	if err == nil {
		_, err = migrations.Apply(ctx, conn)
		err = errors.Join(err, conn.Close(ctx))
	}
	if err != nil {
		return nil, err
	}
	db, err := pgxpool.New(ctx, database)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	cfg, err := ingest.LoadConfig(map[string]string{
		"DATABASE_URL": database, "NATS_URL": broker, "S3_ENDPOINT": "http://127.0.0.1:9", "S3_ACCESS_KEY_ID": "x", "S3_SECRET_ACCESS_KEY": "y",
		"PORT": "0", "WORKER_ID": "ingest", "SCENE_CACHE_TTL": "0",
	})
	if err != nil {
		return nil, err
	}
	cfg.Log = zerolog.Nop()
	nc, err := nats.Connect(broker)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() {
		if err := ingest.Run(ctx, cfg); err != nil {
			_, _ = fmt.Fprintln(m.Log, err)
		}
	})
	for _, w := range m.workers(db) {
		worker, err := stage.New(nc, w)
		if err != nil {
			return nil, err
		}
		running.Go(func() { _ = worker.Run(ctx) })
	}
	return m.run(ctx, db)
}

// workers are four slots that record, four that transcode, and two that upload.
func (m StandIn) workers(db *pgxpool.Pool) []stage.Config {
	var list []stage.Config
	for verb, kinds := range map[string][]msg.Kind{
		msg.ConsumerRecord: {msg.Record}, msg.ConsumerTranscode: {msg.Probe, msg.Draw, msg.Normalize, msg.Concat, msg.Overlay}, msg.ConsumerUpload: {msg.Upload},
	} {
		handlers := map[msg.Kind]stage.Handler{}
		for _, kind := range kinds {
			handlers[kind] = handler{db: db, spread: m.Spread}
		}
		slots := 4
		if verb == msg.ConsumerUpload {
			slots = 2
		}
		list = append(list, stage.Config{
			Verb: verb, Handlers: handlers, Slots: slots, Fetches: 2, WorkerID: verb, Drain: time.Second, Log: zerolog.Nop(),
		})
	}
	return list
}

// handler waits for as long as a task takes. A page has its pace, which is its host's.
type handler struct {
	db     *pgxpool.Pool
	spread float64
}

// Handle implements stage.Handler.
func (h handler) Handle(ctx context.Context, t *stage.Task) (any, error) {
	var p struct {
		URL    string          `json:"url"`
		Frames json.RawMessage `json:"frames"`
		Pieces []int           `json:"pieces"`
	}
	if err := json.Unmarshal(t.Params, &p); err != nil {
		return nil, err
	}
	var frames float64
	_ = json.Unmarshal(p.Frames, &frames)
	noise := math.Exp(rand.NormFloat64() * 0.1)
	switch t.Kind {
	case msg.Record:
		pace := math.Exp(h.spread * rand.New(rand.NewPCG(uint64(len(p.URL)), hash(p.URL))).NormFloat64())
		return h.record(ctx, t, p.Pieces, pace*noise)
	case msg.Normalize:
		return map[string]int{"frames": 1}, wait(ctx, noise*(0.2+frames*0.002))
	case msg.Upload:
		if err := wait(ctx, 0.2*noise); err != nil {
			return nil, err
		}
		_, err := h.db.Exec(ctx, "select loom.finish_render($1::text::uuid, $2::int, 'http://videos/v.mp4', 'http://thumbnails/t.jpg', '{}'::jsonb)",
			t.TaskID.String(), t.Attempt)
		return nil, err
	}
	return map[string]int{"frames": 1}, wait(ctx, 0.3*noise)
}

func (h handler) record(ctx context.Context, t *stage.Task, pieces []int, pace float64) (any, error) {
	if err := wait(ctx, 0.5*pace); err != nil {
		return nil, err
	}
	total, done := 0, 0
	for _, frames := range pieces {
		total += frames
	}
	for i, frames := range pieces {
		if err := wait(ctx, float64(frames)*0.006*pace); err != nil {
			return nil, err
		}
		done += frames
		t.Progress(float64(done) / float64(total))
		t.Announce(msg.PieceName(i))
	}
	return map[string]int{"frames": total}, nil
}

func hash(text string) (h uint64) {
	for _, c := range []byte(text) {
		h = h*1099511628211 + uint64(c)
	}
	return h
}

func wait(ctx context.Context, seconds float64) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(seconds * float64(time.Second))):
		return nil
	}
}

// run queues renders and looks at their forecasts until all have ended.
func (m StandIn) run(ctx context.Context, db *pgxpool.Pool) (lives []Life, err error) {
	lookers := forecast.New(db)
	all, going := map[uuid.UUID]*Life{}, map[uuid.UUID]bool{}
	queued, next := 0, time.Now()
	for queued < m.Warm+m.Renders || len(going) > 0 {
		if queued < m.Warm+m.Renders && !time.Now().Before(next) {
			burst := min(1+rand.IntN(24), m.Warm+m.Renders-queued)
			if queued < m.Warm {
				burst = min(burst, m.Warm-queued)
			}
			for range burst {
				id, err := queue(ctx, db, 1+rand.IntN(5))
				if err != nil {
					return nil, err
				}
				if going[id] = true; queued >= m.Warm {
					all[id] = &Life{Begun: time.Now()}
				}
				queued++
			}
			next = time.Now().Add(time.Duration(float64(burst) * (0.5 + rand.Float64()) * 2 * float64(time.Second)))
			_, _ = fmt.Fprintf(m.Log, "%d renders are queued, %d have not ended\n", queued, len(going))
		}
		ids := make([]uuid.UUID, 0, len(going))
		for id := range going {
			ids = append(ids, id)
		}
		forecasts, err := lookers.Of(ctx, ids...)
		if err != nil {
			return nil, err
		}
		for id, f := range forecasts {
			if l := all[id]; l != nil && f.ETA != nil {
				l.said = append(l.said, saidBy(f.ETA.EstimatedEnd, f.ETA.LikelyBy))
			}
		}
		if err := ended(ctx, db, going, all); err != nil {
			return nil, err
		}
		if err := wait(ctx, lookEvery.Seconds()); err != nil {
			return nil, err
		}
	}
	for _, l := range all {
		lives = append(lives, *l)
	}
	return lives, nil
}

func saidBy(estimated, likely *time.Time) said {
	s := said{at: time.Now()}
	if estimated != nil && likely != nil {
		s.estimated, s.likely = *estimated, *likely
	}
	return s
}

// queue queues a render of one of twelve users, of scenes of 2 to 15 seconds.
func queue(ctx context.Context, db *pgxpool.Pool, scenes int) (id uuid.UUID, err error) {
	seconds, urls := make([]int, scenes), make([]string, scenes)
	for i := range seconds {
		seconds[i], urls[i] = 2+rand.IntN(14), "https://"+uuid.NewString()+".example/"
	}
	err = db.QueryRow(ctx, `with c as (insert into campaigns (name, user_id, output_fps) values ('bench', md5($3::text)::uuid, 30) returning id),
		s as (insert into scenes (campaign_id, url, duration_sec, order_index)
		      select c.id, n.url, n.seconds, n.place from c, unnest($1::int[], $2::text[]) with ordinality as n (seconds, url, place) returning 1),
		r as (insert into renders (campaign_id) select id from c returning id)
		select r.id from r where (select count(*) from s) > 0`, seconds, urls, fmt.Sprint(rand.IntN(12))).Scan(&id)
	if err == nil {
		_, err = db.Exec(ctx, "insert into render_jobs (render_id) values ($1::uuid)", id)
	}
	if err != nil {
		return id, fmt.Errorf("queue a render: %w", err)
	}
	return id, nil
}

// ended notes which renders have ended, and when.
func ended(ctx context.Context, db *pgxpool.Pool, going map[uuid.UUID]bool, all map[uuid.UUID]*Life) error {
	ids := make([]string, 0, len(going))
	for id := range going {
		ids = append(ids, id.String())
	}
	rows, err := db.Query(ctx, "select id, status, completed_at from renders where id = any ($1::text[]::uuid[]) and status in ('done', 'failed', 'cancelled')", ids)
	if err != nil {
		return err
	}
	var id uuid.UUID
	var status string
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &status, &at}, func() error {
		if status != "done" {
			return fmt.Errorf("render %s is %s", id, status)
		}
		delete(going, id)
		if l := all[id]; l != nil {
			l.Ended = at
		}
		return nil
	})
	return err
}
