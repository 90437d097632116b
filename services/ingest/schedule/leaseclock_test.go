package schedule

import (
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestLeasesAreGivenTimeWhenTheDatabasesClockMoves(t *testing.T) {
	t.Parallel()
	const lease = 20 * time.Second
	here, there := time.Unix(1_000, 0), time.Unix(5_000, 0)
	c := newLeaseClock(Config{Lease: lease, Log: zerolog.New(zerolog.NewTestWriter(t))})
	// goOn has a probe after a while, in which the database's clock moves by a step more.
	goOn := func(passed, step time.Duration) (amend bool) {
		here, there = here.Add(passed), there.Add(passed+step)
		return c.note(there, here, here)
	}
	settle := func() {
		t.Helper()
		for range 3 {
			goOn(heartbeatEvery(lease), 0)
		}
		if at := c.lapsed(); at == nil || !at.Equal(there) {
			t.Fatalf("two heartbeats later leases lapse up to %v, want %v", at, there)
		}
	}
	if !goOn(0, 0) {
		t.Error("a clock that moved back before the start is not amended")
	}
	settle()
	for _, step := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		amend := goOn(heartbeatEvery(lease), step)
		if c.lapsed() != nil {
			t.Errorf("after a step of %v leases lapse before two heartbeats could arrive", step)
		}
		if amend != (step < 0) {
			t.Errorf("after a step of %v rows are brought forward: %v", step, amend)
		}
		settle()
	}
	for range 20 {
		goOn(heartbeatEvery(lease), 0)
	}
	if goOn(heartbeatEvery(lease), 0) {
		t.Error("rows are brought forward for ever")
	}
	// This process stood still between the question and its answer: no clock has moved.
	here, there = here.Add(time.Minute), there.Add(time.Minute)
	if c.note(there, here, here.Add(30*time.Second)); c.note(there.Add(30*time.Second), here.Add(30*time.Second), here.Add(30*time.Second)) {
		t.Error("a late answer counts as a clock that has moved back")
	}
}
