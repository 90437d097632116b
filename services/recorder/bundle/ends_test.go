package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestTheFirstAndTheLastAreKept(t *testing.T) {
	for n, want := range map[int]string{
		0: "[] [] 0", 2: "[0 1] [] 0", 3: "[0 1] [2] 0", 5: "[0 1] [2 3 4] 0", 6: "[0 1] [3 4 5] 1", 10: "[0 1] [7 8 9] 5",
	} {
		e := ends[int]{first: 2, last: 3}
		var gone []int
		for i := range n {
			if x, full := e.add(i); full {
				gone = append(gone, x)
			}
		}
		if got := fmt.Sprint(e.begin(), e.end(), e.Dropped); got != want {
			t.Errorf("of %d: %s, want %s", n, got, want)
		}
		if len(gone) != e.Dropped || len(gone) > 0 && (gone[0] != 2 || !slices.IsSorted(gone)) {
			t.Errorf("of %d: %v were let go", n, gone)
		}
	}
}

func TestAMillionLinesAreAThousand(t *testing.T) {
	c := newConsole(newScrubber(msg.RecordParams{}), time.Now())
	long := strings.Repeat("x", 1<<20)
	for i := range 1_000_000 {
		c.add(line{level: "log", text: c.scrub.trim(fmt.Sprint(i, long[:i%2]), maxLine)})
	}
	c.add(line{level: "error", text: c.scrub.trim(long, maxLine)})
	var out bytes.Buffer
	if err := c.write(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if kept, dropped := c.counts(); kept != 1000 || dropped != 999_001 || len(lines) != 1001 {
		t.Errorf("%d lines are kept, %d left out, %d written", kept, dropped, len(lines))
	}
	if !strings.HasSuffix(lines[0], "log       0") || lines[200] != "… 999001 lines are left out …" ||
		!strings.HasSuffix(lines[999], "log       999999x") {
		t.Errorf("lines are %q, %q, %q", lines[0], lines[200], lines[999])
	}
	if last := lines[1000]; len(last) > maxLine+100 || !strings.HasSuffix(last, "x…") {
		t.Errorf("the longest line has %d bytes", len(last))
	}
}

// A page that asks and asks, and is never answered.
func TestRequestsUnderWayAreBounded(t *testing.T) {
	n := newNetwork(newScrubber(msg.RecordParams{}))
	for i := range 100_000 {
		n.begin(&request{id: proto.NetworkRequestID(fmt.Sprint(i)), method: "GET", url: n.scrub.trimURL("https://example.com/" + fmt.Sprint(i))})
	}
	n.finish("99999", func(r *request) { r.failure = "net::ERR_FAILED" })
	n.finish("5000", func(*request) { t.Error("a request that was left out is known") })
	if kept, open, dropped := n.counts(); kept != 1000 || open != 999 || dropped != 99_000 {
		t.Errorf("%d requests are kept, %d under way, %d left out", kept, open, dropped)
	}
	var out bytes.Buffer
	if err := n.write(&out, harProgram{"loom", "1"}, harProgram{"Chrome", "2"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Log struct {
			Comment string
			Entries []struct {
				Request  struct{ URL string }
				Response struct {
					Error string `json:"_error"`
				}
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	entries := log.Log.Entries
	if len(entries) != 1000 || entries[0].Request.URL != "https://example.com/0" || entries[0].Response.Error != pending ||
		entries[999].Request.URL != "https://example.com/99999" || entries[999].Response.Error != "net::ERR_FAILED" {
		t.Errorf("%d entries, from %+v to %+v", len(entries), entries[0], entries[len(entries)-1])
	}
	if !strings.Contains(log.Log.Comment, "99000") {
		t.Errorf("the comment is %q", log.Log.Comment)
	}
}
