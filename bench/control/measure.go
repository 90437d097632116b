package control

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/bench/process"
	"github.com/loom-lite/loom-lite/pkg/child"
)

// workers is how many processes the workers are.
const workers = 2

// Build is what takes renders through their tasks.
type Build string

const (
	// Ours is this tree's build.
	Ours Build = "ours"
	// Before is an earlier build: see setup.sh.
	Before Build = "before"
	// River is the same graph of tasks on River.
	River Build = "river"
)

// Builds are all builds, in the order in which they take turns.
var Builds = []Build{Before, Ours, River}

// Job is one measurement of a build.
type Job struct {
	Build Build `json:"build"`
	// Programs is the folder of a build's programs; River has none.
	Programs string `json:"-"`
	// Ingests is how many ingest processes run.
	Ingests int `json:"ingests"`
	// Slots is how many tasks of each stage are worked on at once.
	Slots int `json:"slots"`
	// Hold is how long each task takes.
	Hold time.Duration `json:"hold_ns"`
	// Renders of Scenes scenes are queued at once, and worked on as fast as it goes.
	Renders int `json:"renders"`
	Scenes  int `json:"scenes"`
	// Paced renders are then queued one by one, so that Rate tasks a second are due.
	Paced int     `json:"paced"`
	Rate  float64 `json:"rate"`
	// Backlog is how many renders are queued before, and History how many have ended.
	Backlog int `json:"backlog"`
	History int `json:"history"`
	// Cache is how long recordings are used again.
	Cache time.Duration `json:"cache_ns,omitempty"`
}

// tasks is how many tasks a render has: record and normalize for each scene, concat and upload.
func (j Job) tasks(renders int) int { return renders * (2*j.Scenes + 2) }

// CPU is CPU time for each task.
type CPU struct {
	Ingest   time.Duration `json:"ingest_ns"`
	Postgres time.Duration `json:"postgres_ns"`
	NATS     time.Duration `json:"nats_ns"`
	// Workers is that of the workers' processes. River's control is in it.
	Workers time.Duration `json:"workers_ns"`
}

// Control is what control takes, without workers.
func (c CPU) Control() time.Duration { return c.Ingest + c.Postgres + c.NATS }

// Whole is what everything takes.
func (c CPU) Whole() time.Duration { return c.Control() + c.Workers }

// Result is what a measurement came to.
type Result struct {
	Tasks     int           `json:"tasks"`
	Took      time.Duration `json:"took_ns"`
	CPU       CPU           `json:"cpu"`
	BusyHop   Spread        `json:"busy_hop"`
	PacedCPU  CPU           `json:"paced_cpu"`
	PacedRate float64       `json:"paced_rate"`
	// Hop is the time from the end of the last task that a task needs until it begins, First from
	// a render's plan until its first task begins, and Queued from its job until then. All are of
	// paced renders.
	Hop    Spread `json:"hop"`
	First  Spread `json:"first"`
	Queued Spread `json:"queued"`
	// Memory is the most that an ingest process has, in bytes.
	Memory int64 `json:"ingest_memory_bytes"`
}

// PerSecond is how many tasks were done in a second.
func (r Result) PerSecond() float64 { return float64(r.Tasks) / r.Took.Seconds() }

// system is a build that runs.
type system interface {
	submit(ctx context.Context, renders, scenes int) (ids []string, err error)
	done(ctx context.Context, ids []string) (int, error)
	graphs(ctx context.Context, ids []string) ([]graph, error)
	pids() (control, working []int)
	stop() ([]taken, error)
}

// run is a system and its servers.
type run struct {
	system
	servers *Servers
	db      *pgxpool.Pool
	nats    *child.Process
	job     Job
	close   func() error
}

// start starts a build on a fresh database.
func start(ctx context.Context, s *Servers, job Job) (r *run, err error) {
	const database = "control"
	url, err := s.Fresh(ctx, database)
	if err != nil {
		return nil, err
	}
	dir, err := s.Folder()
	if err != nil {
		return nil, err
	}
	db, err := pgxpool.New(ctx, url)
	if err != nil {
		return nil, err
	}
	r = &run{servers: s, db: db, job: job}
	r.close = func() error {
		db.Close()
		errs := []error{s.Drop(context.WithoutCancel(ctx), database)}
		if r.nats != nil {
			errs = append(errs, r.nats.Stop(syscall.SIGTERM, stopWithin))
		}
		return errors.Join(append(errs, os.RemoveAll(dir))...)
	}
	at := place{database: url, dir: dir, servers: s}
	if job.Build == River {
		r.system, err = startRiver(ctx, at, db, job)
		return r, err
	}
	if r.nats, at.nats, _, err = s.NATS(ctx, filepath.Join(dir, "nats")); err != nil {
		return r, err
	}
	if err := migrate(ctx, job.Programs, url, dir); err != nil {
		return r, err
	}
	l := &loom{db: db}
	if err := fill(ctx, db, l, job); err != nil {
		return r, err
	}
	r.system, err = startLoom(job.Programs, at, db, job)
	return r, err
}

// Measure measures a build.
func Measure(ctx context.Context, s *Servers, job Job) (result Result, err error) {
	r, err := start(ctx, s, job)
	if r != nil {
		defer func() { err = errors.Join(err, r.close()) }()
	}
	if err != nil {
		if r != nil && r.system != nil {
			_, stopped := r.stop()
			err = errors.Join(err, stopped)
		}
		return result, err
	}
	var busy, paced []string
	busy, paced, err = r.phases(ctx, &result)
	did, stopped := r.stop()
	if err = errors.Join(err, stopped); err != nil {
		return result, err
	}
	byTask := map[string]taken{}
	for _, one := range did {
		byTask[one.Task] = one
	}
	graphs, err := r.graphs(ctx, busy)
	if err != nil {
		return result, err
	}
	hop, _, _ := hops(graphs, byTask)
	result.BusyHop = spread(hop)
	if graphs, err = r.graphs(ctx, paced); err != nil {
		return result, err
	}
	hop, first, queued := hops(graphs, byTask)
	result.Hop, result.First, result.Queued = spread(hop), spread(first), spread(queued)
	return result, nil
}

// phases takes renders through: two to warm up, many at once, and some one by one.
func (r *run) phases(ctx context.Context, result *Result) (busy, paced []string, err error) {
	job := r.job
	if job.Backlog == 0 {
		warm, err := r.submit(ctx, 4, 3)
		if err == nil {
			err = r.await(ctx, warm)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("warm up: %w", err)
		}
	} else if _, err := r.ended(ctx, 4); err != nil {
		return nil, nil, fmt.Errorf("warm up: %w", err)
	}
	before, err := r.cpu()
	if err != nil {
		return nil, nil, err
	}
	began := time.Now()
	if job.Backlog > 0 {
		busy, err = r.ended(ctx, job.Renders)
	} else if busy, err = r.submit(ctx, job.Renders, job.Scenes); err == nil {
		err = r.await(ctx, busy)
	}
	if err != nil {
		return nil, nil, err
	}
	result.Took, result.Tasks = time.Since(began), job.tasks(len(busy))
	if result.CPU, err = r.since(before, result.Tasks); err != nil {
		return nil, nil, err
	}
	if job.Paced > 0 {
		if before, err = r.cpu(); err != nil {
			return nil, nil, err
		}
		ticker := time.NewTicker(time.Duration(float64(job.tasks(1)) / job.Rate * float64(time.Second)))
		defer ticker.Stop()
		began = time.Now()
		for range job.Paced {
			<-ticker.C
			one, err := r.submit(ctx, 1, job.Scenes)
			if err != nil {
				return nil, nil, err
			}
			paced = append(paced, one...)
		}
		if err := r.await(ctx, paced); err != nil {
			return nil, nil, err
		}
		result.PacedRate = float64(job.tasks(job.Paced)) / time.Since(began).Seconds()
		if result.PacedCPU, err = r.since(before, job.tasks(job.Paced)); err != nil {
			return nil, nil, err
		}
	}
	control, _ := r.pids()
	for _, pid := range control {
		var memory process.Memory
		if err := memory.Look(pid); err != nil {
			return nil, nil, err
		}
		result.Memory = max(result.Memory, memory.Peak)
	}
	return busy, paced, nil
}

// lookEvery is how often the renders are looked at.
const lookEvery = 25 * time.Millisecond

// await waits until the renders are done.
func (r *run) await(ctx context.Context, ids []string) error {
	for {
		n, err := r.done(ctx, ids)
		if err != nil || n == len(ids) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d renders are done: %w", n, len(ids), context.Cause(ctx))
		case <-time.After(lookEvery):
		}
	}
}

// ended waits until so many renders have ended from now on, whichever, and returns them.
func (r *run) ended(ctx context.Context, renders int) (ids []string, err error) {
	var since time.Time
	if err := r.db.QueryRow(ctx, "select clock_timestamp()").Scan(&since); err != nil {
		return nil, err
	}
	for {
		err := r.db.QueryRow(ctx, "select coalesce(array_agg(render_id::text), '{}') from loom.plans where ended_at > $1", since).Scan(&ids)
		if err != nil || len(ids) >= renders {
			return ids, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%d of %d renders have ended: %w", len(ids), renders, context.Cause(ctx))
		case <-time.After(lookEvery):
		}
	}
}

// cpu returns what all processes have used so far.
func (r *run) cpu() (c CPU, err error) {
	add := func(to *time.Duration, pids ...int) {
		for _, pid := range pids {
			used, failed := process.Tree(pid)
			*to += used
			err = errors.Join(err, failed)
		}
	}
	control, working := r.pids()
	add(&c.Ingest, control...)
	add(&c.Workers, working...)
	add(&c.Postgres, r.servers.postgres.Pid())
	if r.nats != nil {
		add(&c.NATS, r.nats.Pid())
	}
	return c, err
}

// since returns what has been used since then for each of so many tasks.
func (r *run) since(then CPU, tasks int) (CPU, error) {
	now, err := r.cpu()
	each := func(now, then time.Duration) time.Duration { return (now - then) / time.Duration(max(1, tasks)) }
	return CPU{each(now.Ingest, then.Ingest), each(now.Postgres, then.Postgres), each(now.NATS, then.NATS), each(now.Workers, then.Workers)}, err
}

// Available returns those of the builds whose programs are in the folder, which setup.sh fills.
func Available(programs string) (builds []Build) {
	for _, b := range Builds {
		if _, err := os.Stat(filepath.Join(programs, string(b), "idle")); err == nil || b == River {
			builds = append(builds, b)
		}
	}
	return builds
}
