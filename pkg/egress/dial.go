package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// dialTimeout bounds a connection's set-up, the name's look-up included.
const dialTimeout = 10 * time.Second

// maxRedirects bounds how many redirects Client follows.
const maxRedirects = 10

// DialContext connects to a host and port over TCP as net.Dialer does. It returns an error that
// wraps ErrRefused when the policy refuses the address, and one that wraps *net.DNSError when the
// name has none.
func (p Policy) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port %q: %w", portText, err)
	}
	// Names are reserved for what does not exist and for loopback (RFC 6761). Not every resolver
	// knows.
	switch name := "." + canonicalHost(host); {
	case strings.HasSuffix(name, ".invalid"):
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	case strings.HasSuffix(name, ".localhost"):
		address = net.JoinHostPort("localhost", portText)
	}
	d := net.Dialer{Timeout: dialTimeout, Resolver: p.resolver}
	if !p.allowsHost(host, uint16(port)) {
		// The check is on the socket: the address is the one connected to, not one looked up
		// before.
		d.Control = func(_, to string, _ syscall.RawConn) error {
			addr, err := netip.ParseAddrPort(to)
			if err != nil {
				return fmt.Errorf("%s: %w", to, ErrRefused)
			}
			return p.Check(addr)
		}
	}
	return d.DialContext(ctx, network, address)
}

// Transport returns an http.Transport that connects as the policy allows, and through no other
// proxy.
func (p Policy) Transport() *http.Transport {
	return &http.Transport{
		DialContext:           p.DialContext,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: 30 * time.Second,
		MaxIdleConns:          16,
		IdleConnTimeout:       30 * time.Second,
	}
}

// Client returns an http.Client that connects as the policy allows and follows redirects to http
// and https only. It has no timeout over all: give requests a context. Call CloseIdleConnections
// when done with it.
func (p Policy) Client() *http.Client {
	return &http.Client{
		Transport: p.Transport(),
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) >= maxRedirects {
				return fmt.Errorf("stopped after %d redirects", maxRedirects)
			}
			return checkScheme(req.URL.Scheme)
		},
	}
}

// checkScheme returns nil for http and https, and an error that wraps ErrRefused for any other
// scheme.
func checkScheme(scheme string) error {
	if scheme != "http" && scheme != "https" {
		return fmt.Errorf("scheme %q: %w", scheme, errScheme)
	}
	return nil
}

// errScheme is ErrRefused for a URL that is neither http nor https.
var errScheme = refusal("only http and https may be fetched")

type refusal string

func (r refusal) Error() string      { return string(r) }
func (refusal) Is(target error) bool { return errors.Is(ErrRefused, target) }
