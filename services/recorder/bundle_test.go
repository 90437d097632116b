package recorder

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/recorder/bundle"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

// secretive are options with a secret of each kind.
var secretive = scene.Options{
	Headers:   map[string]string{"Authorization": "Bearer header-s3cret"},
	Cookies:   []scene.Cookie{{Name: "session", Value: "cookie-s3cret"}},
	BasicAuth: &scene.BasicAuth{Username: "somebody", Password: "basic-s3cret"},
	Actions:   []scene.Action{{Do: "type", Selector: "#q", Text: "typed-s3cret"}},
	Scroll:    &scene.Scroll{To: "end"},
}

// misbehaves is a red page that tells its console and its server all that it should not, and then
// never returns.
const misbehaves = `<!doctype html><body style="background:#c00">
<script>
	const secrets = ["header-s3cret", "cookie-s3cret", "basic-s3cret", "typed-s3cret", "query-s3cret", "c29tZWJvZHk6YmFzaWMtczNjcmV0"]
	console.log("first line", 42, {a: 1})
	console.warn("the secrets are " + secrets.join(", "))
	console.error("asked " + location.href + " and /api?session=cookie-s3cret")
	fetch("/data.json?token=query-s3cret#part").then(r => r.json()).then(data => console.log("data", data.n))
	fetch("/missing/cookie-s3cret")
	fetch("/never")
	const image = new Image()
	image.src = "/moved?to=header-s3cret"
	Promise.reject(new Error("nobody caught basic-s3cret"))
	%s
</script>`

// hangs is a page's endless script.
const hangs = `setTimeout(() => { console.log("last line"); setTimeout(() => { for (;;); }, 100) }, 300)`

// misbehaving serves the page; ending is the end of its script.
func misbehaving(t *testing.T, ending string) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, misbehaves, ending)
	})
	mux.HandleFunc("/data.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"n": 7}`)
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/there.svg?to=header-s3cret")
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("/there.svg", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = fmt.Fprint(w, `<svg xmlns="http://www.w3.org/2000/svg"/>`)
	})
	mux.HandleFunc("/never", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	srv := httptest.NewServer(mux)
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return srv.URL
}

// fails records a scene that fails, and returns how, and what is in its bundle.
func fails(t *testing.T, r *Recorder, p msg.RecordParams) (*stage.Error, map[string][]byte, int64) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "failure.zip")
	_, err := r.Record(t.Context(), Job{Params: p, Dir: dir, Bundle: path, Log: zerolog.Nop()})
	var failure *stage.Error
	if !errors.As(err, &failure) {
		t.Fatalf("recording returned %v", err)
	}
	files, size := unzip(t, path)
	return failure, files, size
}

func unzip(t *testing.T, path string) (files map[string][]byte, size int64) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	files = map[string][]byte{}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		_ = r.Close()
	}
	return files, int64(len(data))
}

func impatient(t *testing.T) *Recorder {
	t.Helper()
	r := testHandler(t).Recorder
	r.bounds = capture.Bounds{Load: 10 * time.Second, Request: 300 * time.Millisecond, Requests: time.Second, Call: 3 * time.Second}
	return r
}

func TestABundleShowsWhatHappened(t *testing.T) {
	site := misbehaving(t, hangs)
	failure, files, _ := fails(t, impatient(t), msg.RecordParams{
		Scene: 3, URL: site + "/page?token=query-s3cret", Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 600, Options: secretive,
	})
	if failure.Code != msg.CodeSceneTimeout {
		t.Errorf("the failure is %s: %v", failure.Code, failure)
	}

	picture, err := jpeg.Decode(bytes.NewReader(files[bundle.PictureFile]))
	if err != nil {
		t.Fatalf("the picture: %v", err)
	}
	if picture.Bounds() != image.Rect(0, 0, 320, 180) {
		t.Errorf("the picture is %v", picture.Bounds())
	}
	if r, g, b, _ := picture.At(160, 90).RGBA(); r < 0xb000 || r > 0xe000 || g > 0x2000 || b > 0x2000 {
		t.Errorf("the red page's picture is %x %x %x", r, g, b)
	}

	console := string(files[bundle.ConsoleFile])
	for _, want := range []string{
		"log       first line 42 Object (" + site + "/page:", "warning   the secrets are [secret], [secret]",
		"error     asked " + site + "/page?… and /api?…", "log       data 7", "log       last line",
		"exception Uncaught (in promise) Error: nobody caught [secret]", "404 (Not Found)",
	} {
		if !strings.Contains(console, want) {
			t.Errorf("%q is not in the console:\n%s", want, console)
		}
	}

	checkRequests(t, files[bundle.NetworkFile], site)
	var report struct {
		Code      msg.Code
		Message   string
		Error     string
		Scene     int
		URL       string
		Delivered int
		Options   []string
		Chrome    string
		Loom      string
		OS        string
		Elapsed   int `json:"elapsed_ms"`
	}
	if err := json.Unmarshal(files[bundle.ReportFile], &report); err != nil {
		t.Fatal(err)
	}
	if report.Code != failure.Code || report.Message != failure.Message || report.Scene != 3 || report.URL != site+"/page" ||
		!strings.Contains(report.Error, "stalled") || report.Delivered < 1 || report.Delivered >= 600 || report.Elapsed < 3000 ||
		!slices.Equal(report.Options, []string{"actions", "basic_auth", "cookies", "headers", "scroll"}) ||
		!strings.Contains(report.Chrome, "Chrome/") || report.Loom == "" || report.OS == "" {
		t.Errorf("the report is %s", files[bundle.ReportFile])
	}
	if len(files) != 4 {
		t.Errorf("the bundle has %d files", len(files))
	}
	for name, text := range files {
		for _, secret := range []string{"s3cret", "somebody", "c29tZWJvZHk6YmFzaWMtczNjcmV0"} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s is in %s:\n%s", secret, name, text)
			}
		}
	}
}

// checkRequests checks the misbehaving page's requests.
func checkRequests(t *testing.T, data []byte, site string) {
	t.Helper()
	var har struct {
		Log struct {
			Version string
			Entries []struct {
				Started time.Time `json:"startedDateTime"`
				Time    float64
				Request struct{ Method, URL string }
				Resp    struct {
					Status      int
					RedirectURL string
					Transferred int    `json:"_transferSize"`
					Error       string `json:"_error"`
					Content     struct{ MimeType string }
				} `json:"response"`
			}
		}
	}
	if err := json.Unmarshal(data, &har); err != nil {
		t.Fatal(err)
	}
	if har.Log.Version != "1.2" {
		t.Errorf("the HAR is of version %s", har.Log.Version)
	}
	var got []string
	for _, e := range har.Log.Entries {
		if e.Started.IsZero() || e.Time < 0 || (e.Resp.Status == 200 && e.Resp.Error == "" && e.Resp.Transferred == 0) {
			t.Errorf("an entry is %+v", e)
		}
		got = append(got, fmt.Sprintf("%s %s %d %s%s%s", e.Request.Method, strings.TrimPrefix(e.Request.URL, site), e.Resp.Status,
			e.Resp.Content.MimeType, strings.TrimPrefix(e.Resp.RedirectURL, site), e.Resp.Error))
	}
	for _, want := range []string{
		"GET /page 200 text/html", "GET /data.json 200 application/json", "GET /missing/[secret] 404 text/plain",
		"GET /moved 302 /there.svg", "GET /there.svg 200 image/svg+xml", "GET /never 0 under way when the recording ended",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not among the requests:\n%s", want, strings.Join(got, "\n"))
		}
	}
}

// For requests, see TestRequestsUnderWayAreBounded in package bundle.
func TestABundleIsSmallHoweverMuchThePageWrites(t *testing.T) {
	const lines = 2500
	site := misbehaving(t, fmt.Sprintf(`
		console.log("long " + "x".repeat(1 << 20) + " cookie-s3cret")
		for (let i = 0; i < %d; i++) console.log("flood", i, "cookie-s3cret")
		let n = 0
		const next = () => { document.body.textContent = ++n; requestAnimationFrame(next) }
		next()`, lines))
	r := testHandler(t).Recorder
	// Slow machines, too, get through it.
	r.bounds.Load, r.bounds.Call = 5*time.Minute, 5*time.Minute
	r.maxBytes = 50_000
	p := msg.RecordParams{Scene: 1, URL: site + "/page?token=query-s3cret", Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 600, Options: secretive}
	failure, files, size := fails(t, r, p)
	if failure.Code != msg.CodeSceneTooLarge {
		t.Errorf("the failure is %s: %v", failure.Code, failure)
	}
	if size > 1<<19 {
		t.Errorf("the bundle has %d bytes", size)
	}
	console := string(files[bundle.ConsoleFile])
	if n := strings.Count(console, "\n"); n > 1010 || len(console) > 1<<20 {
		t.Errorf("the console has %d lines in %d bytes", n, len(console))
	}
	if bytes.Contains(files[bundle.ConsoleFile], []byte("s3cret")) {
		t.Error("a secret is in the console")
	}
	for _, want := range []string{"first line", "flood 0 [secret]", "lines are left out", fmt.Sprintf("flood %d [secret]", lines-1)} {
		if !strings.Contains(console, want) {
			t.Errorf("%q is not in the console", want)
		}
	}
}
