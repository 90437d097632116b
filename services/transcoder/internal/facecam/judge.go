package facecam

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

// judge says what a failed download means: the code, the words for the product's user, and whether trying again cannot
// help.
func (f Fetcher) judge(err error) (code msg.Code, words string, permanent bool) {
	var status statusError
	var dns *net.DNSError
	var authority x509.UnknownAuthorityError
	var verification *tls.CertificateVerificationError
	switch {
	case errors.Is(err, egress.ErrRefused):
		return msg.CodeFacecamRefused, "The facecam's address is one that may not be reached from here: " +
			"it is private or not on the web. Please upload the facecam to a public address.", true
	case errors.Is(err, errURL):
		return msg.CodeFacecamURL, "The facecam's address is not a web address. It should start with https://.", true
	case errors.Is(err, errTooLarge):
		return msg.CodeFacecamTooLarge, fmt.Sprintf("The facecam is larger than %s. Please upload a smaller file, "+
			"for example by exporting it at a lower quality.", megabytes(f.MaxBytes)), true
	case errors.As(err, &status):
		words, permanent := statusWords(int(status))
		return msg.CodeFacecamStatus, words, permanent
	case errors.As(err, &dns):
		words := "The facecam's server could not be found. Please check the facecam's address."
		return msg.CodeFacecamUnresolved, words, dns.IsNotFound
	case errors.As(err, &verification), errors.As(err, &authority):
		return msg.CodeFacecamUnreachable, "The facecam's server has no valid certificate, so it could not be " +
			"trusted. Please check the facecam's address, or upload the facecam elsewhere.", true
	case errors.Is(err, errSlow):
		return msg.CodeFacecamUnreachable, "The facecam took too long to download. Please try again, or upload a " +
			"smaller file.", false
	}
	return msg.CodeFacecamUnreachable, "The facecam could not be downloaded: its server did not answer, or the " +
		"connection broke. Please check the facecam's address and try again.", false
}

func statusWords(status int) (words string, permanent bool) {
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return fmt.Sprintf("The facecam was not found at its address (HTTP %d). Please upload it again.", status), true
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Sprintf("The facecam's server did not allow the download (HTTP %d): its address may have expired, "+
			"or need a login. Please give an address that anybody may open.", status), true
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return fmt.Sprintf("The facecam's server was too busy (HTTP %d). Please try again later.", status), false
	}
	if status >= 500 {
		return fmt.Sprintf("The facecam's server had an error (HTTP %d). Please try again later.", status), false
	}
	return fmt.Sprintf("The facecam's server did not give the file (HTTP %d). Please check the facecam's address.",
		status), true
}
