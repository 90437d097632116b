package web_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"
)

// up is a whole installation, as "loom up" starts it.
type up struct {
	t *testing.T
	// url is where its console is, link signs in, and token is the API's.
	url, link, token string
}

var signInLink = regexp.MustCompile(`http://\S+/sign-in\?link=\S+`)

// startUp starts bin/loom in a folder of its own.
func startUp(t *testing.T) *up {
	t.Helper()
	program, err := filepath.Abs("../../../bin/loom")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ready := filepath.Join(dir, "ready.env")
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, "up", "--data", filepath.Join(dir, "loom"), "--ready-file", ready)
	cmd.Dir = dir
	printed, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: make console-pictures builds it", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		if err := cmd.Wait(); err != nil {
			t.Errorf("loom up: %v", err)
		}
	})
	u := &up{t: t}
	for lines := bufio.NewScanner(printed); u.link == "" && lines.Scan(); {
		u.link = signInLink.FindString(lines.Text())
	}
	go func() { _, _ = bufio.NewReader(printed).WriteTo(new(bytes.Buffer)) }()
	text, err := os.ReadFile(ready)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), "="); name {
		case "LOOM_API_URL":
			u.url = value
		case "LOOM_API_TOKEN":
			u.token = value
		}
	}
	return u
}

// post sends a request to the API, and returns the id in its answer.
func (u *up) post(path string, body any) (id string) {
	u.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		u.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(u.t.Context(), http.MethodPost, u.url+path, bytes.NewReader(text))
	if err != nil {
		u.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+u.token)
	r.Header.Set("Content-Type", "application/json")
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		u.t.Fatal(err)
	}
	defer answer.Body.Close()
	var made struct{ ID string }
	if err := json.NewDecoder(answer.Body).Decode(&made); err != nil || answer.StatusCode >= 300 {
		u.t.Fatalf("%s answers %s, %v", path, answer.Status, err)
	}
	return made.ID
}

// render asks for a render of pages, 3 s each.
func (u *up) render(name, facecam string, pages ...string) (id string) {
	u.t.Helper()
	campaign := map[string]any{"name": name, "output_width": 1920, "output_height": 1080, "output_fps": 25}
	if facecam != "" {
		campaign["facecam_url"] = facecam
	}
	var scenes []map[string]any
	for _, page := range pages {
		scenes = append(scenes, map[string]any{"url": page, "duration_sec": 3})
	}
	campaign["scenes"] = scenes
	return u.post("/v1/renders", map[string]any{"campaign": campaign})
}

// The pictures of the documentation are made here, into the folder that LOOM_DOCS_PICTURES names:
// make console-pictures. They show an installation that runs, and renders of the demo's pages. The
// first is made as somebody does who is new: by the link that loom up prints, in the dashboard.
func TestPicturesOfTheDocumentation(t *testing.T) {
	dir := os.Getenv("LOOM_DOCS_PICTURES")
	if dir == "" {
		t.Skip("this makes files of the documentation: make console-pictures")
	}
	demo := httptest.NewServer(http.FileServer(http.Dir("../../../examples/demo")))
	t.Cleanup(demo.Close)
	page := func(name string) string { return demo.URL + "/pages/" + name + ".html" }
	landing, dashboard, closing := page("landing"), page("dashboard"), page("closing")
	begun := time.Now()
	u := startUp(t)
	t.Logf("the link after %.1f s", time.Since(begun).Seconds())

	window := blank(t, 1280)
	prefer(t, window, "light")
	visit(t, window, u.link)
	press(t, window, "button.main")
	press(t, window, ".top .button.main")
	window.MustElement("#name").MustInput("Spring launch")
	window.MustElement("[name=url]").MustInput(landing)
	press(t, window, ".pager button.main")
	read(t, window, ".head .status", "done")
	t.Logf("the first render in the dashboard after %.1f s", time.Since(begun).Seconds())

	for i, name := range []string{"Onboarding tour", "Weekly recap", "Pricing walk-through", "Release notes"} {
		u.render(name, "", []string{dashboard, closing, landing + "#pricing", dashboard + "#news"}[i])
	}
	u.render("Demo for Acme", "", closing, "https://no-such-host.invalid/tour")
	visit(t, window, u.url+"/renders?status=done")
	window.Timeout(10 * time.Minute).MustWait(`() => document.querySelectorAll("tr[data-row]").length === 5`)
	u.render("Customer story", "", closing+"#story")
	acme := u.render("Acme, in nine seconds", demo.URL+"/facecam.mp4", landing, dashboard, closing)
	visit(t, window, u.url+"/renders/"+acme)
	window.Timeout(10 * time.Minute).MustWait(`() => [...document.querySelectorAll("[data-picture] .shot img")].some(i => i.naturalWidth > 0 && i.offsetWidth > 0)`)
	picture(t, window, filepath.Join(dir, "console-watch.jpg"), 900)
	last := u.render("Quarterly review", "", landing, dashboard, closing)
	visit(t, window, u.url+"/renders/"+last)
	window.Timeout(10 * time.Minute).MustWait(`() => ["recording", "normalizing"].includes(document.querySelector(".head .status").textContent)`)
	for _, p := range []struct {
		path, name string
		height     float64
	}{{"/", "console-overview", 930}, {"/stages", "console-stages", 900}} {
		visit(t, window, u.url+p.path)
		picture(t, window, filepath.Join(dir, p.name+".jpg"), p.height)
	}
	for _, id := range []string{acme, last} {
		visit(t, window, u.url+"/renders/"+id)
		window.Timeout(10 * time.Minute).MustWait(`() => ["done", "failed"].includes(document.querySelector(".head .status").textContent)`)
	}
	for _, p := range []struct {
		path, name string
		height     float64
		narrow     bool
	}{{"/renders?q=Acme", "console-list", 560, false}, {"/renders/" + acme, "console-render", 1180, false}, {"/renders", "console-narrow", 780, true}} {
		if p.narrow {
			window.MustSetViewport(390, 900, 1, true)
			prefer(t, window, "dark")
		}
		visit(t, window, u.url+p.path)
		picture(t, window, filepath.Join(dir, p.name+".jpg"), p.height)
	}
}

// picture saves a picture of the upper part of a page, when its pictures and videos are there.
func picture(t *testing.T, page *rod.Page, path string, height float64) {
	t.Helper()
	page.Timeout(patience).MustWait(`() => [...document.querySelectorAll("video")].every(v => v.readyState === 4) && [...document.images].every(i => i.complete || !i.offsetParent || i.getBoundingClientRect().top > innerHeight)`)
	// What a player shows while it loads fades away.
	page.MustEval(`() => new Promise(done => setTimeout(done, 2000))`)
	quality := 80
	data, err := proto.PageCaptureScreenshot{
		Format: proto.PageCaptureScreenshotFormatJpeg, Quality: &quality, CaptureBeyondViewport: true,
		Clip: &proto.PageViewport{Width: page.MustEval("() => innerWidth").Num(), Height: height, Scale: 1},
	}.Call(page)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data.Data, 0o644); err != nil {
		t.Fatal(err)
	}
}
