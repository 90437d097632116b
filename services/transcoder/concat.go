package transcoder

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/fingerprint"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/join"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/verify"
)

// transfers is how many segments are fetched at once.
const transfers = 4

// concat joins the segments. When no overlay follows, it writes the finished video and its
// thumbnails.
func (t *Transcoder) concat(ctx context.Context, task *stage.Task) (any, error) {
	p, err := stage.Params[msg.ConcatParams](task)
	if err != nil {
		return nil, err
	}
	names := segments(task.Inputs)
	if len(names) != len(p.Frames) || len(names) == 0 {
		return nil, fmt.Errorf("concat: %d segments, %d frame counts", len(names), len(p.Frames))
	}
	made, err := segmentFacts(task, names)
	if err != nil {
		return nil, fmt.Errorf("concat: %w", err)
	}
	if err := fetchSegments(ctx, task, names); err != nil {
		return nil, err
	}
	var source fingerprint.Set
	total := 0
	for i, n := range p.Frames {
		source.Add(made[i], total)
		total += n
	}
	want := verify.Expected{Width: p.Width, Height: p.Height, Rate: p.Rate, Frames: total, Captions: len(p.Captions) > 0}
	facts, err := t.join(ctx, task, p, names, made, want)
	if err != nil {
		return nil, fmt.Errorf("concat: %w", err)
	}
	task.Progress(0.8)
	if !p.Final {
		// for overlay's quality gate
		facts.Fingerprints, facts.Changes = source.Frames, source.Changes
		return facts, task.Store(ctx, msg.Joined, path(task, join.File))
	}
	video := verify.Finished{Name: join.File, Want: want, Facts: facts, Source: source, ThumbnailAt: p.ThumbnailAt}
	if facts.Report, err = verify.Gate(ctx, t.tools, task.Dir, video, frames(task, total, 0.8, 0.9)); err != nil {
		return nil, fmt.Errorf("concat: %w", err)
	}
	return facts, t.finish(ctx, task, video, p.Preview)
}

// join makes one file of the segments and measures it.
func (t *Transcoder) join(
	ctx context.Context, task *stage.Task, p msg.ConcatParams, names []string, made []msg.VideoFacts, want verify.Expected,
) (facts msg.VideoFacts, err error) {
	aligning := part(task, 0.3, 0.5)
	parameters, err := join.Align(ctx, t.encoder(task), p, names, made, func(frames, total int) {
		aligning(float64(frames) / float64(total))
	})
	if err != nil {
		return facts, err
	}
	if err := join.Join(ctx, t.tools, task.Dir, p, names, frames(task, want.Frames, 0.5, 0.75)); err != nil {
		return facts, err
	}
	if facts, err = verify.Measure(task.Dir, join.File, want); err != nil {
		return facts, err
	}
	if facts.Parameters != parameters {
		return facts, fmt.Errorf("the joined file has other parameter sets than the segments")
	}
	return facts, nil
}

// segments returns the names of the inputs that are segments, in the order of the scenes.
func segments(inputs map[string]msg.Input) []string {
	var names []string
	for name := range inputs {
		if strings.HasPrefix(name, msg.Segment+"-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// segmentFacts returns the facts of the segments.
func segmentFacts(task *stage.Task, names []string) ([]msg.VideoFacts, error) {
	list := make([]msg.VideoFacts, len(names))
	for i, name := range names {
		facts, err := stage.Facts[msg.VideoFacts](task, name)
		if err != nil {
			return nil, err
		}
		if facts.Parameters == "" {
			return nil, fmt.Errorf("the parameter sets of %s are not known", name)
		}
		list[i] = facts
	}
	return list, nil
}

// fetchSegments fetches the segments into files that have their names.
func fetchSegments(ctx context.Context, task *stage.Task, names []string) error {
	var fetched atomic.Int64
	report := part(task, 0, 0.3)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(transfers)
	for _, name := range names {
		group.Go(func() error {
			if err := task.Fetch(ctx, name, path(task, name)); err != nil {
				return err
			}
			report(float64(fetched.Add(1)) / float64(len(names)))
			return nil
		})
	}
	return group.Wait()
}
