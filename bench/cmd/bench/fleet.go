package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/loom-lite/loom-lite/bench/control"
	"github.com/loom-lite/loom-lite/bench/fleet"
	"github.com/loom-lite/loom-lite/bench/report"
)

// measureFleet measures fleets of workers that do no work, one after the other. When ctx is
// cancelled, it returns what is done.
func measureFleet(ctx context.Context, o options, stderr io.Writer) *report.Fleet {
	f := &report.Fleet{}
	servers, err := control.StartServers(ctx)
	if err != nil {
		f.Error = err.Error()
		return f
	}
	defer func() {
		if err := servers.Stop(); err != nil {
			f.Error = errors.Join(errors.New(f.Error), err).Error()
		}
	}()
	for _, ingests := range o.control.ingests[:1] {
		for _, level := range o.fleets {
			if ctx.Err() != nil {
				return f
			}
			run := report.FleetRun{Job: fleet.Job{Level: level, For: o.fleetFor, Ingests: ingests, Programs: o.services}}
			within, cancel := context.WithTimeoutCause(ctx, o.timeout+2*o.fleetFor, errors.New("not done in time"))
			result, err := fleet.Measure(within, servers, run.Job)
			cancel()
			if run.Result = &result; err != nil {
				run.Error, run.Result = err.Error(), nil
			}
			f.Runs = append(f.Runs, run)
			_, _ = fmt.Fprintf(stderr, "fleet, %s\n", run)
		}
	}
	return f
}
