package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/e2e/rig"
	"github.com/loom-lite/loom-lite/pkg/msg"
)

// One render with nearly all options of a video.
func TestAVideoIsAsItsCampaignAsks(t *testing.T) {
	p := rig.Usual(t)
	c := campaign(p, 2)
	c.Facecam = p.Site.Facecam(t, "talking.mp4")
	c.Shown = `{"shape": "rectangle", "aspect": "1:1", "size": 0.5, "corner": "bottom-right", "margin": 0, "border": {"width": 0}, "shadow": false,
		"fullscreen": [{"at": "end", "seconds": 0.5, "ease": 0}]}`
	const crossfade = 4 // frames
	c.Output = fmt.Sprintf(`{"quality": "draft", "thumbnail_at": 1.2, "preview": {}, "share": {"title": "Hello"}, "transition": {"kind": "crossfade", "seconds": %g},
		"captions": {"text": "00:00:00.500 --> 00:00:02.000\nHello"}, "loudness": {"integrated_lufs": -20},
		"watermark": {"url": %q, "width": 0.1, "margin": 0.05, "opacity": 0.5}}`, float64(crossfade)/fps, p.Site.URL("/logo.png"))
	r := p.Await(t, p.Submit(t, c))
	if r.Status != "done" {
		t.Fatalf("render %s is %s: %s: %s\nattempts: %+v", r.ID, r.Status, r.ErrorCode, r.ErrorMessage, p.Attempts(t, r.ID))
	}
	video := rig.Fetch(t, r.VideoURL)

	frames := rig.Frames(t, video)
	if len(frames) != c.Frames() {
		t.Fatalf("%d frames, not %d", len(frames), c.Frames())
	}
	for i := range c.Scenes {
		for n := range fps {
			at := i*fps + n
			alone := n < fps-crossfade || i == len(c.Scenes)-1
			full := at >= c.Frames()-fps/2
			switch {
			case full && frames[at].Facecam < 0.95:
				t.Errorf("frame %d: %.0f %% of the picture is facecam at the end, where it fills it", at, 100*frames[at].Facecam)
			case !full && alone && !frames[at].Color.Near(colors[i].rgb):
				t.Errorf("scene %d, frame %d: the page's colour is %v, not %v", i+1, n, frames[at].Color, colors[i].rgb)
			case !full && (frames[at].Facecam < 0.1 || frames[at].Facecam > 0.2):
				t.Errorf("frame %d: %.0f %% of the picture is facecam, and a square of half of its height is 14", at, 100*frames[at].Facecam)
			}
		}
	}
	half := func(c rig.RGB) rig.RGB {
		return rig.RGB{c[0]/2 + rig.LogoColor.R/2, c[1]/2 + rig.LogoColor.G/2, c[2]/2 + rig.LogoColor.B/2}
	}
	marks := rig.Means(t, video, image.Rect(width-8-24, 8+8, width-8-8, 8+24))
	for _, at := range []int{0, fps / 2, fps + 2} {
		if want := half(colors[at/fps].rgb); !marks[at].Near(want) {
			t.Errorf("frame %d: the watermark looks %v, want %v", at, marks[at], want)
		}
	}
	if want := half(rig.FacecamColor); !marks[len(marks)-1].Near(want) {
		t.Errorf("the watermark over the facecam looks %v, want %v", marks[len(marks)-1], want)
	}
	checkTracks(t, rig.Tracks(t, video))
	checkAskedRow(t, p, r, c)
}

func checkTracks(t *testing.T, tracks []rig.Track) {
	t.Helper()
	kinds := map[string]string{}
	for _, k := range tracks {
		kinds[k.Type] = k.Codec
	}
	if len(tracks) != 3 || kinds["video"] != "h264" || kinds["audio"] != "aac" || kinds["subtitle"] != "mov_text" {
		t.Errorf("tracks are %+v", tracks)
	}
}

// checkAskedRow checks what the render's row holds besides its video.
func checkAskedRow(t *testing.T, p *rig.Pipeline, r rig.Render, c rig.Campaign) {
	t.Helper()
	var small, asGIF, asWebP, page string
	var raw []byte
	err := p.DB.QueryRow(context.Background(), `select thumb_small_url, preview_url, preview_webp_url, share_url, report from renders where id = $1`, r.ID).
		Scan(&small, &asGIF, &asWebP, &page, &raw)
	if err != nil {
		t.Fatalf("read the render: %v", err)
	}
	var report msg.Report
	if err := json.Unmarshal(raw, &report); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	if report.Frames != c.Frames() || report.Sound == nil || report.Sound.Integrated == nil || math.Abs(*report.Sound.Integrated+20) > 1 {
		t.Errorf("the report is %s, want %d frames and -20 LUFS", raw, c.Frames())
	}
	for url, begins := range map[string]string{asGIF: "GIF89a", asWebP: "RIFF", page: "<!doctype html>"} {
		file, err := os.ReadFile(rig.Fetch(t, url))
		if err != nil || !strings.HasPrefix(string(file), begins) {
			t.Errorf("%d bytes do not begin with %s: %v", len(file), begins, err)
		}
	}
	for _, url := range []string{r.ThumbURL, small} {
		thumbnail := rig.Fetch(t, url)
		rig.CheckThumbnail(t, thumbnail, c) // the video is not wider than the small one is
		if got := rig.Means(t, thumbnail, image.Rect(0, 100, 40, 140))[0]; !got.Near(colors[1].rgb) {
			t.Errorf("the thumbnail's colour is %v, not the second scene's %v", got, colors[1].rgb)
		}
	}
}
