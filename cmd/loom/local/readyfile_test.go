package local

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/joho/godotenv"
)

func TestReadyFileIsReadAlikeByDotenvAndShell(t *testing.T) {
	settings := map[string]string{
		"PLAIN":    "nats://127.0.0.1:4222",
		"QUERY":    "postgres://loom:a@127.0.0.1:54320/loom?sslmode=disable&x=y%20z",
		"ODD":      `a b "c" $HOME \d #e` + " `f` 'g' !",
		"BRACKETS": "127.0.0.0/8,::1",
	}
	path := filepath.Join(t.TempDir(), "loom.env")
	if err := writeReadyFile(path, settings); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("its mode is %o", mode)
	}
	read, err := godotenv.Read(path)
	if err != nil || !maps.Equal(read, settings) {
		t.Errorf("dotenv reads %q: %v", read, err)
	}
	for name, want := range settings {
		out, err := exec.Command("sh", "-c", `set -a; . "$1"; printenv "$2"`, "sh", path, name).Output()
		if err != nil || string(out) != want+"\n" {
			t.Errorf("a shell reads %s as %q: %v", name, out, err)
		}
	}
}

func TestReadyFileIsReplacedAsAWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "loom.env")
	for _, value := range []string{"first-and-long", "second"} {
		if err := writeReadyFile(path, map[string]string{"A": value}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "A=second\n" {
		t.Errorf("got %q, %v", text, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestReadyFileIsRefusedWhereItCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	if err := os.WriteFile(target, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	link, folder := filepath.Join(dir, "link"), filepath.Join(dir, "folder")
	if err := errors.Join(os.Symlink(target, link), os.Mkdir(folder, 0o700)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, folder, filepath.Join(dir, "none", "loom.env"), filepath.Join(target, "loom.env")} {
		var refused *ReadyFileError
		if err := clearReadyFile(path); !errors.As(err, &refused) || refused.Path != path {
			t.Errorf("%s: %v", path, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 3 {
		t.Errorf("now there are %v, %v", entries, err)
	}
	if err := clearReadyFile(target); err != nil {
		t.Errorf("a file of an earlier run: %v", err)
	}
	if _, err := os.Lstat(target); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}
