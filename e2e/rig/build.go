package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"sync"
	"testing"
)

const module = "github.com/loom-lite/loom-lite/"

// programs are those of this repository that a test runs.
var programs = map[string]string{
	"loom":            "cmd/loom",
	"loom-ingest":     "services/ingest/cmd/ingest",
	"loom-recorder":   "services/recorder/cmd/recorder",
	"loom-transcoder": "services/transcoder/cmd/transcoder",
	"loom-uploader":   "services/uploader/cmd/uploader",
}

var builds struct {
	sync.Mutex
	dir string
	err error
}

// Program returns the path of one of the programs. All are built when a test process asks for the
// first.
func Program(t testing.TB, name string) string {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	if builds.dir == "" && builds.err == nil {
		builds.err = build()
	}
	if builds.err != nil {
		t.Fatal(builds.err)
	}
	where, known := programs[name]
	if !known {
		t.Fatalf("there is no program %q", name)
	}
	return filepath.Join(builds.dir, path.Base(where))
}

func build() error {
	dir, err := os.MkdirTemp("", "loom-e2e-bin-")
	if err != nil {
		return fmt.Errorf("make a folder for binaries: %w", err)
	}
	builds.dir = dir
	// Without tables for debuggers, linking takes two thirds of the time.
	args := []string{"build", "-buildvcs=false", "-ldflags=-s -w", "-o", dir + string(filepath.Separator)}
	for _, where := range programs {
		args = append(args, module+where)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return nil
}

// RemovePrograms deletes what Program built. TestMain calls it at the end.
func RemovePrograms() error { return os.RemoveAll(builds.dir) }
