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

// MemoryEvery is how often the memory of a measurement is looked at.
const MemoryEvery = 250 * time.Millisecond

// workerPatience is how long the worker may take to end everything when it is told to.
const workerPatience = 15 * time.Second

// Start makes a measurement in a worker: this program, run with the argument WorkCommand and its
// own environment. When it is not done within timeout, or ctx is cancelled, everything that it
// started is ended. One may run at a time, and the process may have no other children;
// child.AdoptOrphans must have been called.
func Start(ctx context.Context, job Job, timeout time.Duration) (Result, error) {
	input, err := json.Marshal(job)
	if err != nil {
		return Result{}, fmt.Errorf("write the job: %w", err)
	}
	program, err := os.Executable()
	if err != nil {
		return Result{}, fmt.Errorf("find this program: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not done in %s", timeout))
	defer cancel()
	cmd := exec.Command(program, WorkCommand)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &stdout, &stderr
	worker, err := child.Start(ctx, cmd, child.Options{Grace: workerPatience, Alone: true})
	if err != nil {
		return Result{}, fmt.Errorf("start the worker: %w", err)
	}
	stop := make(chan struct{})
	peak := make(chan int64)
	go func() { peak <- watchMemory(worker.Pid(), stop) }()
	err = worker.Wait()
	close(stop)
	memory := <-peak
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case err != nil:
		err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	if err := errors.Join(err, process.End(0)); err != nil {
		return Result{}, err
	}
	var result Result
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		return Result{}, fmt.Errorf("read the worker's result: %w", err)
	}
	result.Memory = memory
	return result, nil
}

// watchMemory returns the most memory that a process and its descendants had until stop.
func watchMemory(pid int, stop <-chan struct{}) int64 {
	var memory process.Memory
	ticker := time.NewTicker(MemoryEvery)
	defer ticker.Stop()
	for {
		_ = memory.Look(pid) // what cannot be seen now is seen the next time
		select {
		case <-stop:
			return memory.Peak
		case <-ticker.C:
		}
	}
}
