package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/loom-lite/loom-lite/bench/control"
	"github.com/loom-lite/loom-lite/bench/fleet"
	"github.com/loom-lite/loom-lite/bench/machine"
	"github.com/loom-lite/loom-lite/bench/measure"
	"github.com/loom-lite/loom-lite/bench/pages"
	"github.com/loom-lite/loom-lite/bench/report"
	"github.com/loom-lite/loom-lite/pkg/child"
)

// run measures as args say. With measure.WorkCommand it is the worker of a measurement instead.
func run(ctx context.Context, args []string, environ map[string]string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) == 1 && args[0] == measure.WorkCommand {
		return measure.Work(ctx, stdin, stdout, environ)
	}
	if len(args) == 2 && args[0] == control.NATSCommand {
		return control.ServeNATS(ctx, args[1], stdout)
	}
	if len(args) == 4 && args[0] == control.RiverCommand {
		return control.ServeRiver(ctx, args[1:], stdout)
	}
	if len(args) == 2 && args[0] == fleet.WorkersCommand {
		return fleet.ServeWorkers(ctx, args[1], stdin, stdout)
	}
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := child.AdoptOrphans(); err != nil {
		return err
	}
	r, err := bench(ctx, o, environ, stderr)
	if err != nil {
		return err
	}
	if err := write(o.out, r, stdout); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted after %d measurements", len(r.Runs))
	}
	if failed := len(r.Failed()); failed > 0 {
		return fmt.Errorf("%d measurements failed: the end of %s says why", failed, filepath.Join(o.out, "bench.md"))
	}
	return nil
}

// bench makes all measurements. When ctx is cancelled, it returns a report of those that are done.
func bench(ctx context.Context, o options, environ map[string]string, stderr io.Writer) (report.Report, error) {
	peers, err := filepath.Abs(o.peers)
	if err != nil {
		return report.Report{}, fmt.Errorf("find the peers: %w", err)
	}
	lookAt := ""
	if slices.Contains(o.Parts, report.Capture) && slices.Contains(o.Tools, measure.Peer) {
		lookAt = peers
	}
	about, err := machine.Look(ctx, environ, lookAt)
	if err != nil {
		return report.Report{}, err
	}
	site, err := measure.NewSite(pages.Files)
	if err != nil {
		return report.Report{}, err
	}
	defer func() { _ = site.Close() }()

	began, loadBefore := time.Now(), machine.Load()
	runs := plan(o.Settings)
	for i := range runs {
		run := &runs[i]
		result, err := measure.Start(ctx, measure.Job{
			Tool: run.Tool, Page: site.Page(run.Page), Width: o.Width, Height: o.Height, FPS: o.FPS,
			Frames: o.Frames, Scenes: run.Scenes, Peers: peers,
		}, o.timeout)
		if ctx.Err() != nil {
			runs = runs[:i]
			break
		}
		if err != nil {
			run.Error = err.Error()
		} else {
			run.Result = &result
		}
		tell(stderr, *run, i+1, len(runs))
	}
	r := report.New(o.Settings, runs)
	if slices.Contains(o.Parts, report.Transcode) && ctx.Err() == nil {
		r.Transcoding = transcode(ctx, o, site, environ, stderr)
	}
	if slices.Contains(o.Parts, report.ControlPart) && ctx.Err() == nil {
		r.Control = measureControl(ctx, o, stderr)
	}
	if slices.Contains(o.Parts, report.ScalingPart) && ctx.Err() == nil {
		r.Scaling = measureScaling(ctx, o, site, stderr)
	}
	if slices.Contains(o.Parts, report.FleetPart) && ctx.Err() == nil {
		r.Fleet = measureFleet(ctx, o, stderr)
	}
	r.Began, r.Took, r.Machine, r.LoadBefore, r.LoadAfter = began, time.Since(began), about, loadBefore, machine.Load()
	return r, nil
}

// transcodedPage is the page that transcoding is measured on. It moves in every frame.
const transcodedPage = "scroll"

// transcode measures the transcoder.
func transcode(ctx context.Context, o options, site *measure.Site, environ map[string]string, stderr io.Writer) *report.Transcoding {
	tell := func(what string) { _, _ = fmt.Fprintf(stderr, "transcoding, %s\n", what) }
	made, err := measure.Transcode(ctx, site, measure.Job{
		Page: site.Page(transcodedPage), Width: o.Width, Height: o.Height, FPS: o.FPS, Frames: o.TranscodeFrames,
	}, o.Repeat, o.timeout, environ, tell)
	if err != nil {
		tell(err.Error())
		return &report.Transcoding{Page: transcodedPage, FPS: o.FPS, Error: err.Error()}
	}
	return report.NewTranscoding(transcodedPage, o.FPS, made)
}

// plan returns the measurements of recording, in order. Tools take turns on each page, so that what
// disturbs the machine disturbs all of them.
func plan(s report.Settings) (runs []report.Run) {
	if !slices.Contains(s.Parts, report.Capture) {
		return nil
	}
	for turn := 1; turn <= s.Repeat; turn++ {
		for _, page := range s.Pages {
			for _, scenes := range s.Scenes {
				for _, tool := range s.Tools {
					runs = append(runs, report.Run{Page: page, Tool: tool, Scenes: scenes, Repeat: turn})
				}
			}
		}
	}
	return runs
}

// tell prints what a measurement came to.
func tell(w io.Writer, r report.Run, n, total int) {
	came := r.Error
	if r.Result != nil {
		came = fmt.Sprintf("%.1f fps, whole %.1f", r.Result.CaptureFPS(), r.Result.WholeFPS())
	}
	_, _ = fmt.Fprintf(w, "%d/%d  %s, %d at once, %s: %s\n", n, total, r.Page, r.Scenes, r.Tool, came)
}

// write writes bench.md, bench.json and, where there is a fleet, fleet.svg into a folder, and
// bench.md to stdout too.
func write(dir string, r report.Report, stdout io.Writer) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the report's folder: %w", err)
	}
	files := map[string]func(io.Writer) error{"bench.md": r.Markdown, "bench.json": r.JSON}
	if r.Fleet != nil {
		files["fleet.svg"] = r.Fleet.SVG
	}
	for name, to := range files {
		file, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		if err := errors.Join(to(file), file.Close()); err != nil {
			return err
		}
	}
	return r.Markdown(stdout)
}
