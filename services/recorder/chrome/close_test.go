package chrome

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

func TestClosingEndsThoughSomebodyHoldsThePipe(t *testing.T) {
	for _, alone := range []bool{false, true} {
		theirIn, ourOut, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer theirIn.Close()
		ourIn, held, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		p := &Process{inbox: &inbox{f: ourIn}, outbox: ourOut}
		p.inbox.wait(way{alone: alone})
		p.Client = cdp.New(p.inbox, ourOut)
		if err := p.closePipes(time.Millisecond); err == nil || !strings.Contains(err.Error(), "read Chrome's pipe to its end") {
			t.Errorf("alone: %t: closing returned %v", alone, err)
		}
		_ = held.Close()
		<-p.Client.Closed()
	}
}
