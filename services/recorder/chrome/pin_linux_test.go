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
	for _, cpus := range [][]int{all[:1], all} {
		p.Pin(cpus)
		for tries := 0; strays(t, p, cpus) > 0; tries++ { // what was being started meanwhile
			if tries == 100 {
				t.Fatalf("%d threads are not on cores %v", strays(t, p, cpus), cpus)
			}
			p.Pin(cpus)
		}
		p.Client.Thread(func(id int) {
			if !pinned(id, cpus) {
				t.Errorf("the thread that reads is not on cores %v", cpus)
			}
		})
	}
	p.Pin(all[:1])
	p.Client.Thread(func(reader int) {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range tasks {
			// The main thread may have been that of an earlier Chrome's. It cannot end with it, and runs nothing any longer.
			if id, _ := strconv.Atoi(task.Name()); id != reader && id != os.Getpid() && !pinned(id, all) {
				t.Errorf("thread %d of this process is not on all cores", id)
			}
		}
	})
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

// pinned reports whether a thread may run on these cores only, and interrupts others there if there are more than one; or has ended.
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
