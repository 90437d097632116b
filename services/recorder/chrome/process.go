package chrome

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loom-lite/loom-lite/pkg/child"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// Process is a running Chrome.
type Process struct {
	// Client speaks to it.
	Client *cdp.Client

	child   *child.Process
	outbox  *os.File
	inbox   io.ReadCloser
	still   func(bool)
	profile string
	stderr  *child.Tail
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
	p := &Process{profile: profile, stderr: &child.Tail{}}
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
	// A descendant that keeps stderr open must not keep the wait for Chrome's end from returning.
	cmd.WaitDelay = time.Second
	if p.child, err = child.Start(context.Background(), cmd, child.Options{}); err != nil {
		return errors.Join(err, ourOut.Close(), ourIn.Close())
	}
	p.outbox, p.inbox, p.still = ourOut, ourIn, func(bool) {}
	if o.Cores != nil {
		pipe := o.Cores.Pipe(ourIn, func() iter.Seq[int] { return threads(p.Group()) })
		p.inbox, p.still = pipe, pipe.Still
	}
	p.Client = cdp.New(p.inbox, ourOut)
	if o.MemoryLimit > 0 {
		p.watched.Go(func() { p.watch(o.MemoryLimit) })
	}
	return nil
}

// Kill ends every process of Chrome's at once. It may be called at any time, from anywhere, and
// does not wait.
func (p *Process) Kill() {
	p.child.Count()
	p.child.Kill()
}

// CPU returns the CPU time that Chrome's processes had used when it was killed, or ended by itself.
// What is not known: processes that had ended by themselves and that none of the others waited for.
func (p *Process) CPU() time.Duration { return p.child.CPU() }

// Still says that the page has come to rest, or that it moves again (package placement). One
// goroutine at a time may call it.
func (p *Process) Still(still bool) { p.still(still) }

// Group is the id of Chrome's process group.
func (p *Process) Group() int { return p.child.Pid() }

// Close kills Chrome, waits until all of its processes are gone and removes its profile.
func (p *Process) Close() error {
	var err error
	p.once.Do(func() {
		p.child.Count()
		err = p.child.End(closeWithin)
		p.watched.Wait()
		err = errors.Join(err, p.closePipes(closeWithin), os.RemoveAll(p.profile))
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

// Stderr returns the last lines that Chrome wrote, for an operator.
func (p *Process) Stderr() string { return p.stderr.String() }
