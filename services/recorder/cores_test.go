package recorder

import (
	"fmt"
	"runtime"
	"testing"
)

// pictures is a sink to which a picture is another one when it is not empty.
type pictures struct{}

func (pictures) Frame(jpeg []byte) (changed bool, err error) { return len(jpeg) > 0, nil }
func (pictures) Repeat() error                               { return nil }

// keptChrome is a Chrome that notes where it is, as its sink sees it.
type keptChrome struct {
	keeper
	where string
}

func newKept(t *testing.T, c *cores) *keptChrome {
	t.Helper()
	b := &keptChrome{where: "anywhere"}
	b.keeper = keeper{Sink: pictures{}, cores: c, chrome: b}
	t.Cleanup(b.leave)
	return b
}

func (b *keptChrome) Settle(cpus []int) { b.where = fmt.Sprint(cpus) }

func (b *keptChrome) Stir() { b.where = "anywhere" }

func (b *keptChrome) frames(changed, equal int) {
	for range changed {
		_, _ = b.Frame([]byte("jpeg"))
	}
	for range equal {
		_ = b.Repeat()
	}
}

func TestAPageIsStillWhenItsChangesAreFarApart(t *testing.T) {
	b := newKept(t, &cores{cpus: []int{4, 7}, held: make([]int, 2)})
	for i, part := range []struct {
		changed, equal int // frames, one after the other
		want           string
	}{
		{1, restful - 1, "anywhere"},
		{1, restful - 1, "anywhere"},
		{0, 1, "[4]"},
		{1, restful, "[4]"}, // a clock's hand
		{1, 1, "[4]"},
		{1, 0, "anywhere"},
		{5, restful, "[4]"},
	} {
		if b.frames(part.changed, part.equal); b.where != part.want {
			t.Fatalf("after part %d Chrome is on %s, want %s", i, b.where, part.want)
		}
	}
}

func TestStillPagesHaveDifferentCores(t *testing.T) {
	c := &cores{cpus: []int{4, 7}, held: make([]int, 2)}
	var chromes []*keptChrome
	for _, want := range []string{"[4]", "[7]", "[4]"} {
		b := newKept(t, c)
		if b.frames(1, 2*restful); b.where != want {
			t.Errorf("Chrome %d is on %s, want %s", len(chromes), b.where, want)
		}
		chromes = append(chromes, b)
	}
	chromes[0].frames(2, 0)
	chromes[1].leave()
	chromes[1].leave() // there is nothing more to give back
	b := newKept(t, c)
	if b.frames(0, restful); b.where != "[7]" {
		t.Errorf("the next Chrome is on %s, want where nobody is", b.where)
	}
}

func TestGoHasAProcessorMoreForEachStillPage(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	one, other := newKept(t, &cores{cpus: []int{4, 7}, held: make([]int, 2)}), newKept(t, &cores{})
	for i, part := range []struct {
		does func()
		want int
	}{
		{func() { one.frames(1, restful) }, 1},
		{func() { other.frames(1, 3*restful) }, 2},
		{func() { one.frames(2, 0) }, 1},
		{func() { one.leave(); other.leave() }, 0},
	} {
		part.does()
		if got := runtime.GOMAXPROCS(0) - before; got != part.want {
			t.Errorf("after part %d there are %d more, want %d", i, got, part.want)
		}
	}
}

func TestCoresThatAreOthersTooAreNotHandedOut(t *testing.T) {
	for _, c := range []*cores{{}, {cpus: []int{3}, held: make([]int, 1)}} {
		b := newKept(t, c)
		if b.frames(1, 2*restful); b.where != "[]" {
			t.Errorf("of cores %v Chrome keeps to %s", c.cpus, b.where)
		}
		b.leave()
	}
}
