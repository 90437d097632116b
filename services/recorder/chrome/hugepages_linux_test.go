package chrome

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/child"
)

func TestHugePagesAreAskedForWhereItMakesADifference(t *testing.T) {
	whole, err := os.ReadFile(library(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		enabled, folder string
		library         []byte
		preloaded       bool
	}{
		"to programs that ask":       {"always [madvise] never", "bin", whole, true},
		"to all":                     {"[always] madvise never", "bin", whole, false},
		"to none":                    {"always madvise [never]", "bin", whole, false},
		"no such setting":            {"", "bin", whole, false},
		"no library":                 {"always [madvise] never", "bin", nil, false},
		"an empty file":              {"always [madvise] never", "bin", []byte{}, false},
		"half a library":             {"always [madvise] never", "bin", whole[:len(whole)/2], false},
		"what the loader would part": {"always [madvise] never", "my bin", whole, false},
	} {
		dir := filepath.Join(t.TempDir(), c.folder)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		enabled, file := filepath.Join(dir, "enabled"), filepath.Join(dir, hugePagesLibrary)
		if c.enabled != "" {
			write(t, enabled, []byte(c.enabled))
		}
		if c.library != nil {
			write(t, file, c.library)
		}
		want := ""
		if c.preloaded {
			want = file
		}
		if got := hugePages(enabled, dir); got != want {
			t.Errorf("%s: %q is preloaded, want %q", name, got, want)
		}
	}
}

func TestChromeAsksForHugePagesByTheLibrary(t *testing.T) {
	if _, err := os.Stat(thpEnabled); errors.Is(err, fs.ErrNotExist) {
		t.Skip("this kernel has no huge pages")
	}
	plain, asking := startAndCall(t, Options{}), startAndCall(t, Options{Preload: library(t)})
	if n := askers(plain); n > 0 {
		t.Errorf("%d processes of Chrome's ask for huge pages by themselves", n)
	}
	if askers(asking) == 0 {
		t.Error("none of Chrome's processes asks for huge pages")
	}
}

// library builds the library.
func library(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), hugePagesLibrary)
	build := exec.Command("cc", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o", path, "hugepages/hugepages.c")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the library (Debian: apt install gcc libc6-dev): %v: %s", err, out)
	}
	return path
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

// askers counts the processes that have memory that is to be of huge pages, as far as they may be
// looked into: sandboxed ones may not.
func askers(p *Process) (n int) {
	for pid := range child.Group(p.Group()) {
		dir := fmt.Sprintf("/proc/%d", pid)
		smaps, _ := os.ReadFile(filepath.Join(dir, "smaps"))
		for line := range strings.Lines(string(smaps)) {
			if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && slices.Contains(strings.Fields(flags), "hg") {
				n++
				break
			}
		}
	}
	return n
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
