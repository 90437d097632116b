package interstitial

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// identityProviders are hosts whose only purpose is to log in: no page redirects to them for
// another reason. An entry with a path matches that path and what is below it.
var identityProviders = []string{
	"accounts.google.com", "login.microsoftonline.com", "login.live.com", "login.microsoft.com", "signin.aws.amazon.com",
	"id.atlassian.com", "idmsa.apple.com", "appleid.apple.com", "login.salesforce.com", "vercel.com/sso-api", "vercel.com/login",
	"github.com/login", "github.com/session", "gitlab.com/users/sign_in", "www.facebook.com/login", "www.instagram.com/accounts/login",
	"www.linkedin.com/login", "www.linkedin.com/authwall", "www.linkedin.com/checkpoint", "x.com/i/flow/login",
}

// tenantsOf are domains of providers whose customers have subdomains. Those have other pages too,
// so that the path must be a login's. Many ask for a name before the password, so that any field is
// enough.
var tenantsOf = []string{
	".okta.com", ".oktapreview.com", ".auth0.com", ".onelogin.com", ".b2clogin.com", ".ciamlogin.com", ".amazoncognito.com",
	".cloudflareaccess.com",
}

// loginPath matches the paths of login pages.
var loginPath = regexp.MustCompile(`(?i)(^|[/_.-])` +
	`(log[_-]?in\d?|sign[_-]?in|logon|sso|saml2?|oauth2?|authenticate|authorize|auth|wp-login)([/_.-]|$)`)

// loginAt returns the host of a login that is shown in the page's place; empty when it is the page.
// A scene whose own URL is that of a login gets what it asked for.
func (e *Evidence) loginAt() string {
	asked, err := url.Parse(e.Asked)
	if err != nil {
		return ""
	}
	if e.Status == 401 {
		return asked.Host
	}
	shown, err := url.Parse(e.URL)
	if err != nil || isLogin(asked) || samePage(asked, shown) {
		return ""
	}
	tenant := slices.ContainsFunc(tenantsOf, func(domain string) bool { return strings.HasSuffix(shown.Hostname(), domain) })
	if isProvider(shown) || isLogin(shown) && (e.Passwords > 0 || tenant && e.Fields > 0) {
		return shown.Host
	}
	return ""
}

// AskedForLogin reports whether the scene's own URL is that of a login.
func (e *Evidence) AskedForLogin() bool {
	asked, err := url.Parse(e.Asked)
	return err == nil && isLogin(asked)
}

func isLogin(u *url.URL) bool { return isProvider(u) || loginPath.MatchString(u.Path) }

func isProvider(u *url.URL) bool {
	shown := u.Hostname() + strings.TrimSuffix(u.Path, "/") + "/"
	return slices.ContainsFunc(identityProviders, func(p string) bool { return strings.HasPrefix(shown, p+"/") })
}

// samePage reports whether two addresses have the same host and path.
func samePage(a, b *url.URL) bool {
	return strings.TrimPrefix(a.Hostname(), "www.") == strings.TrimPrefix(b.Hostname(), "www.") &&
		strings.TrimSuffix(a.Path, "/") == strings.TrimSuffix(b.Path, "/")
}

// address returns a URL's host and path; empty when it is none.
func address(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Hostname() + u.Path
}
