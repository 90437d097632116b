package egress

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// nameServer answers every question for an address with the next of its answers; the last one
// stays.
type nameServer struct {
	conn net.PacketConn

	mu      sync.Mutex
	answers map[uint16][]string // by the question's type
	asked   int
}

const (
	typeA    = 1
	typeAAAA = 28
)

func startNameServer(t *testing.T, v4, v6 []string) *nameServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nameServer{conn: conn, answers: map[uint16][]string{typeA: v4, typeAAAA: v6}}
	var serving sync.WaitGroup
	serving.Go(s.serve)
	t.Cleanup(func() {
		_ = conn.Close()
		serving.Wait()
	})
	return s
}

func (s *nameServer) serve() {
	buffer := make([]byte, 512)
	for {
		n, from, err := s.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		if reply := s.reply(buffer[:n]); reply != nil {
			_, _ = s.conn.WriteTo(reply, from)
		}
	}
}

// reply answers a message with one question (RFC 1035, section 4).
func (s *nameServer) reply(query []byte) []byte {
	end := 12
	for end < len(query) && query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5 // the root, the type and the class
	if end > len(query) {
		return nil
	}
	kind := binary.BigEndian.Uint16(query[end-4:])
	reply := append([]byte{query[0], query[1], 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0}, query[12:end]...)
	if addr := s.next(kind); addr != "" {
		address := netip.MustParseAddr(addr).AsSlice()
		reply[7] = 1                    // one answer
		reply = append(reply, 0xc0, 12) // to the question's name
		reply = binary.BigEndian.AppendUint16(reply, kind)
		reply = append(reply, 0, 1, 0, 0, 0, 0) // of the internet, not to be kept
		reply = binary.BigEndian.AppendUint16(reply, uint16(len(address)))
		reply = append(reply, address...)
	}
	return reply
}

func (s *nameServer) next(kind uint16) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	answers := s.answers[kind]
	if len(answers) == 0 {
		return ""
	}
	if len(answers) > 1 {
		s.answers[kind] = answers[1:]
	}
	return answers[0]
}

func (s *nameServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", s.conn.LocalAddr().String())
	}}
}

// samePort listens at two addresses of loopback on one port.
func samePort(t *testing.T, first, second string) (a, b net.Listener) {
	t.Helper()
	for range 20 {
		a, err := net.Listen("tcp", net.JoinHostPort(first, "0"))
		if err != nil {
			t.Fatal(err)
		}
		port := strconv.Itoa(a.Addr().(*net.TCPAddr).Port)
		if b, err := net.Listen("tcp", net.JoinHostPort(second, port)); err == nil {
			return a, b
		}
		_ = a.Close()
	}
	t.Fatalf("no port is free at both %s and %s", first, second)
	return nil, nil
}

// A name that leads to an allowed address when it is first looked up, and to another when it is
// looked up again, gains nothing: each connection is checked at the address that it goes to.
// 127.0.0.2 stands for the public one.
func TestANameThatChangesItsAddressIsRefused(t *testing.T) {
	public, private := samePort(t, "127.0.0.2", "127.0.0.1")
	var touched atomic.Int32
	site := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })}
	canary := &http.Server{ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			touched.Add(1)
		}
	}}
	var serving sync.WaitGroup
	serving.Go(func() { _ = site.Serve(public) })
	serving.Go(func() { _ = canary.Serve(private) })
	t.Cleanup(func() {
		_, _ = site.Close(), canary.Close()
		serving.Wait()
	})
	port := strconv.Itoa(public.Addr().(*net.TCPAddr).Port)

	for name, answers := range map[string]struct{ v4, v6 []string }{
		"IPv4":                   {v4: []string{"127.0.0.2", "127.0.0.1"}},
		"metadata":               {v4: []string{"127.0.0.2", "169.254.169.254"}},
		"IPv6":                   {v4: []string{"127.0.0.2", ""}, v6: []string{"", "::1"}},
		"IPv4 within IPv6":       {v4: []string{"127.0.0.2", ""}, v6: []string{"", "::ffff:127.0.0.1"}},
		"IPv4 behind a gateway":  {v4: []string{"127.0.0.2", ""}, v6: []string{"", "64:ff9b::7f00:1"}},
		"IPv6 beside the public": {v4: []string{"127.0.0.2", "127.0.0.1"}, v6: []string{"::1", "::1"}},
	} {
		t.Run(name, func(t *testing.T) {
			names := startNameServer(t, answers.v4, answers.v6)
			policy := mustParse(t, "127.0.0.2")
			policy.resolver = names.resolver()
			x, client := startProxy(t, policy)
			host := net.JoinHostPort("rebind.example", port)
			if status, _, err := get(t, client, "http://"+host+"/"); err != nil || status != http.StatusNoContent {
				t.Fatalf("the name's first address answered %d, %v", status, err)
			}
			// the next request needs a connection, and looks the name up again
			x.transport.CloseIdleConnections()
			for range 3 {
				if status, _, err := get(t, client, "http://"+host+"/"); err != nil || status != http.StatusBadGateway {
					t.Errorf("the name's second address answered %d, %v", status, err)
				}
				if err := x.Failure(host); !errors.Is(err, ErrRefused) {
					t.Errorf("the failure is %v, want ErrRefused", err)
				}
			}
			if _, response := connectTo(t, x, host); response.StatusCode != http.StatusBadGateway {
				t.Errorf("CONNECT to the name's second address answered %s", response.Status)
			}
			names.mu.Lock()
			defer names.mu.Unlock()
			if names.asked < 5 {
				t.Errorf("the name was looked up %d times: it was not by this resolver", names.asked)
			}
		})
	}
	if n := touched.Load(); n > 0 {
		t.Errorf("the refused address was connected to %d times", n)
	}
}
