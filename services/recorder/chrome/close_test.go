package chrome

import (
	"iter"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/placement"
)

func TestClosingEndsThoughSomebodyHoldsThePipe(t *testing.T) {
	for _, still := range []bool{false, true} {
		theirIn, ourOut, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer theirIn.Close()
		ourIn, held, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		pipe := placement.New(false).Pipe(ourIn, func() iter.Seq[int] { return threads(os.Getpid()) })
		pipe.Still(still)
		p := &Process{inbox: pipe, outbox: ourOut}
		p.Client = cdp.New(p.inbox, ourOut)
		if err := p.closePipes(time.Millisecond); err == nil || !strings.Contains(err.Error(), "read Chrome's pipe to its end") {
			t.Errorf("still: %t: closing returned %v", still, err)
		}
		_ = held.Close()
		<-p.Client.Closed()
	}
}
