package capture_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

// answer is a page with a status and headers.
func answer(code int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = fmt.Fprint(w, "<!doctype html>"+body)
	}
}

// What protections show in a page's place, reduced to what identifies them.
func TestAChallengeIsNotRecordedAsIfItWereThePage(t *testing.T) {
	tests := []struct {
		who, how string
		page     http.HandlerFunc
	}{
		{"Cloudflare", "header", answer(403, "<title>Just a moment...</title>", "CF-Mitigated", "challenge")},
		{"Cloudflare", "body", answer(503, `<title>Just a moment...</title><h1>example.com</h1><p>Verifying you are human.
			<script>window._cf_chl_opt = {cType: "managed"}; const s = document.createElement("script")
			s.src = "/cdn-cgi/challenge-platform/h/g/orchestrate/chl_page/v1"; document.head.append(s)</script>`)},
		{"Cloudflare", "blocked", answer(403, `<title>Attention Required! | Cloudflare</title><div id=cf-wrapper>
			<div id=cf-error-details><h1>Sorry, you have been blocked</h1>`+strings.Repeat("<p>What can I do to resolve this?", 50))},
		{"AWS WAF", "accepted", answer(202, `<title></title><div id=challenge-container></div>`, "X-Amzn-Waf-Action", "challenge")},
		{"Vercel", "429", answer(429, `<title>Vercel Security Checkpoint</title>`, "X-Vercel-Mitigated", "challenge")},
		{"DataDome", "403", answer(403, `<title>example.com</title><p>Please enable JS and disable any ad blocker
			<script src="https://ct.captcha-delivery.com/c.js"></script>`)},
		{"HUMAN", "403", answer(403, `<title>Access to this page has been denied</title><div id=px-captcha></div>
			<script>window._pxAppId = "PX0"</script>`)},
		{"Akamai", "428", answer(428, `<div id=sec-if-cpt-container></div>`)},
		{"Akamai", "403", answer(403, `<title>Access Denied</title><h1>Access Denied</h1>You don't have permission to access this
			server.<p>Reference #18.5c0<p>https://errors.edgesuite.net/18.5c0`)},
		{"Imperva", "200", answer(200, `<iframe id=main-iframe src="/_Incapsula_Resource?SWUDNSAI=31" width=100% height=100%>
			Request unsuccessful. Incapsula incident ID: 1</iframe>`)},
		{"Kasada", "429", answer(429, `<script>window.KPSDK = {}; KPSDK.now = 1</script><script src=/149e/ips.js></script>`)},
		{"Anubis", "200", answer(200, `<title>Making sure you're not a bot!</title>
			<script id=anubis_challenge type=application/json>{}</script>`)},
		{"a captcha", "recaptcha", answer(200, `<title>One more step</title><h1>Please verify that you are human</h1>
			<form><div class=g-recaptcha data-sitekey=x></div><input type=submit></form>`)},
		{"a captcha", "hcaptcha", answer(403, `<h1>Hold on</h1><div class=h-captcha data-sitekey=x></div>`)},
	}
	pages := map[string]http.HandlerFunc{"/_Incapsula_Resource": answer(200, "hCaptcha")}
	for i, test := range tests {
		pages[fmt.Sprintf("/%d", i)] = test.page
	}
	url := site(t, pages)
	for i, test := range tests {
		t.Run(test.who+" "+test.how, func(t *testing.T) {
			t.Parallel()
			_, _, err := shot{pooled: true, url: fmt.Sprintf("%s/%d", url, i), frames: 2}.take(t.Context(), t)
			var page *capture.PageError
			if !errors.As(err, &page) || page.Code != msg.CodeSceneChallenge || page.By != test.who || !page.Permanent {
				t.Errorf("capture returned %v, want %s of %s, for good", err, msg.CodeSceneChallenge, test.who)
			}
		})
	}
}

func TestALoginIsNotRecordedAsIfItWereThePage(t *testing.T) {
	const form = `<h1>Welcome back</h1><form><input name=user><input type=password name=password><button>Log in</button></form>`
	url := site(t, map[string]http.HandlerFunc{
		"/app":        redirect("/login?next=/app"),
		"/script":     html(`<script>location = "/accounts/signin"</script>`),
		"/single":     html(`<script>history.replaceState({}, "", "/sign-in")</script>` + form),
		"/basic":      answer(401, "who are you?", "WWW-Authenticate", `Basic realm="x"`),
		"/login":      html(form),
		"/accounts/":  html(form),
		"/api/secret": status(401, ""),
	})
	for _, path := range []string{"/app", "/script", "/single", "/basic", "/api/secret"} {
		t.Run(path[1:], func(t *testing.T) {
			t.Parallel()
			_, _, err := shot{pooled: true, url: url + path, frames: 2}.take(t.Context(), t)
			var page *capture.PageError
			if !errors.As(err, &page) || page.Code != msg.CodeSceneLogin || !strings.HasPrefix(page.By, "127.0.0.1") || !page.Permanent {
				t.Errorf("capture returned %v, want %s, for good", err, msg.CodeSceneLogin)
			}
		})
	}
}

// What only looks like a challenge or a login.
func TestAPageWithACaptchaOrALoginIsAPage(t *testing.T) {
	const prose = `<p>We are a small company that makes fine things, and would like to hear from you about any of them.`
	url := site(t, map[string]http.HandlerFunc{
		"/contact": html(`<h1>Contact</h1>` + prose + `<form><input name=mail><textarea></textarea>
			<div class=g-recaptcha data-sitekey=x></div><p>Please verify that you are human<button>Send</button></form>`),
		"/invisible": html(`<h1>Home</h1>` + prose + `<div class=g-recaptcha data-size=invisible></div>`),
		"/protected": answer(200, `<h1>Home</h1>`+prose+`<script>window.__CF$cv$params = {r: 1}</script>
			<script src=/cdn-cgi/challenge-platform/scripts/jsd/main.js></script><script src=/_Incapsula_Resource></script>`,
			"Server", "cloudflare", "X-DataDome", "protected"),
		"/long": html(`<title>Just a moment</title><h1>Are you a robot?</h1>` + strings.Repeat(prose, 20) +
			`<div class=h-captcha></div>`),
		"/login":      html(`<h1>Log in</h1><form><input name=user><input type=password></form>`),
		"/home":       html(`<h1>Home</h1><form><input name=user><input type=password></form>`),
		"/moved":      redirect("/home"),
		"/prototypes": html(`<h1>Home</h1><script>Array.prototype.toJSON = Array.prototype.filter = () => { throw new Error("no") }</script>`),
		"/cdn-cgi/":   status(404, ""), "/_Incapsula_Resource": status(404, ""),
	})
	for _, path := range []string{"/contact", "/invisible", "/protected", "/long", "/login", "/home", "/moved", "/prototypes"} {
		t.Run(path[1:], func(t *testing.T) {
			t.Parallel()
			shot{pooled: true, url: url + path, frames: 2}.mustTake(t)
		})
	}
}
