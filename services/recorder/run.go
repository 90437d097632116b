package recorder

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/recorder/live"
)

// Run records scenes until ctx is cancelled, then drains. It fails at once when there is no Chrome
// that it can record with.
func Run(ctx context.Context, cfg Config) error {
	cfg.Metrics() // New is given a copy
	record, err := New(cfg)
	if err != nil {
		return err
	}
	found, err := record.Check(ctx)
	if ctx.Err() != nil {
		return nil // told to stop before it began
	}
	if err != nil {
		return fmt.Errorf("check Chrome: %w", err)
	}
	if found.Mode != msg.ModeExact {
		cfg.Log.Warn().Str("chrome", found.Path).Msg(NoFrameControl)
	}
	cfg.Log.Info().Str("chrome", found.Version).Str("mode", string(found.Mode)).Int("slots", cfg.Slots).Bool("sandbox", record.sandbox).
		Bool("huge_pages", record.preload != "").Msg("recorder starts")

	nc, err := cfg.ConnectNATS("recorder")
	if err != nil {
		return err
	}
	defer nc.Close()
	sender := live.New(nc, cfg.Log)
	quit, err := sender.Listen()
	if err != nil {
		return err
	}
	defer quit()
	if err := cfg.MeasureSpace(cfg.WorkDir); err != nil {
		return err
	}
	worker, err := stage.New(nc, stage.Config{
		Verb: msg.ConsumerRecord, Handlers: map[msg.Kind]stage.Handler{msg.Record: handler{record, sender}},
		Slots: cfg.Slots, WorkerID: cfg.WorkerID, Drain: cfg.Drain, WorkDir: cfg.WorkDir,
		Registry: cfg.Metrics(), Log: cfg.Log, Tools: found.Version + " " + string(found.Mode),
	})
	if err != nil {
		return err
	}
	workers := []*stage.Worker{worker}
	if cfg.Preflights > 0 {
		opening, err := stage.New(nc, stage.Config{
			Verb: msg.ConsumerPreflight, Handlers: map[msg.Kind]stage.Handler{msg.Preflight: opener{record}},
			Slots: cfg.Preflights, WorkerID: cfg.WorkerID, Drain: cfg.Drain, WorkDir: cfg.WorkDir,
			Registry: cfg.Metrics(), Log: cfg.Log,
		})
		if err != nil {
			return err
		}
		workers = append(workers, opening)
	}
	// It is ready when it can record: an ingest of the last release has no pages to open.
	alive := make([]func() error, len(workers))
	for i, w := range workers {
		alive[i] = w.Alive
	}
	stop, err := cfg.Serve(worker.Ready, alive...)
	if err != nil {
		return err
	}
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	for _, w := range workers {
		group.Go(func() error { return w.Run(ctx) })
	}
	return group.Wait()
}
