package chrome

import (
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
	ourIn.Fd() // reads block, as Chrome's do
	p := &Process{Client: cdp.New(ourIn, ourOut), pipes: [2]*os.File{ourOut, ourIn}}
	if err := p.closePipes(time.Millisecond); err == nil || !strings.Contains(err.Error(), "read Chrome's pipe to its end") {
		t.Errorf("closing returned %v", err)
	}
	_ = held.Close()
	<-p.Client.Closed()
}
