package top

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/mattn/go-runewidth"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/snapshot"
)

var update = flag.Bool("update", false, "write the golden files")

// busy is a snapshot with this many busy workers and renders.
func busy(n int) snapshot.Snapshot {
	at := time.Date(2026, 11, 30, 16, 58, 3, 0, time.Local)
	id := func(i int) uuid.UUID {
		return uuid.MustParse(fmt.Sprintf("%08x-0000-4000-8000-000000000000", 0x3f0c9a52+i))
	}
	maintainer := "ingest-0"
	s := snapshot.Snapshot{At: at, Maintainer: &maintainer, Open: n, Queued: 12, LastMinute: snapshot.Ended{Done: 5, Failed: 1}}
	for i, kind := range msg.Kinds {
		s.Stages = append(s.Stages, snapshot.Stage{Kind: kind, Waiting: 10 * i, Due: 3, Running: 2, Rate: 40 + i, Paused: kind == msg.Overlay})
	}
	campaigns := []string{"Spring launch", "秋の新製品発表会、その一", "evil\x1b[2J\x07\nname", strings.Repeat("long ", 40)}
	for i := range n {
		s.Workers = append(s.Workers, snapshot.Worker{Name: fmt.Sprintf("recorder-%02d", i), Kind: msg.Record, Render: id(i), Scene: i + 1, Attempt: 1,
			Since: at.Add(-time.Duration(i*i) * time.Second), Progress: 0.5})
		s.Renders = append(s.Renders, snapshot.Render{ID: id(i), Campaign: campaigns[i%len(campaigns)], Status: "recording", Progress: 100 / (i + 1),
			CreatedAt: at.Add(-time.Duration(i*i*i) * time.Minute), Owner: "c0ffee00-1111", Priority: i})
	}
	s.Resting = []snapshot.Resting{{Name: "transcoder-3", Stage: "transcode", Until: at.Add(200 * time.Second), Code: "storage_unavailable"}}
	return s
}

func TestTheScreenLooksAsItDid(t *testing.T) {
	for name, text := range map[string]string{
		"80x24.txt": strings.Join(screen{width: 80, height: 23}.lines(busy(12), &view{}), "\n") + "\n",
		"once.txt":  Text(busy(3)),
		"idle.txt":  Text(snapshot.Snapshot{At: busy(0).At, Stages: busy(0).Stages}),
	} {
		path := "testdata/" + name
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(path); err != nil || string(want) != text {
			t.Errorf("%s (go test ./top -update writes it), %v:\n%s", path, err, text)
		}
	}
}

// Whatever there is, and however small the terminal, nothing is wider or higher than it.
func TestTheScreenFitsTheTerminal(t *testing.T) {
	for _, n := range []int{0, 1, 5, 200} {
		for _, width := range []int{1, 20, 80, 300} {
			for _, height := range []int{1, 5, 23, 60} {
				v := view{in: renders, first: [lists]int{1000, -5}}
				lines := screen{width: width, height: height}.lines(busy(n), &v)
				if len(lines) > height {
					t.Errorf("%d lines on %d", len(lines), height)
				}
				for _, line := range lines {
					if w := runewidth.StringWidth(line); w > width {
						t.Errorf("%d columns on %d: %q", w, width, line)
					}
					if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }) {
						t.Errorf("a control character: %q", line)
					}
				}
			}
		}
	}
}

func TestKeysScrollAndSort(t *testing.T) {
	s := busy(30)
	s.Resting = nil
	v := &view{}
	shown := func() string {
		lines := screen{width: 80, height: 23}.lines(s, v)
		at := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "WORKER") })
		return lines[at+1][:11]
	}
	for _, step := range []struct {
		keys []key
		want string
	}{
		{nil, "recorder-00"},
		{[]key{down, down, up, down}, "recorder-02"},
		{[]key{up, up, up, up}, "recorder-00"},
		{[]key{pageDown}, "recorder-07"},
		{[]key{next, down, resort, next}, "recorder-07"},
		{[]key{pageUp, resort}, "recorder-29"},
		{[]key{resort}, "recorder-00"},
		{slices.Repeat([]key{pageDown}, 20), "recorder-26"},
	} {
		for _, k := range step.keys {
			v.press(k, 7)
			_ = shown() // it is drawn after each key
		}
		if got := shown(); got != step.want {
			t.Errorf("after %v the first worker is %s, want %s", step.keys, got, step.want)
		}
	}
}
