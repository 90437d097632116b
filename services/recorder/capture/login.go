package capture

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// identityProviders are hosts that are there to log in: no page that somebody shows redirects to
// them for another reason. With a path, only that and what is below.
var identityProviders = []string{
	"accounts.google.com", "login.microsoftonline.com", "login.live.com", "login.microsoft.com", "signin.aws.amazon.com",
	"id.atlassian.com", "idmsa.apple.com", "appleid.apple.com", "login.salesforce.com", "vercel.com/sso-api", "vercel.com/login",
	"github.com/login", "github.com/session", "gitlab.com/users/sign_in", "www.facebook.com/login", "www.instagram.com/accounts/login",
	"www.linkedin.com/login", "www.linkedin.com/authwall", "www.linkedin.com/checkpoint", "x.com/i/flow/login",
}

// tenantsOf are providers whose customers have hosts below. They have other pages too, so that
// their paths count; many ask for a name first, so that a field is enough.
var tenantsOf = []string{
	".okta.com", ".oktapreview.com", ".auth0.com", ".onelogin.com", ".b2clogin.com", ".ciamlogin.com", ".amazoncognito.com",
	".cloudflareaccess.com",
}

// loginPath is what the paths of login pages have among their parts.
var loginPath = regexp.MustCompile(`(?i)(^|[/_.-])` +
	`(log[_-]?in\d?|sign[_-]?in|logon|sso|saml2?|oauth2?|authenticate|authorize|auth|wp-login)([/_.-]|$)`)

// loginAt returns the host of a login that is in the page's place, and nothing when it is the page.
// A page whose own address is that of a login is the page.
func (e evidence) loginAt() string {
	asked, err := url.Parse(e.asked)
	if err != nil {
		return ""
	}
	if e.status == 401 {
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

// address is a URL's host and path.
func address(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Hostname() + u.Path
}
