package forecast

import (
	"testing"
	"time"
)

func TestWhatWasSaidIsComparedWithWhatHappened(t *testing.T) {
	begun := time.Unix(1000, 0)
	at := func(seconds float64) time.Time { return begun.Add(time.Duration(seconds * float64(time.Second))) }
	l := Life{Begun: begun, Ended: at(100), said: []said{
		{at: at(0), estimated: at(80), likely: at(120)}, // 20 of 100 too early, and between
		{at: at(30), estimated: at(100), likely: at(101)},
		{at: at(60), estimated: at(70), likely: at(90)}, // 30 of 40
		{at: at(90)}, // nothing
	}}
	list := Compare([]Life{l})
	if e := list[0]; e.Median != 0.2 || e.Between != 1 || e.ByEstimate != 0 || e.ByLikely != 1 || e.Left != 100*time.Second || e.Late != 1.25 {
		t.Errorf("at the beginning: %+v", e)
	}
	if e := list[1]; e.Median != 0 || e.ByEstimate != 1 {
		t.Errorf("after a quarter: %+v", e)
	}
	if e := list[2]; e.Median != 0.75 || e.ByLikely != 0 {
		t.Errorf("after a half: %+v", e)
	}
	if e := list[3]; e.Renders != 0 || e.Unsaid != 1 {
		t.Errorf("after three quarters: %+v", e)
	}
}
