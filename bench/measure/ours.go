package measure

import (
	"context"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
	"github.com/loom-lite/loom-lite/services/recorder"
)

// ours is our recorder.
type ours struct {
	job      Job
	recorder *recorder.Recorder
}

func newOurs(job Job, environ map[string]string) (ours, error) {
	settings := serviceSettings(environ, "CHROME_PATH", "CHROME_SANDBOX", "RECORDER_PINNING", "RECORDER_HUGE_PAGES")
	settings["EGRESS_ALLOW"] = pagesHost
	if settings["CHROME_SANDBOX"] = "on"; !sandbox(environ) {
		settings["CHROME_SANDBOX"] = "off"
	}
	cfg, err := recorder.LoadConfig(settings)
	if err != nil {
		return ours{}, err
	}
	cfg.Log = zerolog.Nop()
	r, err := recorder.New(cfg)
	return ours{job: job, recorder: r}, err
}

// serviceSettings are a service's as environ has them, by name, and what a service cannot be
// without.
func serviceSettings(environ map[string]string, names ...string) map[string]string {
	settings := map[string]string{"NATS_URL": "nats://127.0.0.1:4222"} // nothing is sent there
	for _, name := range names {
		if value := environ[name]; value != "" {
			settings[name] = value
		}
	}
	return settings
}

// sandbox reports whether Chrome gets its sandbox: as root it has none, whatever is asked for.
func sandbox(environ map[string]string) bool {
	return os.Geteuid() != 0 && environ["CHROME_SANDBOX"] != "off"
}

func (o ours) mezzanine(ctx context.Context, dir string, m marks) (output, error) {
	facts, err := o.record(ctx, dir, nil, m)
	return output{facts.Frames, facts.Distinct, facts.Bytes}, err
}

// stored records the scene and leaves its pieces in the store.
func (o ours) stored(ctx context.Context, dir string, m marks) (output, error) {
	facts, err := o.record(ctx, dir, nil, m)
	for i := range o.pieces() {
		if err == nil {
			err = o.storePiece(ctx, dir, i)
		}
	}
	return output{facts.Frames, facts.Distinct, facts.Bytes}, err
}

// pieces are the frames of each piece that a render would record the scene in.
func (o ours) pieces() []int { return plan.Pieces(msg.FPS(o.job.FPS), o.job.Frames) }

// record records the scene into dir. piece is told of each piece that is complete; it and
// m.finished may be nil.
func (o ours) record(ctx context.Context, dir string, piece func(i int), m marks) (msg.RecordFacts, error) {
	number, err := strconv.Atoi(filepath.Base(dir))
	if err != nil {
		return msg.RecordFacts{}, err
	}
	return o.recorder.Record(ctx, recorder.Job{
		Params: msg.RecordParams{
			Scene: number + 1, URL: o.job.Page, Width: o.job.Width, Height: o.job.Height, Rate: msg.FPS(o.job.FPS),
			Frames: o.job.Frames, Pieces: o.pieces(),
		},
		Dir: dir, Piece: piece, Log: zerolog.Nop(),
		Progress: func(frames int) {
			switch {
			case frames == 1:
				m.first()
			case frames == o.job.Frames && m.finished != nil:
				m.finished()
			}
		},
	})
}
