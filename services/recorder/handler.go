package recorder

import (
	"context"
	"path/filepath"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
)

// stored is the part of a task's progress at which everything is recorded; the rest is storing it.
const stored = 0.97

// handler records the scenes of tasks.
type handler struct{ *Recorder }

// Handle records one scene and stores its mezzanine.
func (h handler) Handle(ctx context.Context, t *stage.Task) (any, error) {
	params, err := stage.Params[msg.RecordParams](t)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(t.Dir, "mezzanine.mov")
	facts, err := h.Record(ctx, Job{
		Params: params, Path: path, Dir: t.Dir, Bundle: t.BundlePath(), Log: t.Log,
		Progress: func(frames int) { t.Progress(stored * float64(frames) / float64(params.Frames)) },
	})
	if err != nil {
		return nil, err
	}
	t.Log.Info().Int("frames", facts.Frames).Int("distinct", facts.Distinct).Int64("bytes", facts.Bytes).Msg("scene recorded")
	if err := t.Store(ctx, msg.Mezzanine, path); err != nil {
		return nil, err
	}
	t.Progress(1)
	return facts, nil
}
