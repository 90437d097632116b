package recorder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/recorder/bundle"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/direct"
	"github.com/loom-lite/loom-lite/services/recorder/judge"
	"github.com/loom-lite/loom-lite/services/recorder/shrink"
)

// A page that is opened once is captured for two seconds of its time, ten pictures a second: what
// fades in or comes late is there then.
const (
	openRate   = 10
	openFrames = 2*openRate + 1
	// openFrame and openRequests are capture.Bounds.Frame and Requests: there is less patience than
	// in a render.
	openFrame, openRequests = 500 * time.Millisecond, 10 * time.Second
)

// The picture that is kept of a page, at most.
const (
	openedWidth, openedHeight = 960, 960
	openedBytes               = 512 << 10
)

// opener opens the pages of preflights.
type opener struct{ *Recorder }

// Handle opens a page once, judges it and stores its picture. That a page cannot be recorded is
// what was found, and no failure.
func (o opener) Handle(ctx context.Context, t *stage.Task) (any, error) {
	params, err := stage.Params[msg.PreflightParams](t)
	if err != nil {
		return nil, err
	}
	facts, picture, err := o.Open(ctx, t.Dir, params, Job{Log: t.Log})
	if err != nil {
		return nil, err
	}
	if picture != nil {
		path := filepath.Join(t.Dir, "picture.jpg")
		if err := os.WriteFile(path, picture, 0o600); err != nil {
			return nil, fmt.Errorf("write the picture: %w", err)
		}
		if err := t.Store(ctx, msg.Picture, path); err != nil {
			return nil, err
		}
	}
	t.Log.Info().Str("class", string(facts.Findings[0].Class)).Dur("load_ms", time.Duration(facts.Load)).Msg("page opened")
	return facts, nil
}

// Open opens a page once as a scene would be recorded, but for what happens while it is: scroll and
// actions are left out. It returns what was found and a picture, which is nil if there is none. dir
// is for temporary files.
func (r *Recorder) Open(ctx context.Context, dir string, p msg.PreflightParams, j Job) (facts msg.PreflightFacts, picture []byte, err error) {
	opened := *r
	opened.bounds.Frame, opened.bounds.Requests = openFrame, openRequests
	scene := msg.RecordParams{
		Scene: p.Scene, URL: p.URL, Width: p.Width, Height: p.Height, Rate: msg.FPS(openRate), Frames: openFrames, Options: p.Options,
	}
	scene.Options.Scroll, scene.Options.Actions = nil, nil
	scene = asPage(scene)
	var survey capture.Survey
	var notices capture.Notices
	shown := bundle.New(scene)
	j.Params, j.Dir, j.survey = scene, dir, &survey
	failed := opened.capture(ctx, j, direct.New(scene), shown, &changes{}, &notices)
	var page *capture.PageError
	if failed != nil && !errors.As(failed, &page) {
		return facts, nil, failed
	}
	seen := judge.Seen{
		Asked: p.URL, Page: shownURL(p.URL), Options: p.Options, Survey: survey, Failure: page, Warnings: noticed(scene, notices),
	}
	if survey.Address != "" {
		seen.Address = shownURL(survey.Address)
	}
	if page != nil {
		seen.Why = sentence(reason(seen.Page, page))
	} else {
		seen.Strict = strictWarning(scene, seen.Warnings)
	}
	facts = msg.PreflightFacts{Address: seen.Address, Status: survey.Status, Load: msg.Duration(survey.Load), Warnings: seen.Warnings}
	facts.Findings, facts.Fails = judge.Judge(seen)
	if last := shown.Last(); len(last) > 0 {
		small, err := shrink.To(last, openedWidth, openedHeight, openedBytes)
		if err != nil {
			return facts, nil, err
		}
		facts.Picture, facts.Width, facts.Height, picture = true, small.Width, small.Height, small.JPEG
	}
	return facts, picture, nil
}

// sentence begins with a capital letter, unless it begins with an address.
func sentence(s string) string {
	if strings.HasPrefix(s, "http") || s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// changes is a sink that keeps nothing, and knows which pictures differ.
type changes struct{ last []byte }

func (c *changes) Frame(jpeg []byte) (changed bool, err error) {
	changed = !bytes.Equal(c.last, jpeg)
	c.last = jpeg
	return changed, nil
}

func (c *changes) Repeat() error { return nil }
