package transcoder

import (
	"context"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
)

// Run works on tasks until ctx is cancelled. Then it drains, and returns when everything that it
// started has ended. It waits for servers that are away; an FFmpeg that cannot do the work is an
// error at once.
func Run(ctx context.Context, cfg Config) error {
	version, err := CheckFFmpeg(ctx, cfg.FFmpegPath, cfg.FFprobePath)
	if err != nil {
		return err
	}
	t, err := New(cfg)
	if err != nil {
		return err
	}
	defer t.Close()
	nc, err := cfg.ConnectNATS("transcoder")
	if err != nil {
		return err
	}
	defer nc.Close()

	if err := cfg.MeasureSpace(cfg.WorkDir); err != nil {
		return err
	}
	worker, err := stage.New(nc, stage.Config{
		Verb: msg.ConsumerTranscode, Slots: cfg.Slots, Fetches: cfg.Fetches, WorkerID: cfg.WorkerID, Drain: cfg.Drain, WorkDir: cfg.WorkDir,
		Registry: cfg.Metrics(), Log: cfg.Log, Handlers: t.Handlers(), Tools: version,
	})
	if err != nil {
		return err
	}
	stop, err := cfg.Serve(worker.Ready, worker.Alive)
	if err != nil {
		return err
	}
	defer stop()
	cfg.Log.Info().Str("ffmpeg", version).Int("slots", cfg.Slots).Int("threads", t.threads).Msg("transcoder starts")
	return worker.Run(ctx)
}
