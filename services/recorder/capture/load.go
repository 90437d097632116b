package capture

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

const (
	// loadStep is the time granted at once while the page loads.
	loadStep tenths = 10
	// calmSteps is how many steps in a row must find the page ready, calmPause what lies between them in real time. An
	// answer's last bytes take a moment to reach the page, which then works on them in the next step and may ask for more.
	calmSteps = 3
	calmPause = 20 * time.Millisecond
)

// document is what is known of the page's main document.
type document struct {
	mu     sync.Mutex
	url    string // as last redirected
	status int
	parsed bool
	loaded bool
}

func watchDocument(c *cdp.Client, page *rod.Page) *document {
	d := &document{}
	locked := func(f func()) {
		d.mu.Lock()
		defer d.mu.Unlock()
		f()
	}
	cdp.On(c, page.SessionID, func(e *proto.NetworkRequestWillBeSent) {
		if e.Type == proto.NetworkResourceTypeDocument && e.FrameID == page.FrameID {
			locked(func() { d.url, d.status = e.Request.URL, 0 })
		}
	})
	cdp.On(c, page.SessionID, func(e *proto.NetworkResponseReceived) {
		if e.Type == proto.NetworkResourceTypeDocument && e.FrameID == page.FrameID {
			locked(func() { d.status = e.Response.Status })
		}
	})
	cdp.On(c, page.SessionID, func(e *proto.PageFrameStartedLoading) {
		if e.FrameID == page.FrameID {
			locked(func() { d.parsed, d.loaded = false, false })
		}
	})
	cdp.On(c, page.SessionID, func(*proto.PageDomContentEventFired) { locked(func() { d.parsed = true }) })
	cdp.On(c, page.SessionID, func(*proto.PageLoadEventFired) { locked(func() { d.loaded = true }) })
	return d
}

func (d *document) answer() (address string, status int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.url, d.status
}

func (d *document) state() (parsed, loaded bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.parsed, d.loaded
}

// load navigates to the page and brings it to where frame 0 is drawn: loaded, its requests answered, its fonts there.
func (s *scene) load(ctx context.Context) error {
	begin := time.Now()
	if err := s.navigate(ctx); err != nil {
		return err
	}
	for calm := 0; calm < calmSteps; {
		if err := s.clock.grant(ctx, loadStep); err != nil {
			return err
		}
		if err := s.answered(ctx); err != nil {
			return err
		}
		parsed, loaded := s.document.state()
		young, overdue := s.requests.pending(s.Bounds.Request)
		// What never answers does not belong to the page, even if its load event waits for it.
		ready := young == 0 && (loaded || parsed && overdue > 0)
		if ready {
			var err error
			if ready, err = s.fontsReady(); err != nil {
				return err
			}
		}
		if calm++; !ready {
			calm = 0
		} else if err := pause(ctx, calmPause); err != nil {
			return err
		}
		if time.Since(begin) > s.Bounds.Load {
			if parsed {
				return nil
			}
			return timeoutError("not loaded in %s", s.Bounds.Load)
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// navigate sends the page to its URL and waits until that answers.
func (s *scene) navigate(ctx context.Context) error {
	reply, err := proto.PageNavigate{URL: s.URL}.Call(s.client.Within(ctx, s.Bounds.Load, s.page.SessionID))
	if errors.Is(err, cdp.ErrStalled) {
		return timeoutError("no answer in %s", s.Bounds.Load)
	}
	if err != nil {
		return err
	}
	if reply.ErrorText == "" {
		return nil
	}
	if err := s.answered(ctx); err != nil {
		return err
	}
	address, _ := s.document.answer()
	if err := s.unreached(address); err != nil {
		return connectError(err)
	}
	return navigationError(reply.ErrorText)
}

// answered returns the error of a document that came with an HTTP error, or of one too many.
func (s *scene) answered(ctx context.Context) error {
	address, status := s.document.answer()
	if status < 400 {
		return s.visits.endless()
	}
	if err := s.unreached(address); err != nil && status == 502 {
		return connectError(err) // the proxy's own answer
	}
	if err := s.turnedAway(ctx, status); err != nil {
		return err
	}
	return statusError(status)
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

// fontsReady lays the page out, which is what asks for its fonts, and reports whether all of them are there.
func (s *scene) fontsReady() (bool, error) {
	reply, err := proto.RuntimeEvaluate{
		Expression:    `(document.documentElement?.getBoundingClientRect(), document.fonts.status === "loaded")`,
		ReturnByValue: true,
	}.Call(s.page)
	if err != nil {
		return false, fmt.Errorf("look at fonts: %w", err)
	}
	return reply.Result.Value.Bool(), nil
}

// checkURL refuses what is no address of the web.
func checkURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return &PageError{Code: msg.CodeSceneRefused, Permanent: true, Err: errors.New("no http or https URL")}
	}
	return nil
}
