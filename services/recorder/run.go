package recorder

import (
	"context"
	"fmt"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// Run records scenes until ctx is cancelled, then drains. It fails at once when Chrome cannot draw frames on demand.
func Run(ctx context.Context, cfg Config) error {
	version, err := CheckChrome(ctx, cfg.ChromePath, cfg.ChromeSandbox == "on")
	if ctx.Err() != nil {
		return nil // told to stop before it began
	}
	if err != nil {
		return fmt.Errorf("check Chrome: %w", err)
	}
	record, err := newHandler(cfg)
	if err != nil {
		return err
	}
	cfg.Log.Info().Str("chrome", version).Int("slots", cfg.Slots).Bool("sandbox", record.sandbox).Msg("recorder starts")

	nc, err := cfg.ConnectNATS("recorder")
	if err != nil {
		return err
	}
	defer nc.Close()
	worker, err := stage.New(nc, stage.Config{
		Verb: msg.ConsumerRecord, Handlers: map[msg.Kind]stage.Handler{msg.Record: record},
		Slots: cfg.Slots, WorkerID: cfg.WorkerID, Drain: cfg.Drain, WorkDir: cfg.WorkDir,
		Registry: cfg.Metrics(), Log: cfg.Log,
	})
	if err != nil {
		return err
	}
	stop, err := cfg.Serve(worker.Ready)
	if err != nil {
		return err
	}
	defer stop()
	return worker.Run(ctx)
}

// newHandler returns the handler that cfg describes.
func newHandler(cfg Config) (*handler, error) {
	path, err := chrome.Find(cfg.ChromePath)
	if err != nil {
		return nil, err
	}
	policy, err := egress.Parse(cfg.EgressAllow)
	if err != nil {
		return nil, fmt.Errorf("EGRESS_ALLOW: %w", err)
	}
	return &handler{
		chrome: path, sandbox: cfg.ChromeSandbox == "on", policy: policy, bounds: capture.DefaultBounds,
		maxBytes: maxMezzanine,
	}, nil
}
