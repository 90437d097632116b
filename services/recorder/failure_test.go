package recorder

import (
	"errors"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
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
		{capture.PageError{Code: msg.CodeSceneStatus, Status: 403, Permanent: true}, page + " answered 403 Forbidden. The page must be open to everybody who has its URL."},
		{capture.PageError{Code: msg.CodeSceneStatus, Status: 503}, page + " answered 503 Service Unavailable. Check that the page works, then try again."},
		{capture.PageError{Code: msg.CodeSceneStatus, Status: 599}, page + " answered 599. Check that the page works, then try again."},
		{capture.PageError{Code: msg.CodeSceneRefused, Permanent: true, Err: errors.New("net::ERR_UNSAFE_PORT")}, page + " leads to an address that is no web page's: another scheme than http or https, or a port that browsers refuse. Check the scene's URL."},
		{capture.PageError{Code: msg.CodeSceneRefused, Permanent: true, Err: egress.ErrRefused}, page + " leads to an address that is not on the public internet. Use a public http or https URL."},
		{capture.PageError{Code: msg.CodeSceneTimeout}, page + " did not respond in time. Check that the page loads, then try again."},
		{capture.PageError{Code: msg.CodeSceneCrashed}, page + " crashed the browser. Check that the page works, then try again."},
		{capture.PageError{Code: msg.CodeSceneNotAPage, Permanent: true}, page + " is a download, not a page that a browser shows. Check the scene's URL."},
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
