package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/e2e/rig"
)

// The size and rate of most campaigns here: small, so that it is the pipeline that takes the time.
const (
	width, height = 320, 180
	fps           = 10
)

// colors are CSS names and what they look like. Scenes use them one after the other.
var colors = []struct {
	name string
	rgb  rig.RGB
}{
	{"navy", rig.RGB{0, 0, 128}},
	{"green", rig.RGB{0, 128, 0}},
	{"orange", rig.RGB{255, 165, 0}},
	{"teal", rig.RGB{0, 128, 128}},
	{"maroon", rig.RGB{128, 0, 0}},
}

// campaign returns a campaign of scenes of one second each.
func campaign(p *rig.Pipeline, scenes int) rig.Campaign {
	c := rig.Campaign{Width: width, Height: height, FPS: fps}
	for i := range scenes {
		c.Scenes = append(c.Scenes, rig.Scene{URL: p.Site.Page(colors[i%len(colors)].name, fps), Seconds: 1})
	}
	return c
}

// held is such a campaign whose last scene's page is held.
func held(t *testing.T, p *rig.Pipeline, scenes int) (rig.Campaign, *rig.Hold) {
	c := campaign(p, scenes)
	url, hold := p.Site.HeldPage(t, colors[(scenes-1)%len(colors)].name, fps)
	c.Scenes[scenes-1].URL = url
	return c, hold
}

// checkDone checks a render that must be done: its row, its job, one final object, and the video
// frame by frame. It returns the video's frames.
func checkDone(t *testing.T, p *rig.Pipeline, r rig.Render, c rig.Campaign) []rig.Frame {
	t.Helper()
	if r.Status != "done" || r.ErrorCode != "" || r.ErrorMessage != "" {
		t.Fatalf("render %s is %s: %s: %s\nattempts: %+v", r.ID, r.Status, r.ErrorCode, r.ErrorMessage, p.Attempts(t, r.ID))
	}
	if !slices.Equal(r.JobStates, []string{"completed"}) {
		t.Errorf("jobs are %v", r.JobStates)
	}
	for bucket, kinds := range map[string][]string{"videos": {".mp4"}, "thumbnails": {"-small.jpg", ".jpg"}} {
		keys := p.Store.Objects(t, bucket, r.ID.String()+"/")
		if len(keys) != len(kinds) || !slices.EqualFunc(keys, kinds, strings.HasSuffix) {
			t.Errorf("bucket %s has %v, not one of each of %s", bucket, keys, kinds)
		}
	}
	if ended := p.EndedUploads(t, r.ID); ended != 1 {
		t.Errorf("%d uploads count, not one", ended)
	}
	video := rig.Fetch(t, r.VideoURL)
	rig.CheckVideo(t, video, c, strings.HasSuffix(c.Facecam, "talking.mp4"))
	rig.CheckThumbnail(t, rig.Fetch(t, r.ThumbURL), c)
	return checkFrames(t, video, c)
}

// checkFrames checks that every frame of the video is the right page's next one, with the facecam
// on it or not. It returns them.
func checkFrames(t *testing.T, video string, c rig.Campaign) []rig.Frame {
	t.Helper()
	frames := rig.Frames(t, video)
	if len(frames) != c.Frames() {
		t.Fatalf("%d frames, not %d", len(frames), c.Frames())
	}
	at := 0
	for i, s := range c.Scenes {
		want := colors[i%len(colors)].rgb
		for n := range s.Seconds * c.FPS {
			f := frames[at+n]
			if !f.Color.Near(want) {
				t.Fatalf("scene %d, frame %d: the page's colour is %v, not %v", i+1, n, f.Color, want)
			}
			if (f.Facecam > 0.01) != (c.Facecam != "") {
				t.Fatalf("scene %d, frame %d: %.0f %% of the picture is facecam", i+1, n, 100*f.Facecam)
			}
			if n > 0 && !s.Realtime && f.Number != frames[at+n-1].Number+1 {
				t.Fatalf("scene %d, frame %d shows the page's frame %d after %d", i+1, n, f.Number, frames[at+n-1].Number)
			}
		}
		at += s.Seconds * c.FPS
	}
	return frames
}

// checkUncharged checks that no attempt was charged and none was lost: each task of the render took
// one.
func checkUncharged(t *testing.T, p *rig.Pipeline, render uuid.UUID) {
	t.Helper()
	for _, a := range p.Attempts(t, render) {
		if a.Attempt != 1 || a.Outcome != "done" {
			t.Errorf("an attempt more than was needed: %+v", a)
		}
	}
}

// outcomes returns how the attempts at one task ended, in order: "recorder-1 lapsed".
func outcomes(attempts []rig.Attempt, kind string, seq int) []string {
	var found []string
	for _, a := range attempts {
		if a.Kind == kind && a.Seq == seq {
			found = append(found, a.Worker+" "+a.Outcome)
		}
	}
	return found
}

// workers returns the workers that did the tasks of a kind.
func workers(attempts []rig.Attempt, kind string) []string {
	var found []string
	for _, a := range attempts {
		if a.Kind == kind {
			found = append(found, a.Worker)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
