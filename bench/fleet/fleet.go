package fleet

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/bench/control"
	"github.com/loom-lite/loom-lite/bench/system"
)

// What is rendered, over and over: videos of Scenes scenes of SceneSeconds seconds.
const (
	Scenes       = 4
	SceneSeconds = 10
	fps          = 60
	// piecesOfScene is how many pieces such a scene has, each of which is a task of the transcoder.
	piecesOfScene = 5
	tasksOfRender = Scenes*(1+piecesOfScene) + 2 // with concat and upload
)

// Busy is the share of the time in which each recorder is to have a scene.
const Busy = 0.7

// Level is a fleet to measure.
type Level struct {
	Recorders int `json:"recorders"`
	// Speed divides the time that tasks take: with 2 a recorder records twice as many scenes.
	Speed float64 `json:"speed"`
}

// String writes a level as ParseLevel reads it.
func (l Level) String() string {
	if l.Speed == 1 {
		return strconv.Itoa(l.Recorders)
	}
	return fmt.Sprintf("%dx%g", l.Recorders, l.Speed)
}

// ParseLevel reads a number of recorders, and a speed after an x if it is not 1.
func ParseLevel(text string) (l Level, err error) {
	number, speed, fast := strings.Cut(strings.TrimSpace(text), "x")
	l.Recorders, err = strconv.Atoi(number)
	if l.Speed = 1; fast && err == nil {
		l.Speed, err = strconv.ParseFloat(speed, 64)
	}
	if err != nil || l.Recorders < 1 || l.Recorders > 10_000 || !(l.Speed >= 0.1 && l.Speed <= 100) {
		return Level{}, fmt.Errorf("%q is no number of recorders (1 to 10000), with a speed such as x2 after it or not", text)
	}
	return l, nil
}

// Rate is how many renders a second keep the recorders as busy as they are to be.
func (l Level) Rate() float64 {
	return Busy * float64(l.Recorders) * l.Speed / (Scenes * SceneSeconds * fps * recordFrame.Seconds())
}

// Tasks is how many tasks a second these renders have.
func (l Level) Tasks() float64 { return l.Rate() * tasksOfRender }

// workers are those that a level has: as many transcoders as sizing.md says, and some more, so that
// few tasks wait for one.
func (l Level) workers() Workers {
	return Workers{Recorders: l.Recorders, Transcoders: 2 + l.Recorders*6/10, Uploaders: 1 + l.Recorders/100, Speed: l.Speed}
}

// settle is how long renders come before the window begins: until as many end as come.
func (l Level) settle() time.Duration {
	render := SceneSeconds*fps*(recordFrame+normalizeFrame) + concatTime + uploadTime
	return 5*time.Second + time.Duration(1.3*float64(render)/l.Speed)
}

// Job is one measurement.
type Job struct {
	Level
	// For is how long the window is. The fleet is looked at for a part of it while it has nothing
	// to do, too.
	For time.Duration `json:"for_ns"`
	// Ingests is how many ingest processes run.
	Ingests int `json:"ingests"`
	// Programs is the folder of the services.
	Programs string `json:"-"`
}

// Result is what a measurement came to.
type Result struct {
	Workers int `json:"workers"`
	// Idle is without work, and Loaded with as much as Rate says.
	Idle   Window `json:"idle"`
	Loaded Window `json:"loaded"`
	// IngestMemory and NATSMemory are in bytes, at the end.
	IngestMemory int64 `json:"ingest_memory_bytes"`
	NATSMemory   int64 `json:"nats_memory_bytes"`
	// Lapsed is how many leases lapsed, of workers that were all there.
	Lapsed int `json:"lapsed"`
}

// Measure runs a fleet.
func Measure(ctx context.Context, s *control.Servers, job Job) (r Result, err error) {
	sys, err := system.Start(ctx, s, job.Programs)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, sys.Stop()) }()
	for range job.Ingests {
		// Enough open renders for all recorders: with the default of 16 most would have no scene.
		open := strconv.Itoa(16 + job.Recorders)
		if _, err := sys.Run("ingest", system.AnyCore, "INGEST_MAX_RENDERS="+open, "RECORD_PER_HOST=0"); err != nil {
			return r, err
		}
	}
	w := job.workers()
	r.Workers = w.Recorders + w.Transcoders + w.Uploaders
	w.NATS, w.Database, w.Dir = sys.NATS, sys.Database, sys.Dir
	ask, err := startWorkers(sys, w)
	if err != nil {
		return r, err
	}
	if err := sys.Await(ctx, "all workers wait for tasks", waiting(sys, r.Workers)); err != nil {
		return r, err
	}
	look := &looker{sys: sys, db: sys.DB, ask: ask}
	if r.Idle, err = look.window(ctx, min(job.For, 15*time.Second)); err != nil {
		return r, err
	}
	submitting, stop := context.WithCancel(ctx)
	defer stop()
	submitted := make(chan error, 1)
	go func() { submitted <- job.submit(submitting, sys) }()
	if err := pause(ctx, job.settle()); err != nil {
		return r, err
	}
	r.Loaded, err = look.window(ctx, job.For)
	stop()
	if err = errors.Join(err, <-submitted); err != nil {
		return r, err
	}
	if r.IngestMemory, err = sys.Memory("ingest"); err != nil {
		return r, err
	}
	if r.NATSMemory, err = sys.Memory("nats"); err != nil {
		return r, err
	}
	return r, sys.DB.QueryRow(ctx, "select count(*) from loom.attempts where outcome = 'lapsed'").Scan(&r.Lapsed)
}

// startWorkers starts the fleet's process, and returns how to ask it for what happened.
func startWorkers(sys *system.System, w Workers) (ask func() (Hops, error), err error) {
	config, err := json.Marshal(w)
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	questions, stdin, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, stdout, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, questions.Close(), stdin.Close())
	}
	cmd := exec.Command(program, WorkersCommand, string(config))
	cmd.Stdin, cmd.Stdout = questions, stdout
	_, err = sys.Command(cmd, "workers")
	_, _ = questions.Close(), stdout.Close()
	if err != nil {
		return nil, errors.Join(err, stdin.Close(), out.Close())
	}
	sys.Closes(stdin, out)
	answers := bufio.NewReader(out)
	if _, err := answers.ReadString('\n'); err != nil {
		return nil, fmt.Errorf("start the workers: %w", err)
	}
	return func() (h Hops, err error) {
		if _, err := io.WriteString(stdin, "\n"); err != nil {
			return h, fmt.Errorf("ask the workers: %w", err)
		}
		line, err := answers.ReadBytes('\n')
		if err != nil {
			return h, fmt.Errorf("ask the workers: %w", err)
		}
		return h, json.Unmarshal(line, &h)
	}, nil
}

// submit queues renders of a hundred users at the level's rate, as the app does, until ctx is
// cancelled. What is behind is caught up with.
func (j Job) submit(ctx context.Context, sys *system.System) error {
	began, queued := time.Now(), 0
	for {
		due := int(j.Rate()*time.Since(began).Seconds()) + 1
		if due > queued {
			_, err := sys.DB.Exec(ctx, `
				with c as (insert into campaigns (name, user_id, output_width, output_height, output_fps)
				           select 'fleet', md5((n % 100)::text)::uuid, 1920, 1080, $4::int from generate_series($1::int + 1, $2::int) n returning id),
				     s as (insert into scenes (campaign_id, url, duration_sec, order_index)
				           select c.id, 'https://' || c.id || '-' || n || '.example/', $5::int, n from c cross join generate_series(1, $3::int) n returning 1),
				     r as (insert into renders (campaign_id) select id from c returning id)
				insert into render_jobs (render_id) select r.id from r where (select count(*) from s) > 0`, queued, due, Scenes, fps, SceneSeconds)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return fmt.Errorf("queue renders: %w", err)
			}
			queued = due
		}
		next := time.Duration(float64(queued) / j.Rate() * float64(time.Second))
		if pause(ctx, max(50*time.Millisecond, next-time.Since(began))) != nil {
			return nil
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// per returns how many a second n are.
func per(n float64, d time.Duration) float64 { return n / math.Max(d.Seconds(), 1e-9) }
