package local

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

// stopOrphan stops the server that a crash left running on the cluster, and reports whether there
// was one. The caller holds the lock of the data folder, so whoever started that server is gone.
func (c *cluster) stopOrphan(ctx context.Context) (bool, error) {
	pid, err := postmasterPID(c.data())
	if err != nil || pid == 0 {
		return false, err
	}
	// The number may be another program's by now.
	if !strings.Contains(commandLine(ctx, pid), c.data()) {
		return false, nil
	}
	for _, mode := range []string{"fast", "immediate"} {
		var out []byte
		out, err = c.command(ctx, "pg_ctl", "stop", "-D", c.data(), "-m", mode, "-w", "-t", "20").CombinedOutput()
		if err == nil {
			return true, nil
		}
		err = fmt.Errorf("stop the Postgres that an earlier run left behind (process %d): %w: %s", pid, err, lastLines(string(out), 2))
	}
	return false, err
}

// postmasterPID returns the process id in the cluster's postmaster.pid, 0 when there is none.
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
