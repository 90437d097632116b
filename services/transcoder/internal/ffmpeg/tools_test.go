package ffmpeg

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script writes a program for a test.
func script(t *testing.T, lines string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ffmpeg")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+lines), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAFailureTellsWhatTheProgramSaidWithoutPaths(t *testing.T) {
	tools := Tools{FFmpeg: script(t, "echo \"/var/lib/secret/mezzanine.mov: Invalid data found ($PWD/x.png)\" >&2; exit 69")}
	err := tools.Run(t.Context(), t.TempDir(), nil, nil)
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Status != 69 {
		t.Fatalf("error %v", err)
	}
	if want := "ffmpeg exited with status 69: mezzanine.mov: Invalid data found (x.png)"; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

func TestACancelledProgramReportsTheCause(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("told to stop")
	tools := Tools{FFmpeg: script(t, "echo progress=continue; exec sleep 1000")}
	if err := tools.Run(ctx, t.TempDir(), nil, func(Progress) { cancel(stopped) }); !errors.Is(err, stopped) {
		t.Errorf("error %v, want the cause", err)
	}
}

func TestAProgramEndsWithUs(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells a program that its parent was killed")
	}
	if dir := os.Getenv("TEST_KILLED_PARENT"); dir != "" {
		tools := Tools{FFmpeg: filepath.Join(dir, "ffmpeg")}
		_ = tools.Run(t.Context(), dir, nil, func(Progress) { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) })
		t.Fatal("not killed")
	}
	program := script(t, "echo $$ > pid; echo progress=continue; exec sleep 1000")
	dir := filepath.Dir(program)
	cmd := exec.Command(os.Args[0], "-test.run=^TestAProgramEndsWithUs$")
	cmd.Env = append(os.Environ(), "TEST_KILLED_PARENT="+dir)
	if out, err := cmd.CombinedOutput(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the parent was not killed: %v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); alive(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("the program outlived its parent")
		}
	}
}

// alive reports whether a process runs. A process that has ended may still wait to be reaped.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

func TestAProgramSeesNoneOfOurEnvironment(t *testing.T) {
	t.Setenv("NATS_URL", "nats://user:secret@host")
	out, err := Tools{}.output(t.Context(), script(t, "env"), t.TempDir(), nil, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "secret") || !strings.Contains(string(out), "PATH=") {
		t.Errorf("environment\n%s", out)
	}
}

func TestTooMuchOutputIsAnError(t *testing.T) {
	if _, err := (Tools{}).output(t.Context(), script(t, "yes | head -c 100000"), t.TempDir(), nil, 1000); err == nil {
		t.Error("100,000 bytes were taken for 1,000")
	}
}

func TestAReaderThatGivesUpDoesNotHang(t *testing.T) {
	tools := Tools{FFprobe: script(t, "exec yes")}
	gaveUp := errors.New("gave up")
	if err := tools.Probe(t.Context(), t.TempDir(), nil, func(io.Reader) error { return gaveUp }); !errors.Is(err, gaveUp) {
		t.Errorf("error %v", err)
	}
}

func TestPathsAreStripped(t *testing.T) {
	for in, want := range map[string]string{
		"/tmp/a/b.mov: bad":            "b.mov: bad",
		"file '/tmp/a b/c'":            "file 'a b/c'",
		"1/60000 at 30000/1001":        "1/60000 at 30000/1001",
		"[mov @ 0x55] ref /etc/passwd": "[mov @ 0x55] ref passwd",
		"file:/srv/t1/mezzanine.mov:":  "file:mezzanine.mov:",
		"time=00:00:01 speed= 1x":      "time=00:00:01 speed= 1x",
	} {
		if got := stripPaths(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
