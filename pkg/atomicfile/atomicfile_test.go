package atomicfile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/loom-lite/loom-lite/pkg/atomicfile"
)

// holds checks that the folder has one file, with this text.
func holds(t *testing.T, path, want string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("the folder has %v", entries)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != want {
		t.Errorf("the file is %q, %v; want %q", text, err, want)
	}
}

func mode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	if info, err := os.Stat(path); err != nil || info.Mode() != want {
		t.Errorf("mode %v, %v; want %v", info.Mode(), err, want)
	}
}

func TestWhatWasThereStaysUntilTheFileIsComplete(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := atomicfile.Write(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "old")
	mode(t, path, 0o600)

	f, err := atomicfile.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, "new"); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(path); string(text) != "old" {
		t.Errorf("before Commit the file is %q", text)
	}
	if err := f.Commit(0o644); err != nil {
		t.Fatal(err)
	}
	f.Discard() // too late
	holds(t, path, "new")
	mode(t, path, 0o644)

	if f, err = atomicfile.Create(path); err != nil {
		t.Fatal(err)
	}
	f.Discard()
	f.Discard()
	holds(t, path, "new")
	if err := atomicfile.Check(path); err != nil {
		t.Error(err)
	}
	holds(t, path, "new")
}

func TestACopyIsWholeOrNotThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	n, err := atomicfile.Copy(path, strings.NewReader("text"), 4, 0o644)
	if err != nil || n != 4 {
		t.Fatal(n, err)
	}
	holds(t, path, "text")
	mode(t, path, 0o644)
	if n, err := atomicfile.Copy(path, strings.NewReader("more"), -1, 0o600); err != nil || n != 4 {
		t.Fatal(n, err)
	}
	if _, err := atomicfile.Copy(path, strings.NewReader("cut"), 4, 0o600); err == nil || atomicfile.IsOwn(err) || err.Error() != "got 3 of 4 bytes" {
		t.Errorf("%v", err)
	}
	broken := errors.New("broken")
	if _, err := atomicfile.Copy(path, iotest.ErrReader(broken), -1, 0o600); !errors.Is(err, broken) || atomicfile.IsOwn(err) {
		t.Errorf("%v", err)
	}
	holds(t, path, "more")
}

func TestErrorsOfTheFileAreItsOwn(t *testing.T) {
	dir := t.TempDir()
	if _, err := atomicfile.Copy(filepath.Join(dir, "none", "file"), strings.NewReader(""), -1, 0o600); !atomicfile.IsOwn(err) {
		t.Errorf("%v", err)
	}
	if err := atomicfile.Check(filepath.Join(dir, "none", "file")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	path := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(path, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(path, nil, 0o600); !atomicfile.IsOwn(err) {
		t.Errorf("%v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}
