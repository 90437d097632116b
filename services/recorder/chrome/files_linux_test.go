package chrome

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/go-rod/rod/lib/proto"
	"golang.org/x/sys/unix"

	"github.com/loom-lite/loom-lite/pkg/child"
)

// All that Chrome writes is in the folder that it was given, however long that folder's path is,
// and gone with it.
func TestChromeWritesInItsFolder(t *testing.T) {
	shell, err := Find(os.Getenv("CHROME_PATH"))
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{
		"headless shell": {Path: shell}, "whole": {Path: "chromium", Frames: FramesForScreenshots},
	} {
		t.Run(name, func(t *testing.T) {
			path, err := exec.LookPath(o.Path)
			if err != nil && name == "whole" {
				t.Skip("make setup installs the headless shell only: ", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			o.Path, o.Sandbox, o.Width, o.Height, o.Proxy = path, os.Geteuid() != 0, 320, 240, "127.0.0.1:1"
			o.SmallShm = true // Chrome's pictures are files, too
			dir := filepath.Join(t.TempDir(), strings.Repeat("d", 150))
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			elsewhere := t.TempDir()
			t.Setenv("TMPDIR", elsewhere)
			p, err := Start(o, dir)
			if err != nil {
				t.Fatal(err)
			}
			open := proto.TargetCreateTarget{URL: "data:text/html,<h1>page</h1>"}
			if _, err := p.Client.Call(t.Context(), "", open.ProtoReq(), open); err != nil {
				t.Errorf("open a page: %v; Chrome said: %s", err, p.Stderr())
			}
			inside := 0
			for _, file := range written(t, p.Group()) {
				if strings.HasPrefix(file, p.profile+"/") {
					inside++
				} else {
					t.Errorf("Chrome writes %s", file)
				}
			}
			if inside == 0 {
				t.Error("Chrome writes no file at all, it seems")
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			for _, of := range []string{dir, elsewhere} {
				if left, err := os.ReadDir(of); err != nil || len(left) > 0 {
					t.Errorf("left in %s: %v, %v", of, left, err)
				}
			}
		})
	}
}

// written lists the files that a group's processes have open to write them, those without a name
// left out.
func written(t *testing.T, pgid int) (files []string) {
	t.Helper()
	for pid := range child.Group(pgid) {
		dir := fmt.Sprintf("/proc/%d", pid)
		list, _ := filepath.Glob(filepath.Join(dir, "fd", "*"))
		for _, fd := range list {
			file, err := os.Readlink(fd)
			var s unix.Stat_t
			if err != nil || unix.Stat(fd, &s) != nil || s.Mode&unix.S_IFMT != unix.S_IFREG || strings.HasPrefix(file, "/memfd:") {
				continue
			}
			info, err := os.ReadFile(filepath.Join(dir, "fdinfo", filepath.Base(fd)))
			if err != nil {
				continue
			}
			_, flags, _ := strings.Cut(string(info), "flags:")
			fields := strings.Fields(flags)
			if len(fields) == 0 {
				continue
			}
			if mode, err := strconv.ParseUint(fields[0], 8, 64); err == nil && mode&unix.O_ACCMODE != unix.O_RDONLY {
				files = append(files, file)
			}
		}
	}
	return files
}
