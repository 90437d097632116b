package local

import (
	"errors"
	"testing"

	"github.com/rs/zerolog"
)

// A port that was free a moment ago may be another program's by now.
func TestNATSSaysWhenItsPortIsTakenAndFindsAnother(t *testing.T) {
	taken, err := listen()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	store := t.TempDir()
	if _, err := runNATS(store, portOf(taken), zerolog.Nop()); !errors.Is(err, errListen) {
		t.Errorf("on a port that is taken: %v", err)
	}
	n, err := startNATS(store, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer n.stop()
	if n.port == portOf(taken) {
		t.Error("it has a port that is taken")
	}
}
