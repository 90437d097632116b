package postgresd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/loom-lite/loom-lite/pkg/child"
)

// Cluster is the data of a Postgres server, and what runs it.
type Cluster struct {
	Installation Installation
	Account      Account
	// Data is the data folder's absolute path. The account must be able to enter its parent.
	Data string
	// User is the superuser.
	User string
	// Password is the superuser's, and PasswordFile holds it for Init, readable by the account.
	// Without a file, every client that reaches the port is let in.
	Password, PasswordFile string
	// Volatile leaves out of Init what makes the data outlive a crash of the machine.
	Volatile bool
}

// Init creates the cluster in place of what is in Data. The folder is there when the cluster is
// whole: it is made beside, and renamed.
func (c Cluster) Init(ctx context.Context) error {
	fresh := c.Data + ".new"
	if err := errors.Join(os.RemoveAll(fresh), os.RemoveAll(c.Data)); err != nil {
		return fmt.Errorf("create Postgres data: %w", err)
	}
	if err := errors.Join(os.Mkdir(fresh, 0o700), c.Account.Own(fresh)); err != nil {
		return fmt.Errorf("create Postgres data: %w", err)
	}
	args := []string{"--pgdata", fresh, "--username", c.User, "--encoding", "UTF8", "--locale", "C"}
	if c.PasswordFile == "" {
		args = append(args, "--auth", "trust")
	} else {
		args = append(args, "--auth", "scram-sha-256", "--pwfile", c.PasswordFile)
	}
	if c.Volatile {
		args = append(args, "--no-sync")
	}
	if out, err := c.run(ctx, "initdb", args...); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, lastLines(string(out), 5))
	}
	if err := os.Rename(fresh, c.Data); err != nil {
		return fmt.Errorf("create Postgres data: %w", err)
	}
	return nil
}

// run runs one of Postgres's programs to its end and returns what it wrote.
func (c Cluster) run(ctx context.Context, name string, args ...string) ([]byte, error) {
	return child.Output(ctx, c.command(name, args...), child.Options{Grace: 5 * time.Second, Orphaned: syscall.SIGINT})
}

// command is one of Postgres's programs, run as the account from a folder that it can enter.
func (c Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(c.Installation.Path(name), args...)
	cmd.Dir = filepath.Dir(c.Data)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	c.Account.apply(cmd)
	return cmd
}

// lastLines returns the last n lines of text, on one line.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}
