package postgrestest

import (
	"net"
	"net/url"
	"sync"
	"testing"
)

// Proxy stands before a server. While it is frozen, nothing passes: connections are accepted, and
// what is sent is neither answered nor refused.
type Proxy struct {
	mu   sync.Mutex
	thaw chan struct{} // closed while it is not frozen
}

// Proxied returns databaseURL through a proxy of its own, which ends with t and is not frozen yet.
func Proxied(t testing.TB, databaseURL string) (url string, proxy *Proxy) {
	t.Helper()
	p := &Proxy{thaw: make(chan struct{})}
	close(p.thaw)
	return p.through(t, databaseURL), p
}

// Freeze holds everything until Thaw.
func (p *Proxy) Freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.thaw = make(chan struct{})
}

// Thaw lets through what is held, and all that follows.
func (p *Proxy) Thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.thaw)
}

func (p *Proxy) open() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.thaw
}

func (p *Proxy) through(t testing.TB, databaseURL string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	target := u.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var pumps sync.WaitGroup
	pumps.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				_ = in.Close()
				continue
			}
			pumps.Go(func() { p.pump(in, out) })
			pumps.Go(func() { p.pump(out, in) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		pumps.Wait()
	})
	u.Host = listener.Addr().String()
	return u.String()
}

func (p *Proxy) pump(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		<-p.open()
		if err != nil {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
