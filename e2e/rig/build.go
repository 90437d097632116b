package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// programs are those of this repository that a test runs.
var programs = map[string]string{
	"loom":            "github.com/loom-lite/loom-lite/cmd/loom",
	"loom-ingest":     "github.com/loom-lite/loom-lite/services/ingest/cmd/ingest",
	"loom-recorder":   "github.com/loom-lite/loom-lite/services/recorder/cmd/recorder",
	"loom-transcoder": "github.com/loom-lite/loom-lite/services/transcoder/cmd/transcoder",
	"loom-uploader":   "github.com/loom-lite/loom-lite/services/uploader/cmd/uploader",
}

var builds struct {
	sync.Mutex
	dir  string
	done map[string]error
}

// Program builds one of the programs, once in a test process, and returns the binary's path.
func Program(t testing.TB, name string) string {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	if builds.dir == "" {
		dir, err := os.MkdirTemp("", "loom-e2e-bin-")
		if err != nil {
			t.Fatalf("make a folder for binaries: %v", err)
		}
		builds.dir, builds.done = dir, map[string]error{}
	}
	bin := filepath.Join(builds.dir, name)
	err, done := builds.done[name]
	if !done {
		err = build(bin, programs[name])
		builds.done[name] = err
	}
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

func build(bin, pkg string) error {
	if pkg == "" {
		return fmt.Errorf("build %s: no such program", filepath.Base(bin))
	}
	// Without tables for debuggers, linking takes two thirds of the time.
	out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", bin, pkg).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// RemovePrograms deletes what Program built. TestMain calls it at the end.
func RemovePrograms() error { return os.RemoveAll(builds.dir) }
