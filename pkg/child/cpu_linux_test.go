package child

import (
	"os/exec"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/usage"
)

// burns is a script that uses about as many ticks of CPU time, of its own.
const burns = `i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done`

func TestWhatAChildUsedIsAddedToTheAccount(t *testing.T) {
	var account usage.Account
	// Of the shell that is run, and of one that it waits for.
	cmd := exec.Command("/bin/sh", "-c", burns+`; (`+burns+`)`)
	state, err := Run(usage.With(t.Context(), &account), cmd, Options{Grace: grace}, discard)
	if err != nil {
		t.Fatal(err)
	}
	if want := state.UserTime() + state.SystemTime(); account.CPU() != want || want < 20*time.Millisecond {
		t.Errorf("the account has %s of %s", account.CPU(), want)
	}
	if _, err := Output(usage.With(t.Context(), &account), exec.Command("/bin/sh", "-c", burns), Options{Grace: grace}); err != nil {
		t.Fatal(err)
	}
	if account.CPU() <= state.UserTime()+state.SystemTime() {
		t.Error("a second child added nothing")
	}
}

// Chrome is killed with all of its processes, and nobody of it waits for them.
func TestAGroupIsCountedBeforeItIsKilled(t *testing.T) {
	dir := t.TempDir()
	// The leader burns nothing; a process of its group does, and says when it is done. A shell that
	// is killed may still wait for those of its children that are killed before it; sleep does not.
	p, err := Start(t.Context(), shell(dir, `(`+burns+`; mkfifo done; echo >done; sleep 60) & mkfifo ready; exec sleep 60`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("/bin/sh", "-c", `until [ -p "$1/done" ]; do sleep 0.01; done; cat "$1/done"`, "sh", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p.Count()
	if err := p.End(grace); err != nil {
		t.Fatal(err)
	}
	if alone := p.State().UserTime() + p.State().SystemTime(); p.CPU() < 20*time.Millisecond || alone > p.CPU()/2 {
		t.Errorf("the group used %s, its leader alone %s", p.CPU(), alone)
	}
}

func TestTheCPUTimeOfStatIsRead(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"12 (a) b) S 7 12 12 0 -1 4194304 0 0 0 0 150 25 30 5 20 0 1 0 77 0": 2100 * time.Millisecond,
		"12 (chrome) S 7 12 12 0 -1 4194304 0 0 0 0 x 25 30 5 20 0 1 0 77 0": 0,
		"12 (chrome) S": 0,
		"":              0,
	} {
		if got := processCPU([]byte(text)); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}
