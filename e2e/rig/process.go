package rig

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/child"
)

// Patience bounds a wait that would otherwise hang. It does not test speed: a slow machine needs
// it.
const Patience = 2 * time.Minute

// pollEvery is how often a wait looks.
const pollEvery = 50 * time.Millisecond

// Process is a program that runs in a process group of its own, with its log in a file.
type Process struct {
	*child.Process
	Name string
	log  string
	// killed says that the test killed it.
	killed bool
}

// spawn starts a program. env is its whole environment. It is killed when the test process is.
func spawn(name, dir string, env []string, bin string, args ...string) (*Process, error) {
	logPath := filepath.Join(dir, name+".log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(bin, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, log, log
	p, err := child.Start(context.Background(), cmd, child.Options{Orphaned: syscall.SIGKILL})
	if err != nil {
		return nil, err
	}
	return &Process{Process: p, Name: name, log: logPath}, nil
}

// Signal sends a signal to the process, not to its children.
func (p *Process) Signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(sig); err != nil {
		t.Fatalf("send %v to %s: %v", sig, p.Name, err)
	}
}

// Kill ends the process as a crash does, with SIGKILL, and waits for its end.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	p.killed = true
	p.Signal(t, syscall.SIGKILL)
	<-p.Done()
}

// Wait waits for the end of the process and returns its exit status, -1 when a signal ended it.
func (p *Process) Wait(t testing.TB) int {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(Patience):
		t.Fatalf("%s does not end", p.Name)
	}
	return p.State().ExitCode()
}

// Exited reports whether the process has ended.
func (p *Process) Exited() bool { return p.State() != nil }

// stop ends the process with sig, or by force when it does not end.
func (p *Process) stop(sig syscall.Signal) error {
	p.tell(sig)
	return p.awaitStop()
}

// tell sends a signal to a process that may have ended, or been paused.
func (p *Process) tell(sig syscall.Signal) {
	_ = p.Process.Signal(sig)
	_ = p.Process.Signal(syscall.SIGCONT)
}

// awaitStop waits for the end of a process that was told to stop. Its error says that it did not
// end, or not with status 0.
func (p *Process) awaitStop() error {
	err := p.Await(Patience)
	if err == nil {
		err = p.Process.Wait()
	}
	if err != nil {
		return fmt.Errorf("stop %s: %w", p.Name, err)
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

// Eventually waits until ok holds. It polls, because what it waits for is in another process.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	within(t, Patience, what, ok)
}

func within(t testing.TB, patience time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
