package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/child"
)

func TestMain(m *testing.M) {
	// What a killed service leaves behind becomes a child of this process, and is found.
	if err := child.AdoptOrphans(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// The short form of the suite: some faults, once and small. make faults runs all.
func TestNothingIsLostOrDoubledOrLeftBehind(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	if end, bounded := t.Deadline(); bounded {
		// While there is time left to say what was found.
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, end.Add(-2*time.Minute), errors.New("the suite takes too long"))
		defer cancel()
	}
	bin := t.TempDir()
	if err := Build(ctx, bin, nil); err != nil {
		t.Fatal(err)
	}
	results, err := Execute(ctx, Options{Faults: All(), Seeds: 1, First: 1, Bin: bin, Out: os.Getenv("LOOM_FAULTS_OUT"), Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if len(r.Findings) > 0 {
			t.Error(r)
		}
	}
}

// A feed that went on would keep renders open, and the run would wait for their end.
func TestWhatAFaultBeganEndsAlsoWhenItFails(t *testing.T) {
	var ended bool
	failure := errors.New("a server does not start")
	r := newRun(nil, Fault{Do: func(ctx context.Context, r *Run) error {
		r.beside.Go(func() {
			<-ctx.Done()
			ended = true
		})
		return failure
	}}, 1, 1, "", "")
	if err := r.do(t.Context()); !errors.Is(err, failure) || !ended {
		t.Errorf("%v; ended: %v", err, ended)
	}
}

// make faults FAULTS='-guards .' runs the suite without each of them.
func TestEachGuardCanStillBeBroken(t *testing.T) {
	guards, err := Guards()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range guards {
		if err := g.Applies(t.Context(), "../.."); err != nil {
			t.Error(err)
		}
	}
}

func TestAVideoIsComparedPageByPage(t *testing.T) {
	for video, want := range map[string]string{
		"page a frames 10\n": "page a frames 10\n",
		"page a frames 20\npage a frames 10\npage b frames 3\n": "page a frames 30\npage b frames 3\n",
		"page a frames 1\nfacecam f\n":                          "page a frames 1\nfacecam f\n",
	} {
		if got := joined(video); got != want {
			t.Errorf("%q: %q, want %q", video, got, want)
		}
	}
}

func TestAReportCountsRunsThatBrokeAPromise(t *testing.T) {
	var b strings.Builder
	f := Fault{Name: "storm", What: "thunder"}
	err := Report(&b, []Result{
		{Fault: f, Seed: 1, Renders: 3, Counts: map[string]int{"kill -9": 2}},
		{Fault: f, Seed: 2, Renders: 4, Counts: map[string]int{"kill -9": 3}, Findings: []Finding{{Lost, "x"}, {Lost, "y"}, {Left, "z"}}},
	})
	if want := "| storm | thunder | 2 | 7 | kill -9: 5 | 1 | 0 | 0 | 1 | 0 | 0 | 0.0 |"; err != nil || !strings.Contains(b.String(), want) {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestAWaitThatIsInVainSaysForWhat(t *testing.T) {
	never := make(chan error)
	if err := within(time.Millisecond, "the sun rises", func() error { return <-never }); err == nil || !strings.Contains(err.Error(), "the sun rises") {
		t.Error(err)
	}
	close(never)
}

func TestOnlyAMachineThatKeepsUpIsJudgedByTheClock(t *testing.T) {
	at := func(seconds float64) time.Time { return time.Unix(0, int64(seconds*1e9)) }
	for name, test := range map[string]struct {
		took float64
		late bool
	}{"soon enough": {4, false}, "late": {9, true}, "much too late": {101, true}} {
		for _, busy := range []bool{false, true} {
			r := newRun(nil, Fault{}, 1, 1, "", "")
			if busy {
				r.pulse.beats = []beat{{at(99), at(99.1)}, {at(102), at(103)}}
			}
			r.judge("it took", at(100), at(100+test.took), 5*time.Second, "it ended")
			if late, want := len(r.findings) > 0, test.late && !busy || test.took > 100; late != want {
				t.Errorf("%s, busy: %v: %v", name, busy, r.findings)
			}
		}
	}
}
