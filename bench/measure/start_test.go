package measure

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/loom-lite/loom-lite/pkg/child"
)

// patience is longer than any measurement here takes on the slowest machine.
const patience = 3 * time.Minute

// smallSite serves a small page that moves in every frame, and one that stands still.
func smallSite(t *testing.T) *Site {
	t.Helper()
	site, err := NewSite(fstest.MapFS{
		"moving.html": {Data: []byte(`<!doctype html><h1>0</h1><script>
			const h = document.querySelector("h1"); let n = 0
			const next = () => { h.textContent = ++n; requestAnimationFrame(next) }
			next()</script>`)},
		"still.html": {Data: []byte("<!doctype html><h1>Still</h1>")},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := site.Close(); err != nil {
			t.Error(err)
		}
	})
	return site
}

func smallJob(site *Site, tool Tool, page string) Job {
	return Job{
		Tool: tool, Page: site.Page(page), Width: 320, Height: 180, FPS: 30, Frames: 12, Scenes: 2,
	}
}

func TestToolsAreMeasured(t *testing.T) {
	site := smallSite(t)
	for _, test := range []struct {
		tool             Tool
		page             string
		scenes, distinct int
	}{
		{Ours, "moving", 2, 12},
		{Ours, "still", 1, 1},
		{OursMP4, "moving", 1, 12},
		{Bare, "moving", 2, 12},
		{Bare, "still", 1, 12},
	} {
		t.Run(string(test.tool)+" "+test.page, func(t *testing.T) {
			job := smallJob(site, test.tool, test.page)
			job.Scenes = test.scenes
			r, err := Start(t.Context(), job, patience)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Scenes) != test.scenes {
				t.Fatalf("%d scenes, want %d", len(r.Scenes), test.scenes)
			}
			for _, s := range r.Scenes {
				if s.Frames != 12 || s.Distinct != test.distinct || s.Bytes < 100 {
					t.Errorf("a scene is %+v, want 12 frames, %d distinct", s, test.distinct)
				}
				if s.First <= 0 || s.Finished <= s.First || s.Done < s.Finished {
					t.Errorf("first %s, finished %s, done %s are in no order", s.First, s.Finished, s.Done)
				}
			}
			if r.GoCPU <= 0 || r.CPU <= r.GoCPU {
				t.Errorf("CPU time is %s, of it the worker's %s: Chrome's is missing", r.CPU, r.GoCPU)
			}
			// Chrome alone has more.
			if r.Memory < 20<<20 {
				t.Errorf("peak memory is %d bytes", r.Memory)
			}
		})
	}
}

func TestAMeasurementThatTakesTooLongLeavesNothingBehind(t *testing.T) {
	site := smallSite(t)
	for _, tool := range []Tool{Ours, Bare} {
		job := smallJob(site, tool, "moving")
		job.Frames = 100_000_000
		_, err := Start(t.Context(), job, 2*time.Second)
		if err == nil || !strings.Contains(err.Error(), "not done in 2s") {
			t.Errorf("%s: error %v", tool, err)
		}
		left, err := child.Descendants(os.Getpid())
		if err != nil || len(left) > 0 {
			t.Errorf("%s: processes %v are left, %v", tool, left, err)
		}
	}
}

func TestAToolThatFailsSaysWhy(t *testing.T) {
	site := smallSite(t)
	_, err := Start(t.Context(), smallJob(site, Ours, "nowhere"), patience)
	if err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a page that is not there: error %v", err)
	}
	job := smallJob(site, Peer, "still")
	job.Width, job.Height, job.Peers = PeerWidth, PeerHeight, t.TempDir()
	if _, err := Start(t.Context(), job, patience); err == nil || !strings.Contains(err.Error(), "setup.sh") {
		t.Errorf("a peer that is not installed: error %v, want what to run", err)
	}
}
