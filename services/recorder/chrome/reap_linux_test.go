package chrome

import (
	"context"
	"errors"
	"testing"

	"github.com/go-rod/rod/lib/proto"
	"golang.org/x/sys/unix"
)

// A process that adopts what Chrome leaves behind keeps no zombies of it, and their cost counts as
// that of its children.
func TestCloseWaitsForAdoptedProcesses(t *testing.T) {
	adopt := func(on uintptr) {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, on, 0, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	adopt(1)
	defer adopt(0)
	p := start(t, Options{})
	if _, err := p.Client.Call(context.Background(), "", proto.TargetGetTargets{}.ProtoReq(), nil); err != nil {
		t.Fatalf("call Chrome: %v; it said: %s", err, p.Stderr())
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if pid, err := unix.Wait4(-p.Group(), nil, unix.WNOHANG, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("a child is left to be waited for: %d, %v", pid, err)
	}
}
