package stage

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
)

func TestFoldersOfWorkersThatAreGoneAreRemovedAndNoOthers(t *testing.T) {
	parent := t.TempDir()
	write := func(path string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(parent, path)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(parent, path), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	alive, err := openScratch(parent, "record", zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer alive.close()
	write("loom-record-dead/task-a1/mezzanine.mov")
	write("loom-record-dead.lock")
	write("loom-transcode-dead/file")
	write("loom-transcode-dead.lock")
	write("someone-elses/file")

	mine, err := openScratch(parent, "record", zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	mine.close()
	for path, want := range map[string]bool{
		"loom-record-dead": false, "loom-record-dead.lock": false, "loom-transcode-dead/file": true, "someone-elses/file": true,
		filepath.Base(alive.dir): true, filepath.Base(mine.dir): false, filepath.Base(mine.lock.Name()): false,
	} {
		if _, err := os.Stat(filepath.Join(parent, path)); (err == nil) != want {
			t.Errorf("%s: %v, want there %v", path, err, want)
		}
	}
}
