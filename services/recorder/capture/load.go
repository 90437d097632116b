package capture

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture/pageerror"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

const (
	// stepPause is how long in real time a page that is not ready is left alone between two steps,
	// unless one of its requests ends.
	stepPause = 10 * time.Millisecond
	// calmSteps is how many steps in a row must find the page ready, calmPause what lies between
	// them in real time. What answers outside of the page's own thread (a decoder, a database)
	// takes a moment, and may make it ask for more.
	calmSteps = 3
	calmPause = 10 * time.Millisecond
	// maxDocuments is how many documents in a row a page may lead to while it loads: as many as
	// Chrome follows redirects.
	maxDocuments = 20
)

// load navigates to the page and brings it to where frame 0 is drawn: loaded, its requests
// answered, its fonts there.
func (s *scene) load(ctx context.Context) error {
	s.loading = time.Now()
	if err := s.navigate(ctx); err != nil {
		return err
	}
	return s.settle(ctx)
}

// settle waits until the page is all there.
func (s *scene) settle(ctx context.Context) error { return s.calm(ctx, s.answered) }

// calm waits until the page is all there, or is judged to be none. It lets no page time pass: how
// many steps it takes depends on the network.
func (s *scene) calm(ctx context.Context, judge func(context.Context) error) error {
	for calm := 0; calm < calmSteps; {
		if changed, err := s.changeProcess(ctx); err != nil {
			return err
		} else if changed {
			calm = 0
		}
		if err := s.clock.run(ctx); err != nil {
			return err
		}
		if err := judge(ctx); err != nil {
			return err
		}
		ready, err := s.complete()
		if err != nil {
			return err
		}
		if time.Since(s.loading) > s.Bounds.Load {
			if s.document.Now().Parsed {
				return nil
			}
			return pageerror.Timeout("not loaded in %s", s.Bounds.Load)
		}
		wait := stepPause
		if calm++; ready {
			wait = calmPause
		} else {
			calm = 0
		}
		if calm < calmSteps {
			if err := s.requests.Wait(ctx, wait); err != nil {
				return err
			}
		}
	}
	return nil
}

// complete reports whether the page has what it asked for.
func (s *scene) complete() (bool, error) {
	d := s.document.Now()
	young, overdue := s.requests.Missing(s.Bounds.Request)
	// What never answers does not belong to the page, even if its load event waits for it.
	if young > 0 {
		return false, nil
	}
	if served, err := s.services.Ready(s.Bounds.Request); !served || err != nil {
		return false, err
	}
	if !d.Loaded && (!d.Parsed || overdue == 0) {
		if over, err := s.givenUp(); !over || err != nil {
			return false, err
		}
	}
	return s.observe()
}

// givenUp reports whether Chrome has stopped reading the document before its end, which no event
// tells: at window.stop(), or when a script led elsewhere and nothing came of it, as with a
// download. What was read stays, and is all there is. An address that is not of the web is the
// page's error: the page is there to have another program opened, or a file.
func (s *scene) givenUp() (over bool, err error) {
	err = s.world.Evaluate(`document.readyState === "complete" && performance.timing.domContentLoadedEventStart === 0`, &over)
	if cdp.Gone(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look whether the page loads: %w", err)
	}
	if asked := s.document.Next(); over && asked != "" && !ofTheWeb(asked) {
		return false, pageerror.Scheme(asked)
	}
	return over, nil
}

// answered returns the error of a document that did not come, came with an HTTP error, or is one
// too many.
func (s *scene) answered(ctx context.Context) error {
	d := s.document.Now()
	if d.Failure == "" && d.Status < 400 {
		if n := s.document.Responses(); n > maxDocuments {
			return pageerror.Endless(n)
		}
		return nil
	}
	if err := s.unreached(d.URL); err != nil && (d.Failure != "" || d.Status == 502) {
		return pageerror.Connect(err) // 502: the proxy's own answer
	}
	if d.Failure != "" && !ofTheWeb(d.URL) {
		return pageerror.Scheme(d.URL) // Chrome would have another program open it
	}
	if d.Status < 400 {
		return pageerror.Navigation(d.Failure)
	}
	if err := s.refused(ctx, d.Status); err != nil {
		return err
	}
	return pageerror.Status(d.Status)
}

// unreached returns why the host of address could not be connected to, when it could not.
func (s *scene) unreached(address string) error {
	u, err := url.Parse(address)
	if err != nil || s.Unreached == nil {
		return nil
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return s.Unreached(net.JoinHostPort(u.Hostname(), port))
}

// observe lays the page out, which is what asks for its fonts, reports whether all of them are
// there, and follows its clock.
func (s *scene) observe() (fonts bool, err error) {
	var seen struct {
		Fonts    bool    `json:"fonts"`
		Calendar float64 `json:"calendar"`
	}
	err = s.world.Evaluate(`(document.documentElement?.getBoundingClientRect(),
		{fonts: document.fonts.status === "loaded", calendar: performance.timeOrigin + performance.now()})`, &seen)
	if cdp.Gone(err) {
		return false, nil // another document has come: it is looked at next time
	}
	if err != nil {
		return false, fmt.Errorf("observe the page: %w", err)
	}
	s.clock.follow(seen.Calendar)
	return seen.Fonts, nil
}

// checkURL refuses what is no address of the web.
func checkURL(address string) error {
	if !ofTheWeb(address) {
		return &PageError{Code: msg.CodeSceneRefused, Permanent: true, Err: errors.New("no http or https URL")}
	}
	return nil
}

// ofTheWeb reports whether an address may be a web page's.
func ofTheWeb(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
