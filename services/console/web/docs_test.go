package web_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/console/access"
)

// The pictures of the documentation are made here, into the folder that LOOM_DOCS_PICTURES names:
// make console-pictures. The render in them has a video, made of a picture of the demo's.
func TestPicturesOfTheDocumentation(t *testing.T) {
	dir := os.Getenv("LOOM_DOCS_PICTURES")
	if dir == "" {
		t.Skip("this makes files of the documentation: make console-pictures")
	}
	media := t.TempDir()
	const demo = "../../../docs/pictures/demo.jpg"
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-loop", "1", "-i", demo, "-t", "15", "-r", "2", "-vf", "scale=1280:720",
		"-pix_fmt", "yuv420p", filepath.Join(media, "video.mp4")).CombinedOutput(); err != nil {
		t.Fatalf("make a video: %v: %s", err, out)
	}
	picture, err := os.ReadFile(demo)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(media, "demo.jpg"), picture, 0o600); err != nil {
		t.Fatal(err)
	}
	files := httptest.NewServer(http.FileServer(http.Dir(media)))
	t.Cleanup(files.Close)
	d := startOn(t, "", seeded.Database(t))
	for _, sql := range []string{
		"update public.renders set final_video_url = $1::text || '/video.mp4', thumb_url = $1::text || '/demo.jpg', thumb_small_url = $1::text || '/demo.jpg' where status = 'done'",
		"select loom.lead(gen_random_uuid(), 'ingest-1', '1 hour') where $1::text <> ''",
	} {
		if _, err := d.db.Exec(t.Context(), sql, files.URL); err != nil {
			t.Fatal(err)
		}
	}
	wide, narrow := d.window(t, access.Admin, 1280), d.window(t, access.Admin, 390)
	prefer(t, wide, "light")
	prefer(t, narrow, "dark")
	for _, p := range []struct {
		page       *rod.Page
		path, name string
		height     float64
	}{
		{wide, "/", "console-overview", 930}, {wide, "/renders?q=Acme", "console-list", 760}, {wide, "/renders/" + d.someRender("done"), "console-render", 1085},
		{wide, "/stages", "console-stages", 1020}, {narrow, "/renders", "console-narrow", 780},
	} {
		visit(t, p.page, d.url+p.path)
		p.page.Timeout(patience).MustWait(`() => [...document.querySelectorAll("video")].every(v => v.readyState === 4) && [...document.images].every(i => i.complete || !i.offsetParent || i.getBoundingClientRect().top > innerHeight)`)
		quality := 80
		data, err := proto.PageCaptureScreenshot{
			Format: proto.PageCaptureScreenshotFormatJpeg, Quality: &quality, CaptureBeyondViewport: true,
			Clip: &proto.PageViewport{Width: p.page.MustEval("() => innerWidth").Num(), Height: p.height, Scale: 1},
		}.Call(p.page)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, p.name+".jpg"), data.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
