package recorder

import (
	"context"
	"os"
	"sync"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/recorder/live"
)

// stored is the part of a task's progress at which everything is recorded; the rest is storing it.
const stored = 0.97

// handler records the scenes of tasks.
type handler struct {
	*Recorder
	// live sends pictures of the scenes to who looks; nil: to nobody.
	live *live.Sender
}

// Handlers returns the handler of each kind of task. They may be called at the same time.
func (r *Recorder) Handlers() map[msg.Kind]stage.Handler {
	return map[msg.Kind]stage.Handler{msg.Record: handler{Recorder: r}}
}

// Handle records one scene. It stores each piece of the mezzanine while the next is being recorded.
func (h handler) Handle(ctx context.Context, t *stage.Task) (any, error) {
	params, err := stage.Params[msg.RecordParams](t)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// so that recording never waits for storage
	pieces := make(chan int, max(1, len(params.Pieces)))
	var storing sync.WaitGroup
	var unstored error
	storing.Go(func() {
		if unstored = storePieces(ctx, t, pieces); unstored != nil {
			cancel(unstored)
		}
	})
	feed := h.live.Open(t.RenderID, t.TaskID)
	defer feed.Close()
	facts, err := h.Record(ctx, Job{
		Params: params, Dir: t.Dir, PieceBytes: storable(t), Bundle: t.BundlePath(), Log: t.Log, Attempt: t.Attempt, Piece: func(i int) { pieces <- i },
		Shown:    feed.Show,
		Progress: func(frames int) { t.Progress(stored * float64(frames) / float64(params.Frames)) },
	})
	close(pieces)
	if err != nil {
		cancel(err)
		storing.Wait()
		return nil, err // which is that of storing, if that came first
	}
	t.Log.Info().Int("frames", facts.Frames).Int("distinct", facts.Distinct).Int64("bytes", facts.Bytes).Msg("scene recorded")
	if storing.Wait(); unstored != nil {
		return nil, unstored
	}
	t.Progress(1)
	return facts, nil
}

// storable is the size of the largest file that can be stored as any of the task's outputs.
func storable(t *stage.Task) int64 {
	most := int64(msg.MaxObject)
	for _, output := range t.Outputs {
		most = min(most, output.Most())
	}
	return most
}

// storePieces stores the pieces whose places it receives, and removes their files. It announces all
// but the last of the scene's, which goes with the result: what needs all of them then waits until
// the recording has succeeded.
func storePieces(ctx context.Context, t *stage.Task, pieces <-chan int) error {
	for i := range pieces {
		name, path := msg.PieceName(i), PiecePath(t.Dir, i)
		if err := t.Store(ctx, name, path); err != nil {
			return err
		}
		if i < len(t.Outputs)-1 {
			t.Announce(name)
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}
