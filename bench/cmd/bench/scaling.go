package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/loom-lite/loom-lite/bench/control"
	"github.com/loom-lite/loom-lite/bench/measure"
	"github.com/loom-lite/loom-lite/bench/report"
	"github.com/loom-lite/loom-lite/bench/scaling"
)

// measureScaling measures a campaign with one recorder and with two: alone, and with the transcoder
// at work on the same cores. When ctx is cancelled, it returns what is done.
func measureScaling(ctx context.Context, o options, site *measure.Site, stderr io.Writer) *report.Scaling {
	s := &report.Scaling{Page: transcodedPage}
	servers, err := control.StartServers(ctx)
	if err != nil {
		s.Error = err.Error()
		return s
	}
	defer func() {
		if err := servers.Stop(); err != nil {
			s.Error = errors.Join(errors.New(s.Error), err).Error()
		}
	}()
	for turn := 1; turn <= o.Repeat; turn++ {
		for _, alone := range []bool{true, false} {
			for _, recorders := range []int{1, 2} {
				if ctx.Err() != nil {
					return s
				}
				run := report.ScalingRun{Turn: turn, Job: scaling.Job{
					Recorders: recorders, Scenes: o.campaign, Seconds: float64(o.Frames) / float64(o.FPS), Width: o.Width, Height: o.Height,
					FPS: o.FPS, Alone: alone, URL: site.Page(transcodedPage), Programs: o.services,
				}}
				within, cancel := context.WithTimeoutCause(ctx, o.timeout+o.campaignTime(), errors.New("not done in time"))
				result, err := scaling.Measure(within, servers, run.Job)
				cancel()
				if run.Result = &result; err != nil {
					run.Error, run.Result = err.Error(), nil
				}
				s.Runs = append(s.Runs, run)
				_, _ = fmt.Fprintf(stderr, "scaling, turn %d, %s\n", turn, run)
			}
		}
	}
	return s
}

// campaignTime is more than what a campaign takes.
func (o options) campaignTime() time.Duration {
	return time.Duration(o.campaign*o.Frames) * time.Second / 2
}
