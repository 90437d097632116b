package servers

import (
	"net"
	"testing"
)

func TestATakenPortIsReplaced(t *testing.T) {
	taken, err := net.Listen("tcp4", Loopback(0))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	preferred := taken.Addr().(*net.TCPAddr).Port
	seen := map[int]bool{preferred: true}
	for range 100 {
		port, err := FreePort(preferred)
		if err != nil {
			t.Fatal(err)
		}
		if seen[port] {
			t.Fatalf("port %d is given twice, or taken", port)
		}
		seen[port] = true
	}
	_ = taken.Close()
	if port, err := FreePort(preferred); port != preferred {
		t.Errorf("port %d, %v, although %d is free", port, err, preferred)
	}
}
