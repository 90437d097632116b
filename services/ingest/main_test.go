package ingest_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
)

func TestMain(m *testing.M) {
	if os.Getenv(asChild) != "" {
		if err := runAsChild(); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// These tests mostly wait for leases and polls, so more of them run at once than there are
	// cores.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, stagetest.Ours()...)
}
