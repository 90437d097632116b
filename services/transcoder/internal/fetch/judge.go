package fetch

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/msg"
)

// judge returns what a failed download means: the code, the words for the product's user, and
// whether a retry cannot help.
func (f Fetcher) judge(err error) (code msg.Code, words string, permanent bool) {
	var status statusError
	var dns *net.DNSError
	var authority x509.UnknownAuthorityError
	var verification *tls.CertificateVerificationError
	w := f.Subject
	switch {
	case errors.Is(err, egress.ErrRefused):
		return w.Refused, fmt.Sprintf("The %s's address is one that may not be reached from here: "+
			"it is private or not on the web. Please upload the %[1]s to a public address.", w.Name), true
	case errors.Is(err, errURL):
		return w.URL, fmt.Sprintf("The %s's address is not a web address. It should start with https://.", w.Name), true
	case errors.Is(err, errTooLarge):
		return w.TooLarge, fmt.Sprintf("The %s is larger than %s. Please upload a smaller file, for example %s.",
			w.Name, megabytes(f.MaxBytes), w.Smaller), true
	case errors.As(err, &status):
		words, permanent := statusWords(w.Name, int(status))
		return w.Status, words, permanent
	case errors.As(err, &dns):
		words := fmt.Sprintf("The %s's server could not be found. Please check the %[1]s's address.", w.Name)
		return w.Unresolved, words, dns.IsNotFound
	case errors.As(err, &verification), errors.As(err, &authority):
		return w.Unreachable, fmt.Sprintf("The %s's server has no valid certificate, so it could not be "+
			"trusted. Please check the %[1]s's address, or upload the %[1]s elsewhere.", w.Name), true
	case errors.Is(err, errDrips):
		return w.Unreachable, fmt.Sprintf("The %s's server sends it too slowly: less than %s a second. Please try again later, or "+
			"upload the %[1]s elsewhere.", w.Name, kilobytes(f.MinRate)), false
	case errors.Is(err, errSlow):
		return w.Unreachable, fmt.Sprintf("The %s took too long to download. Please try again, or upload a "+
			"smaller file.", w.Name), false
	}
	return w.Unreachable, fmt.Sprintf("The %s could not be downloaded: its server did not answer, or the "+
		"connection broke. Please check the %[1]s's address and try again.", w.Name), false
}

func statusWords(name string, status int) (words string, permanent bool) {
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return fmt.Sprintf("The %s was not found at its address (HTTP %d). Please upload it again.", name, status), true
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Sprintf("The %s's server did not allow the download (HTTP %d): its address may have expired, "+
			"or need a login. Please give an address that anybody may open.", name, status), true
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return fmt.Sprintf("The %s's server was too busy (HTTP %d). Please try again later.", name, status), false
	}
	if status >= 500 {
		return fmt.Sprintf("The %s's server had an error (HTTP %d). Please try again later.", name, status), false
	}
	return fmt.Sprintf("The %s's server did not give the file (HTTP %d). Please check the %[1]s's address.",
		name, status), true
}
