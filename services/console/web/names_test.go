package web

import (
	"slices"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/figures"
	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/console/snapshot"
)

func TestPartsOfASceneHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	got := namesOf([]renders.Task{{Kind: msg.Record, Scene: 1}, {Kind: msg.Normalize, Scene: 1}, {Kind: msg.Normalize, Scene: 1}, {Kind: msg.Normalize, Scene: 2}, {Kind: msg.Concat}})
	if want := []string{"Record 1", "Normalize 1, 1 of 2", "Normalize 1, 2 of 2", "Normalize 2", "Join"}; !slices.Equal(got, want) {
		t.Errorf("the names are %q, not %q", got, want)
	}
}

func TestAnAddressIsReadAsPeopleWriteIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"example.com": "https://example.com", "localhost:3000/a": "http://localhost:3000/a", "127.0.0.1:8000": "http://127.0.0.1:8000", "[::1]:80/": "http://[::1]:80/",
		"https://localhost:3000": "https://localhost:3000", "http://example.com": "http://example.com", "localhost.example.com": "https://localhost.example.com",
		"javascript:alert(1)": "", "ftp://example.com": "", "https://": "",
	} {
		got, err := webAddress(text)
		if (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%q is %q: %v; want %q", text, got, err, want)
		}
	}
}

// A stage whose workers wait has worked for as much of the last hour as they have: of those that
// ask for nothing, nothing is heard.
func TestAStageThatRestsHasWorked(t *testing.T) {
	t.Parallel()
	now := time.Now()
	busy := slices.Repeat([]float64{0.5}, 30)
	for name, c := range map[string]struct {
		workers []figures.Worker
		live    int
		share   float64
	}{
		"at work":               {[]figures.Worker{{Stage: "upload", Heard: now, Busy: busy}, {Stage: "upload", Heard: now.Add(-time.Hour), Busy: busy}}, 1, .5},
		"all rest":              {[]figures.Worker{{Stage: "upload", Heard: now.Add(-10 * time.Minute), Busy: busy}}, 0, .5},
		"one of two is at work": {[]figures.Worker{{Stage: "upload", Heard: now}, {Stage: "upload", Heard: now.Add(-10 * time.Minute), Busy: busy}}, 1, 0},
		"nobody":                {nil, 0, 0},
	} {
		row := rowsOf(snapshot.Snapshot{}, c.workers, nil, now)[2]
		if row.Live != c.live || row.Share != c.share {
			t.Errorf("%s: %d are live, %g busy; want %d, %g", name, row.Live, row.Share, c.live, c.share)
		}
	}
}
