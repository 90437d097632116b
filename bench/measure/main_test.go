package measure

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/bench/process"
)

// TestMain makes this program its own worker, as the command is.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == WorkCommand {
		if err := work(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := process.Adopt(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func work() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	environ := map[string]string{}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		environ[name] = value
	}
	return Work(ctx, os.Stdin, os.Stdout, environ)
}
