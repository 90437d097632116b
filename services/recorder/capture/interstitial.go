package capture

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

const (
	// settleSteps and settleTime bound how long an error's page may take until it can be looked at.
	settleSteps = 500
	settleTime  = 5 * time.Second
)

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
	e := evidence{status: status, header: s.document.Header(), asked: s.URL}
	selectors, scripts := marks()
	arguments, err := json.Marshal([][]string{selectors, scripts})
	if err != nil {
		return e, fmt.Errorf("look at the page: %w", err)
	}
	if err := s.world.Evaluate(look+"(..."+string(arguments)+")", &e); err != nil {
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
	return s.stands(ctx, s.document.Now().Status)
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
		if err := s.requests.Wait(ctx, stepPause); err != nil {
			return err
		}
	}
}

// turnedAway returns the error of a page that answered with an error because it wants a login or
// takes us for a robot. What tells may be in the error's page, which is waited for when its status
// is one that such pages have.
func (s *scene) turnedAway(ctx context.Context, status int) error {
	e := evidence{status: status, header: s.document.Header(), asked: s.URL}
	if err := e.interstitial(); err != nil || !slices.Contains(turnsAway, status) {
		return err
	}
	end := time.Now().Add(min(settleTime, s.Bounds.Load))
	for range settleSteps {
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
	return s.stands(ctx, status)
}

// contains reports whether a header of the answer has a value that contains part, whatever their
// case.
func (e evidence) contains(name, part string) bool {
	value := e.header.Get(name)
	return value != "" && strings.Contains(strings.ToLower(value), part)
}
