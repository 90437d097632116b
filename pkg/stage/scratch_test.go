package stage

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
)

func TestFoldersOfWorkersThatAreGoneAreRemovedAndNoOthers(t *testing.T) {
	t.Parallel()
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

func TestAWorkerHoldsTheLockThatIsThere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "loom-record-mine.lock")
	sweep := func() { removeLeftovers(filepath.Dir(path), "loom-record-", zerolog.Nop()) }
	tries := 0
	lock, err := takeLock(path, func(path string) (*os.File, error) {
		tries++
		file, err := createLock(path)
		if err != nil {
			return nil, err
		}
		switch tries {
		case 1: // a whole sweep between creating and locking
			sweep()
		case 2: // a sweep that has locked the file, and removes it while the worker waits
			other, err := createLock(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := flock(other); err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = os.Remove(path), other.Close() }()
		}
		return file, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	if tries != 3 {
		t.Errorf("created %d times, want 3", tries)
	}
	sweep()
	if !isAt(lock, path) {
		t.Error("the lock file is gone although its worker lives")
	}
}

// So a second sweep that was waiting to remove the file finds that the first has done it.
func TestAFileIsNotTakenForTheNextOneAtItsPath(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.lock")
	first, err := createLock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close() }()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if isAt(first, path) {
		t.Error("a removed file is taken for the one at its path")
	}
	second, err := createLock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	if isAt(first, path) || !isAt(second, path) {
		t.Error("two files with one path are taken for each other")
	}
}
