package interstitial

import (
	"errors"
	"net/http"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture/pageerror"
)

// head makes a response's header of names and values.
func head(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func TestWhatStandsInAPagesPlace(t *testing.T) {
	const asked = "https://www.example.com/pricing?plan=1"
	login := Evidence{URL: "https://www.example.com/login?next=/pricing", Fields: 2, Passwords: 1, Status: 200}
	for name, test := range map[string]struct {
		asked string // default: asked
		e     Evidence
		code  msg.Code // empty: it is the page
		by    string
	}{
		"Cloudflare by its header":  {e: Evidence{Status: 403, Header: head("CF-Mitigated", "challenge")}, code: msg.CodeSceneChallenge, by: "Cloudflare"},
		"AWS WAF, accepted":         {e: Evidence{Status: 202, Header: head("X-Amzn-Waf-Action", "challenge")}, code: msg.CodeSceneChallenge, by: "AWS WAF"},
		"AWS WAF's captcha":         {e: Evidence{Status: 405, Header: head("X-Amzn-Waf-Action", "captcha")}, code: msg.CodeSceneChallenge, by: "AWS WAF"},
		"Vercel":                    {e: Evidence{Status: 429, Header: head("X-Vercel-Mitigated", "challenge")}, code: msg.CodeSceneChallenge, by: "Vercel"},
		"DataDome by its header":    {e: Evidence{Status: 403, Header: head("X-DataDome", "protected", "X-DD-B", "1")}, code: msg.CodeSceneChallenge, by: "DataDome"},
		"Kasada":                    {e: Evidence{Status: 429, Header: head("X-Kpsdk-Ct", "0a")}, code: msg.CodeSceneChallenge, by: "Kasada"},
		"Sucuri":                    {e: Evidence{Status: 403, Header: head("X-Sucuri-Block", "BV001")}, code: msg.CodeSceneChallenge, by: "Sucuri"},
		"Google":                    {e: Evidence{Status: 429, URL: "https://www.google.com/sorry/index?continue=x"}, code: msg.CodeSceneChallenge, by: "Google"},
		"Radware":                   {e: Evidence{Status: 200, URL: "https://validate.perfdrive.com/abc/?ssa=1"}, code: msg.CodeSceneChallenge, by: "Radware"},
		"a page behind Cloudflare":  {e: Evidence{Status: 200, Header: head("Server", "cloudflare", "CF-Ray", "1"), Length: 9000}},
		"a page behind DataDome":    {e: Evidence{Status: 200, Header: head("X-DataDome", "protected"), Length: 9000}},
		"a page behind AWS WAF":     {e: Evidence{Status: 200, Header: head("X-Amzn-Waf-Action", "allow"), Length: 9000}},
		"forbidden by AkamaiGHost":  {e: Evidence{Status: 403, Header: head("Server", "AkamaiGHost"), Text: "access denied\nreference #18.2"}, code: msg.CodeSceneChallenge, by: "Akamai"},
		"forbidden by an nginx":     {e: Evidence{Status: 403, Header: head("Server", "nginx"), Text: "403 forbidden\nnginx", Length: 20}},
		"a page about robots":       {e: Evidence{Status: 200, Text: "are you a robot?\nthe history of a question", Length: 700}},
		"not allowed":               {e: Evidence{Status: 405, Text: "method not allowed"}},
		"unauthorized":              {e: Evidence{Status: 401}, code: msg.CodeSceneLogin, by: "www.example.com"},
		"redirected to the login":   {e: login, code: msg.CodeSceneLogin, by: "www.example.com"},
		"redirected to Google":      {e: Evidence{Status: 200, URL: "https://accounts.google.com/v3/signin/identifier?x=1", Fields: 1}, code: msg.CodeSceneLogin, by: "accounts.google.com"},
		"redirected to Microsoft":   {e: Evidence{Status: 200, URL: "https://login.microsoftonline.com/common/oauth2/v2.0/authorize", Fields: 1}, code: msg.CodeSceneLogin, by: "login.microsoftonline.com"},
		"redirected to a tenant":    {e: Evidence{Status: 200, URL: "https://acme.okta.com/oauth2/v1/authorize", Fields: 1}, code: msg.CodeSceneLogin, by: "acme.okta.com"},
		"redirected to Access":      {e: Evidence{Status: 200, URL: "https://acme.cloudflareaccess.com/cdn-cgi/access/login/app", Fields: 1}, code: msg.CodeSceneLogin, by: "acme.cloudflareaccess.com"},
		"redirected to GitHub":      {e: Evidence{Status: 200, URL: "https://github.com/login?return_to=x", Fields: 2, Passwords: 1}, code: msg.CodeSceneLogin, by: "github.com"},
		"redirected to single sign": {e: Evidence{Status: 200, URL: "https://id.acme.com/sso/start", Fields: 2, Passwords: 1}, code: msg.CodeSceneLogin, by: "id.acme.com"},
		"a repository":              {e: Evidence{Status: 200, URL: "https://github.com/loginator/x", Fields: 1}},
		"a provider's own page":     {e: Evidence{Status: 200, URL: "https://www.okta.com/customers/", Fields: 1}},
		"a login asked for":         {asked: "https://www.example.com/login", e: login},
		"another login asked for":   {asked: "https://www.example.com/signin", e: login},
		"a provider asked for":      {asked: "https://acme.okta.com/login/login.htm", e: Evidence{Status: 200, URL: "https://acme.okta.com/oauth2/v1/authorize", Fields: 1}},
		"a login in the page":       {e: Evidence{Status: 200, URL: asked, Fields: 2, Passwords: 1}},
		"with a slash and no www":   {e: Evidence{Status: 200, URL: "https://example.com/pricing/", Fields: 2, Passwords: 1}},
		"a sign-up":                 {e: Evidence{Status: 200, URL: "https://www.example.com/signup", Fields: 3, Passwords: 1}},
		"a page about logins":       {e: Evidence{Status: 200, URL: "https://www.example.com/blog/login", Fields: 1}},
		"an author's page":          {e: Evidence{Status: 200, URL: "https://www.example.com/authors/ada", Fields: 1, Passwords: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			test.e.Asked = asked
			if test.asked != "" {
				test.e.Asked = test.asked
			}
			err := test.e.Judge()
			if test.code == "" {
				if err != nil {
					t.Errorf("a page became %v", err)
				}
				return
			}
			var page *pageerror.Error
			if !errors.As(err, &page) || page.Code != test.code || page.By != test.by || !page.Permanent {
				t.Errorf("it is %+v, want %s by %s, for good", err, test.code, test.by)
			}
		})
	}
}
