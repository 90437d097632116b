package egress

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// origin is a web server on loopback that answers with what it was asked.
func origin(t *testing.T) *url.URL {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to := r.FormValue("redirect"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		if r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Via") != "" {
			t.Error("the proxy told the origin about itself")
		}
		_, _ = fmt.Fprintf(w, "%s %s %s", r.Method, r.Host, r.URL.RequestURI())
	}))
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func get(t *testing.T, c *http.Client, address string) (status int, body string, err error) {
	t.Helper()
	defer c.CloseIdleConnections()
	response, err := c.Get(address)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

func TestClientIsBoundByThePolicy(t *testing.T) {
	u := origin(t)
	allowed := mustParse(t, u.Host)
	if _, body, err := get(t, allowed.Client(), u.String()+"/a?b=c"); err != nil || body != "GET "+u.Host+" /a?b=c" {
		t.Errorf("an allowed address answered %q, %v", body, err)
	}
	for name, test := range map[string]struct {
		policy  Policy
		address string
	}{
		"loopback":                    {Policy{}, u.String()},
		"loopback by name":            {Policy{}, "http://localhost:" + u.Port()},
		"loopback by a name of it":    {Policy{}, "http://app.localhost:" + u.Port()},
		"loopback with a dot":         {Policy{}, "http://localhost.:" + u.Port()},
		"loopback, written oddly":     {Policy{}, "http://[::ffff:127.0.0.1]:" + u.Port()},
		"another port":                {allowed, "http://127.0.0.1:1/"},
		"redirect to another address": {allowed, u.String() + "/?redirect=http://127.0.0.2:" + u.Port()},
		"redirect to a file":          {allowed, u.String() + "/?redirect=file:///etc/passwd"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := get(t, test.policy.Client(), test.address); !errors.Is(err, ErrRefused) {
				t.Errorf("the client returned %v, want ErrRefused", err)
			}
		})
	}
}

func TestAnAllowedHostMayBeAnywhere(t *testing.T) {
	u := origin(t)
	if _, _, err := get(t, mustParse(t, "localhost:"+u.Port()).Client(), "http://localhost:"+u.Port()); err != nil {
		t.Error(err)
	}
}

// Pages under development are often at names of loopback's that no resolver knows.
func TestNamesOfLocalhostLeadToLoopback(t *testing.T) {
	u := origin(t)
	for _, host := range []string{"localhost.", "app.localhost", "APP.localhost."} {
		if _, _, err := get(t, mustParse(t, "127.0.0.1,::1").Client(), "http://"+host+":"+u.Port()); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestNamesThatDoNotExistAreRecognisable(t *testing.T) {
	_, err := Policy{}.DialContext(t.Context(), "tcp", "no-such-host.invalid:80")
	var dns *net.DNSError
	if !errors.As(err, &dns) || !dns.IsNotFound {
		t.Errorf("dialing returned %v, want a DNSError that says not found", err)
	}
}

func startProxy(t *testing.T, p Policy) (*Proxy, *http.Client) {
	t.Helper()
	x, err := p.Proxy()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	through := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: x.Addr()})}
	return x, &http.Client{Transport: through}
}

func TestProxyForwardsWhatThePolicyAllows(t *testing.T) {
	u := origin(t)
	x, client := startProxy(t, mustParse(t, u.Host))
	status, body, err := get(t, client, u.String()+"/a;b?c=d;e&f=%zz")
	if err != nil || status != 200 || body != "GET "+u.Host+" /a;b?c=d;e&f=%zz" {
		t.Errorf("through the proxy: %d %q, %v", status, body, err)
	}
	if err := x.Failure(u.Host); err != nil {
		t.Errorf("a failure is remembered: %v", err)
	}
}

func TestProxyRefusesAndRemembersWhy(t *testing.T) {
	u := origin(t)
	x, client := startProxy(t, Policy{})
	if status, _, err := get(t, client, u.String()); err != nil || status != http.StatusBadGateway {
		t.Errorf("a refused address answered %d, %v", status, err)
	}
	if err := x.Failure(u.Host); !errors.Is(err, ErrRefused) {
		t.Errorf("the failure is %v, want ErrRefused", err)
	}
	if status, _, err := get(t, client, "http://no-such-host.invalid/"); err != nil || status != http.StatusBadGateway {
		t.Errorf("a name that does not exist answered %d, %v", status, err)
	}
	var dns *net.DNSError
	if err := x.Failure("no-such-host.invalid:80"); !errors.As(err, &dns) {
		t.Errorf("the failure is %v, want a DNSError", err)
	}
}

// connectTo sends CONNECT to the proxy by hand.
func connectTo(t *testing.T, x *Proxy, to string) (net.Conn, *http.Response) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", x.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, _ = fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", to, to)
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodConnect})
	if err != nil {
		t.Fatal(err)
	}
	return conn, response
}

func TestProxyTunnels(t *testing.T) {
	u := origin(t)
	x, _ := startProxy(t, mustParse(t, u.Host))
	conn, response := connectTo(t, x, u.Host)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("CONNECT answered %s", response.Status)
	}
	_, _ = io.WriteString(conn, "GET /in HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasSuffix(string(answer), "GET a /in") {
		t.Errorf("through the tunnel came %q, %v", answer, err)
	}
	if _, response := connectTo(t, x, "127.0.0.1:1"); response.StatusCode != http.StatusBadGateway {
		t.Errorf("CONNECT to a refused address answered %s", response.Status)
	}
	if err := x.Failure("127.0.0.1:1"); !errors.Is(err, ErrRefused) {
		t.Errorf("the failure is %v, want ErrRefused", err)
	}
}

// What came is counted: through tunnels, and without.
func TestProxyCountsWhatItReceives(t *testing.T) {
	u := origin(t)
	x, client := startProxy(t, mustParse(t, u.Host))
	if _, _, err := get(t, client, u.String()+"/in"); err != nil {
		t.Fatal(err)
	}
	plain := x.Received()
	if plain < int64(len("GET "+u.Host+" /in")) {
		t.Errorf("%d bytes came", plain)
	}
	conn, _ := connectTo(t, x, u.Host)
	_, _ = io.WriteString(conn, "GET /in HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	client.CloseIdleConnections()
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if got := x.Received() - plain; got != int64(len(answer)) {
		t.Errorf("%d bytes came through the tunnel, and are counted as %d", len(answer), got)
	}
}

func TestProxyIsNoWebServer(t *testing.T) {
	x, _ := startProxy(t, Policy{})
	if status, _, err := get(t, &http.Client{Transport: &http.Transport{}}, "http://"+x.Addr()+"/"); err != nil || status != 400 {
		t.Errorf("the proxy itself answered %d, %v", status, err)
	}
}

// A tunnel that nobody ends is ended by Close.
func TestCloseEndsTunnels(t *testing.T) {
	u := origin(t)
	x, err := mustParse(t, u.Host).Proxy()
	if err != nil {
		t.Fatal(err)
	}
	conn, _ := connectTo(t, x, u.Host)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, conn)
}

// silent is an origin that takes connections and says nothing, and what it took.
func silent(t *testing.T) (address string, taken <-chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan net.Conn, 1)
	go func() {
		defer close(conns)
		if conn, err := l.Accept(); err == nil {
			conns <- conn
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		for conn := range conns {
			_ = conn.Close()
		}
	})
	return l.Addr().String(), conns
}

// wantEnd reads a connection to its end, in order or by a reset.
func wantEnd(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection stays open")
	}
}

// A page may open tunnels and leave them without end: each must go when the page leaves it.
func TestATunnelEndsWhenTheProgramLeaves(t *testing.T) {
	address, taken := silent(t)
	x, _ := startProxy(t, mustParse(t, address))
	conn, _ := connectTo(t, x, address)
	origin := <-taken
	defer func() { _ = origin.Close() }()
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, conn)
	wantEnd(t, origin)
}

// A connection that became another protocol's is no longer the server's to close.
func TestCloseEndsUpgrades(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: mine\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn)
	}))
	defer srv.Close()
	host := strings.TrimPrefix(srv.URL, "http://")
	x, err := mustParse(t, host).Proxy()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", x.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(conn, "GET http://%s/ HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: mine\r\n\r\n", host, host)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the upgrade answered %v, %v", response, err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, conn)
}
