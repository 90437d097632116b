package transcoder

import (
	"context"
	"fmt"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/facecam"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/sound"
)

// probe fetches a facecam, makes sure that it is a video that the later stages can use, measures it
// and stores it as it came.
func (t *Transcoder) probe(ctx context.Context, task *stage.Task) (any, error) {
	p, err := stage.Params[msg.ProbeParams](task)
	if err != nil {
		return nil, err
	}
	size, err := t.facecams.Fetch(ctx, p.URL, path(task, facecam.File), part(task, 0, 0.5))
	if err != nil {
		return nil, err
	}
	facts, err := t.examineInTurn(ctx, task, time.Duration(p.Length))
	if err != nil {
		return nil, err
	}
	facts.Bytes = size
	task.Progress(0.9)
	return facts, task.Store(ctx, msg.FacecamFile, path(task, facecam.File))
}

// examineInTurn is examine for as many facecams at once as there are slots. More may be fetched at
// once, but decoding takes CPU time.
func (t *Transcoder) examineInTurn(ctx context.Context, task *stage.Task, length time.Duration) (msg.ProbeFacts, error) {
	if t.examining != nil {
		select {
		case t.examining <- struct{}{}:
			defer func() { <-t.examining }()
		case <-ctx.Done():
			return msg.ProbeFacts{}, fmt.Errorf("wait for others to be measured: %w", context.Cause(ctx))
		}
	}
	return t.examine(ctx, task, length)
}

// examine measures a facecam for a video of the given length; 0 for one as long as the facecam.
func (t *Transcoder) examine(ctx context.Context, task *stage.Task, length time.Duration) (msg.ProbeFacts, error) {
	found, err := facecam.Examine(ctx, t.tools, task.Dir)
	if err != nil {
		return msg.ProbeFacts{}, err
	}
	task.Progress(0.6)
	facts := found.Facts
	source := sound.SourceOf(found.Headers, facts)
	if source == nil {
		return facts, nil
	}
	if length == 0 {
		length = found.Length
	}
	facts.Loudness, err = source.Measure(ctx, t.tools, task.Dir, sound.WebSpeech, length, part(task, 0.6, 0.9))
	return facts, err
}
