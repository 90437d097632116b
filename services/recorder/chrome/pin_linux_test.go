package chrome

import (
	"context"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/go-rod/rod/lib/proto"
	"golang.org/x/sys/unix"

	"github.com/loom-lite/loom-lite/services/recorder/placement"
)

// answers calls Chrome. Its answer is the message after which the goroutine that reads waits
// otherwise.
func answers(t *testing.T, p *Process) {
	t.Helper()
	if _, err := p.Client.Call(context.Background(), "", proto.TargetGetTargets{}.ProtoReq(), nil); err != nil {
		t.Fatalf("call Chrome: %v; it said: %s", err, p.Stderr())
	}
}

func TestAllOfChromeIsOnOneCoreWhileItsPageStandsStill(t *testing.T) {
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("there is one core")
	}
	p := start(t, Options{Cores: placement.New(true)})
	defer func() { _ = p.Close() }()
	answers(t, p)
	for range 2 {
		for _, still := range []bool{true, false} {
			ours := 0 // threads of ours on one core
			if still {
				ours = 1
			}
			p.Still(still)
			answers(t, p)
			for tries := 0; strays(t, p, still) > 0 || ownOnOneCore(t) != ours; tries++ {
				if tries == 100 {
					t.Fatalf("still: %t: %d threads of Chrome's are elsewhere, and %d of ours on one core, want %d",
						still, strays(t, p, still), ownOnOneCore(t), ours)
				}
				p.Still(!still) // what was being started meanwhile
				p.Still(still)
				answers(t, p)
			}
		}
	}
}

func TestChromeIsLeftWhereItIsWithoutCores(t *testing.T) {
	p := start(t, Options{Cores: placement.New(false)})
	defer func() { _ = p.Close() }()
	answers(t, p)
	before := strays(t, p, true)
	p.Still(true)
	if after := strays(t, p, true); after < before {
		t.Errorf("%d threads were moved", before-after)
	}
}

// ownOnOneCore counts our threads that keep to one core.
func ownOnOneCore(t *testing.T) (n int) {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		id, _ := strconv.Atoi(task.Name())
		if cpus, batch := placed(id); len(cpus) == 1 && batch {
			n++
		}
	}
	return n
}

// strays counts Chrome's threads that are not where they should be: all on the same core, where
// they do not interrupt one another, or on several, where they do.
func strays(t *testing.T, p *Process, still bool) (n int) {
	t.Helper()
	count := 0
	var core []int
	for id := range threads(p.Group()) {
		count++
		cpus, batch := placed(id)
		if cpus == nil { // it has ended
			continue
		}
		if core == nil {
			core = cpus
		}
		if (len(cpus) == 1) != still || batch != still || !slices.Equal(cpus, core) {
			n++
		}
	}
	if count < 10 {
		t.Fatalf("Chrome has %d threads", count)
	}
	return n
}

// placed returns the cores that a thread may run on, and whether it lets others there finish.
func placed(id int) (cpus []int, batch bool) {
	var set unix.CPUSet
	if unix.SchedGetaffinity(id, &set) != nil {
		return nil, false
	}
	for cpu := 0; len(cpus) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	attr, err := unix.SchedGetAttr(id, 0)
	return cpus, err == nil && attr.Policy == unix.SCHED_BATCH
}
