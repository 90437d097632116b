package postgresd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// StopOrphan stops the server that a crash left running on the cluster, and reports whether there
// was one. The caller must know that the process that started it has ended.
func (c Cluster) StopOrphan(ctx context.Context) (bool, error) {
	pid, err := RunningOn(ctx, c.Data)
	if err != nil || pid == 0 {
		return false, err
	}
	for _, mode := range []string{"fast", "immediate"} {
		var out []byte
		out, err = c.run(ctx, "pg_ctl", "stop", "-D", c.Data, "-m", mode, "-w", "-t", "20")
		if err == nil {
			return true, nil
		}
		err = fmt.Errorf("stop the Postgres that an earlier run left behind (process %d): %w: %s", pid, err, lastLines(string(out), 2))
	}
	return false, err
}

// RunningOn returns the process id of the server that runs on a data folder, 0 when none does.
func RunningOn(ctx context.Context, data string) (int, error) {
	pid, err := postmasterPID(data)
	// The number may be another program's by now.
	if err != nil || pid == 0 || !strings.Contains(commandLine(ctx, pid), data) {
		return 0, err
	}
	return pid, nil
}

// postmasterPID returns the process id in a data folder's postmaster.pid, 0 when there is none.
func postmasterPID(data string) (int, error) {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look for a Postgres left behind: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || pid <= 0 {
		return 0, nil // Postgres itself judges what it wrote
	}
	return pid, nil
}

// commandLine returns a process's command line, empty when there is no such process.
func commandLine(ctx context.Context, pid int) string {
	id := strconv.Itoa(pid)
	if text, err := os.ReadFile(filepath.Join("/proc", id, "cmdline")); err == nil {
		return strings.ReplaceAll(string(text), "\x00", " ")
	}
	out, err := exec.CommandContext(ctx, "ps", "-ww", "-o", "command=", "-p", id).Output()
	if err != nil {
		return ""
	}
	return string(out)
}
