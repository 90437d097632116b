package chrome

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// Process is a running Chrome.
type Process struct {
	// Client speaks to it.
	Client *cdp.Client

	cmd     *exec.Cmd
	pipes   [2]*os.File // ours: what we write, what we read
	profile string
	stderr  *tail
	exited  chan struct{}
	once    sync.Once
	watched sync.WaitGroup
	// outgrown is how many bytes it held when it was killed for that.
	outgrown atomic.Int64
}

// Start starts Chrome with a profile in dir, where it writes all its files. The caller must Close it.
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
	if ourIn, err = blocking(ourIn); err != nil {
		return errors.Join(err, ourOut.Close())
	}

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
	p.cmd, p.pipes = cmd, [2]*os.File{ourOut, ourIn}
	p.Client = cdp.New(ourIn, ourOut)
	go func() {
		defer close(p.exited)
		_ = cmd.Wait() // how it ended matters to nobody: it is killed
	}()
	if o.MemoryLimit > 0 {
		p.watched.Go(func() { p.watch(o.MemoryLimit) })
	}
	return nil
}

// blocking returns the pipe's end in place of f, without Go's poller: the client has a thread that waits for what Chrome writes, and
// the poller, which need not know, would be woken each time as well.
func blocking(f *os.File) (*os.File, error) {
	defer f.Close() // with which the poller forgets it
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate Chrome's pipe: %w", err)
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		return nil, errors.Join(fmt.Errorf("have Chrome's pipe block: %w", err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// Kill ends every process of Chrome's at once. It may be called at any time, from anywhere, and does not wait.
func (p *Process) Kill() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }

// Pin lets all that Chrome runs, all that it starts later, and the thread that reads what it writes, run on these cores only, by
// their numbers (Cores), and on a single one without interrupting one another. It is an optimisation: what cannot be moved stays where it is.
func (p *Process) Pin(cpus []int) {
	p.Client.Thread(func(id int) { pinThread(id, cpus) })
	// The second time finds what a thread that was not moved yet had started meanwhile.
	for range 2 {
		pinGroup(p.Group(), cpus)
	}
}

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

// closePipes waits until all that Chrome wrote is read, which is when nobody holds the pipe's other end. If somebody does for longer, the
// thread that reads is left to them.
func (p *Process) closePipes(within time.Duration) error {
	var err error
	select {
	case <-p.Client.Closed():
	case <-time.After(within):
		err = fmt.Errorf("read Chrome's pipe to its end: not in %s", within)
	}
	_ = p.pipes[0].Close()
	_ = p.pipes[1].Close()
	return err
}

// closeWithin bounds how long what has been killed may take to be gone.
const closeWithin = 5 * time.Second

// awaitGroup waits for the end of what Chrome's first process had started, which is no longer ours to wait for.
func (p *Process) awaitGroup() error {
	for deadline := time.Now().Add(closeWithin); ; time.Sleep(2 * time.Millisecond) {
		alive := groupAlive(p.cmd.Process.Pid)
		if left := reap(p.cmd.Process.Pid); !alive && !left {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes of Chrome's group %d do not end", p.cmd.Process.Pid)
		}
		p.Kill()
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
