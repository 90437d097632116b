package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/bench/scaling"
)

func TestScalingIsTheRatioOfOneRecorderToTwo(t *testing.T) {
	run := func(turn, recorders int, alone bool, record, whole time.Duration) ScalingRun {
		return ScalingRun{
			Turn: turn, Job: scaling.Job{Recorders: recorders, Scenes: 12, Seconds: 4, Width: 1920, Height: 1080, FPS: 60, Alone: alone},
			Result: &scaling.Result{Record: record, Whole: whole, Busy: 0.98, Bytes: 288_000_000, CPU: 144 * time.Second},
		}
	}
	r := Report{Scaling: &Scaling{Page: "scroll", Runs: []ScalingRun{
		run(1, 1, true, 100*time.Second, 160*time.Second), run(1, 2, true, 50*time.Second, 110*time.Second),
		run(1, 1, false, 120*time.Second, 130*time.Second), run(1, 2, false, 80*time.Second, 100*time.Second),
		{Turn: 2, Job: scaling.Job{Recorders: 2, Alone: true}, Error: "not done in time"},
	}}}
	var out bytes.Buffer
	if err := r.Markdown(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| all scenes recorded, transcoder paused | 1m40s | 50s | 2.00 | at least 1.9 | 98 % |",
		"| all scenes recorded, transcoder at work on the same cores | 2m0s | 1m20s | 1.50 | – | 98 % |",
		"| the whole job | 2m10s | 1m40s | 1.30 | – | 98 % |",
		"stores 100 kB and uses 50.0 ms",
		"- scaling, 2 recorders, transcoder paused: not done in time",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not have %q:\n%s", want, out.String())
		}
	}
}
