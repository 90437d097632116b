package measure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/loom-lite/loom-lite/bench/process"
	"github.com/loom-lite/loom-lite/pkg/child"
)

// memoryEvery is how often the memory of a measurement is read.
const memoryEvery = 250 * time.Millisecond

// workerPatience is how long the worker may take to end everything after SIGTERM.
const workerPatience = 15 * time.Second

// Start makes a measurement in a worker: this program, run with the argument WorkCommand and its
// own environment. When it is not done within timeout, or ctx is cancelled, everything that it
// started is ended. One may run at a time, and the process may have no other children;
// child.AdoptOrphans must have been called.
func Start(ctx context.Context, job Job, timeout time.Duration) (Result, error) {
	ctx, cancel := within(ctx, timeout)
	defer cancel()
	w, err := startWorker(ctx, job, anyCore)
	if err != nil {
		return Result{}, err
	}
	stop := make(chan struct{})
	peak := make(chan int64)
	go func() { peak <- watchMemory(w.process.Pid(), stop) }()
	result, err := w.wait(ctx)
	close(stop)
	result.Memory = <-peak
	return result, errors.Join(err, process.End(0))
}

// startOnCores makes measurements at once, each in a worker on a core of its own. It is otherwise
// as Start, and does not measure memory.
func startOnCores(ctx context.Context, jobs []Job, cores []int, timeout time.Duration) ([]Result, error) {
	ctx, cancel := within(ctx, timeout)
	defer cancel()
	var workers []*worker
	var failed error
	for i, job := range jobs {
		w, err := startWorker(ctx, job, cores[i])
		if err != nil {
			failed = err
			cancel()
			break
		}
		workers = append(workers, w)
	}
	results := make([]Result, len(workers))
	for i, w := range workers {
		var err error
		results[i], err = w.wait(ctx)
		failed = errors.Join(failed, err)
	}
	return results, errors.Join(failed, process.End(0))
}

func within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not done in %s", timeout))
}

// worker is a worker that has been started.
type worker struct {
	process        *child.Process
	stdout, stderr bytes.Buffer
}

// anyCore lets a worker run on all cores.
const anyCore = -1

func startWorker(ctx context.Context, job Job, core int) (*worker, error) {
	input, err := json.Marshal(job)
	if err != nil {
		return nil, fmt.Errorf("write the job: %w", err)
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	w, cmd := &worker{}, exec.Command(program, WorkCommand)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &w.stdout, &w.stderr
	start := func() (err error) {
		w.process, err = child.Start(ctx, cmd, child.Options{Grace: workerPatience, Alone: true})
		return err
	}
	if core == anyCore {
		err = start()
	} else {
		err = process.OnCore(core, start)
	}
	if err != nil {
		return nil, fmt.Errorf("start the worker: %w", err)
	}
	return w, nil
}

// wait returns the worker's result when it has ended.
func (w *worker) wait(ctx context.Context) (result Result, err error) {
	err = w.process.Wait()
	switch {
	case ctx.Err() != nil:
		return result, context.Cause(ctx)
	case err != nil:
		return result, fmt.Errorf("%w: %s", err, bytes.TrimSpace(w.stderr.Bytes()))
	}
	if err := json.Unmarshal(w.stdout.Bytes(), &result); err != nil {
		return result, fmt.Errorf("read the worker's result: %w", err)
	}
	return result, nil
}

// watchMemory returns the most memory that a process and its descendants had until stop.
func watchMemory(pid int, stop <-chan struct{}) int64 {
	var memory process.Memory
	ticker := time.NewTicker(memoryEvery)
	defer ticker.Stop()
	for {
		_ = memory.Look(pid) // what cannot be read now is read the next time
		select {
		case <-stop:
			return memory.Peak
		case <-ticker.C:
		}
	}
}
