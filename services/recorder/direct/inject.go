package direct

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

//go:embed inject.js
var styles string

// style applies hide, remove and css to every document from its beginning, so that no frame shows
// it without them.
func (s setup) style() error {
	o := s.params.Options
	if len(o.Hide) == 0 && len(o.Remove) == 0 && o.CSS == "" {
		return nil
	}
	for name, list := range map[string][]string{"hide": o.Hide, "remove": o.Remove} {
		for i, selector := range list {
			if err := checkSelector(s.page, fmt.Sprintf("%s[%d]", name, i), selector); err != nil {
				return err
			}
		}
	}
	source, err := call(strings.TrimSpace(styles), list(o.Hide), list(o.Remove), o.CSS)
	if err != nil {
		return err
	}
	if _, err := (proto.PageAddScriptToEvaluateOnNewDocument{Source: script.Named("inject.js", source)}).Call(s.page); err != nil {
		return failed("add CSS to the page", err)
	}
	return nil
}

// list is never null in JSON.
func list(texts []string) []string { return append([]string{}, texts...) }

// checkPath refuses what is no CSS selector, nor several with >>> between them, each of which is of
// what is in the shadow roots of what the one before it finds.
func checkPath(page *rod.Page, option, selector string) error {
	err := checkSelector(page, option, selector)
	var bad *OptionError
	if !errors.As(err, &bad) || !strings.Contains(selector, ">>>") {
		return err
	}
	for part := range strings.SplitSeq(selector, ">>>") {
		if err := checkSelector(page, option, strings.TrimSpace(part)); err != nil {
			return err
		}
	}
	return nil
}

// checkSelector refuses what is no CSS selector. What one is, Chrome alone can say.
func checkSelector(page *rod.Page, option, selector string) error {
	err := evaluate(page, mainWorld, nil, `selector => void document.createDocumentFragment().querySelector(selector)`, selector)
	var bad *thrownError
	if errors.As(err, &bad) {
		return refuse(option, "this is no CSS selector that Chrome understands: write one such as #newsletter or .chat > button")
	}
	if err != nil {
		return failed("check a selector", err)
	}
	return nil
}

// scriptTime bounds a script of the user's own, in real time.
const scriptTime = 5 * time.Second

// runScript runs the option js in the page, once. It does not wait for what that returns.
func runScript(page *rod.Page, source string) error {
	if source == "" {
		return nil
	}
	// Chrome's own bound counts in the page's time, which stands still.
	var ended atomic.Bool
	timer := time.AfterFunc(scriptTime, func() {
		ended.Store(true)
		_ = proto.RuntimeTerminateExecution{}.Call(page)
	})
	defer timer.Stop()
	reply, err := proto.RuntimeEvaluate{Expression: source}.Call(page)
	switch {
	case ended.Load() && (err == nil || refused(err)):
		return refuse("js", "it ran for longer than %v", scriptTime)
	case refused(err):
		return refuse("js", "it could not be run to its end: it may have sent the page elsewhere")
	case err != nil:
		return failed("run js", err)
	case reply.ExceptionDetails != nil:
		return refuse("js", "it ended with an error (%v). Try it in the console of a browser on this page", thrown(reply.ExceptionDetails))
	}
	return nil
}
