package redact

import (
	"errors"
	"net/url"
)

// URL returns a URL without user, query and fragment, or "" for a text that is no URL with a host.
func URL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// Error returns the cause within an error of net/http or net/url, whose text holds the URL. It
// returns any other error as it is.
func Error(err error) error {
	var withURL *url.Error
	for errors.As(err, &withURL) {
		err = withURL.Err
	}
	return err
}
