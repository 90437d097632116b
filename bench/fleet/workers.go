package fleet

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/recorder/live"
)

// WorkersCommand runs this program as the workers of a fleet: see ServeWorkers.
const WorkersCommand = "fleet-workers"

// Workers says what workers there are, and how long their tasks take.
type Workers struct {
	NATS     string `json:"nats"`
	Database string `json:"database"`
	// Recorders and Transcoders have one slot each, Uploaders two.
	Recorders   int `json:"recorders"`
	Transcoders int `json:"transcoders"`
	Uploaders   int `json:"uploaders"`
	// Speed divides the time that tasks take.
	Speed float64 `json:"speed"`
	Dir   string  `json:"dir"`
}

// What tasks take with speed 1: see docs/operations/sizing.md.
const (
	recordFrame    = 45 * time.Millisecond // 1920×1080, moving, on a core and a half
	normalizeFrame = 19 * time.Millisecond // on two cores
	concatTime     = time.Second
	uploadTime     = time.Second
)

// Hops are times from when the last input of a task was stored until the task began, in ns.
type Hops struct {
	Hops []time.Duration `json:"hops_ns"`
	// Recording is how long recorders had scenes, all together.
	Recording time.Duration `json:"recording_ns"`
}

// workers are those that run.
type workers struct {
	Workers
	db *pgxpool.Pool

	mu sync.Mutex
	// stored is when the object of a key was stored.
	stored map[string]time.Time
	since  Hops
	// recording is since when each recorder that has a scene counts.
	recording map[*stage.Task]time.Time
}

// ServeWorkers runs a fleet, given as JSON, until ctx is cancelled. It prints a line when all have
// connected. For each line that it reads it prints the Hops since the last one, as JSON.
func ServeWorkers(ctx context.Context, config string, stdin io.Reader, stdout io.Writer) error {
	w := &workers{stored: map[string]time.Time{}, recording: map[*stage.Task]time.Time{}}
	if err := json.Unmarshal([]byte(config), &w.Workers); err != nil {
		return fmt.Errorf("read what workers there are: %w", err)
	}
	settings, err := pgxpool.ParseConfig(w.Database)
	if err != nil {
		return err
	}
	settings.MaxConns = int32(2 * w.Uploaders)
	if w.db, err = pgxpool.NewWithConfig(ctx, settings); err != nil {
		return err
	}
	defer w.db.Close()

	group, ctx := errgroup.WithContext(ctx)
	for _, one := range []struct {
		name  string
		n     int
		start func(context.Context, *errgroup.Group, string) error
	}{{"recorder", w.Recorders, w.recorder}, {"transcoder", w.Transcoders, w.transcoder}, {"uploader", w.Uploaders, w.uploader}} {
		for i := range one.n {
			if err := one.start(ctx, group, fmt.Sprintf("%s-%04d", one.name, i)); err != nil {
				return err
			}
		}
	}
	if _, err := fmt.Fprintln(stdout, "ready"); err != nil {
		return err
	}
	go func() {
		for lines := bufio.NewScanner(stdin); lines.Scan(); {
			if answer, err := json.Marshal(w.take()); err == nil {
				_, _ = fmt.Fprintf(stdout, "%s\n", answer)
			}
		}
	}()
	return group.Wait()
}

// take returns what was since the last call.
func (w *workers) take() Hops {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for t, began := range w.recording {
		w.since.Recording += now.Sub(began)
		w.recording[t] = now
	}
	taken := w.since
	w.since = Hops{}
	return taken
}

// run runs the stages of one process. It has a connection of its own.
func (w *workers) run(ctx context.Context, group *errgroup.Group, service service.Base, name string, stages ...stage.Config) error {
	nc, err := service.ConnectNATS(name)
	if err != nil {
		return err
	}
	if name == "recorder" {
		// As a recorder does, which is asked for pictures of its scenes.
		if _, err := live.New(nc, service.Log).Listen(); err != nil {
			nc.Close()
			return err
		}
	}
	var all sync.WaitGroup
	for _, cfg := range stages {
		cfg.WorkerID, cfg.Drain, cfg.WorkDir, cfg.Log, cfg.Registry = service.WorkerID, time.Second, w.Dir, service.Log, service.Metrics()
		worker, err := stage.New(nc, cfg)
		if err != nil {
			nc.Close()
			return err
		}
		all.Add(1)
		group.Go(func() error {
			defer all.Done()
			return worker.Run(ctx)
		})
	}
	group.Go(func() error {
		all.Wait()
		nc.Close()
		return nil
	})
	return nil
}

func (w *workers) base(id string) service.Base {
	return service.Base{NATSURL: w.NATS, WorkerID: id, Log: zerolog.Nop()}
}

func (w *workers) recorder(ctx context.Context, group *errgroup.Group, id string) error {
	return w.run(ctx, group, w.base(id), "recorder",
		stage.Config{Verb: msg.ConsumerRecord, Handlers: map[msg.Kind]stage.Handler{msg.Record: stage.HandlerFunc(w.record)}, Slots: 1},
		stage.Config{Verb: msg.ConsumerPreflight, Handlers: map[msg.Kind]stage.Handler{msg.Preflight: stage.HandlerFunc(refuse)}, Slots: 1})
}

func (w *workers) transcoder(ctx context.Context, group *errgroup.Group, id string) error {
	return w.run(ctx, group, w.base(id), "transcoder", stage.Config{
		Verb: msg.ConsumerTranscode, Slots: 1, Fetches: 2, Handlers: map[msg.Kind]stage.Handler{
			msg.Normalize: stage.HandlerFunc(w.normalize), msg.Concat: stage.HandlerFunc(w.concat),
			msg.Probe: stage.HandlerFunc(refuse), msg.Draw: stage.HandlerFunc(refuse), msg.Overlay: stage.HandlerFunc(refuse),
		},
	})
}

func (w *workers) uploader(ctx context.Context, group *errgroup.Group, id string) error {
	return w.run(ctx, group, w.base(id), "uploader",
		stage.Config{Verb: msg.ConsumerUpload, Handlers: map[msg.Kind]stage.Handler{msg.Upload: stage.HandlerFunc(w.upload)}, Slots: 2})
}

// refuse is for kinds of which the fleet's renders have no tasks.
func refuse(context.Context, *stage.Task) (any, error) {
	return nil, errors.New("no task of this kind was expected")
}

// began notes when a task begins whose inputs were stored before.
func (w *workers) began(t *stage.Task) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	var ready time.Time
	for _, input := range t.Inputs {
		if at := w.stored[input.Key]; at.After(ready) {
			ready = at
		}
		delete(w.stored, input.Key) // nothing else uses it
	}
	if !ready.IsZero() {
		w.since.Hops = append(w.since.Hops, now.Sub(ready))
	}
}

// store notes that outputs are stored.
func (w *workers) store(t *stage.Task, names ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range names {
		w.stored[t.Outputs[name].Key] = time.Now()
	}
}

// facts are what all tasks report. Nobody reads more of them.
var facts = map[string]int{"frames": 1}

// hold takes as long as a task does, less what speed saves.
func (w *workers) hold(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(float64(d) / w.Speed)):
		return nil
	}
}

func (w *workers) record(ctx context.Context, t *stage.Task) (any, error) {
	params, err := stage.Params[msg.RecordParams](t)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.recording[t] = time.Now()
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.since.Recording += time.Since(w.recording[t])
		delete(w.recording, t)
	}()
	done := 0
	for i, frames := range params.Pieces {
		if err := w.hold(ctx, time.Duration(frames)*recordFrame); err != nil {
			return nil, err
		}
		done += frames
		w.store(t, msg.PieceName(i))
		t.Progress(float64(done) / float64(params.Frames))
		if i < len(params.Pieces)-1 {
			t.Announce(msg.PieceName(i))
		}
	}
	return facts, nil
}

func (w *workers) normalize(ctx context.Context, t *stage.Task) (any, error) {
	w.began(t)
	params, err := stage.Params[msg.NormalizeParams](t)
	if err != nil {
		return nil, err
	}
	if err := w.hold(ctx, time.Duration(params.Frames)*normalizeFrame); err != nil {
		return nil, err
	}
	w.store(t, slices.Collect(maps.Keys(t.Outputs))...)
	return facts, nil
}

func (w *workers) concat(ctx context.Context, t *stage.Task) (any, error) {
	w.began(t)
	if err := w.hold(ctx, concatTime); err != nil {
		return nil, err
	}
	w.store(t, slices.Collect(maps.Keys(t.Outputs))...)
	return facts, nil
}

func (w *workers) upload(ctx context.Context, t *stage.Task) (any, error) {
	w.began(t)
	if err := w.hold(ctx, uploadTime); err != nil {
		return nil, err
	}
	// The uploader closes the render itself.
	_, err := w.db.Exec(ctx, "select loom.finish_render($1::text::uuid, $2::int, 'http://videos/v.mp4', 'http://thumbnails/t.jpg', '{}'::jsonb)",
		t.TaskID.String(), t.Attempt)
	if err != nil {
		return nil, fmt.Errorf("close the render: %w", err)
	}
	return facts, nil
}
