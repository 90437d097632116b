package local

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"os"
)

func TestSecondLockNamesTheHolder(t *testing.T) {
	dir := t.TempDir()
	first, err := takeLock(dir, "loom up")
	if err != nil {
		t.Fatal(err)
	}
	_, err = takeLock(dir, "loom up")
	var inUse *InUseError
	if !errors.As(err, &inUse) {
		t.Fatalf("got %v, want an InUseError", err)
	}
	if inUse.Holder.Command != "loom up" || inUse.Holder.PID != strconv.Itoa(os.Getpid()) {
		t.Errorf("the holder is %+v", inUse.Holder)
	}
	if !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), inUse.Holder.PID) {
		t.Errorf("%q names neither folder nor process", err)
	}
	if holder, running := Running(dir); !running || holder != inUse.Holder {
		t.Errorf("Running: %+v, %v", holder, running)
	}

	if err := first.release(); err != nil {
		t.Fatal(err)
	}
	if _, running := Running(dir); running {
		t.Error("Running says that a released folder is in use")
	}
	again, err := takeLock(dir, "loom up")
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	if err := again.release(); err != nil {
		t.Fatal(err)
	}
}

func TestNobodyRunsOnAFolderThatIsNotThere(t *testing.T) {
	if holder, running := Running(t.TempDir() + "/none"); running {
		t.Errorf("got %v", holder)
	}
}
