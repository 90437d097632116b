package placement

import (
	"iter"
	"os"
	"runtime"
	"slices"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nobody are the threads of processes that are not there.
func nobody() iter.Seq[int] { return slices.Values[[]int](nil) }

// open returns a pipe that nobody writes to.
func open(t *testing.T, c *Cores) *Pipe {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := c.Pipe(r, nobody)
	t.Cleanup(func() { _, _ = w.Close(), p.Close() })
	return p
}

// where is the core that a pipe keeps to, anyCore, or polled.
func where(p *Pipe) int { return p.wanted }

func twoCores(t *testing.T) *Cores {
	t.Helper()
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("there is one core")
	}
	return newCores([]int{4, 7})
}

func TestStillPagesHaveDifferentCores(t *testing.T) {
	c := twoCores(t)
	var pipes []*Pipe
	for i, want := range []int{4, 7, 4} {
		p := open(t, c)
		if p.Still(true); where(p) != want {
			t.Errorf("Chrome %d is on %d, want %d", i, where(p), want)
		}
		pipes = append(pipes, p)
	}
	pipes[0].Still(false)
	_ = pipes[1].Close()
	pipes[1].Still(false) // there is nothing more to give back
	p := open(t, c)
	if p.Still(true); where(p) != 7 {
		t.Errorf("the next Chrome is on %d, want where nobody is", where(p))
	}
}

func TestOneOfGosProcessorsIsLeftWhilePagesStandStill(t *testing.T) {
	c := New(true)
	processors := runtime.GOMAXPROCS(0)
	var pipes []*Pipe
	for n := 1; n <= processors; n++ {
		p := open(t, c)
		p.Still(true)
		pipes = append(pipes, p)
		if keep := c.keep.Load(); keep != (n < processors) {
			t.Errorf("with %d still pages and %d processors, threads keep theirs: %v", n, processors, keep)
		}
	}
	_ = pipes[0].Close()
	pipes[0].Still(false) // it does not count twice
	if keep := c.keep.Load(); keep != (processors > 1) {
		t.Errorf("with one still page less, threads keep theirs: %v", keep)
	}
	for _, p := range pipes[1:] {
		p.Still(false)
	}
	if c.threads != 0 {
		t.Errorf("%d threads count as waiting when no page stands still", c.threads)
	}
}

func TestAChromeWhosePageMovesMayUseAllCores(t *testing.T) {
	p := open(t, twoCores(t))
	for _, still := range []bool{false, true, true, false, false, true} {
		if p.Still(still); (where(p) == polled) == still {
			t.Errorf("still: %t: Chrome is on %d", still, where(p))
		}
	}
}

func TestNothingIsMovedWithoutACoreToTake(t *testing.T) {
	for name, c := range map[string]*Cores{
		"not asked to":       New(false),
		"others' cores, too": newCores(make([]int, runtime.GOMAXPROCS(0)+1)),
	} {
		p := open(t, c)
		p.threads = func() iter.Seq[int] {
			t.Errorf("%s: threads are looked for, to be moved", name)
			return nobody()
		}
		if p.Still(true); where(p) != anyCore {
			t.Errorf("%s: our thread is on %d", name, where(p))
		}
		if p.Still(false); where(p) != polled {
			t.Errorf("%s: our thread is on %d when the page moves", name, where(p))
		}
	}
}
