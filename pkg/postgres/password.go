package postgres

import (
	"net/url"
	"strings"
)

// WithPassword returns databaseURL with a password in place of its own, if it has one: in the form
// that it is in, as "postgres://…" or as "host=… user=…". Without a password, and where the URL is
// none, it returns databaseURL.
func WithPassword(databaseURL, password string) string {
	if password == "" || databaseURL == "" {
		return databaseURL
	}
	if !strings.Contains(databaseURL, "://") {
		return databaseURL + " password='" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(password) + "'"
	}
	u, err := url.Parse(databaseURL)
	if err != nil {
		return databaseURL
	}
	u.User = url.UserPassword(u.User.Username(), password)
	return u.String()
}

// cutByPassword reports whether a URL has an @ where it has none unless the password before it
// holds a /, a ? or a #. The parts of such a password would be taken for host and database, and be
// in errors and in queries for names.
func cutByPassword(u *url.URL) bool {
	if u.Fragment != "" || strings.Contains(u.Path, "@") {
		return true
	}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		if name, _, _ := strings.Cut(pair, "="); strings.Contains(name, "@") {
			return true
		}
	}
	return false
}
