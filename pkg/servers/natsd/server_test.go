package natsd

import (
	"errors"
	"net"
	"testing"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/servers"
)

// A port that was free a moment ago may be another program's by now.
func TestATakenPortIsReportedAndAnotherIsUsed(t *testing.T) {
	taken, err := net.Listen("tcp4", servers.Loopback(0))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	o := Options{Name: "test", Store: t.TempDir(), Port: port, Log: zerolog.Nop()}
	if _, err := start(o, port); !errors.Is(err, servers.ErrPortTaken) {
		t.Errorf("on a port that is taken: %v", err)
	}
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if s.Port == port {
		t.Error("it has a port that is taken")
	}
}
