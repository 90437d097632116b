package interstitial

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/world"
	"github.com/loom-lite/loom-lite/services/recorder/capture/pageerror"
)

// Evidence is what tells a page from an interstitial. Status, Header and Asked are known without
// the document; Read adds the rest.
type Evidence struct {
	// Status and Header are the response's.
	Status int         `json:"-"`
	Header http.Header `json:"-"`
	// Asked is the URL that the scene has.
	Asked string `json:"-"`

	// URL is the document's.
	URL string `json:"url"`
	// Text is the title and the first 2,000 characters of the visible text, in lower case; Length
	// is the length of all visible text, in UTF-16 units.
	Text   string `json:"text"`
	Length int    `json:"length"`
	// Fields counts the visible fields that take text or a choice, Passwords those of them that are
	// for passwords.
	Fields    int `json:"fields"`
	Passwords int `json:"passwords"`
	// There says that there is a document.
	There bool `json:"there"`
	// Elements are the selectors of signatures that find an element, Scripts the texts of
	// signatures that are in an inline script.
	Elements []string `json:"elements"`
	Scripts  []string `json:"scripts"`
}

// describe returns the JSON of Evidence.
const describe = `((selectors, scripts) => {
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

// Read adds what the current document shows.
func (e *Evidence) Read(w *world.World) error {
	selectors, scripts := marks()
	arguments, err := json.Marshal([][]string{selectors, scripts})
	if err != nil {
		return fmt.Errorf("examine the page: %w", err)
	}
	if err := w.Evaluate(describe+"(..."+string(arguments)+")", e); err != nil {
		return fmt.Errorf("examine the page: %w", err)
	}
	return nil
}

// marks returns the selectors and the texts of scripts that signatures have.
func marks() (selectors, scripts []string) {
	selector, script := map[string]bool{}, map[string]bool{}
	for _, s := range signatures {
		selector[s.element], script[s.script] = true, true
	}
	delete(selector, "")
	delete(script, "")
	return slices.Sorted(maps.Keys(selector)), slices.Sorted(maps.Keys(script))
}

// Judge returns nil for the page that was asked for, and a *pageerror.Error for a challenge or a
// login.
func (e *Evidence) Judge() error {
	if who := e.challenger(); who != "" {
		return &pageerror.Error{
			Code: msg.CodeSceneChallenge, Status: e.Status, Permanent: true, By: who,
			Err: fmt.Errorf("a challenge of %s", who),
		}
	}
	if at := e.loginAt(); at != "" {
		return &pageerror.Error{
			Code: msg.CodeSceneLogin, Status: e.Status, Permanent: true, By: at, Err: fmt.Errorf("a login at %s", at),
		}
	}
	return nil
}

// contains reports whether the value of a response header contains part, which is in lower case.
func (e *Evidence) contains(name, part string) bool {
	value := e.Header.Get(name)
	return value != "" && strings.Contains(strings.ToLower(value), part)
}
