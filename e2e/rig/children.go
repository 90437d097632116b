package rig

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/child"
)

// Children returns all processes below p, near and far.
func (p *Process) Children() []child.Info { return below(p.Pid()) }

// Orphans returns what still runs below the test process. When all tests have ended, nothing
// should. child.AdoptOrphans must have been called before the first.
func Orphans() []child.Info {
	var alive []child.Info
	for _, c := range below(os.Getpid()) {
		if c.Alive() {
			alive = append(alive, c)
		}
	}
	return alive
}

// AwaitEnd waits until none of these processes runs.
func AwaitEnd(t testing.TB, children []child.Info) {
	t.Helper()
	if err := awaitEnd(children); err != nil {
		t.Fatal(err)
	}
}

func awaitEnd(children []child.Info) error {
	for deadline := time.Now().Add(Patience); ; time.Sleep(pollEvery) {
		children = slices.DeleteFunc(children, func(c child.Info) bool { return !c.Alive() })
		if len(children) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes that should have ended still run: %v", children)
		}
	}
}

func below(root int) []child.Info {
	found, err := child.Descendants(root)
	if err != nil {
		return nil
	}
	return found
}
