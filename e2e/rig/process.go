package rig

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Patience ends a wait that would otherwise hang. It is no measure of speed: a slow machine needs
// it.
const Patience = 2 * time.Minute

// Process is a program that runs in a process group of its own, with its log in a file.
type Process struct {
	Name string
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	err  error
	// killed says that the test killed it.
	killed bool
}

// spawn starts a program. env is its whole environment.
func spawn(name, dir string, env []string, uid uint32, bin string, args ...string) (*Process, error) {
	logPath := filepath.Join(dir, name+".log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(bin, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, log, log
	// A test process that is killed takes its processes with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if uid != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: uid}
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &Process{Name: name, cmd: cmd, log: logPath, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Pid returns the process's id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends a signal to the process, not to its children.
func (p *Process) Signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatalf("send %v to %s: %v", sig, p.Name, err)
	}
}

// Kill ends the process as a crash does, with SIGKILL, and waits for its end.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	p.killed = true
	p.Signal(t, syscall.SIGKILL)
	<-p.done
}

// Wait waits for the end of the process and returns its exit status, -1 when a signal ended it.
func (p *Process) Wait(t testing.TB) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(Patience):
		t.Fatalf("%s does not end", p.Name)
	}
	return p.cmd.ProcessState.ExitCode()
}

// Exited reports whether the process has ended.
func (p *Process) Exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop ends the process with sig, or by force when it does not end by itself.
func (p *Process) stop(sig syscall.Signal) error {
	p.tell(sig)
	return p.awaitStop()
}

// tell sends a signal to a process that may have ended, or been paused.
func (p *Process) tell(sig syscall.Signal) {
	if !p.Exited() {
		_ = p.cmd.Process.Signal(sig)
		_ = p.cmd.Process.Signal(syscall.SIGCONT)
	}
}

// awaitStop waits for the end of a process that was told to stop. Its error says that it did not,
// or not as it should.
func (p *Process) awaitStop() error {
	select {
	case <-p.done:
	case <-time.After(Patience):
		_ = syscall.Kill(-p.Pid(), syscall.SIGKILL)
		<-p.done
		return fmt.Errorf("stop %s: it did not end", p.Name)
	}
	if p.err != nil {
		return fmt.Errorf("stop %s: %w", p.Name, p.err)
	}
	return nil
}

// Log returns all that the process has written.
func (p *Process) Log() []byte {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return []byte(err.Error())
	}
	return text
}

// tail returns the last lines of text.
func tail(text []byte, lines int) []byte {
	at := len(text)
	for range lines + 1 {
		at = bytes.LastIndexByte(text[:at], '\n')
		if at < 0 {
			return text
		}
	}
	return text[at+1:]
}

// Eventually waits until ok holds. It polls: what it waits for is in another process.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	within(t, Patience, what, ok)
}

func within(t testing.TB, patience time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
