package capture

import (
	"context"
	"time"

	"github.com/loom-lite/loom-lite/pkg/telemetry"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/overrides"
	"github.com/loom-lite/loom-lite/services/recorder/capture/pageerror"
)

// session is one capture under way.
type session struct {
	*Options
	*tab
	mode     mode
	sequence *sequence
	observer *observer
}

// capture captures a page. Its error is a *PageError if it is the page's.
func capture(ctx context.Context, b Browser, o *Options, sink Sink, crashed func()) error {
	watched := &observer{Sink: sink, notices: o.Notices, read: -1}
	q := newSequence(o, watched)
	watched.at = q.at
	m, t, err := open(ctx, b, o, q, crashed)
	if err != nil {
		return err // whatever it is, it is not the page's
	}
	watched.page(t, m)
	s := &session{Options: o, tab: t, mode: m, sequence: q, observer: watched}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"load page", s.load}, {"check page", s.loader.Genuine}, {"make page ready", s.ready}, {"capture frames", s.frames}, {"look back", s.conclude},
	} {
		ctx, end := telemetry.Step(ctx, step.name)
		err = step.do(ctx)
		if end(err); err != nil {
			break
		}
	}
	if err != nil && !q.began() {
		s.show(ctx, err)
	}
	s.surveyed()
	return classify(err)
}

// prepare goes to the page's origin, and sets its documents up.
func (s *session) prepare(ctx context.Context) error {
	if err := s.loader.Enter(ctx); err != nil {
		return err
	}
	if s.Diagnostics != nil {
		if err := s.Diagnostics.Opened(s.client, s.page); err != nil {
			return err
		}
	}
	if s.Repeatable {
		if err := overrides.Repeatable(s.page); err != nil {
			return err
		}
	}
	if err := s.mode.prepare(); err != nil {
		return err
	}
	if s.Director == nil {
		return nil
	}
	return s.Director.Prepare(ctx, s.page)
}

// load loads the page.
func (s *session) load(ctx context.Context) error {
	begun := time.Now()
	err := s.loader.Load(ctx)
	if s.Survey != nil {
		s.Survey.Load = time.Since(begun)
	}
	return err
}

// ready gives the director the page before frame 0.
func (s *session) ready(ctx context.Context) error {
	if s.Director == nil {
		return nil
	}
	if err := s.Director.Ready(ctx, s.page, s.mode.pass); err != nil {
		return err
	}
	s.loader.Restart()           // what frame 0 requests has its own time
	return s.loader.Genuine(ctx) // scripts may have navigated meanwhile
}

// frames captures the frames, in all within a bound: a page may be slow, but not in each of them.
func (s *session) frames(ctx context.Context) error {
	if s.Bounds.Frame > 0 {
		bound := s.Bounds.Call + time.Duration(s.Frames)*s.Bounds.Frame
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, bound, pageerror.Timeout("%d frames did not come in %s", s.Frames, bound))
		defer cancel()
	}
	return s.mode.capture(ctx)
}

// conclude completes the notices.
func (s *session) conclude(ctx context.Context) error {
	if err := s.observer.conclude(ctx, s.Bounds.Request); err != nil {
		return err
	}
	return s.survey()
}
