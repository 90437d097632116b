package chrome

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

func TestClosingEndsThoughSomebodyHoldsThePipe(t *testing.T) {
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer theirIn.Close()
	ourIn, held, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if ourIn, err = blocking(ourIn); err != nil {
		t.Fatal(err)
	}
	if err := ourIn.SetReadDeadline(time.Now()); !errors.Is(err, os.ErrNoDeadline) {
		t.Errorf("setting a deadline returned %v: the poller still knows the pipe", err)
	}
	p := &Process{Client: cdp.New(ourIn, ourOut), pipes: [2]*os.File{ourOut, ourIn}}
	if err := p.closePipes(time.Millisecond); err == nil || !strings.Contains(err.Error(), "read Chrome's pipe to its end") {
		t.Errorf("closing returned %v", err)
	}
	_ = held.Close()
	<-p.Client.Closed()
}
