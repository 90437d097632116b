package load

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

// Genuine returns an error when the document that has loaded is not the page that was asked for.
func (l *Loader) Genuine(ctx context.Context) error { return l.judge(ctx, l.Document.Now().Status) }

// evidence is what is known of a document without reading it.
func (l *Loader) evidence(status int) interstitial.Evidence {
	return interstitial.Evidence{Status: status, Header: l.Document.Header(), Asked: l.URL}
}

// judge reads the document, whose response had a status, and returns the error of an
// interstitial. It waits, within errorPageTime, for a document that is being replaced, or of which
// nothing has been read yet. Without one in that time there is nothing to judge.
func (l *Loader) judge(ctx context.Context, status int) error {
	for end := time.Now().Add(min(errorPageTime, l.Timeout)); ; {
		e := l.evidence(status)
		err := e.Read(l.World)
		if err != nil && !cdp.Gone(err) {
			return err
		}
		if err == nil && e.There {
			return e.Judge()
		}
		if time.Now().After(end) {
			return nil
		}
		if err := l.Clock.Run(ctx); err != nil {
			return err
		}
		if err := l.Requests.Wait(ctx, stepPause); err != nil {
			return err
		}
	}
}

// refused returns the error of a page that answered with an HTTP error because it wants a login or
// takes the recorder for a robot. The document of the error may show that; it is waited for when
// its status is one that challenges have.
func (l *Loader) refused(ctx context.Context, status int) error {
	e := l.evidence(status)
	if err := e.Judge(); err != nil || !interstitial.MayChallenge(status) {
		return err
	}
	end := time.Now().Add(min(errorPageTime, l.Timeout))
	for range errorPageSteps {
		if l.Document.Now().Parsed || time.Now().After(end) {
			break
		}
		if err := l.Clock.Run(ctx); err != nil {
			return err
		}
		if err := l.Requests.Wait(ctx, stepPause); err != nil {
			return err
		}
	}
	return l.judge(ctx, status)
}
