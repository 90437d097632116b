package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/bench/fleet"
)

func someFleets() *Fleet {
	run := func(speed, tasks float64) FleetRun {
		return FleetRun{Job: fleet.Job{Level: fleet.Level{Recorders: 1000, Speed: speed}}, Result: &fleet.Result{
			Workers: 1613, Loaded: fleet.Window{
				Tasks: tasks, Ingest: 0.1, Postgres: 0.2, NATS: 0.1, Hop: 20 * time.Millisecond, HopP99: 2 * time.Second, WAL: 1e6,
			},
		}}
	}
	return &Fleet{Runs: []FleetRun{run(1, 168), run(4, 400), {Job: fleet.Job{Level: fleet.Level{Recorders: 5, Speed: 1}}, Error: "not done in time"}}}
}

func TestAFleetThatIsBehindIsMarked(t *testing.T) {
	var out bytes.Buffer
	if err := (Report{Fleet: someFleets()}).Markdown(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| 1000 | 1613 | 168.5 | 168.0 | 0.10 | 0.20 | 0.10 | 2.38 |", "| 1000 ×4 | 1613 | 674.1 | **400.0** |", "- fleet, 5 recorders: not done in time",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not have %q:\n%s", want, out.String())
		}
	}
}

func TestTheCurveIsAPicture(t *testing.T) {
	var out bytes.Buffer
	if err := someFleets().SVG(&out); err != nil {
		t.Fatal(err)
	}
	points := 0
	for decoder := xml.NewDecoder(&out); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "circle" {
			points++
		}
	}
	if points != 12 { // two fleets, six curves
		t.Errorf("the curve has %d points, want 12", points)
	}
}

func TestAxesEndAtRoundNumbers(t *testing.T) {
	for most, want := range map[float64][]float64{0.41: {0, 0.1, 0.2, 0.3, 0.4, 0.5}, 168: {0, 50, 100, 150, 200}, 670: {0, 200, 400, 600, 800}} {
		end, marks := steps(most)
		if !slices.Equal(marks, want) || end != want[len(want)-1] {
			t.Errorf("an axis up to %v has %v, and ends at %v; want %v", most, marks, end, want)
		}
	}
}
