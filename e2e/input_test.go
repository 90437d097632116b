package e2e

import (
	"archive/zip"
	"image/jpeg"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/e2e/rig"
	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestBadInputFailsItsOwnRenderOnly(t *testing.T) {
	p := rig.Usual(t)
	// The second scene is the bad one, so that the message must say which.
	scene := func(url string, seconds int) func(*rig.Campaign) {
		return func(c *rig.Campaign) { c.Scenes[1] = rig.Scene{URL: url, Seconds: seconds} }
	}
	// One good scene for all that fails while scenes are recorded would do nothing but take time.
	alone := func(url string) func(*rig.Campaign) {
		return func(c *rig.Campaign) { c.Scenes = []rig.Scene{{URL: url, Seconds: 1}} }
	}
	page := p.Site.Page("green", fps)
	nobody := p.Site.Nobody(t)
	facecam := func(url string) func(*rig.Campaign) {
		return func(c *rig.Campaign) { c.Facecam, c.Scenes = url, c.Scenes[:1] }
	}
	size := func(w, h int) func(*rig.Campaign) {
		return func(c *rig.Campaign) { c.Width, c.Height = w, h }
	}
	rate := func(fps int) func(*rig.Campaign) { return func(c *rig.Campaign) { c.FPS = fps } }
	cases := []struct {
		name string
		bad  func(*rig.Campaign)
		code msg.Code
		// words is what the message must say, in upper or lower case.
		words string
	}{
		{"no scenes", func(c *rig.Campaign) { c.Scenes = nil }, msg.CodeNoScenes, "scene"},
		{"no seconds", scene(page, 0), msg.CodeSceneDuration, "scene 2"},
		{"negative seconds", scene(page, -5), msg.CodeSceneDuration, "scene 2"},
		{"ten hours", scene(page, 36000), msg.CodeSceneDuration, "scene 2"},
		{"empty URL", scene("", 1), msg.CodeSceneURL, "scene 2"},
		{"no URL", scene("our new page", 1), msg.CodeSceneURL, "scene 2"},
		{"ftp", scene("ftp://example.com/page", 1), msg.CodeSceneURL, "scene 2"},
		{"file", scene("file:///etc/passwd", 1), msg.CodeSceneURL, "scene 2"},
		{"javascript", scene("javascript:alert(1)", 1), msg.CodeSceneURL, "scene 2"},
		{"unknown host", alone("http://nowhere.invalid/"), msg.CodeSceneUnresolved, "scene 1"},
		{"nobody listens", alone(nobody), msg.CodeSceneUnreachable, "scene 1"},
		{"404", scene(p.Site.URL("/status/404"), 1), msg.CodeSceneStatus, "scene 2"},
		{"500", alone(p.Site.URL("/status/500")), msg.CodeSceneStatus, "scene 1"},
		{"a download", alone(p.Site.URL("/archive.zip")), msg.CodeSceneNotAPage, "scene 1"},
		{"a private address", alone("http://10.1.2.3/"), msg.CodeSceneRefused, "scene 1"},
		{"odd width", size(641, 360), msg.CodeOutputSize, "641"},
		{"odd height", size(640, 361), msg.CodeOutputSize, "361"},
		{"no width", size(0, 360), msg.CodeOutputSize, ""},
		{"absurd size", size(100000, 100000), msg.CodeOutputSize, ""},
		{"no frames", rate(0), msg.CodeOutputFPS, ""},
		{"negative rate", rate(-30), msg.CodeOutputFPS, ""},
		{"absurd rate", rate(10000), msg.CodeOutputFPS, ""},
		{"facecam not http", facecam("ftp://example.com/me.mp4"), msg.CodeFacecamURL, "facecam"},
		{"facecam missing", facecam(p.Site.URL("/facecam/nobody.mp4")), msg.CodeFacecamStatus, "facecam"},
		{"facecam no video", facecam(p.Site.Facecam(t, "broken.mp4")), msg.CodeFacecamNotVideo, "facecam"},
		{"facecam unknown host", facecam("http://nowhere.invalid/me.mp4"), msg.CodeFacecamUnresolved, "facecam"},
		{"facecam nobody listens", facecam(nobody + "me.mp4"), msg.CodeFacecamUnreachable, "facecam"},
		{"facecam on a private address", facecam("http://10.1.2.3/me.mp4"), msg.CodeFacecamRefused, "facecam"},
	}
	ids := make([]uuid.UUID, len(cases))
	for i, bad := range cases {
		c := campaign(p, 2)
		bad.bad(&c)
		ids[i] = p.Submit(t, c)
	}
	good := campaign(p, 1)
	goodID := p.Submit(t, good)
	for i, bad := range cases {
		t.Run(bad.name, func(t *testing.T) {
			r := p.Await(t, ids[i])
			if r.Status != "failed" || r.ErrorCode != string(bad.code) {
				t.Errorf("the render is %s, %s, not failed, %s", r.Status, r.ErrorCode, bad.code)
			}
			t.Log(r.ErrorMessage)
			if r.ErrorMessage == "" || !strings.Contains(strings.ToLower(r.ErrorMessage), bad.words) {
				t.Errorf("the message %q does not say %q", r.ErrorMessage, bad.words)
			}
			if len(r.JobStates) != 1 || r.JobStates[0] != "failed" || r.VideoURL != "" {
				t.Errorf("jobs are %v, the video is %q", r.JobStates, r.VideoURL)
			}
			if bad.name == "404" {
				checkBundle(t, p, r.ID)
			}
			open := rig.Value[int](t, p.App, `select count(*) from loom.tasks where render_id = $1
				and state not in ('done', 'failed', 'cancelled')`, r.ID)
			if open != 0 {
				t.Errorf("%d tasks are open", open)
			}
		})
	}
	checkDone(t, p, p.Await(t, goodID), good)
}

// checkBundle checks that a failed render's bundle is stored and fetched, and shows the page that
// failed.
func checkBundle(t *testing.T, p *rig.Pipeline, render uuid.UUID) {
	t.Helper()
	stored := slices.DeleteFunc(p.Store.Objects(t, "loom-work", render.String()+"/"), func(key string) bool {
		return path.Base(key) != "failure.zip"
	})
	if len(stored) != 1 {
		t.Errorf("the bundles of the render are %v, not one", stored)
	}
	file := filepath.Join(t.TempDir(), "failure.zip")
	if said := p.Loom(t, "bundle", render.String(), "-o", file); said != file+"\n" {
		t.Errorf("loom bundle printed %q", said)
	}
	bundle, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer bundle.Close()
	shot, err := bundle.Open("last.jpg")
	if err != nil {
		t.Fatal(err)
	}
	defer shot.Close()
	size, err := jpeg.DecodeConfig(shot)
	if err != nil || size.Width != width || size.Height != height {
		t.Errorf("the last picture is %d×%d, %v", size.Width, size.Height, err)
	}
	report, err := fs.ReadFile(bundle, "report.json")
	if err != nil || !strings.Contains(string(report), string(msg.CodeSceneStatus)) || !strings.Contains(string(report), "/status/404") {
		t.Errorf("the report is %s, %v", report, err)
	}
}
