package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/loom-lite/loom-lite/pkg/child"
)

// RiverCommand runs this program as a River client that does no work: see ServeRiver.
const RiverCommand = "river"

// Steps of a render, in the order of our tasks.
const (
	stepPlan      = "plan"
	stepRecord    = "record"
	stepNormalize = "normalize"
	stepConcat    = "concat"
	stepUpload    = "upload"
)

// queueOf is the queue of a step: one for each of our stages.
func queueOf(step string) string {
	switch step {
	case stepPlan, stepRecord, stepUpload:
		return step
	default:
		return "transcode"
	}
}

// step is a River job: one task of a render.
type step struct {
	Render int64  `json:"render"`
	Step   string `json:"step"`
	Place  int    `json:"place"`
}

// Kind implements river.JobArgs.
func (step) Kind() string { return "step" }

func (s step) name() string { return fmt.Sprintf("%d/%s/%d", s.Render, s.Step, s.Place) }

func (s step) opts() *river.InsertOpts {
	return &river.InsertOpts{Queue: queueOf(s.Step), MaxAttempts: 4}
}

// stepper works on steps. A step inserts the next one in the transaction that completes it; the
// last of a group inserts what waits for the group.
type stepper struct {
	river.WorkerDefaults[step]
	db   *pgxpool.Pool
	hold time.Duration
	mu   sync.Mutex
	list []taken
}

// Work implements river.Worker.
func (s *stepper) Work(ctx context.Context, job *river.Job[step]) error {
	began := time.Now()
	if s.hold > 0 && job.Args.Step != stepPlan {
		time.Sleep(s.hold)
	}
	ended := time.Now()
	tx, err := s.db.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	next, err := s.next(ctx, tx, job.Args)
	if err != nil {
		return err
	}
	if len(next) > 0 {
		if _, err := river.ClientFromContext[pgx.Tx](ctx).InsertManyFastTx(ctx, tx, next); err != nil {
			return err
		}
	}
	if _, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	if job.Args.Step != stepPlan {
		s.mu.Lock()
		s.list = append(s.list, taken{Task: job.Args.name(), Began: began.UnixNano(), Ended: ended.UnixNano()})
		s.mu.Unlock()
	}
	return nil
}

func (s *stepper) next(ctx context.Context, tx pgx.Tx, done step) (list []river.InsertManyParams, err error) {
	insert := func(name string, place int) {
		args := step{done.Render, name, place}
		list = append(list, river.InsertManyParams{Args: args, InsertOpts: args.opts()})
	}
	switch done.Step {
	case stepPlan:
		var scenes int
		err = tx.QueryRow(ctx, "update bench_renders set planned_at = clock_timestamp() where id = $1 returning scenes", done.Render).Scan(&scenes)
		for place := range scenes {
			insert(stepRecord, place)
		}
	case stepRecord:
		insert(stepNormalize, done.Place)
	case stepNormalize:
		var left int
		err = tx.QueryRow(ctx, "update bench_renders set unfinished = unfinished - 1 where id = $1 returning unfinished", done.Render).Scan(&left)
		if left == 0 {
			insert(stepConcat, 0)
		}
	case stepConcat:
		insert(stepUpload, 0)
	case stepUpload:
		_, err = tx.Exec(ctx, "update bench_renders set done = true where id = $1", done.Render)
	}
	return list, err
}

// ServeRiver works until ctx is cancelled, and then prints what it did. args are the database's
// URL, the number of slots and how long each task takes.
func ServeRiver(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) != 3 {
		return errors.New("a database, slots and a duration are needed")
	}
	database, slots, hold := args[0], args[1], args[2]
	n, err := strconv.Atoi(slots)
	if err != nil {
		return fmt.Errorf("slots: %w", err)
	}
	s := &stepper{}
	if s.hold, err = time.ParseDuration(hold); err != nil {
		return fmt.Errorf("hold: %w", err)
	}
	if s.db, err = pgxpool.New(ctx, database); err != nil {
		return err
	}
	defer s.db.Close()
	workers := river.NewWorkers()
	river.AddWorker(workers, s)
	queues := map[string]river.QueueConfig{stepPlan: {MaxWorkers: 1}}
	for _, name := range []string{stepRecord, stepNormalize, stepUpload} {
		queues[queueOf(name)] = river.QueueConfig{MaxWorkers: n}
	}
	client, err := river.NewClient(riverpgxv5.New(s.db), &river.Config{
		Queues: queues, Workers: workers,
		// Its default of 100 ms would bound a queue to MaxWorkers jobs in each of those.
		FetchCooldown: 10 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	<-ctx.Done()
	stopping, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	if err := client.Stop(stopping); err != nil {
		return err
	}
	encoder := json.NewEncoder(stdout)
	for _, one := range s.list {
		if err := encoder.Encode(one); err != nil {
			return err
		}
	}
	return nil
}

// onRiver is the graph on River. Control and workers are the same processes.
type onRiver struct {
	loom // its processes
}

func startRiver(ctx context.Context, at place, db *pgxpool.Pool, job Job) (*onRiver, error) {
	r := &onRiver{loom{db: db, logs: at.dir}}
	migrator, err := rivermigrate.New(riverpgxv5.New(db), nil)
	if err != nil {
		return r, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return r, fmt.Errorf("migrate River: %w", err)
	}
	_, err = db.Exec(ctx, `create table bench_renders (id bigserial primary key, scenes int not null, unfinished int not null,
		done boolean not null default false, queued_at timestamptz not null default clock_timestamp(), planned_at timestamptz)`)
	if err != nil {
		return r, err
	}
	program, err := os.Executable()
	if err != nil {
		return r, err
	}
	for range workers {
		printed := &bytes.Buffer{}
		cmd := exec.Command(program, RiverCommand, at.database, strconv.Itoa(job.Slots/workers), job.Hold.String())
		cmd.Stdout, cmd.Stderr = printed, os.Stderr
		p, err := child.Start(context.Background(), cmd, child.Options{Orphaned: syscall.SIGKILL})
		if err != nil {
			return r, err
		}
		r.workers, r.printed = append(r.workers, p), append(r.printed, printed)
	}
	return r, nil
}

func (r *onRiver) submit(ctx context.Context, renders, scenes int) (ids []string, err error) {
	client, err := river.NewClient(riverpgxv5.New(r.db), &river.Config{})
	if err != nil {
		return nil, err
	}
	tx, err := r.db.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	rows, err := tx.Query(ctx, "insert into bench_renders (scenes, unfinished) select $2::int, $2::int from generate_series(1, $1::int) returning id",
		renders, scenes)
	if err != nil {
		return nil, err
	}
	numbers, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, err
	}
	var jobs []river.InsertManyParams
	for _, n := range numbers {
		args := step{Render: n, Step: stepPlan}
		jobs = append(jobs, river.InsertManyParams{Args: args, InsertOpts: args.opts()})
		ids = append(ids, strconv.FormatInt(n, 10))
	}
	if _, err := client.InsertManyFastTx(ctx, tx, jobs); err != nil {
		return nil, err
	}
	return ids, tx.Commit(ctx)
}

func (r *onRiver) done(ctx context.Context, ids []string) (n int, err error) {
	err = r.db.QueryRow(ctx, "select count(*) from bench_renders where done and id = any ($1::text[]::bigint[])", ids).Scan(&n)
	return n, err
}

func (r *onRiver) graphs(ctx context.Context, ids []string) (list []graph, err error) {
	rows, err := r.db.Query(ctx, "select id, scenes, queued_at, planned_at from bench_renders where id = any ($1::text[]::bigint[])", ids)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var scenes int
		var queued, planned time.Time
		if err := rows.Scan(&id, &scenes, &queued, &planned); err != nil {
			return nil, err
		}
		g := graph{render: strconv.FormatInt(id, 10), queued: queued.UnixNano(), planned: planned.UnixNano(), needs: map[string][]string{}}
		var segments []string
		for place := range scenes {
			record, normalize := step{id, stepRecord, place}.name(), step{id, stepNormalize, place}.name()
			g.needs[record], g.needs[normalize] = nil, []string{record}
			segments = append(segments, normalize)
		}
		concat := step{id, stepConcat, 0}.name()
		g.needs[concat], g.needs[step{id, stepUpload, 0}.name()] = segments, []string{concat}
		list = append(list, g)
	}
	return list, rows.Err()
}

// RiverVersion is the version of River that this program was built with.
func RiverVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, dep := range info.Deps {
		if dep.Path == "github.com/riverqueue/river" {
			return dep.Version
		}
	}
	return ""
}
