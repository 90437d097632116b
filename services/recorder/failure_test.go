package recorder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/direct"
)

func TestWordsForUsers(t *testing.T) {
	const page = "https://example.com/pricing"
	for _, test := range []struct {
		err  capture.PageError
		want string
	}{
		{capture.PageError{Code: msg.CodeSceneUnresolved}, "there is no website at the address of " + page + ". Check the scene's URL."},
		{capture.PageError{Code: msg.CodeSceneUnreachable}, page + " could not be reached. Check that the page is online, then try again."},
		{capture.PageError{Code: msg.CodeSceneStatus, Status: 404, Permanent: true}, page + " answered 404 Not Found. Check the scene's URL."},
		{capture.PageError{Code: msg.CodeSceneStatus, Status: 403, Permanent: true}, page + " answered 403 Forbidden. The page must be open to everybody who has its URL, or the scene's options must let the recorder in: basic_auth, cookies or headers."},
		{capture.PageError{Code: msg.CodeSceneStatus, Status: 503}, page + " answered 503 Service Unavailable. Check that the page works, then try again."},
		{capture.PageError{Code: msg.CodeSceneStatus, Status: 599}, page + " answered 599. Check that the page works, then try again."},
		{capture.PageError{Code: msg.CodeSceneTLS, Permanent: true}, page + " has a certificate that browsers do not accept. Renew it, or check the host in the scene's URL."},
		{capture.PageError{Code: msg.CodeSceneTLS}, page + " could not be reached over an encrypted connection. Check that the page opens with https, then try again."},
		{capture.PageError{Code: msg.CodeSceneRedirects, Permanent: true}, page + " leads from one address to the next without end. Check that the page opens in a private window."},
		{capture.PageError{Code: msg.CodeSceneChallenge, Permanent: true, By: "Cloudflare"}, page + " shows a check for robots (Cloudflare) instead of itself. Let the recorder pass there, or use a page without such a check."},
		{capture.PageError{Code: msg.CodeSceneLogin, Permanent: true, By: "id.example.com"}, page + " asks for a login at id.example.com. Use a page that is open to everybody who has its URL, or give the scene the basic_auth, cookies or headers of somebody who may see it."},
		{capture.PageError{Code: msg.CodeSceneMemory, Permanent: true}, page + " took more memory than a scene may have. Use a page that shows less at once."},
		{capture.PageError{Code: msg.CodeSceneRefused, Permanent: true, Err: errors.New("net::ERR_UNSAFE_PORT")}, page + " leads to an address that is no web page's: another scheme than http or https, or a port that browsers refuse. Check the scene's URL."},
		{capture.PageError{Code: msg.CodeSceneRefused, Permanent: true, Err: egress.ErrRefused}, page + " leads to an address that is not on the public internet. Use a public http or https URL."},
		{capture.PageError{Code: msg.CodeSceneTimeout}, page + " did not respond in time. Check that the page loads, then try again."},
		{capture.PageError{Code: msg.CodeSceneCrashed}, page + " crashed the browser. Check that the page works, then try again."},
		{capture.PageError{Code: msg.CodeSceneOptions, Permanent: true, Err: &direct.OptionError{Option: "hide[0]", Text: "this is no selector"}}, "options.hide[0]: this is no selector."},
		{capture.PageError{Code: msg.CodeSceneWait, Err: fmt.Errorf("wait: %w", &direct.OptionError{Option: "wait_for.selector", Text: "nothing was found"})}, "options.wait_for.selector: nothing was found."},
		{capture.PageError{Code: msg.CodeSceneOptions, Permanent: true}, page + " could not be prepared as its options ask. Check the scene's options."},
		{capture.PageError{Code: msg.CodeSceneNotAPage, Permanent: true}, page + " is a download, not a page that a browser shows. Check the scene's URL."},
		{capture.PageError{Code: msg.CodeSceneAction, Permanent: true, Err: &direct.ActionError{Action: 2, Do: "click", Reason: direct.ReasonAbsent}},
			"action 2 (click) could not be done on " + page + ": its selector finds no element. Check the selector, and whether the page shows the element by then; else do it later, or wait_for it."},
		{capture.PageError{Code: msg.CodeSceneAction, Permanent: true, Err: &direct.ActionError{Do: "scroll", Reason: direct.ReasonSelector}},
			"scroll could not be done on " + page + ": its selector is no CSS selector. Correct the selector."},
		{capture.PageError{Code: msg.CodeSceneAction, Permanent: true, Err: &direct.ActionError{Action: 1, Do: "type", Reason: direct.ReasonClosed}},
			"action 1 (type) could not be done on " + page + ": what its selector finds cannot be typed into. Check the selector, or choose another element."},
		{capture.PageError{Code: msg.CodeSceneAction, Err: &direct.ActionError{Action: 1, Do: "hover", Reason: direct.ReasonBusy}},
			"action 1 (hover) could not be done on " + page + ": there was no document to do it in: the page went from one to the next without end, or the next one did not come. Check that the page works, then try again."},
	} {
		if test.err.Err == nil {
			test.err.Err = errors.New("cause")
		}
		var got *stage.Error
		if !errors.As(pageFailure(msg.RecordParams{Scene: 3, URL: page + "?key=secret"}, &test.err), &got) {
			t.Fatal("no stage error")
		}
		if want := "Scene 3 could not be recorded: " + test.want; got.Message != want {
			t.Errorf("message is\n%s\nwant\n%s", got.Message, want)
		}
		if got.Code != test.err.Code || got.Permanent != test.err.Permanent || !errors.Is(got, test.err.Err) {
			t.Errorf("%s became %s, permanent %v, cause %v", test.err.Code, got.Code, got.Permanent, got.Err)
		}
	}
}

func TestWhatChromeSaidOfACrashIsKeptWithoutURLs(t *testing.T) {
	cause := errors.New("the page's process died")
	err := chromeSaid(cause, "[1:ERROR] out of memory at https://u:p@example.com/?key=secret, line 3\n")
	want := "the page's process died; Chrome said: [1:ERROR] out of memory at URL line 3"
	if !errors.Is(err, cause) || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	if got := chromeSaid(cause, " \n"); !errors.Is(got, cause) || got.Error() != cause.Error() {
		t.Errorf("silence became %q", got)
	}
}

// A Chrome that ends while it starts is all that its stderr explains.
func TestACrashTellsWhatChromeSaid(t *testing.T) {
	program := filepath.Join(t.TempDir(), "chrome")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho 'no usable sandbox' >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	h := testHandler(t)
	h.chrome = program
	task := newTask(t, newBucket(t), msg.RecordParams{Scene: 1, URL: "http://127.0.0.1:1", Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 30})
	if _, err := h.Handle(t.Context(), task); err == nil || !strings.Contains(err.Error(), "no usable sandbox") {
		t.Errorf("error %v lacks what Chrome said", err)
	}
}

// The cause stands first: whoever reads the log of a container that starts again and again sees no
// more of it.
func TestAChromeWithoutASandboxSaysSoFirst(t *testing.T) {
	program := filepath.Join(t.TempDir(), "chrome")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho '[FATAL:zygote_host_impl_linux.cc] No usable sandbox!' >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := tryModes(t.Context(), program, true)
	if err == nil || !strings.HasPrefix(err.Error(), "the sandbox of Chrome cannot start") || strings.Count(err.Error(), "No usable sandbox") != 1 {
		t.Errorf("error %v", err)
	}
	if _, err := tryModes(t.Context(), program, false); errors.Is(err, errNoSandbox) {
		t.Errorf("without a sandbox: %v", err)
	}
}

func TestURLsAreShownWithoutSecrets(t *testing.T) {
	for raw, want := range map[string]string{
		"https://user:pass@example.com:8443/a%20b?q=secret#f": "https://example.com:8443/a%20b",
		"http://example.com":                             "http://example.com",
		"no url at all":                                  "its URL",
		"http://exa mple.com/?secret":                    "its URL",
		"http://example.com/" + strings.Repeat("ä", 300): "http://example.com/" + strings.Repeat("%C3%A4", 300)[:181] + "…",
	} {
		if got := shownURL(raw); got != want {
			t.Errorf("%q is shown as %q, want %q", raw, got, want)
		}
	}
}
