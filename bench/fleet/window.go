package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/bench/system"
)

// Window is what happened in a while. What has a rate is for each second.
type Window struct {
	Took time.Duration `json:"took_ns"`
	// Tasks were done, by the database.
	Tasks float64 `json:"tasks"`
	// Busy is the share of the time in which recorders had a scene.
	Busy float64 `json:"busy"`
	// Cores that were used: CPU seconds in a second. Spare were used by nobody.
	Ingest   float64 `json:"ingest_cores"`
	Postgres float64 `json:"postgres_cores"`
	NATS     float64 `json:"nats_cores"`
	Workers  float64 `json:"workers_cores"`
	Spare    float64 `json:"spare_cores"`
	// Commits and bytes of write-ahead log of Postgres, and how many connections it had at the end.
	Commits     float64 `json:"commits"`
	WAL         float64 `json:"wal_bytes"`
	Connections int     `json:"postgres_connections"`
	// Messages that NATS received and sent, and its clients and subscriptions at the end.
	Received      float64 `json:"nats_received"`
	Sent          float64 `json:"nats_sent"`
	Clients       int     `json:"nats_clients"`
	Subscriptions int     `json:"nats_subscriptions"`
	// Hop and HopP99 are from when a task's last input was stored until it began.
	Hop    time.Duration `json:"hop_ns"`
	HopP99 time.Duration `json:"hop_p99_ns"`
	Hops   int           `json:"hops"`
	// Queued is how many renders nobody has claimed at the end.
	Queued int `json:"queued"`
}

// Control is what ingest, Postgres and NATS use together.
func (w Window) Control() float64 { return w.Ingest + w.Postgres + w.NATS }

// looker reads what happens.
type looker struct {
	sys *system.System
	db  *pgxpool.Pool
	ask func() (Hops, error)
}

// sample is what is counted from the start.
type sample struct {
	at                             time.Time
	ingest, postgres, nats, worker time.Duration
	idle                           time.Duration
	tasks, commits, wal            float64
	connections, queued            int
	broker                         broker
}

// broker is what NATS tells about itself.
type broker struct {
	In            float64 `json:"in_msgs"`
	Out           float64 `json:"out_msgs"`
	Connections   int     `json:"connections"`
	Subscriptions int     `json:"subscriptions"`
}

// window looks at the system for so long.
func (l *looker) window(ctx context.Context, d time.Duration) (w Window, err error) {
	if _, err := l.ask(); err != nil {
		return w, err
	}
	before, err := l.sample(ctx)
	if err != nil {
		return w, err
	}
	if err := pause(ctx, d); err != nil {
		return w, err
	}
	after, err := l.sample(ctx)
	if err != nil {
		return w, err
	}
	hops, err := l.ask()
	if err != nil {
		return w, err
	}
	took := after.at.Sub(before.at)
	cores := func(before, after time.Duration) float64 { return (after - before).Seconds() / took.Seconds() }
	w = Window{
		Took: took, Tasks: per(after.tasks-before.tasks, took), Busy: hops.Recording.Seconds() / took.Seconds(),
		Ingest: cores(before.ingest, after.ingest), Postgres: cores(before.postgres, after.postgres), NATS: cores(before.nats, after.nats),
		Workers: cores(before.worker, after.worker), Spare: cores(before.idle, after.idle),
		Commits: per(after.commits-before.commits, took), WAL: per(after.wal-before.wal, took), Connections: after.connections,
		Received: per(after.broker.In-before.broker.In, took), Sent: per(after.broker.Out-before.broker.Out, took),
		Clients: after.broker.Connections, Subscriptions: after.broker.Subscriptions, Queued: after.queued, Hops: len(hops.Hops),
	}
	if n := len(hops.Hops); n > 0 {
		slices.Sort(hops.Hops)
		w.Hop, w.HopP99 = hops.Hops[n/2], hops.Hops[n*99/100]
	}
	return w, nil
}

func (l *looker) sample(ctx context.Context) (s sample, err error) {
	s.at = time.Now()
	for name, to := range map[string]*time.Duration{"ingest": &s.ingest, "postgres": &s.postgres, "nats": &s.nats, "workers": &s.worker} {
		if *to, err = l.sys.CPU(name); err != nil {
			return s, err
		}
	}
	if s.idle, err = idle(); err != nil {
		return s, err
	}
	// Sizes of transaction logs and counts of the cluster: nothing else uses it.
	err = l.db.QueryRow(ctx, `select (select count(*) from loom.tasks where state = 'done')::float8,
		(select sum(xact_commit) from pg_stat_database)::float8, (pg_current_wal_lsn() - '0/0')::float8,
		(select count(*) from pg_stat_activity where backend_type = 'client backend')::int,
		(select count(*) from render_jobs where state = 'queued')::int`).
		Scan(&s.tasks, &s.commits, &s.wal, &s.connections, &s.queued)
	if err != nil {
		return s, fmt.Errorf("read Postgres's counts: %w", err)
	}
	s.broker, err = l.broker(ctx)
	return s, err
}

// client keeps no connections.
var client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

func (l *looker) broker(ctx context.Context) (b broker, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.sys.Monitor+"/varz", nil)
	if err != nil {
		return b, err
	}
	response, err := client.Do(request)
	if err != nil {
		return b, fmt.Errorf("read NATS's counts: %w", err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&b); err != nil {
		return b, fmt.Errorf("read NATS's counts: %w", err)
	}
	return b, nil
}

// waiting says whether so many workers, and an ingest, are NATS's clients.
func waiting(sys *system.System, workers int) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		b, err := (&looker{sys: sys}).broker(ctx)
		return b.Connections > workers, err
	}
}

// idle is how long cores had nothing to do, all together, since the machine was started.
func idle() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("read how busy the cores are: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	const field, ticks = 4, 100
	if fields := strings.Fields(line); len(fields) > field {
		n, err := strconv.ParseInt(fields[field], 10, 64)
		return time.Duration(n) * time.Second / ticks, err
	}
	return 0, errors.New("read how busy the cores are: /proc/stat has no such line")
}
