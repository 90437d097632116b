package chrome

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-rod/rod/lib/proto"
)

func TestChromeAsksForHugePages(t *testing.T) {
	if _, err := os.Stat(thpEnabled); errors.Is(err, fs.ErrNotExist) {
		t.Skip("this kernel has no huge pages")
	}
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler to build the library with")
	}
	library := filepath.Join(t.TempDir(), hugePagesLibrary)
	build := exec.Command(cc, "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o", library, "hugepages/hugepages.c")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the library: %v: %s", err, out)
	}
	plain := startAndCall(t, Options{})
	asking := startAndCall(t, Options{Preload: library})
	for tries := 0; askers(asking) < 3; tries++ { // some are still being started; one may be the shell that started it
		if tries == 1000 {
			t.Fatalf("%d processes of Chrome's ask for huge pages", askers(asking))
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := askers(plain); n > 0 {
		t.Errorf("%d processes of Chrome's ask for huge pages by themselves", n)
	}
}

// startAndCall starts a Chrome that ends with the test, and awaits its first answer.
func startAndCall(t *testing.T, o Options) *Process {
	t.Helper()
	p := start(t, o)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := p.Client.Call(context.Background(), "", proto.TargetGetTargets{}.ProtoReq(), nil); err != nil {
		t.Fatalf("call Chrome: %v; it said: %s", err, p.Stderr())
	}
	return p
}

// askers counts the processes that have memory that is to be of huge pages.
func askers(p *Process) (n int) {
	for dir := range members(p.Group()) {
		smaps, _ := os.ReadFile(filepath.Join(dir, "smaps")) // it may be gone
		for line := range strings.Lines(string(smaps)) {
			if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && slices.Contains(strings.Fields(flags), "hg") {
				n++
				break
			}
		}
	}
	return n
}
