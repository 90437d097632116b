package ffmpeg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// killAfter is how long a process may take to end once it was told to.
const killAfter = 5 * time.Second

// Tools are the two programs, as paths or as names to look up in PATH.
type Tools struct {
	FFmpeg, FFprobe string

	limits Limits
	stdin  io.Reader
	spent  *atomic.Int64
}

// Counting returns tools that add to spent, in nanoseconds, the CPU time of each program that they
// run.
func (t Tools) Counting(spent *atomic.Int64) Tools {
	t.spent = spent
	return t
}

// Fed returns tools whose next run of ffmpeg reads stdin, which it need not do to its end.
func (t Tools) Fed(stdin io.Reader) Tools {
	t.stdin = stdin
	return t
}

// Run runs ffmpeg in dir. Progress reports are parsed and given to progress, unless it is nil.
func (t Tools) Run(ctx context.Context, dir string, args []string, progress func(Progress)) error {
	_, err := t.run(ctx, dir, args, progress)
	return err
}

// RunInfo is Run for filters that report on stderr: it returns the last of what ffmpeg wrote there.
func (t Tools) RunInfo(ctx context.Context, dir string, args []string, progress func(Progress)) (string, error) {
	return t.run(ctx, dir, args, progress)
}

func (t Tools) run(ctx context.Context, dir string, args []string, progress func(Progress)) (string, error) {
	return t.start(ctx, t.FFmpeg, dir, args, func(stdout io.Reader) error {
		return ParseProgress(stdout, func(p Progress) {
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

// ExitError says that a program ended with a failure, which for ffprobe means that it could not
// read the file.
type ExitError struct {
	Program string
	// Status is the exit status; -1 when a signal ended the program.
	Status int
	// Signal is what ended it; 0 when none did.
	Signal syscall.Signal
	// Stderr is the end of what the program wrote there.
	Stderr string
}

// Own reports whether the program ended by itself: it gave up, crashed, or reached one of its
// limits. One that was told to end, or that the system needed the memory of, says nothing of the
// file that it read.
func (e *ExitError) Own() bool {
	switch e.Signal {
	case syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP:
		return false
	}
	return true
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
	name := baseName(program)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithUs(cmd.SysProcAttr)
	// Linux takes the end of the thread that started a program for ours: keep it until the program
	// has ended.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// Wait, and with it WaitDelay, begins when stdout has ended, which a descendant that ignores
	// SIGTERM may hold open.
	kill := make(chan *time.Timer, 1)
	cmd.Cancel = func() error {
		group := -cmd.Process.Pid
		kill <- time.AfterFunc(killAfter, func() { _ = syscall.Kill(group, syscall.SIGKILL) })
		return syscall.Kill(group, syscall.SIGTERM)
	}
	cmd.WaitDelay = killAfter
	var stderr tail
	cmd.Stderr = &stderr
	cmd.Stdin = t.stdin
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return "", fmt.Errorf("start %s: %w", name, err)
	}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("start %s: %w", name, err)
	}
	counted := &endReader{r: stdout}
	readErr := limit(cmd.Process.Pid, t.limits)
	if readErr == nil {
		readErr = read(counted)
	}
	gaveUp := readErr != nil && !counted.ended
	if gaveUp {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	// A program that nobody reads from blocks for ever: take the rest, whatever became of the
	// reading.
	_, _ = io.Copy(io.Discard, stdout)
	err = cmd.Wait()
	if t.spent != nil && cmd.ProcessState != nil {
		t.spent.Add(int64(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()))
	}
	select {
	case timer := <-kill:
		timer.Stop()
	default:
	}
	if ctx.Err() != nil {
		// What the group's leader may have left behind.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		return "", fmt.Errorf("run %s: %w", name, context.Cause(ctx))
	}
	if gaveUp {
		return "", fmt.Errorf("read the output of %s: %w", name, readErr)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		failure := &ExitError{Program: name, Status: exit.ExitCode(), Stderr: stderr.String()}
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			failure.Signal = status.Signal()
		}
		return "", failure
	}
	if err != nil {
		return "", fmt.Errorf("run %s: %w", name, err)
	}
	if readErr != nil {
		return "", fmt.Errorf("read the output of %s: %w", name, readErr)
	}
	return stderr.String(), nil
}

// endReader notes the end of what it reads.
type endReader struct {
	r     io.Reader
	ended bool
}

func (e *endReader) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.ended = e.ended || err != nil
	return n, err
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
