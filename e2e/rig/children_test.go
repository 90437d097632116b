package rig

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/child"
)

func TestAnOrphanIsFound(t *testing.T) {
	if err := child.AdoptOrphans(); err != nil {
		t.Fatal(err)
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	p, err := spawn("parent", t.TempDir(), os.Environ(), sh, "-c", "sleep 600 & wait")
	if err != nil {
		t.Fatal(err)
	}
	var children []child.Info
	Eventually(t, "there is a child", func() bool {
		children = p.Children()
		return len(children) == 1 && strings.HasPrefix(children[0].Name, "sleep")
	})
	p.Kill(t)
	same := func(c child.Info) bool { return c.Pid == children[0].Pid }
	if found := Orphans(); !slices.ContainsFunc(found, same) {
		t.Errorf("%v is not among the orphans: %v", children[0], found)
	}
	if err := syscall.Kill(children[0].Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	AwaitEnd(t, children)
	if found := Orphans(); slices.ContainsFunc(found, same) {
		t.Errorf("a dead process is among the orphans: %v", found)
	}
}
