package interstitial

import (
	"regexp"
	"slices"
	"strings"
)

// signature recognizes one form of a challenge, or of a refusal by a bot protection. All fields
// that are set must match. They must not match a page that only uses the same protection, or that
// has a captcha in a form.
type signature struct {
	// who is the protection's name.
	who string
	// status has the HTTP statuses that match.
	status []int
	// header is the name of a response header, value a part of its value, in lower case. An empty
	// value matches any.
	header, value string
	// url is a part of the document's host and path.
	url string
	// element is a CSS selector that finds an element in the document.
	element string
	// script is a part of an inline script.
	script string
	// text matches the title or the beginning of the visible text, in lower case.
	text *regexp.Regexp
	// bare says that there is hardly any text, and no field to fill in.
	bare bool
}

// statuses are those of challenges that do not come with the page's own, 200.
var statuses = []int{403, 405, 406, 418, 428, 429, 430, 503}

// robots matches what challenges of all protections say.
var robots = regexp.MustCompile(`(verify|confirm|prove|check|make sure|making sure)[^.\n]{0,40}(human|robot|bot\b|browser)|` +
	`are you (a )?(human|robot)|(not|n't) a (ro)?bot|unusual traffic|security check|complete the captcha|ddos protection`)

// captcha finds the widgets of captchas, also those in forms of pages.
const captcha = `.g-recaptcha, .h-captcha, .cf-turnstile, iframe[src*="/recaptcha/"], iframe[src*="hcaptcha.com"], ` +
	`iframe[src*="challenges.cloudflare.com"]`

var signatures = []signature{
	{who: "Cloudflare", header: "cf-mitigated", value: "challenge"},
	{who: "Cloudflare", script: "_cf_chl_opt", bare: true},
	{who: "Cloudflare", element: `script[src*="/cdn-cgi/challenge-platform/"]`, text: regexp.MustCompile(`^just a moment`), bare: true},
	{who: "Cloudflare", status: []int{403, 429, 503}, element: `#cf-error-details, #challenge-form, #cf-challenge-running`},
	{who: "AWS WAF", header: "x-amzn-waf-action", value: "challenge"},
	{who: "AWS WAF", header: "x-amzn-waf-action", value: "captcha"},
	{who: "Vercel", header: "x-vercel-mitigated", value: "challenge"},
	{who: "Vercel", header: "x-vercel-mitigated", value: "deny"},
	{who: "DataDome", header: "x-dd-b", status: []int{401, 403, 405, 429}},
	{who: "DataDome", element: `script[src*="captcha-delivery.com"], iframe[src*="captcha-delivery.com"]`, bare: true},
	{who: "HUMAN", element: `#px-captcha, #px-captcha-wrapper`, bare: true},
	{who: "HUMAN", script: "_pxAppId", status: []int{403, 429}, bare: true},
	{who: "Akamai", element: `#sec-if-cpt-container, #sec-bc-tile-container, script[src*="/_sec/cp_challenge/"]`, bare: true},
	{who: "Akamai", status: []int{403}, text: regexp.MustCompile(`errors\.edgesuite\.net`), bare: true},
	{who: "Akamai", status: []int{403}, header: "server", value: "akamaighost", text: regexp.MustCompile(`access denied`), bare: true},
	{who: "Imperva", element: `iframe#main-iframe[src*="_Incapsula_Resource"]`, bare: true},
	{who: "Imperva", text: regexp.MustCompile(`incapsula incident id`), bare: true},
	{who: "Kasada", status: []int{403, 429}, header: "x-kpsdk-ct"},
	{who: "Kasada", status: []int{403, 429}, script: "KPSDK", bare: true},
	{who: "Sucuri", header: "x-sucuri-block", status: []int{403}},
	{who: "Sucuri", script: "sucuri_cloudproxy_js", bare: true},
	{who: "DDoS-Guard", status: []int{403, 503}, element: `script[src*="/.well-known/ddos-guard/"]`},
	{who: "Anubis", element: `script#anubis_challenge`},
	{who: "Google", url: "google.com/sorry/"},
	{who: "Radware", url: "validate.perfdrive.com/"},
	{who: "F5", text: regexp.MustCompile(`the requested url was rejected\. please consult with your administrator`), bare: true},
	// Any protection: a captcha and nothing else.
	{who: "a captcha", element: captcha, text: robots, bare: true},
	{who: "a captcha", element: captcha, status: statuses, bare: true},
}

// bareLength bounds the visible text of a bare document, in UTF-16 units.
const bareLength = 1000

// MayChallenge reports whether an error page with a status may be a challenge, so that its document
// is worth waiting for.
func MayChallenge(status int) bool { return slices.Contains(statuses, status) }

// challenger returns the name of the protection that shows a challenge in the page's place; empty
// when it is the page.
func (e *Evidence) challenger() string {
	for _, s := range signatures {
		if e.matches(&s) {
			return s.who
		}
	}
	return ""
}

func (e *Evidence) matches(s *signature) bool {
	return (s.status == nil || slices.Contains(s.status, e.Status)) &&
		(s.header == "" || e.contains(s.header, s.value)) &&
		(s.url == "" || strings.Contains(address(e.URL), s.url)) &&
		(s.element == "" || slices.Contains(e.Elements, s.element)) &&
		(s.script == "" || slices.Contains(e.Scripts, s.script)) &&
		(s.text == nil || s.text.MatchString(e.Text)) &&
		(!s.bare || e.Length <= bareLength && e.Fields == 0)
}
