package recorder

import (
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
)

// watch is a canary for each attack: a TCP and a UDP port of loopback, and what touched it.
type watch struct {
	canaries map[string]string // by the attack's name: host and port
	file     string            // that must not be opened

	mu         sync.Mutex
	touched    map[string]int // by the attack's name
	candidates []string       // what WebRTC told of this machine
}

func newWatch(t *testing.T, attacks []attack) *watch {
	t.Helper()
	w := &watch{canaries: map[string]string{}, touched: map[string]int{}}
	names := map[string]string{}
	srv := &http.Server{
		ErrorLog: log.New(io.Discard, "", 0),
		Handler:  http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.Header().Set("Access-Control-Allow-Origin", "*") }),
		ConnState: func(conn net.Conn, state http.ConnState) {
			if state == http.StateNew {
				w.touch(names[conn.LocalAddr().String()])
			}
		},
	}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		_ = srv.Close()
		serving.Wait()
	})
	for _, a := range attacks {
		tcp, udp := bothPorts(t)
		t.Cleanup(func() { _ = udp.Close() })
		w.canaries[a.name] = tcp.Addr().String()
		names[tcp.Addr().String()] = a.name
		defer serving.Go(func() { _ = srv.Serve(tcp) }) // when names is complete
		serving.Go(func() {
			for buffer := make([]byte, 1); ; {
				if _, _, err := udp.ReadFrom(buffer); err != nil {
					return
				}
				w.touch(a.name)
			}
		})
	}
	return w
}

// bothPorts listens on one port of loopback for TCP and UDP.
func bothPorts(t *testing.T) (net.Listener, net.PacketConn) {
	t.Helper()
	for range 20 {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if udp, err := net.ListenPacket("udp", tcp.Addr().String()); err == nil {
			return tcp, udp
		}
		_ = tcp.Close()
	}
	t.Fatal("no port is free for both TCP and UDP")
	return nil, nil
}

// port is that of an attack's canary.
func (w *watch) port(attack string) string {
	_, port, _ := net.SplitHostPort(w.canaries[attack])
	return port
}

// forms are how an attack's canary may be named, as Chrome writes it.
func (w *watch) forms(attack string) (hostports []string) {
	for _, host := range []string{"127.0.0.1", "localhost", "::ffff:7f00:1"} {
		hostports = append(hostports, net.JoinHostPort(host, w.port(attack)))
	}
	return hostports
}

func (w *watch) touch(attack string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.touched[attack]++
}

func (w *watch) told(candidate string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.candidates = append(w.candidates, candidate)
}

// check fails for each canary that something reached, and when WebRTC told an address of this
// machine.
func (w *watch) check(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, times := range w.touched {
		t.Errorf("%s: the canary was touched %d times", name, times)
	}
	for _, candidate := range w.candidates {
		t.Errorf("WebRTC told the page of %q", candidate)
	}
}
