package chrome

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// Process is a running Chrome.
type Process struct {
	// Client speaks to it.
	Client *cdp.Client

	cmd     *exec.Cmd
	outbox  *os.File
	inbox   io.ReadCloser
	still   func(bool)
	profile string
	stderr  *tail
	exited  chan struct{}
	once    sync.Once
	watched sync.WaitGroup
	// outgrown is how many bytes it held when it was killed for that.
	outgrown atomic.Int64
}

// Start starts Chrome with a profile in dir, where it writes all its files. The caller must Close
// it.
func Start(o Options, dir string) (*Process, error) {
	profile, err := os.MkdirTemp(dir, "chrome-")
	if err != nil {
		return nil, fmt.Errorf("make Chrome's profile: %w", err)
	}
	p := &Process{profile: profile, stderr: &tail{}, exited: make(chan struct{})}
	if err := p.start(o); err != nil {
		return nil, errors.Join(fmt.Errorf("start Chrome (%s): %w", o.Path, err), os.RemoveAll(p.profile))
	}
	return p, nil
}

func (p *Process) start(o Options) error {
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirIn.Close()
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		return errors.Join(err, ourOut.Close())
	}
	defer theirOut.Close()
	enlarge(theirOut)

	cmd := exec.Command(o.Path, args(o, p.profile)...)
	cmd.Env = environ(os.Getenv, p.profile, o.Preload)
	cmd.Dir = p.profile // environ counts on it
	cmd.Stderr = p.stderr
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// A descendant that keeps stderr open must not keep Wait from returning.
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return errors.Join(err, ourOut.Close(), ourIn.Close())
	}
	p.cmd, p.outbox, p.inbox, p.still = cmd, ourOut, ourIn, func(bool) {}
	if o.Cores != nil {
		pipe := o.Cores.Pipe(ourIn, func() iter.Seq[int] { return threads(p.Group()) })
		p.inbox, p.still = pipe, pipe.Still
	}
	p.Client = cdp.New(p.inbox, ourOut)
	go func() {
		defer close(p.exited)
		_ = cmd.Wait() // how it ended matters to nobody: it is killed
	}()
	if o.MemoryLimit > 0 {
		p.watched.Go(func() { p.watch(o.MemoryLimit) })
	}
	return nil
}

// Kill ends every process of Chrome's at once. It may be called at any time, from anywhere, and
// does not wait.
func (p *Process) Kill() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }

// Still says that the page has come to rest, or that it moves again (package placement). One
// goroutine at a time may call it.
func (p *Process) Still(still bool) { p.still(still) }

// Group is the id of Chrome's process group.
func (p *Process) Group() int { return p.cmd.Process.Pid }

// Close kills Chrome, waits until all of its processes are gone and removes its profile.
func (p *Process) Close() error {
	var err error
	p.once.Do(func() {
		p.Kill()
		<-p.exited
		p.watched.Wait()
		err = errors.Join(p.awaitGroup(), p.closePipes(closeWithin), os.RemoveAll(p.profile))
	})
	return err
}

// closePipes waits until all that Chrome wrote is read, which is when nobody holds the pipe's other
// end. If somebody does for longer, a thread that waits alone is left to them.
func (p *Process) closePipes(within time.Duration) error {
	var err error
	select {
	case <-p.Client.Closed():
	case <-time.After(within):
		err = fmt.Errorf("read Chrome's pipe to its end: not in %s", within)
	}
	_ = p.outbox.Close()
	_ = p.inbox.Close()
	return err
}

// closeWithin bounds how long what has been killed may take to be gone.
const closeWithin = 5 * time.Second

// awaitGroup waits for the end of what Chrome's first process had started, which is no longer ours
// to wait for.
func (p *Process) awaitGroup() error {
	pgid := p.cmd.Process.Pid
	for tries, deadline := 1, time.Now().Add(closeWithin); ; tries++ {
		gone := errors.Is(syscall.Kill(-pgid, 0), syscall.ESRCH)
		// where nobody reaps the dead, only their states tell, for which all processes are looked
		// at
		if !gone && tries%4 == 0 {
			gone = !groupAlive(pgid)
		}
		if left := reap(pgid); gone && !left {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes of Chrome's group %d do not end", pgid)
		}
		p.Kill()
		time.Sleep(2 * time.Millisecond)
	}
}

// Stderr returns the last lines that Chrome wrote, for an operator.
func (p *Process) Stderr() string { return p.stderr.String() }

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	data []byte
}

const tailSize = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, b...)
	if extra := len(t.data) - tailSize; extra > 0 {
		t.data = append(t.data[:0], t.data[extra:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.data)
}
