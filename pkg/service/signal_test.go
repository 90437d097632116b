package service

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/rs/zerolog"
)

// spawn starts the test's binary as a service and returns a function that reads its next line.
func spawn(t *testing.T, what string) (cmd *exec.Cmd, line func() string) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), asService+"="+what)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	return cmd, func() string {
		if !lines.Scan() {
			t.Fatalf("the service said no more: %v", lines.Err())
		}
		return lines.Text()
	}
}

func TestTheFirstSignalDrains(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		cmd, line := spawn(t, "drains")
		line() // working
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if got := line(); got != "draining" {
			t.Errorf("%v: %q", signal, got)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v, want exit status 0", signal, err)
		}
	}
}

func TestTheSecondSignalKills(t *testing.T) {
	cmd, line := spawn(t, "hangs")
	line() // working
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	line() // draining
	// The signal's default effect is restored about when the drain begins: one of a few finds it
	// so.
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Success() {
				t.Errorf("%v, want a kill", err)
			}
			return
		case <-t.Context().Done():
			t.Fatal("still running")
		default:
		}
	}
}

func TestExitStatusesAndWhatIsPrinted(t *testing.T) {
	var problems Problems
	problems.AddMissing("NATS_URL", "the URL of the NATS server")
	for name, test := range map[string]struct {
		err    error
		status int
		prints string
	}{
		"done":     {nil, 0, ""},
		"failed":   {errors.New("listen: port taken"), 1, `"error":"listen: port taken"`},
		"settings": {problems.Err(), 2, "loom-test: invalid settings:\n  NATS_URL is not set; it must be the URL of the NATS server\n"},
	} {
		var stderr bytes.Buffer
		got := start(context.Background(), "test", nil, &stderr, func(context.Context, map[string]string, zerolog.Logger) error { return test.err })
		if got != test.status || !strings.Contains(stderr.String(), test.prints) {
			t.Errorf("%s: status %d, printed %q", name, got, stderr.String())
		}
	}
}
