package postgrestest

import (
	"net"
	"net/url"
	"sync"
	"testing"
)

// Way is a way to a server on which nothing moves while it is frozen: connections are taken, and
// what is sent is neither answered nor refused.
type Way struct {
	mu   sync.Mutex
	thaw chan struct{} // closed while it is not frozen
}

// Silent returns databaseURL by a way of its own, which ends with t and is not frozen yet.
func Silent(t testing.TB, databaseURL string) (url string, way *Way) {
	t.Helper()
	w := &Way{thaw: make(chan struct{})}
	close(w.thaw)
	return w.through(t, databaseURL), w
}

// Freeze lets nothing through until Melt.
func (w *Way) Freeze() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.thaw = make(chan struct{})
}

// Melt lets through what is waiting, and all that follows.
func (w *Way) Melt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.thaw)
}

func (w *Way) open() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.thaw
}

func (w *Way) through(t testing.TB, databaseURL string) string {
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
			pumps.Go(func() { w.pump(in, out) })
			pumps.Go(func() { w.pump(out, in) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		pumps.Wait()
	})
	u.Host = listener.Addr().String()
	return u.String()
}

func (w *Way) pump(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		<-w.open()
		if err != nil {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
