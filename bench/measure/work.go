package measure

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/loom-lite/loom-lite/bench/process"
	"github.com/loom-lite/loom-lite/pkg/child"
)

// WorkCommand is the argument with which a program calls Work: Start runs it so.
const WorkCommand = "work"

// leftoverPatience is how long processes that a tool left behind may take to end before they are
// killed.
const leftoverPatience = 5 * time.Second

// output is what a tool made of a scene.
type output struct {
	frames, distinct int
	bytes            int64
	tasks            []Task
}

// marks are called at a scene's moments, each once.
type marks struct{ first, finished func() }

// tool makes one scene in a folder of its own. Everything that it started has ended when it
// returns, or is an orphan.
type tool func(ctx context.Context, dir string, m marks) (output, error)

// Work is the worker: it reads a Job from in, makes the measurement and writes its Result to out,
// both as JSON. Settings of our services and of the programs to run come from environ: CHROME_PATH,
// CHROME_SANDBOX, FFMPEG_PATH, FFPROBE_PATH. The process must have done nothing else, and can do
// nothing else afterwards.
func Work(ctx context.Context, in io.Reader, out io.Writer, environ map[string]string) error {
	var job Job
	if err := json.NewDecoder(in).Decode(&job); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	if err := job.Check(); err != nil {
		return err
	}
	if err := child.AdoptOrphans(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	run, release, err := newTool(job, dir, environ)
	if err != nil {
		return err
	}
	defer release()
	// Not counted: what the worker has used before the tool begins.
	before, err := process.Used()
	if err != nil {
		return err
	}
	scenes, err := record(ctx, job, dir, run)
	if ending := process.End(leftoverPatience); err == nil {
		err = ending
	}
	if err != nil {
		return err
	}
	used, err := process.Used()
	if err != nil {
		return err
	}
	own := used.Self - before.Self
	return json.NewEncoder(out).Encode(Result{Scenes: scenes, CPU: own + used.Children, GoCPU: own})
}

func newTool(job Job, dir string, environ map[string]string) (run tool, release func(), err error) {
	nothing := func() {}
	switch job.Tool {
	case Ours:
		o, err := newOurs(job, environ)
		return o.mezzanine, nothing, err
	case OursMP4:
		return newMP4(job, environ)
	case stored:
		o, err := newOurs(job, environ)
		return o.store, nothing, err
	case stages:
		return newStages(job, environ)
	case Bare:
		b, err := newBare(job, environ)
		return b.scene, nothing, err
	case Peer:
		p, err := newPeer(job, dir, environ)
		return p.scene, nothing, err
	}
	return nil, nil, fmt.Errorf("there is no tool %q", job.Tool)
}

// record makes all scenes at once. The first that fails ends the others.
func record(ctx context.Context, job Job, dir string, run tool) ([]Scene, error) {
	scenes := make([]Scene, job.Scenes)
	group, ctx := errgroup.WithContext(ctx)
	begin := time.Now()
	for i := range scenes {
		group.Go(func() error {
			own := filepath.Join(dir, strconv.Itoa(i))
			if err := os.Mkdir(own, 0o755); err != nil {
				return fmt.Errorf("make a folder: %w", err)
			}
			s := &scenes[i]
			made, err := run(ctx, own, marks{
				first:    func() { s.First = time.Since(begin) },
				finished: func() { s.Finished = time.Since(begin) },
			})
			if err != nil {
				return fmt.Errorf("scene %d: %w", i+1, err)
			}
			s.Frames, s.Distinct, s.Bytes, s.Tasks, s.Done = made.frames, made.distinct, made.bytes, made.tasks, time.Since(begin)
			return nil
		})
	}
	return scenes, group.Wait()
}
