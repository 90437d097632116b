package child

import (
	"context"
	"errors"
	"fmt"
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

// grace is long enough for a child that ends on SIGTERM.
const grace = 5 * time.Second

// shell is a command that runs a script in dir.
func shell(dir, script string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Dir = dir
	return cmd
}

// discard reads all of a child's output.
func discard(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// readPid reads the process id that a script wrote to dir.
func readPid(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// awaitEnd waits until a process that is not this one's child has ended.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if i, ok := find(pid); !ok || i.Zombie {
			return
		}
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("process %d still runs", pid)
		}
	}
}

func TestACancelledChildEndsWithAllItStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// The grandchild ignores SIGTERM and holds stdout open; its pid is written once it does.
	cmd := shell(dir, `(trap '' TERM; sh -c 'echo $$ > pid.part; mv pid.part pid; echo ready; exec sleep 1000') & wait`)
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("told to stop")
	_, err := Run(ctx, cmd, Options{Grace: grace}, func(r io.Reader) error {
		if _, err := r.Read(make([]byte, 1)); err != nil {
			return err
		}
		cancel(stopped)
		return discard(r)
	})
	if !errors.Is(err, stopped) {
		t.Errorf("error %v, want the cause", err)
	}
	awaitEnd(t, readPid(t, dir))
}

func TestAChildThatIgnoresSIGTERMIsKilled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	state, err := Run(ctx, shell("", "trap '' TERM; echo ready; while :; do sleep 1000; done"), Options{Grace: 50 * time.Millisecond, Alone: true},
		func(r io.Reader) error {
			_, err := r.Read(make([]byte, 1))
			cancel()
			return err
		})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if status, ok := state.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Errorf("it ended by %v", state)
	}
}

func TestAChildIsNotStartedWhenItsContextHasEnded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("told to stop")
	cancel(stopped)
	if _, err := Start(ctx, shell("", "exit 0"), Options{}); !errors.Is(err, stopped) {
		t.Errorf("error %v", err)
	}
}

func TestAChildEndsWithItsParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux signals a process whose parent was killed")
	}
	if dir := os.Getenv("TEST_KILLED_PARENT"); dir != "" {
		_, _ = Run(t.Context(), shell(dir, "echo $$ > pid; echo ready; exec sleep 1000"), Options{Orphaned: syscall.SIGKILL},
			func(r io.Reader) error {
				_, _ = r.Read(make([]byte, 1))
				return syscall.Kill(os.Getpid(), syscall.SIGKILL)
			})
		t.Fatal("not killed")
	}
	t.Parallel()
	dir := t.TempDir()
	runInAnother(t, "TEST_KILLED_PARENT="+dir, -1)
	awaitEnd(t, readPid(t, dir))
}

// runInAnother runs the test again in a process of its own, which must end with this exit status.
func runInAnother(t *testing.T, setting string, want int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), setting)
	if out, err := cmd.CombinedOutput(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != want {
		t.Fatalf("the other process ended with %v, want status %d\n%s", err, want, out)
	}
}

func TestAReaderThatGivesUpDoesNotHang(t *testing.T) {
	t.Parallel()
	gaveUp := errors.New("gave up")
	_, err := Run(t.Context(), shell("", "exec yes"), Options{Grace: grace}, func(io.Reader) error { return gaveUp })
	if !errors.Is(err, gaveUp) {
		t.Errorf("error %v", err)
	}
}

func TestAFailureIsReportedBeforeTheReadersError(t *testing.T) {
	t.Parallel()
	state, err := Run(t.Context(), shell("", "exit 3"), Options{Grace: grace}, func(r io.Reader) error {
		return errors.Join(discard(r), errors.New("nothing to read"))
	})
	var exit *exec.ExitError
	if !errors.As(err, &exit) || state.ExitCode() != 3 {
		t.Errorf("error %v, %v", err, state)
	}
}

func TestAProgramThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), exec.Command("/nowhere/nothing"), Options{}, discard)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "start nothing") {
		t.Errorf("error %v", err)
	}
}

func TestStopKillsAChildThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	stdout, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	cmd := shell("", "trap '' TERM; echo ready; while :; do sleep 1000; done")
	cmd.Stdout = theirs
	p, err := Start(context.Background(), cmd, Options{})
	_ = theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if p.State() != nil {
		t.Error("it has ended")
	}
	if err := p.Stop(syscall.SIGTERM, time.Millisecond); err == nil || !strings.Contains(err.Error(), "was killed") {
		t.Errorf("error %v", err)
	}
	if p.State() == nil {
		t.Error("it has not ended")
	}
}

func TestEndWaitsForTheWholeGroup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, err := Start(context.Background(), shell(dir, "(trap '' TERM HUP; sh -c 'echo $$ > pid.part; mv pid.part pid; exec sleep 1000') & exit 0"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := p.End(grace); err != nil {
		t.Fatal(err)
	}
	if GroupAlive(p.Pid()) {
		t.Error("a process of the group still runs")
	}
}

// Orphans are adopted in a process of its own, because the other tests' would be too.
func TestEndReapsAdoptedProcesses(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("orphans are adopted on Linux only")
	}
	if os.Getenv("TEST_ADOPT") == "" {
		t.Parallel()
		runInAnother(t, "TEST_ADOPT=1", 0)
		return
	}
	if err := AdoptOrphans(); err != nil {
		t.Fatal(err)
	}
	p, err := Start(context.Background(), shell("", "sleep 1000 & exit 0"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	below, err := Descendants(os.Getpid())
	if err != nil || len(below) != 1 || !below[0].Alive() {
		t.Errorf("orphans %v, %v, want one that runs", below, err)
	}
	if err := p.End(grace); err != nil {
		t.Fatal(err)
	}
	if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); !errors.Is(err, syscall.ECHILD) {
		t.Errorf("child %d is left, %v", pid, err)
	}
	if len(below) > 0 && below[0].Alive() {
		t.Errorf("%v still runs", below[0])
	}
}

// Descendants are killed in a process of its own, because the other tests' would be too.
func TestDescendantsInOtherGroupsAreKilled(t *testing.T) {
	if os.Getenv("TEST_KILL") == "" {
		t.Parallel()
		runInAnother(t, "TEST_KILL=1", 0)
		return
	}
	dir := t.TempDir()
	// A grandchild that ignores SIGTERM.
	_, err := Run(t.Context(), shell(dir, `(trap '' TERM; sh -c 'echo $$ > pid; echo ready; exec sleep 1000') & wait`), Options{},
		func(r io.Reader) error {
			if _, err := r.Read(make([]byte, 1)); err != nil {
				return err
			}
			if err := KillDescendants(); err != nil {
				return err
			}
			return discard(r)
		})
	if err == nil {
		t.Error("the child ended well")
	}
	awaitEnd(t, readPid(t, dir))
}

func TestAKeptProgramEndsWithItsFolderWhenTheProcessIsKilled(t *testing.T) {
	if dir := os.Getenv("TEST_KEPT"); dir != "" {
		home := filepath.Join(dir, "home")
		if err := os.Mkdir(home, 0o700); err != nil {
			t.Fatal(err)
		}
		cmd := shell(dir, "echo $$ > pid.part; mv pid.part pid; while :; do sleep 1; done")
		if _, err := StartKept(cmd, home, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for !exists(filepath.Join(dir, "pid")) {
			time.Sleep(time.Millisecond)
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	t.Parallel()
	dir := t.TempDir()
	runInAnother(t, "TEST_KEPT="+dir, -1)
	awaitEnd(t, readPid(t, dir))
	for deadline := time.Now().Add(time.Minute); exists(filepath.Join(dir, "home")); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("its folder is still there")
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestOnlyTheEndOfWhatIsWrittenIsKept(t *testing.T) {
	t.Parallel()
	var kept Tail
	for i := range 2000 {
		if _, err := fmt.Fprintf(&kept, "line %d\n", i); err != nil {
			t.Fatal(err)
		}
	}
	got := kept.String()
	if len(got) > tailSize || !strings.HasPrefix(got, "line ") || !strings.HasSuffix(got, "line 1999") {
		t.Errorf("%d bytes: %.20q … %q", len(got), got, got[len(got)-20:])
	}
}
