package transcoder

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
)

// transfers is how many segments are fetched at once.
const transfers = 4

// concat joins the segments. When no overlay follows it writes the finished video and its
// thumbnail.
func (h handler) concat(ctx context.Context, t *stage.Task) (any, error) {
	p, err := stage.Params[msg.ConcatParams](t)
	if err != nil {
		return nil, err
	}
	names := segments(t.Inputs)
	if len(names) != len(p.Frames) || len(names) == 0 {
		return nil, fmt.Errorf("concat: %d segments, %d frame counts", len(names), len(p.Frames))
	}
	made, err := segmentFacts(t, names)
	if err != nil {
		return nil, fmt.Errorf("concat: %w", err)
	}
	if err := fetchSegments(ctx, t, names); err != nil {
		return nil, err
	}
	parameters, err := h.align(ctx, t, p, names, made)
	if err != nil {
		return nil, fmt.Errorf("concat: %w", err)
	}
	total := 0
	var was seen
	for i, n := range p.Frames {
		was.add(made[i], total)
		total += n
	}
	list := concatList(p.Rate, names, p.Frames)
	if err := os.WriteFile(path(t, fileList), []byte(list), 0o600); err != nil {
		return nil, fmt.Errorf("concat: write the list of segments: %w", err)
	}
	if len(p.Captions) > 0 {
		if err := writeTrack(path(t, fileCaptions), p.Captions); err != nil {
			return nil, fmt.Errorf("concat: %w", err)
		}
	}
	if err := h.tools.Run(ctx, t.Dir, concatArgs(p), frames(t, total, 0.5, 0.75)); err != nil {
		return nil, fmt.Errorf("concat: %w", err)
	}
	want := expected{width: p.Width, height: p.Height, rate: p.Rate, frames: total, captions: len(p.Captions) > 0}
	facts, err := measure(t.Dir, fileJoined, want)
	if err != nil {
		return nil, fmt.Errorf("concat: %w", err)
	}
	if facts.Parameters != parameters {
		return nil, fmt.Errorf("concat: the joined file has other parameter sets than the segments")
	}
	t.Progress(0.8)
	if !p.Final {
		facts.Looks, facts.Changes = was.looks, was.changes // for whoever finishes it
		return facts, t.Store(ctx, msg.Joined, path(t, fileJoined))
	}
	video := finished{fileJoined, want, facts, was, candidates(want, p.ThumbnailAt)}
	if facts.Report, err = h.gate(ctx, t.Dir, video, frames(t, total, 0.8, 0.9)); err != nil {
		return nil, fmt.Errorf("concat: %w", err)
	}
	return facts, h.finish(ctx, t, video, nil)
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

// segmentFacts are what is known of the segments.
func segmentFacts(t *stage.Task, names []string) ([]msg.VideoFacts, error) {
	list := make([]msg.VideoFacts, len(names))
	for i, name := range names {
		facts, err := stage.Facts[msg.VideoFacts](t, name)
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
func fetchSegments(ctx context.Context, t *stage.Task, names []string) error {
	var fetched atomic.Int64
	report := part(t, 0, 0.3)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(transfers)
	for _, name := range names {
		group.Go(func() error {
			if err := t.Fetch(ctx, name, path(t, name)); err != nil {
				return err
			}
			report(float64(fetched.Add(1)) / float64(len(names)))
			return nil
		})
	}
	return group.Wait()
}
