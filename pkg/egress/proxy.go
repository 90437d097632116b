package egress

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxFailures bounds how many hosts Proxy remembers failures of.
const maxFailures = 1024

// Proxy is an HTTP forward proxy on loopback that connects as a policy allows. A program that sends
// all its traffic through it obeys the policy, redirects included. Failure returns why a connection
// failed; the program itself only sees "bad gateway".
type Proxy struct {
	policy    Policy
	transport *http.Transport
	listener  net.Listener
	server    *http.Server
	cancel    context.CancelFunc // ends requests under way
	received  atomic.Int64

	// own is a page that the proxy itself has, at the address ownURL; empty for none.
	ownURL, own string

	mu       sync.Mutex
	failures map[string]error
	tunnels  map[net.Conn]struct{}
	closed   bool
	wg       sync.WaitGroup
}

// Proxy starts a proxy on a free port of loopback. The caller must Close it.
func (p Policy) Proxy() (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	x := &Proxy{
		policy: p, listener: l, transport: p.Transport(), cancel: cancel,
		failures: map[string]error{}, tunnels: map[net.Conn]struct{}{},
	}
	x.transport.DialContext = func(ctx context.Context, network, hostport string) (net.Conn, error) {
		conn, err := x.dial(ctx, network, hostport)
		if err != nil {
			return nil, err
		}
		return &counted{conn, &x.received}, nil
	}
	// Responses are passed on unchanged.
	x.transport.DisableCompression = true
	x.transport.ForceAttemptHTTP2 = false
	x.transport.ResponseHeaderTimeout = 0
	x.transport.MaxIdleConnsPerHost = 8
	quiet := log.New(io.Discard, "", 0)
	forward := &httputil.ReverseProxy{
		Transport: x.transport, FlushInterval: -1, ErrorLog: quiet,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.RawQuery = r.In.URL.RawQuery
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			x.failed(address(r), err)
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	x.server = &http.Server{
		ErrorLog: quiet, ReadHeaderTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return ctx },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodConnect:
				x.tunnel(w, r)
			case x.answers(w, r):
			case r.URL.Scheme == "http" && r.URL.Host != "":
				forward.ServeHTTP(w, r)
			default:
				http.Error(w, "this is a proxy", http.StatusBadRequest)
			}
		}),
	}
	x.wg.Go(func() { _ = x.server.Serve(l) })
	return x, nil
}

// Answer makes the proxy the server of an http URL's host. It has one page, at that URL. It is to
// be called before the proxy is used.
func (x *Proxy) Answer(address, page string) { x.ownURL, x.own = address, page }

// answers answers a request to the proxy's own host, and reports whether it was one.
func (x *Proxy) answers(w http.ResponseWriter, r *http.Request) bool {
	if own, err := url.Parse(x.ownURL); x.own == "" || err != nil || r.URL.Scheme != own.Scheme || !strings.EqualFold(r.URL.Host, own.Host) {
		return false
	}
	if r.URL.String() != x.ownURL {
		http.NotFound(w, r)
		return true
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, x.own)
	return true
}

// Addr returns the proxy's host and port.
func (x *Proxy) Addr() string { return x.listener.Addr().String() }

// Failure returns why the last connection to a host and port failed, or nil when it did not. The
// error wraps ErrRefused or *net.DNSError where that is the reason.
func (x *Proxy) Failure(hostport string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.failures[hostport]
}

// Received returns how many bytes have come from hosts, encrypted ones as they came. After Close it
// is all of them; before, connections that are open may be missing.
func (x *Proxy) Received() int64 { return x.received.Load() }

// counted is a connection that counts what it reads.
type counted struct {
	net.Conn
	received *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.received.Add(int64(n))
	return n, err
}

// Close ends the proxy and every connection through it.
func (x *Proxy) Close() error {
	x.cancel()
	err := x.server.Close()
	x.mu.Lock()
	x.closed = true
	for conn := range x.tunnels {
		_ = conn.Close()
	}
	x.mu.Unlock()
	x.wg.Wait()
	x.transport.CloseIdleConnections()
	return err
}

// address returns the host and port that a request is for.
func address(r *http.Request) string {
	if r.Method == http.MethodConnect {
		return r.Host
	}
	if r.URL.Port() == "" {
		return net.JoinHostPort(r.URL.Hostname(), "80")
	}
	return r.URL.Host
}

func (x *Proxy) failed(hostport string, err error) {
	if errors.Is(err, context.Canceled) {
		return // the program gave up, not the host
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.failures) < maxFailures {
		x.failures[hostport] = err
	}
}

func (x *Proxy) dial(ctx context.Context, network, hostport string) (net.Conn, error) {
	conn, err := x.policy.DialContext(ctx, network, hostport)
	if err != nil {
		x.failed(hostport, err)
		return nil, err
	}
	x.mu.Lock()
	delete(x.failures, hostport)
	x.mu.Unlock()
	return conn, nil
}

// tunnel serves CONNECT: it joins the program's connection with one to the host.
func (x *Proxy) tunnel(w http.ResponseWriter, r *http.Request) {
	origin, err := x.dial(r.Context(), "tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	program, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = origin.Close()
		return
	}
	x.mu.Lock()
	if x.closed {
		x.mu.Unlock()
		_, _ = origin.Close(), program.Close()
		return
	}
	x.tunnels[origin], x.tunnels[program] = struct{}{}, struct{}{}
	x.wg.Add(1)
	x.mu.Unlock()
	defer x.wg.Done()

	if _, err := io.WriteString(program, "HTTP/1.1 200 Connection established\r\n\r\n"); err == nil {
		var both sync.WaitGroup
		both.Go(func() {
			// A program that ends its side has left: an origin that says nothing must not keep the
			// tunnel open, or a page could make as many as it likes.
			_, _ = io.Copy(origin, buffered)
			_, _ = origin.Close(), program.Close()
		})
		// Counted at its end: the kernel moves the bytes from one connection to the other.
		both.Go(func() { x.received.Add(pipe(program, origin)) })
		both.Wait()
	}
	_, _ = origin.Close(), program.Close()
	x.mu.Lock()
	delete(x.tunnels, origin)
	delete(x.tunnels, program)
	x.mu.Unlock()
}

// pipe copies until from ends, then ends to's side of writing. It returns how many bytes it copied.
func pipe(to net.Conn, from io.Reader) int64 {
	n, err := io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		_ = half.CloseWrite()
		return n
	}
	_ = to.Close()
	return n
}
