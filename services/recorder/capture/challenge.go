package capture

import (
	"regexp"
	"slices"
	"strings"
)

// signature is one way in which a challenge, or the refusal of a bot protection, shows. All that is
// set must hold. It must not hold for a page that only uses the same protection, or that has a
// captcha in a form.
type signature struct {
	// who shows it.
	who string
	// status: one of these.
	status []int
	// header is a response header's name, value part of its value in lower case; empty: any.
	header, value string
	// url is part of the document's address.
	url string
	// element is a CSS selector of something in the document.
	element string
	// script is part of an inline script.
	script string
	// text is found in the title or the beginning of the visible text, in lower case.
	text *regexp.Regexp
	// bare: there is hardly any text, and nothing to fill in.
	bare bool
}

// turnsAway are the statuses that challenges come with when they do not pretend to be the page.
var turnsAway = []int{403, 405, 406, 418, 428, 429, 430, 503}

// robots is what challenges of any kind say.
var robots = regexp.MustCompile(`(verify|confirm|prove|check|make sure|making sure)[^.\n]{0,40}(human|robot|bot\b|browser)|` +
	`are you (a )?(human|robot)|(not|n't) a (ro)?bot|unusual traffic|security check|complete the captcha|ddos protection`)

// captcha finds the widgets of captchas, those that pages have in forms too.
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
	// Whoever's: a captcha and nothing else.
	{who: "a captcha", element: captcha, text: robots, bare: true},
	{who: "a captcha", element: captcha, status: turnsAway, bare: true},
}

// bareLength is how much text a challenge has at most, in UTF-16 units.
const bareLength = 1000

// challenger returns who shows a challenge in the page's place, and nothing when it is the page.
func (e evidence) challenger() string {
	for _, s := range signatures {
		if e.shows(s) {
			return s.who
		}
	}
	return ""
}

func (e evidence) shows(s signature) bool {
	return (s.status == nil || slices.Contains(s.status, e.status)) &&
		(s.header == "" || e.contains(s.header, s.value)) &&
		(s.url == "" || strings.Contains(address(e.URL), s.url)) &&
		(s.element == "" || slices.Contains(e.Elements, s.element)) &&
		(s.script == "" || slices.Contains(e.Scripts, s.script)) &&
		(s.text == nil || s.text.MatchString(e.Text)) &&
		(!s.bare || e.Length <= bareLength && e.Fields == 0)
}
