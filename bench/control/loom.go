package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/child"
	"github.com/loom-lite/loom-lite/pkg/servers"
)

// taken is when a worker began and ended a task, in Unix nanoseconds.
type taken struct {
	Task  string `json:"task"`
	Began int64  `json:"began"`
	Ended int64  `json:"ended"`
}

// loom is a build of ours that runs.
type loom struct {
	programs string // their folder
	db       *pgxpool.Pool
	logs     string
	control  []*child.Process
	workers  []*child.Process
	printed  []*bytes.Buffer
}

// place is where a system finds its servers.
type place struct {
	database, nats, dir string
	servers             *Servers
}

// startLoom migrates the database and starts ingest and the workers.
func startLoom(programs string, at place, db *pgxpool.Pool, job Job) (*loom, error) {
	l := &loom{programs: programs, db: db, logs: at.dir}
	environ := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + at.dir, "TMPDIR=" + at.dir,
		"DATABASE_URL=" + at.database, "NATS_URL=" + at.nats,
		"S3_ENDPOINT=" + at.servers.s3.Config.Endpoint, "S3_ACCESS_KEY_ID=" + at.servers.s3.Config.AccessKeyID,
		"S3_SECRET_ACCESS_KEY=" + at.servers.s3.Config.SecretAccessKey, "SCENE_CACHE_TTL=" + job.Cache.String(),
	}
	for i := range job.Ingests {
		port, err := servers.FreePort()
		if err != nil {
			return l, err
		}
		env := append(slices.Clip(environ), "PORT="+strconv.Itoa(port), "PPROF=true", fmt.Sprintf("WORKER_ID=ingest-%d", i))
		p, err := l.start("ingest", fmt.Sprintf("ingest-%d.log", i), env, nil)
		if err != nil {
			return l, err
		}
		l.control = append(l.control, p)
	}
	for i := range workers {
		printed := &bytes.Buffer{}
		p, err := l.start("idle", fmt.Sprintf("idle-%d.log", i), environ, printed,
			"-name", fmt.Sprintf("idle-%d", i), "-slots", strconv.Itoa(job.Slots/workers), "-hold", job.Hold.String())
		if err != nil {
			return l, err
		}
		l.workers, l.printed = append(l.workers, p), append(l.printed, printed)
	}
	return l, nil
}

// migrate makes the tables in the database.
func migrate(ctx context.Context, programs, database, dir string) error {
	cmd := exec.Command(filepath.Join(programs, "loom"), "migrate")
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "DATABASE_URL=" + database}
	if _, err := child.Output(ctx, cmd, child.Options{Grace: stopWithin}); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

func (l *loom) start(program, log string, environ []string, stdout *bytes.Buffer, args ...string) (*child.Process, error) {
	file, err := os.Create(filepath.Join(l.logs, log))
	if err != nil {
		return nil, fmt.Errorf("make the log of %s: %w", program, err)
	}
	defer file.Close()
	cmd := exec.Command(filepath.Join(l.programs, program), args...)
	cmd.Dir, cmd.Env, cmd.Stderr = l.logs, environ, file
	if stdout == nil {
		cmd.Stdout = file
	} else {
		cmd.Stdout = stdout
	}
	return child.Start(context.Background(), cmd, child.Options{Orphaned: syscall.SIGKILL})
}

func (l *loom) pids() (control, working []int) { return pids(l.control), pids(l.workers) }

func pids(list []*child.Process) (ids []int) {
	for _, p := range list {
		ids = append(ids, p.Pid())
	}
	return ids
}

// submit queues renders of a new user, as the app does.
func (l *loom) submit(ctx context.Context, renders, scenes int) ([]string, error) {
	var ids []string
	tx, err := l.db.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	err = tx.QueryRow(ctx, `
		with c as (insert into campaigns (name, user_id) select 'bench', $3::text::uuid from generate_series(1, $1::int) returning id),
		     s as (insert into scenes (campaign_id, url, duration_sec, order_index)
		           select c.id, 'https://' || c.id || '-' || n || '.example/', 1, n from c cross join generate_series(1, $2::int) n returning 1),
		     r as (insert into renders (campaign_id) select id from c returning id)
		select array_agg(id::text), (select count(*) from s) from r`, renders, scenes, uuid.NewString()).Scan(&ids, new(int64))
	if err == nil {
		_, err = tx.Exec(ctx, "insert into render_jobs (render_id) select unnest($1::text[])::uuid", ids)
	}
	if err == nil {
		err = tx.Commit(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("queue renders: %w", err)
	}
	return ids, nil
}

// done counts those of the renders that are done. It fails when one has ended otherwise.
func (l *loom) done(ctx context.Context, ids []string) (n int, err error) {
	var other int
	err = l.db.QueryRow(ctx, `select count(*) filter (where status = 'done'), count(*) filter (where status in ('failed', 'cancelled'))
		from renders where id = any ($1::text[]::uuid[])`, ids).Scan(&n, &other)
	if err != nil {
		return 0, fmt.Errorf("look at the renders: %w", err)
	}
	if other > 0 {
		return n, fmt.Errorf("%d renders have failed", other)
	}
	return n, nil
}

// stop ends everything and returns what the workers did.
func (l *loom) stop() ([]taken, error) {
	var errs []error
	for _, p := range append(l.workers, l.control...) {
		errs = append(errs, p.Stop(syscall.SIGTERM, stopWithin))
	}
	var all []taken
	for _, printed := range l.printed {
		lines := bufio.NewScanner(printed)
		for lines.Scan() {
			var one taken
			if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
				return nil, fmt.Errorf("read what a worker did: %w", err)
			}
			all = append(all, one)
		}
	}
	return all, errors.Join(errs...)
}

// graphs reads what tasks the renders had.
func (l *loom) graphs(ctx context.Context, ids []string) ([]graph, error) {
	rows, err := l.db.Query(ctx, `
		select p.render_id::text, j.created_at, p.created_at, t.id::text, t.needs::text[], t.attempt
		  from loom.plans p join render_jobs j on j.id = p.job_id join loom.tasks t on t.plan_id = p.id
		 where p.render_id = any ($1::text[]::uuid[]) order by p.id`, ids)
	if err != nil {
		return nil, fmt.Errorf("read tasks: %w", err)
	}
	defer rows.Close()
	var list []graph
	for rows.Next() {
		var render, task string
		var queued, planned time.Time
		var needs []string
		var attempt int
		if err := rows.Scan(&render, &queued, &planned, &task, &needs, &attempt); err != nil {
			return nil, fmt.Errorf("read tasks: %w", err)
		}
		if len(list) == 0 || list[len(list)-1].render != render {
			list = append(list, graph{render: render, queued: queued.UnixNano(), planned: planned.UnixNano(), needs: map[string][]string{}})
		}
		list[len(list)-1].needs[task] = needs
		if attempt != 1 {
			return nil, fmt.Errorf("task %s took %d attempts", task, attempt)
		}
	}
	return list, rows.Err()
}
