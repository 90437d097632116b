package capture

import (
	"context"
	"time"

	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/interstitial"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// errorPageSteps and errorPageTime bound how long the document of an error may take until it can be
// judged.
const (
	errorPageSteps = 500
	errorPageTime  = 5 * time.Second
)

// genuine returns an error when the document that has loaded is not the page that was asked for.
func (s *scene) genuine(ctx context.Context) error { return s.judge(ctx, s.document.Now().Status) }

// evidence is what is known of a document without looking at it.
func (s *scene) evidence(status int) interstitial.Evidence {
	return interstitial.Evidence{Status: status, Header: s.document.Header(), Asked: s.URL}
}

// judge looks at the document, whose response had a status, and returns the error of an interstitial. It waits, within
// errorPageTime, for a document that is being replaced, or of which nothing has been read yet.
// Without one in that time there is nothing to judge.
func (s *scene) judge(ctx context.Context, status int) error {
	for end := time.Now().Add(min(errorPageTime, s.Bounds.Load)); ; {
		e := s.evidence(status)
		err := e.Look(s.world)
		if err != nil && !cdp.Gone(err) {
			return err
		}
		if err == nil && e.There {
			return e.Judge()
		}
		if time.Now().After(end) {
			return nil
		}
		if err := s.clock.run(ctx); err != nil {
			return err
		}
		if err := s.requests.Wait(ctx, stepPause); err != nil {
			return err
		}
	}
}

// refused returns the error of a page that answered with an HTTP error because it wants a login or
// takes the recorder for a robot. The document of the error may show that; it is waited for when its
// status is one that challenges have.
func (s *scene) refused(ctx context.Context, status int) error {
	e := s.evidence(status)
	if err := e.Judge(); err != nil || !interstitial.MayChallenge(status) {
		return err
	}
	end := time.Now().Add(min(errorPageTime, s.Bounds.Load))
	for range errorPageSteps {
		if s.document.Now().Parsed || time.Now().After(end) {
			break
		}
		if err := s.clock.run(ctx); err != nil {
			return err
		}
		if err := s.requests.Wait(ctx, stepPause); err != nil {
			return err
		}
	}
	return s.judge(ctx, status)
}
