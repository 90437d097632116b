package capture

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

const (
	// maxVisits is how many documents in a row a page may lead to while it loads: as many as Chrome
	// follows redirects.
	maxVisits = 20
	// settleSteps and settleTime bound how long an error's page may take until it can be looked at.
	settleSteps = 500
	settleTime  = 5 * time.Second
)

// visits knows the main document's answers.
type visits struct {
	mu     sync.Mutex
	n      int
	header http.Header // of the last
}

func watchVisits(c *cdp.Client, page *rod.Page) *visits {
	v := &visits{}
	cdp.On(c, page.SessionID, func(e *proto.NetworkResponseReceived) {
		if e.Type != proto.NetworkResourceTypeDocument || e.FrameID != page.FrameID {
			return
		}
		header := http.Header{}
		for name, value := range e.Response.Headers {
			header.Set(name, value.Str())
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		v.n, v.header = v.n+1, header
	})
	return v
}

// endless returns the error of a page that leads from one document to the next without end.
func (v *visits) endless() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.n <= maxVisits {
		return nil
	}
	return &PageError{
		Code: msg.CodeSceneRedirects, Permanent: true, Err: fmt.Errorf("%d documents in a row, none of which stayed", v.n),
	}
}

// forget counts from here on.
func (v *visits) forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.n, v.header = 0, nil
}

// forgetLast takes back the last, of a document which is not the page's.
func (v *visits) forgetLast() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.n--
}

func (v *visits) headers() http.Header {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.header
}

// evidence is what tells a page from what is shown in its place.
type evidence struct {
	status int
	header http.Header
	// asked is the scene's own URL.
	asked string

	// URL is the document's.
	URL string `json:"url"`
	// Text is the title and the beginning of the visible text, in lower case; Length that of all of
	// it.
	Text   string `json:"text"`
	Length int    `json:"length"`
	// Fields counts the visible fields that somebody could type into, Passwords those of them that
	// are for passwords.
	Fields    int `json:"fields"`
	Passwords int `json:"passwords"`
	// There says that there is a document to look at.
	There bool `json:"there"`
	// Elements and Scripts are which of the signatures' selectors find an element, and which of
	// their texts are in a script.
	Elements []string `json:"elements"`
	Scripts  []string `json:"scripts"`
}

// look describes the document that is shown.
const look = `((selectors, scripts) => {
	const visible = e => e.checkVisibility({visibilityProperty: true})
	const few = document.getElementsByTagName("*").length < 2000
	const text = few ? document.body?.innerText ?? "" : ""
	const fields = few ? [...document.querySelectorAll("input, textarea, select")].filter(visible) : []
	const typed = fields.filter(e => !/^(hidden|submit|button|image|reset|checkbox|radio)$/.test(e.type))
	return {
		url: location.href,
		there: document.documentElement !== null,
		text: (document.title + "\n" + text.slice(0, 2000)).toLowerCase(),
		length: few ? text.length : 1e9,
		fields: typed.length,
		passwords: typed.filter(e => e.type == "password").length,
		elements: selectors.filter(s => document.querySelector(s)),
		scripts: few ? scripts.filter(s => [...document.scripts].some(e => e.text.includes(s))) : [],
	}
})`

// look returns what the document shows.
func (s *scene) look(status int) (evidence, error) {
	e := evidence{status: status, header: s.visits.headers(), asked: s.URL}
	selectors, scripts := marks()
	arguments, err := json.Marshal([][]string{selectors, scripts})
	if err != nil {
		return e, fmt.Errorf("look at the page: %w", err)
	}
	if err := s.world.evaluate(look+"(..."+string(arguments)+")", &e); err != nil {
		return e, fmt.Errorf("look at the page: %w", err)
	}
	return e, nil
}

// marks returns the selectors and the scripts' texts of all signatures.
func marks() (selectors, scripts []string) {
	selector, script := map[string]bool{}, map[string]bool{}
	for _, s := range signatures {
		selector[s.element], script[s.script] = true, true
	}
	delete(selector, "")
	delete(script, "")
	return slices.Sorted(maps.Keys(selector)), slices.Sorted(maps.Keys(script))
}

// interstitial returns the error of a page that is not the one that was asked for: a challenge or a
// login.
func (e evidence) interstitial() error {
	if who := e.challenger(); who != "" {
		return &PageError{
			Code: msg.CodeSceneChallenge, Status: e.status, Permanent: true, By: who,
			Err: fmt.Errorf("a challenge of %s", who),
		}
	}
	if at := e.loginAt(); at != "" {
		return &PageError{
			Code: msg.CodeSceneLogin, Status: e.status, Permanent: true, By: at, Err: fmt.Errorf("a login at %s", at),
		}
	}
	return nil
}

// genuine returns an error when what has loaded is not the page that was asked for.
func (s *scene) genuine(ctx context.Context) error {
	return s.stands(ctx, s.document.state().status)
}

// stands looks at the document, which came with a status, and returns the error of one that stands
// in the page's place. One that goes away just now is waited for, as is one of which nothing has
// been read, but not for ever: then there is nothing to look at.
func (s *scene) stands(ctx context.Context, status int) error {
	for end := time.Now().Add(min(settleTime, s.Bounds.Load)); ; {
		e, err := s.look(status)
		if err != nil && !cdp.Gone(err) {
			return err
		}
		if err == nil && e.There {
			return e.interstitial()
		}
		if time.Now().After(end) {
			return nil
		}
		if err := s.clock.run(ctx); err != nil {
			return err
		}
		if err := s.pauseForRequests(ctx, stepPause); err != nil {
			return err
		}
	}
}

// turnedAway returns the error of a page that answered with an error because it wants a login or
// takes us for a robot. What tells may be in the error's page, which is waited for when its status
// is one that such pages have.
func (s *scene) turnedAway(ctx context.Context, status int) error {
	e := evidence{status: status, header: s.visits.headers(), asked: s.URL}
	if err := e.interstitial(); err != nil || !slices.Contains(turnsAway, status) {
		return err
	}
	end := time.Now().Add(min(settleTime, s.Bounds.Load))
	for range settleSteps {
		if s.document.state().parsed || time.Now().After(end) {
			break
		}
		if err := s.clock.run(ctx); err != nil {
			return err
		}
		if err := s.pauseForRequests(ctx, stepPause); err != nil {
			return err
		}
	}
	return s.stands(ctx, status)
}

// contains reports whether a header of the answer has a value that contains part, whatever their
// case.
func (e evidence) contains(name, part string) bool {
	value := e.header.Get(name)
	return value != "" && strings.Contains(strings.ToLower(value), part)
}
