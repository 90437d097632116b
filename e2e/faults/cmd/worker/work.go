package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
)

// steps is how many parts the time of a task is divided into.
const steps = 10

// work makes the texts.
type work struct {
	config
	journal *os.File
}

func newWork(cfg config) (*work, error) {
	journal, err := os.OpenFile(cfg.Journal, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	return &work{cfg, journal}, nil
}

func (w *work) close() { _ = w.journal.Close() }

// of returns the handler that writes down that an attempt begins, takes its time, and does the
// work.
func (w *work) of(do func(context.Context, *stage.Task) (map[string]any, error)) stage.Handler {
	return stage.HandlerFunc(func(ctx context.Context, t *stage.Task) (any, error) {
		if err := w.note(t, "begins"); err != nil {
			return nil, err
		}
		defer func() { _ = w.note(t, "ends") }()
		if err := w.rest(ctx, t); err != nil {
			return nil, err
		}
		if rand.Float64() < w.Fail {
			return nil, errors.Join(errors.New("this attempt was to fail"), w.note(t, "fails"))
		}
		facts, err := do(ctx, t)
		if err != nil {
			return nil, err
		}
		if err := w.meet(ctx, t); err != nil {
			return nil, err
		}
		facts["faults_attempt"], facts["faults_worker"] = t.Attempt, w.WorkerID
		return facts, nil
	})
}

// note appends a line to the journal: one write of less than a page, so that lines of several
// workers do not mix.
func (w *work) note(t *stage.Task, what string) error {
	_, err := fmt.Fprintf(w.journal, "%s %s %s %s %d %s %d\n", what, t.TaskID, t.RenderID, t.Kind, t.Attempt, w.WorkerID, time.Now().UnixMilli())
	return err
}

// rest takes a random time.
func (w *work) rest(ctx context.Context, t *stage.Task) error { return w.restFor(ctx, t, w.Work) }

// restFor takes a random time of at most most.
func (w *work) restFor(ctx context.Context, t *stage.Task, most time.Duration) error {
	for i := range steps {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Duration(rand.Int64N(int64(most)/steps + 1))):
		}
		t.Progress(float64(i+1) / (steps + 1))
	}
	return nil
}

// meet returns when the render's other segments are as far.
func (w *work) meet(ctx context.Context, t *stage.Task) error {
	if w.Meet == "" || t.Kind != msg.Normalize {
		return nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.Meet+"?render="+t.RenderID.String(), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil // nobody to wait for
	}
	return response.Body.Close()
}

func (w *work) record(ctx context.Context, t *stage.Task) (map[string]any, error) {
	p, err := stage.Params[msg.RecordParams](t)
	if err != nil {
		return nil, err
	}
	if w.Bad != "" && strings.HasSuffix(p.URL, w.Bad) {
		// Others of the render have time to be done.
		time.Sleep(time.Second)
		return nil, stage.Permanent(msg.CodeSceneStatus, "The page answers with an error.", errors.New("the page is bad"))
	}
	if w.Long != "" && strings.HasSuffix(p.URL, w.Long) {
		if err := w.restFor(ctx, t, 2*time.Minute); err != nil {
			return nil, err
		}
	}
	var bytes int64
	for i, frames := range p.Pieces {
		name := msg.PieceName(i)
		text := fmt.Sprintf("page %s frames %d\n", p.URL, frames)
		bytes += int64(len(text))
		if err := store(ctx, t, name, text); err != nil {
			return nil, err
		}
		if i < len(p.Pieces)-1 {
			t.Announce(name)
			if err := w.rest(ctx, t); err != nil {
				return nil, err
			}
		}
	}
	return facts(msg.RecordFacts{Frames: p.Frames, Distinct: 1, Bytes: bytes, Mode: msg.ModeExact})
}

func (w *work) probe(ctx context.Context, t *stage.Task) (map[string]any, error) {
	p, err := stage.Params[msg.ProbeParams](t)
	if err != nil {
		return nil, err
	}
	if err := store(ctx, t, msg.FacecamFile, "facecam "+p.URL+"\n"); err != nil {
		return nil, err
	}
	return facts(msg.ProbeFacts{Bytes: 1, DurationMS: time.Duration(p.Length).Milliseconds(), Width: 2, Height: 2, AudioStream: 1})
}

func (w *work) draw(ctx context.Context, t *stage.Task) (map[string]any, error) {
	if err := store(ctx, t, msg.WatermarkFile, "watermark\n"); err != nil {
		return nil, err
	}
	return facts(msg.DrawFacts{Width: 2, Height: 2})
}

func (w *work) normalize(ctx context.Context, t *stage.Task) (map[string]any, error) {
	p, err := stage.Params[msg.NormalizeParams](t)
	if err != nil {
		return nil, err
	}
	text, err := fetch(ctx, t, msg.Mezzanine)
	if err == nil && p.Facecam {
		_, err = fetch(ctx, t, msg.FacecamFile)
	}
	if err != nil {
		return nil, err
	}
	if err := store(ctx, t, msg.Segment, text); err != nil {
		return nil, err
	}
	return facts(msg.VideoFacts{Frames: p.Frames, Bytes: int64(len(text)), Parameters: "same"})
}

func (w *work) concat(ctx context.Context, t *stage.Task) (map[string]any, error) {
	p, err := stage.Params[msg.ConcatParams](t)
	if err != nil {
		return nil, err
	}
	var video strings.Builder
	frames := 0
	for i, n := range p.Frames {
		text, err := fetch(ctx, t, msg.SegmentName(i))
		if err != nil {
			return nil, err
		}
		video.WriteString(text)
		frames += n
	}
	if p.Final {
		return finish(ctx, t, video.String(), frames, p.Rate, false)
	}
	if err := store(ctx, t, msg.Joined, video.String()); err != nil {
		return nil, err
	}
	return facts(msg.VideoFacts{Frames: frames, Bytes: int64(video.Len()), Parameters: "same"})
}

func (w *work) overlay(ctx context.Context, t *stage.Task) (map[string]any, error) {
	p, err := stage.Params[msg.OverlayParams](t)
	if err != nil {
		return nil, err
	}
	video, err := fetch(ctx, t, msg.Joined)
	if err != nil {
		return nil, err
	}
	sound, err := fetch(ctx, t, msg.FacecamFile)
	if err != nil {
		return nil, err
	}
	return finish(ctx, t, video+sound, p.Frames, p.Rate, true)
}

// finish stores the finished video and its thumbnails.
func finish(ctx context.Context, t *stage.Task, video string, frames int, rate msg.Rate, sound bool) (map[string]any, error) {
	for _, name := range []string{msg.Thumbnail, msg.ThumbnailSmall} {
		if err := store(ctx, t, name, name+"\n"); err != nil {
			return nil, err
		}
	}
	if err := store(ctx, t, msg.Video, video); err != nil {
		return nil, err
	}
	return facts(msg.VideoFacts{Frames: frames, Bytes: int64(len(video)), Sound: sound, Parameters: "same",
		Report: &msg.Report{Frames: frames, Bytes: int64(len(video)), Rate: rate, Codec: "text"}})
}

func fetch(ctx context.Context, t *stage.Task, name string) (string, error) {
	path := filepath.Join(t.Dir, name)
	if err := t.Fetch(ctx, name, path); err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	return string(text), err
}

func store(ctx context.Context, t *stage.Task, name, text string) error {
	if _, known := t.Outputs[name]; !known {
		return fmt.Errorf("no output %s among %v", name, slices.Sorted(maps.Keys(t.Outputs)))
	}
	path := filepath.Join(t.Dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	return t.Store(ctx, name, path)
}

// facts returns a kind's facts as a map, to which others can be added.
func facts(of any) (map[string]any, error) {
	data, err := json.Marshal(of)
	if err != nil {
		return nil, err
	}
	var m map[string]any
	return m, json.Unmarshal(data, &m)
}
