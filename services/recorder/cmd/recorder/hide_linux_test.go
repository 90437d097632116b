package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// role is set in the processes that the test starts.
const role = "LOOM_TEST_HIDE"

// TestMain makes of a process that the test starts one that hides, tells so, and waits; or one that
// reads another.
func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "hidden":
		if err := hide(); err != nil {
			panic(err)
		}
		fallthrough
	case "open":
		_, _ = os.Stdout.WriteString("ready\n")
		_, _ = os.Stdin.Read(make([]byte, 1))
		return
	}
	os.Exit(m.Run())
}

// Chrome's processes are the same user's as the recorder.
func TestTheEnvironmentIsHiddenFromTheSameUser(t *testing.T) {
	program := openProgram(t)
	for kind, hidden := range map[string]bool{"hidden": true, "open": false} {
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Env = []string{role + "=" + kind, "NATS_URL=nats://user:secret@host"}
		cmd.SysProcAttr = unprivileged()
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := stdout.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		environ := filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), "environ")
		read := exec.CommandContext(t.Context(), "cat", environ)
		read.SysProcAttr = unprivileged()
		text, err := read.Output()
		var exit *exec.ExitError
		switch {
		case hidden && !errors.As(err, &exit):
			t.Errorf("the environment can be read: %q, %v", text, err)
		case !hidden && !bytes.Contains(text, []byte("secret")):
			t.Errorf("an open process's environment cannot be read, so the test shows nothing: %v", err)
		}
		_ = stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// unprivileged makes a child another user's when we are root, who may read everything.
func unprivileged() *syscall.SysProcAttr {
	if os.Geteuid() != 0 {
		return nil
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
}

// openProgram copies this test's program to where every user may run it.
func openProgram(t *testing.T) string {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "loom-hide-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program := filepath.Join(dir, "test")
	if err := os.WriteFile(program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return program
}
