package process

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// isolation is what separates a document from others; empty when nothing does. Documents of the
// same isolation share a process.
type isolation string

// isolating are the headers that isolate a document.
var isolating = []string{"Cross-Origin-Opener-Policy", "Cross-Origin-Embedder-Policy", "Document-Isolation-Policy"}

// isolationOf returns the isolation of a document at an address, by its response's header.
func isolationOf(address string, h http.Header) isolation {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && !loopback(u.Hostname()) {
		return "" // Chrome ignores the headers of origins that it does not trust
	}
	var policies []string
	for _, name := range isolating {
		policy, _, _ := strings.Cut(h.Get(name), ";")
		if policy = strings.TrimSpace(policy); policy == "unsafe-none" || policy == "none" {
			policy = ""
		}
		policies = append(policies, policy)
	}
	if policies[0] == "" && policies[2] == "" {
		return ""
	}
	return isolation(u.Scheme + "://" + u.Host + " " + strings.Join(policies, " "))
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// isDocument reports whether Chrome shows a response as a document.
func isDocument(status int, h http.Header) bool {
	disposition, _, _ := strings.Cut(h.Get("Content-Disposition"), ";")
	download := strings.EqualFold(strings.TrimSpace(disposition), "attachment")
	return status != http.StatusNoContent && status != http.StatusResetContent && !download
}
