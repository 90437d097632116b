package ingest_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
)

func TestMain(m *testing.M) {
	// These tests mostly wait, for leases and polls, so more of them than there are cores run side by side.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, stagetest.Ours()...)
}
