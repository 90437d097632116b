package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// Options say how a child is bounded and ended.
type Options struct {
	// Grace is how long the child may take to end after the SIGTERM that it gets when its context
	// ends. Then its group is killed. It is also the WaitDelay of a command that has none.
	Grace time.Duration
	// Alone sends that SIGTERM to the child only, not to its group: for a child that ends what it
	// started itself.
	Alone bool
	// Orphaned is the signal that the kernel sends the child when this process ends first. 0 is
	// none. Linux only.
	Orphaned syscall.Signal
	// Limits bound what the child may use; nil is no bound. Linux only.
	Limits *Limits
}

// Process is a child that was started.
type Process struct {
	cmd  *exec.Cmd
	name string
	done chan struct{}
	err  error // set before done is closed
	// counted is the CPU time, in nanoseconds, that the group had used when Count last looked.
	counted atomic.Int64
}

// Start starts cmd, which must not be tied to a context of its own, as the leader of a new process
// group. The child ends when ctx does, as o says; its end is waited for in the background.
//
// cmd.StdoutPipe and its kind cannot be used: they are closed when the child ends. Use Run, or give
// cmd an end of an os.Pipe.
func Start(ctx context.Context, cmd *exec.Cmd, o Options) (*Process, error) {
	p := &Process{cmd: cmd, name: filepath.Base(cmd.Path), done: make(chan struct{})}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, context.Cause(ctx))
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = o.Grace
	}
	if err := p.start(o); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	if o.Limits != nil {
		if err := o.Limits.apply(p.Pid()); err != nil {
			p.Kill()
			<-p.done
			return nil, fmt.Errorf("start %s: %w", p.name, err)
		}
	}
	stop := context.AfterFunc(ctx, func() { p.terminate(o) })
	go func() {
		<-p.done
		stop()
	}()
	return p, nil
}

// start starts the command and a goroutine that waits for its end.
func (p *Process) start(o Options) error {
	if o.Orphaned == 0 {
		// On the caller's thread, whose cores the child inherits.
		if err := p.cmd.Start(); err != nil {
			return err
		}
		go p.wait()
		return nil
	}
	setOrphaned(p.cmd.SysProcAttr, o.Orphaned)
	started := make(chan error, 1)
	go func() {
		// The kernel takes the end of the thread that started the child for this process's end:
		// the thread stays until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.wait()
		}
	}()
	return <-started
}

func (p *Process) wait() {
	p.err = p.cmd.Wait()
	close(p.done)
}

// terminate ends a child whose context has ended.
func (p *Process) terminate(o Options) {
	if o.Alone {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
	} else {
		p.SignalGroup(syscall.SIGTERM)
	}
	select {
	case <-p.done:
	case <-time.After(o.Grace):
	}
	// What the child has left behind in its group ends too.
	p.Kill()
}

// Pid is the child's process id, and that of its group.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the child's end and returns what exec.Cmd.Wait did.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// State is how the child ended and what it used, nil while it runs.
func (p *Process) State() *os.ProcessState {
	select {
	case <-p.done:
		return p.cmd.ProcessState
	default:
		return nil
	}
}

// Count looks how much CPU time the child's group has used, for CPU. It is for a group that is
// about to be killed: what its processes used is known while they are there, and of the child alone
// after that. Linux only.
func (p *Process) Count() {
	p.counted.Store(int64(max(groupCPU(p.Pid()), time.Duration(p.counted.Load()))))
}

// CPU returns the CPU time that the child has used, user and system, with that of its descendants
// as far as it is known: of those that had ended and were waited for by one of them, and, if Count
// was called, of those that were there then.
func (p *Process) CPU() time.Duration {
	used := time.Duration(p.counted.Load())
	if state := p.State(); state != nil {
		used = max(used, state.UserTime()+state.SystemTime())
	}
	return used
}

// Signal sends a signal to the child only. It returns os.ErrProcessDone when the child has ended.
func (p *Process) Signal(signal syscall.Signal) error { return p.cmd.Process.Signal(signal) }

// SignalGroup sends a signal to all processes of the child's group.
func (p *Process) SignalGroup(signal syscall.Signal) { _ = syscall.Kill(-p.Pid(), signal) }

// Kill sends SIGKILL to all processes of the child's group, and does not wait.
func (p *Process) Kill() { p.SignalGroup(syscall.SIGKILL) }

// Stop sends a signal to the child only, and waits for its end as Await does.
func (p *Process) Stop(signal syscall.Signal, within time.Duration) error {
	_ = p.Signal(signal) // fails only when the child has ended
	return p.Await(within)
}

// Await waits for the child's end. When it has not ended in time, its group is killed, and Await
// returns an error that says so.
func (p *Process) Await(within time.Duration) error {
	select {
	case <-p.done:
		return nil
	case <-time.After(within):
	}
	p.Kill()
	<-p.done
	return fmt.Errorf("%s did not end within %v and was killed", p.name, within)
}

// End kills the child's group and returns when all of its processes have ended, those that this
// process has adopted included. It returns an error when they have not ended in time.
func (p *Process) End(within time.Duration) error {
	p.Kill()
	<-p.done
	group := p.Pid()
	for tries, deadline := 1, time.Now().Add(within); ; tries++ {
		gone := errors.Is(syscall.Kill(-group, 0), syscall.ESRCH)
		// Where nobody reaps the dead, only their states show that they have ended. To read those
		// takes a walk over all processes.
		if !gone && tries%4 == 0 {
			gone = !GroupAlive(group)
		}
		if left := Reap(-group); gone && !left {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes of the group of %s (%d) do not end", p.name, group)
		}
		p.Kill()
		time.Sleep(2 * time.Millisecond)
	}
}
