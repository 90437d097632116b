package ffmpeg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/loom-lite/loom-lite/pkg/child"
	"github.com/loom-lite/loom-lite/pkg/telemetry"
)

// killAfter is how long a process may take to end on SIGTERM.
const killAfter = 5 * time.Second

// Limits bound what one process may use. One that reaches a limit ends with an *ExitError.
type Limits = child.Limits

// Tools are the two programs, as paths or as names to look up in PATH.
type Tools struct {
	FFmpeg, FFprobe string

	limits Limits
	stdin  io.Reader
	spent  *atomic.Int64
}

// Counting returns tools that add the CPU time of each program that they run to spent, in
// nanoseconds.
func (t Tools) Counting(spent *atomic.Int64) Tools {
	t.spent = spent
	return t
}

// Within returns tools with limits for each process.
func (t Tools) Within(l Limits) Tools {
	t.limits = l
	return t
}

// Fed returns tools whose next run of ffmpeg reads stdin. ffmpeg may end before it has read all.
func (t Tools) Fed(stdin io.Reader) Tools {
	t.stdin = stdin
	return t
}

// Run runs ffmpeg in dir. Progress reports are parsed and given to progress, unless it is nil.
func (t Tools) Run(ctx context.Context, dir string, args []string, progress func(Progress)) error {
	_, err := t.run(ctx, dir, args, progress)
	return err
}

// RunInfo is Run for filters that report on stderr: it returns the end of what ffmpeg wrote there.
func (t Tools) RunInfo(ctx context.Context, dir string, args []string, progress func(Progress)) (string, error) {
	return t.run(ctx, dir, args, progress)
}

func (t Tools) run(ctx context.Context, dir string, args []string, progress func(Progress)) (string, error) {
	return t.start(ctx, t.FFmpeg, dir, args, func(stdout io.Reader) error {
		return parseProgress(stdout, func(p Progress) {
			if progress != nil {
				progress(p)
			}
		})
	})
}

// Pipe runs ffmpeg in dir and gives what it writes to stdout to read. When read fails before the
// end of that, ffmpeg is killed, and the error is read's.
func (t Tools) Pipe(ctx context.Context, dir string, args []string, read func(io.Reader) error) error {
	_, err := t.start(ctx, t.FFmpeg, dir, args, read)
	return err
}

// Output runs ffmpeg in dir and returns what it wrote to stdout, at most limit bytes.
func (t Tools) Output(ctx context.Context, dir string, args []string, limit int64) ([]byte, error) {
	return t.Fed(nil).output(ctx, t.FFmpeg, dir, args, limit)
}

// Probe runs ffprobe in dir and gives what it prints to parse.
func (t Tools) Probe(ctx context.Context, dir string, args []string, parse func(io.Reader) error) error {
	_, err := t.Fed(nil).start(ctx, t.FFprobe, dir, args, parse)
	return err
}

func (t Tools) output(ctx context.Context, program, dir string, args []string, limit int64) ([]byte, error) {
	var out bytes.Buffer
	_, err := t.start(ctx, program, dir, args, func(stdout io.Reader) error {
		n, err := io.Copy(&out, io.LimitReader(stdout, limit+1))
		if err == nil && n > limit {
			err = fmt.Errorf("more than %d bytes of output", limit)
		}
		return err
	})
	return out.Bytes(), err
}

// ExitError means that a program failed. For ffprobe it means that it could not read the file.
type ExitError struct {
	Program string
	// Status is the exit status; -1 when a signal ended the program.
	Status int
	// Signal is what ended it; 0 when none did.
	Signal syscall.Signal
	// Stderr is the end of what the program wrote there.
	Stderr string
}

// own reports whether the program ended by itself: it gave up, crashed, or reached one of its
// limits. A program that was stopped, or killed because the system ran out of memory, says nothing
// about the file that it read.
func (e *ExitError) own() bool {
	switch e.Signal {
	case syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP:
		return false
	}
	return true
}

// OwnFailure reports whether err is the failure of a program that ended by itself. Other errors are
// ours, or the end of a context.
func OwnFailure(err error) bool {
	var exit *ExitError
	return errors.As(err, &exit) && exit.own()
}

func (e *ExitError) Error() string {
	if e.Status < 0 {
		return fmt.Sprintf("%s was ended by a signal (%s): %s", e.Program, e.Signal, e.Stderr)
	}
	return fmt.Sprintf("%s exited with status %d: %s", e.Program, e.Status, e.Stderr)
}

// start runs a program, which may read t.stdin, to its end and returns the end of its stderr. read
// is given stdout and need not read all of it; a program whose reader gives up is killed.
func (t Tools) start(ctx context.Context, program, dir string, args []string, read func(io.Reader) error) (string, error) {
	ctx, end := telemetry.Step(ctx, filepath.Base(program))
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = environment()
	cmd.Stdin = t.stdin
	var stderr child.Tail
	cmd.Stderr = &stderr
	state, err := child.Run(ctx, cmd, child.Options{Grace: killAfter, Orphaned: syscall.SIGKILL, Limits: &t.limits}, read)
	end(err)
	if t.spent != nil && state != nil {
		t.spent.Add(int64(state.UserTime() + state.SystemTime()))
	}
	said := stripPaths(stderr.String())
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		failure := &ExitError{Program: filepath.Base(program), Status: exit.ExitCode(), Stderr: said}
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			failure.Signal = status.Signal()
		}
		return "", failure
	}
	if err != nil {
		return "", err
	}
	return said, nil
}

// environment is what a program needs of ours, and nothing else.
func environment() []string {
	env := []string{"LC_ALL=C", "AV_LOG_FORCE_NOCOLOR=1"}
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
