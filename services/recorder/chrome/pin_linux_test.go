package chrome

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/go-rod/rod/lib/proto"
	"golang.org/x/sys/unix"
)

func TestAllOfChromeIsPinned(t *testing.T) {
	p := start(t, Options{})
	defer func() { _ = p.Close() }()
	if _, err := p.Client.Call(context.Background(), "", proto.TargetGetTargets{}.ProtoReq(), nil); err != nil {
		t.Fatalf("call Chrome: %v; it said: %s", err, p.Stderr())
	}
	all := Cores()
	if len(all) < 2 {
		t.Skip("there is one core")
	}
	one := all[:1]
	settles := func() { p.Settle(one) }
	stirs := func() { p.Stir(); p.pinned = true } // may be told again
	for range 2 {
		for _, step := range []struct {
			does func()
			cpus []int
			own  int // threads of ours on one core
		}{{settles, one, 1}, {stirs, all, 0}} {
			step.does()
			for tries := 0; strays(t, p, step.cpus) > 0 || ownPinned(t, one) != step.own; tries++ {
				if tries == 100 {
					t.Fatalf("%d threads of Chrome's are not on cores %v, and %d of ours on one, want %d",
						strays(t, p, step.cpus), step.cpus, ownPinned(t, one), step.own)
				}
				step.does() // what was being started meanwhile
				// Its answer is the message after which a thread waits otherwise.
				if _, err := p.Client.Call(context.Background(), "", proto.TargetGetTargets{}.ProtoReq(), nil); err != nil {
					t.Fatalf("call Chrome: %v; it said: %s", err, p.Stderr())
				}
			}
		}
	}
}

func TestWhatWasNotPinnedIsLeftWhereItIs(t *testing.T) {
	p := start(t, Options{})
	defer func() { _ = p.Close() }()
	if _, err := p.Client.Call(context.Background(), "", proto.TargetGetTargets{}.ProtoReq(), nil); err != nil {
		t.Fatalf("call Chrome: %v; it said: %s", err, p.Stderr())
	}
	one := Cores()[:1]
	pinGroup(p.Group(), one) // as somebody else may have
	before := strays(t, p, one)
	p.Settle(nil)
	p.Stir()
	if after := strays(t, p, one); after > before {
		t.Errorf("%d threads more are elsewhere", after-before)
	}
}

// ownPinned counts our threads that keep to these cores.
func ownPinned(t *testing.T, cpus []int) (n int) {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		id, _ := strconv.Atoi(task.Name())
		var set unix.CPUSet
		if unix.SchedGetaffinity(id, &set) == nil && pinned(id, cpus) {
			n++
		}
	}
	return n
}

// strays counts Chrome's threads that are elsewhere.
func strays(t *testing.T, p *Process, cpus []int) (n int) {
	t.Helper()
	threads := 0
	for dir := range members(p.Group()) {
		tasks, err := os.ReadDir(filepath.Join(dir, "task"))
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range tasks {
			id, _ := strconv.Atoi(task.Name())
			threads++
			if !pinned(id, cpus) {
				n++
			}
		}
	}
	if threads < 10 {
		t.Fatalf("Chrome has %d threads", threads)
	}
	return n
}

// pinned reports whether a thread may run on these cores only, and interrupts others there if there
// are more than one; or has ended.
func pinned(id int, cpus []int) bool {
	var set unix.CPUSet
	if unix.SchedGetaffinity(id, &set) != nil {
		return true
	}
	for _, cpu := range cpus {
		if !set.IsSet(cpu) {
			return false
		}
	}
	attr, err := unix.SchedGetAttr(id, 0)
	if err != nil {
		return err == unix.ESRCH
	}
	batch := attr.Policy == unix.SCHED_BATCH
	return set.Count() == len(cpus) && batch == (len(cpus) == 1)
}
