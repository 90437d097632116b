package rig

import (
	"encoding/hex"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/servers"
)

// Site is a web server with pages made for the tests.
type Site struct {
	server *httptest.Server

	mu    sync.Mutex
	holds map[string]*Hold
}

// page paints a still background and, in its top left corner, the number of the frame it is at, in
// CodeBits black and white squares of CodeSize pixels: so a test sees which frame of which page
// every frame of a video is.
var page = template.Must(template.New("page").Parse(`<!doctype html>
<title>{{.Color}}</title>
<style>
  html, body { margin: 0; height: 100%; overflow: hidden; background: {{.Color}} }
  #code { display: flex; width: max-content }
  #code i { width: {{.Size}}px; height: {{.Size}}px; background: black }
</style>
<div id="code"></div>
<script>
  const code = document.getElementById('code')
  for (let i = 0; i < {{.Bits}}; i++) code.append(document.createElement('i'))
  let first
  requestAnimationFrame(function paint(now) {
    first ??= now
    const n = Math.round((now - first) * {{.FPS}} / 1000)
    for (let i = 0; i < {{.Bits}}; i++) code.children[i].style.background = n >> i & 1 ? 'white' : 'black'
    requestAnimationFrame(paint)
  })
</script>
`))

// patches is a still page of flat colours, in rows from left to right.
var patches = template.Must(template.New("patches").Parse(`<!doctype html>
<title>patches</title>
<style>
  html, body { margin: 0; height: 100%; overflow: hidden }
  body { display: grid; grid-template-columns: repeat({{.Columns}}, 1fr) }
</style>
{{range .Colors}}<i style="background: rgb({{index . 0}} {{index . 1}} {{index . 2}})"></i>
{{end}}`))

// The frame number on a page.
const (
	CodeBits = 12
	CodeSize = 16
)

func startSite() *Site {
	s := &Site{holds: map[string]*Hold{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /page", s.page)
	mux.HandleFunc("GET /patches", s.patches)
	mux.HandleFunc("GET /status/{code}", func(w http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(r.PathValue("code"))
		http.Error(w, http.StatusText(code), code)
	})
	mux.HandleFunc("GET /archive.zip", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/zip")
		w.Header().Set("Content-Disposition", "attachment; filename=archive.zip")
		_, _ = w.Write([]byte("PK\x05\x06" + string(make([]byte, 18))))
	})
	mux.HandleFunc("GET /logo.png", func(w http.ResponseWriter, _ *http.Request) {
		logo := image.NewRGBA(image.Rect(0, 0, 90, 90))
		draw.Draw(logo, logo.Bounds(), image.NewUniform(LogoColor), image.Point{}, draw.Src)
		_ = png.Encode(w, logo)
	})
	for name := range facecams {
		mux.HandleFunc("GET /facecam/"+name, func(w http.ResponseWriter, r *http.Request) {
			path, err := facecam(name)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			http.ServeFile(w, r, path)
		})
	}
	s.server = httptest.NewServer(mux)
	return s
}

func (s *Site) page(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.mu.Lock()
	hold := s.holds[q.Get("hold")]
	s.mu.Unlock()
	if hold != nil && hold.wait(r.Context()) != nil {
		return
	}
	fps, err := strconv.Atoi(q.Get("fps"))
	if err != nil {
		http.Error(w, "fps: "+err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = WritePage(w, q.Get("color"), fps)
}

// WritePage writes the HTML of such a page.
func WritePage(w io.Writer, color string, fps int) error {
	return page.Execute(w, struct {
		Color           string
		FPS, Bits, Size int
	}{color, fps, CodeBits, CodeSize})
}

// Page returns the URL of a page of this colour (a CSS name) that counts frames at fps.
func (s *Site) Page(color string, fps int) string {
	return s.URL("/page?" + url.Values{"color": {color}, "fps": {strconv.Itoa(fps)}}.Encode())
}

// HeldPage returns such a page whose requests are held, until they are released or the test ends.
func (s *Site) HeldPage(t testing.TB, color string, fps int) (string, *Hold) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := newHold()
	t.Cleanup(h.Release)
	name := fmt.Sprintf("h%d", len(s.holds))
	s.holds[name] = h
	return s.Page(color, fps) + "&hold=" + name, h
}

// LogoColor is the one colour of the picture at /logo.png, which is a square.
var LogoColor = color.RGBA{R: 255, G: 255, A: 255}

// PatchColumns is how many patches are in a row.
const PatchColumns = 8

// Patches returns the URL of a still page that shows these colours in rows of PatchColumns, which
// fill it.
func (s *Site) Patches(colors []RGB) string {
	q := url.Values{}
	for _, c := range colors {
		q.Add("c", hex.EncodeToString(c[:]))
	}
	return s.URL("/patches?" + q.Encode())
}

func (s *Site) patches(w http.ResponseWriter, r *http.Request) {
	var colors []RGB
	for _, text := range r.URL.Query()["c"] {
		c, err := hex.DecodeString(text)
		if err != nil || len(c) != len(RGB{}) {
			http.Error(w, "c: not a colour: "+text, http.StatusBadRequest)
			return
		}
		colors = append(colors, RGB(c))
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = patches.Execute(w, struct {
		Columns int
		Colors  []RGB
	}{PatchColumns, colors})
}

// Facecam returns the URL of a facecam: "talking.mp4" has sound, "silent.mp4" has none,
// "broken.mp4" is no video.
func (s *Site) Facecam(t testing.TB, name string) string {
	t.Helper()
	FacecamFile(t, name)
	return s.URL("/facecam/" + name)
}

// Nobody returns a URL at which nobody listens.
func (s *Site) Nobody(t testing.TB) string {
	t.Helper()
	return "http://" + servers.Loopback(freePort(t)) + "/"
}

// URL returns the URL of a path on the site.
func (s *Site) URL(path string) string { return s.server.URL + path }

func (s *Site) stop() {
	s.mu.Lock()
	for _, h := range s.holds {
		h.Release()
	}
	s.mu.Unlock()
	s.server.CloseClientConnections()
	s.server.Close()
}
