package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/bench/scaling"
)

// Scaling is what was measured of one recorder and of two.
type Scaling struct {
	Page string       `json:"page"`
	Runs []ScalingRun `json:"runs"`
	// Error says why there is nothing, or why the servers did not stop.
	Error string `json:"error,omitempty"`
}

// ScalingRun is one measurement.
type ScalingRun struct {
	scaling.Job
	// Turn counts from 1.
	Turn   int             `json:"turn"`
	Result *scaling.Result `json:"result,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// String says what it came to.
func (r ScalingRun) String() string {
	what := fmt.Sprintf("%d recorders, transcoder %s", r.Recorders, transcoderIs(r.Alone))
	if r.Error != "" {
		return what + ": " + oneLine(r.Error)
	}
	return fmt.Sprintf("%s: %d scenes recorded in %s, the whole job in %s, recorders busy %.0f %%",
		what, r.Scenes, short(r.Result.Record), short(r.Result.Whole), 100*r.Result.Busy)
}

func transcoderIs(alone bool) string {
	if alone {
		return "paused"
	}
	return "at work"
}

func (s *Scaling) failed() (list []string) {
	if s.Error != "" {
		list = append(list, "scaling: "+s.Error)
	}
	for _, r := range s.Runs {
		if r.Error != "" {
			list = append(list, "scaling, "+r.String())
		}
	}
	return list
}

// aimScaling is what two recorders are to be faster by.
const aimScaling = 1.9

// of is the median of the measurements with so many recorders; 0 when there are none.
func (s *Scaling) of(recorders int, alone bool, value func(scaling.Result) float64) float64 {
	var list []scaling.Result
	for _, r := range s.Runs {
		if r.Recorders == recorders && r.Alone == alone && r.Result != nil {
			list = append(list, *r.Result)
		}
	}
	if len(list) == 0 {
		return 0
	}
	return median(each(list, value))
}

func (r Report) writeScaling(b *strings.Builder) {
	s := r.Scaling
	if s == nil || len(s.Runs) == 0 {
		return
	}
	job := s.Runs[0].Job
	fmt.Fprintf(b, "\n## Scaling\n\nA campaign of %d scenes of %s, %.3g s at %d fps, %d×%d, recorded by one recorder and by two, each with one slot "+
		"and its Chrome on a core of its own:\n\n", job.Scenes, s.Page, job.Seconds, job.FPS, job.Width, job.Height)
	record := func(r scaling.Result) float64 { return r.Record.Seconds() }
	whole := func(r scaling.Result) float64 { return r.Whole.Seconds() }
	var rows [][]string
	row := func(what string, alone bool, value func(scaling.Result) float64, aim string) {
		one, two := s.of(1, alone, value), s.of(2, alone, value)
		if one == 0 || two == 0 {
			return
		}
		seconds := func(v float64) string { return short(time.Duration(v * float64(time.Second))) }
		busy := 100 * s.of(2, alone, func(r scaling.Result) float64 { return r.Busy })
		rows = append(rows, []string{what, seconds(one), seconds(two), fmt.Sprintf("%.2f", one/two), aim, fmt.Sprintf("%.0f %%", busy)})
	}
	row("all scenes recorded, transcoder paused", true, record, fmt.Sprintf("at least %.1f", aimScaling))
	row("all scenes recorded, transcoder at work on the same cores", false, record, "–")
	row("the whole job", false, whole, "–")
	table(b, []string{"", "1 recorder:", "2 recorders:", "ratio:", "the aim", "both had a scene:"}, rows)
	frames := float64(job.Scenes) * job.Seconds * float64(job.FPS)
	bytes := s.of(1, true, func(r scaling.Result) float64 { return float64(r.Bytes) })
	cpu := s.of(1, true, func(r scaling.Result) float64 { return r.CPU.Seconds() })
	fmt.Fprintf(b, "\nOne recorder stores %.0f kB and uses %.1f ms of CPU time for each frame.\n", bytes/frames/1000, 1000*cpu/frames)
}
