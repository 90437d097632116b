package capture_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/services/recorder/internal/chrometest"
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "loom-media-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	made.dir = dir
	goleak.VerifyTestMain(chrometest.Around(m, slices.Collect(maps.Values(pools))...), goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}
