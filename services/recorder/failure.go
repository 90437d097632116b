package recorder

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/grapheme"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/redact"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/direct"
)

// pageFailure tells the product's user why a scene could not be recorded.
func pageFailure(p msg.RecordParams, e *capture.PageError) error {
	if isPicture(p) && (e.Code == msg.CodeSceneWait || e.Code == msg.CodeSceneOptions) {
		text := fmt.Sprintf("Scene %d could not be recorded: %s is no picture that can be shown, or did not come. Check the scene's URL.", p.Scene, pageOf(p))
		return &stage.Error{Code: msg.CodeSceneImage, Message: text, Permanent: e.Permanent, Err: fmt.Errorf("record scene %d: %w", p.Scene, e)}
	}
	text := fmt.Sprintf("Scene %d could not be recorded: %s", p.Scene, reason(pageOf(p), e))
	return &stage.Error{Code: e.Code, Message: text, Permanent: e.Permanent, Err: fmt.Errorf("record scene %d: %w", p.Scene, e)}
}

// chromeSaid adds to err the last that Chrome wrote, without URLs.
func chromeSaid(err error, stderr string) error {
	said := strings.TrimSpace(redact.URLs(stderr))
	if said == "" {
		return err
	}
	return fmt.Errorf("%w; Chrome said: %s", err, said)
}

// tooLarge tells the product's user that a scene is more than can be stored: every try would end
// the same.
func tooLarge(p msg.RecordParams, err error) error {
	text := fmt.Sprintf("Scene %d moves too much to be recorded. Make its picture smaller, or its frame rate lower.", p.Scene)
	return stage.Permanent(msg.CodeSceneTooLarge, text, fmt.Errorf("record scene %d: %w", p.Scene, err))
}

func reason(page string, e *capture.PageError) string {
	switch e.Code {
	case msg.CodeSceneUnresolved:
		return fmt.Sprintf("there is no website at the address of %s. Check the scene's URL.", page)
	case msg.CodeSceneStatus:
		return statusReason(page, e)
	case msg.CodeSceneRefused:
		if !errors.Is(e, egress.ErrRefused) {
			return page + " leads to an address that is no web page's: another scheme than http or https, or a port that browsers " +
				"refuse. Check the scene's URL."
		}
		return page + " leads to an address that is not on the public internet. Use a public http or https URL."
	case msg.CodeSceneTLS:
		if e.Permanent {
			return page + " has a certificate that browsers do not accept. Renew it, or check the host in the scene's URL."
		}
		return page + " could not be reached over an encrypted connection. Check that the page opens with https, then try again."
	case msg.CodeSceneRedirects:
		return page + " leads from one address to the next without end. Check that the page opens in a private window."
	case msg.CodeSceneChallenge:
		return fmt.Sprintf("%s shows a check for robots (%s) instead of itself. Let the recorder pass there, "+
			"or use a page without such a check.", page, e.By)
	case msg.CodeSceneLogin:
		return fmt.Sprintf("%s asks for a login at %s. Use a page that is open to everybody who has its URL, "+
			"or give the scene the basic_auth, cookies or headers of somebody who may see it.", page, e.By)
	case msg.CodeSceneMemory:
		return page + " took more memory than a scene may have. Use a page that shows less at once."
	case msg.CodeSceneTimeout:
		return page + " did not respond in time. Check that the page loads, then try again."
	case msg.CodeSceneCrashed:
		return page + " crashed the browser. Check that the page works, then try again."
	case msg.CodeSceneNotAPage:
		return page + " is a download, not a page that a browser shows. Check the scene's URL."
	case msg.CodeSceneOptions, msg.CodeSceneWait:
		var option *direct.OptionError
		if errors.As(e, &option) {
			return option.Error() + "."
		}
		return page + " could not be prepared as its options ask. Check the scene's options."
	case msg.CodeSceneAction:
		return actionReason(page, e)
	}
	return page + " could not be reached. Check that the page is online, then try again."
}

func statusReason(page string, e *capture.PageError) string {
	answer := fmt.Sprintf("%s answered %d", page, e.Status)
	if text := http.StatusText(e.Status); text != "" {
		answer += " " + text
	}
	switch {
	case e.Status == http.StatusForbidden:
		return answer + ". The page must be open to everybody who has its URL, or the scene's options must let the recorder in: " +
			"basic_auth, cookies or headers."
	case e.Permanent:
		return answer + ". Check the scene's URL."
	}
	return answer + ". Check that the page works, then try again."
}

// actionReason names the action, and what to do.
func actionReason(page string, e *capture.PageError) string {
	var failed *direct.ActionError
	if !errors.As(e.Err, &failed) {
		return "an action could not be done on " + page + ". Check the scene's actions."
	}
	said := fmt.Sprintf("%s could not be done on %s: %s.", failed.Name(), page, failed.Reason)
	switch failed.Reason {
	case direct.ReasonSelector:
		return said + " Correct the selector."
	case direct.ReasonAbsent, direct.ReasonHidden:
		return said + " Check the selector, and whether the page shows the element by then; else do it later, or wait_for it."
	case direct.ReasonBusy:
		return said + " Check that the page works, then try again."
	}
	return said + " Check the selector, or choose another element."
}

// maxShown bounds a URL in a message, in characters.
const maxShown = 200

// pageOf is a scene's page as messages may show it, with the names of variables for their values.
func pageOf(p msg.RecordParams) string {
	if p.Options.HTML != "" && p.Shown == "" {
		return "its html"
	}
	if p.Shown == "" {
		return shownURL(p.URL)
	}
	return grapheme.Shorten(p.Page(), maxShown)
}

// shownURL is a URL as messages may show it: without query, fragment and user, which may hold
// secrets.
func shownURL(raw string) string {
	shown := redact.URL(raw)
	if shown == "" {
		return "its URL"
	}
	return grapheme.Shorten(shown, maxShown)
}
