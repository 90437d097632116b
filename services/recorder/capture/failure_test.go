package capture_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// status answers with an HTTP status and a body.
func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = fmt.Fprint(w, body)
	}
}

// redirect redirects to a URL as it is written.
func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	}
}

func TestPagesThatCannotBeRecorded(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := "http://" + closed.Addr().String()
	_ = closed.Close()
	selfSigned := httptest.NewUnstartedServer(html(counting))
	// it logs every handshake that fails
	selfSigned.Config.ErrorLog = log.New(io.Discard, "", 0)
	selfSigned.StartTLS()
	t.Cleanup(selfSigned.Close)
	url := site(t, map[string]http.HandlerFunc{
		"/404":        status(404, "not here"),
		"/404/empty":  status(404, ""),
		"/429":        status(429, "slowly"),
		"/500":        status(500, "broken"),
		"/502":        status(502, ""),
		"/script/404": html(`<script>location = "/404"</script>`),
		"/metadata":   redirect("http://169.254.169.254/latest/meta-data/"),
		"/file":       redirect("file:///etc/passwd"),
		"/unresolved": redirect("https://no-such-host.invalid/"),
		"/loop":       redirect("/loop"),
		"/ping":       redirect("/pong"),
		"/pong":       redirect("/ping"),
		"/bounce":     html(`<script>location = "/bounce?" + Math.random()</script>`),
		"/reload":     html(counting + `<script>location.reload()</script>`),
		"/hang":       hang,
		"/empty":      status(204, ""),
		"/stylesheet": html(`<link rel=stylesheet href=/hang><script src=/hang></script>`),
		"/busy":       html(`<script>for (;;);</script>`),
		"/busy/later": html(counting + `<script>setTimeout(() => { for (;;); }, 100)</script>`),
		"/reset":      func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"/download": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/zip")
			w.Header().Set("Content-Disposition", "attachment")
			_, _ = w.Write([]byte("PK\x03\x04"))
		},
	})
	for _, test := range []struct {
		name, url string
		code      msg.Code
		permanent bool
		status    int
	}{
		{"not found", url + "/404", msg.CodeSceneStatus, true, 404},
		{"not found without a body", url + "/404/empty", msg.CodeSceneStatus, true, 404},
		{"too many requests", url + "/429", msg.CodeSceneStatus, false, 429},
		{"server error", url + "/500", msg.CodeSceneStatus, false, 500},
		{"bad gateway of its own", url + "/502", msg.CodeSceneStatus, false, 502},
		{"a script leads to not found", url + "/script/404", msg.CodeSceneStatus, true, 404},
		{"unresolved", "https://no-such-host.invalid/", msg.CodeSceneUnresolved, true, 0},
		{"redirect to unresolved", url + "/unresolved", msg.CodeSceneUnresolved, true, 0},
		{"private address", "https://10.11.12.13/", msg.CodeSceneRefused, true, 0},
		{"redirect to metadata", url + "/metadata", msg.CodeSceneRefused, true, 0},
		{"redirect to a file", url + "/file", msg.CodeSceneRefused, true, 0},
		{"file", "file:///etc/passwd", msg.CodeSceneRefused, true, 0},
		{"chrome", "chrome://version", msg.CodeSceneRefused, true, 0},
		{"javascript", "javascript:alert(1)", msg.CodeSceneRefused, true, 0},
		{"connection refused", dead, msg.CodeSceneUnreachable, false, 0},
		{"connection reset", url + "/reset", msg.CodeSceneUnreachable, false, 0},
		{"no TLS", strings.Replace(url, "http:", "https:", 1), msg.CodeSceneTLS, false, 0},
		{"a certificate of its own making", selfSigned.URL, msg.CodeSceneTLS, true, 0},
		{"redirect loop", url + "/loop", msg.CodeSceneRedirects, true, 0},
		{"redirect loop of two", url + "/ping", msg.CodeSceneRedirects, true, 0},
		{"redirect loop by script", url + "/bounce", msg.CodeSceneRedirects, true, 0},
		{"reloads for ever", url + "/reload", msg.CodeSceneRedirects, true, 0},
		{"no answer", url + "/hang", msg.CodeSceneTimeout, false, 0},
		{"parsing never ends", url + "/stylesheet", msg.CodeSceneTimeout, false, 0},
		{"busy for ever", url + "/busy", msg.CodeSceneTimeout, false, 0},
		{"busy for ever, later", url + "/busy/later", msg.CodeSceneTimeout, false, 0},
		{"download", url + "/download", msg.CodeSceneNotAPage, true, 0},
		{"no content", url + "/empty", msg.CodeSceneNotAPage, true, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := shot{pooled: true, url: test.url, frames: 30}
			if test.code == msg.CodeSceneTimeout {
				s.bounds = impatient
			}
			_, _, err := s.take(t.Context(), t)
			var page *capture.PageError
			if !errors.As(err, &page) {
				t.Fatalf("capture returned %v, want a page's error", err)
			}
			if page.Code != test.code || page.Permanent != test.permanent || page.Status != test.status {
				t.Errorf("code %s, permanent %v, status %d, want %s, %v, %d (%v)",
					page.Code, page.Permanent, page.Status, test.code, test.permanent, test.status, err)
			}
		})
	}
}

// A wait in every frame would take ten minutes.
func TestARequestThatNeverAnswersIsWaitedForOnce(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(counting + `<script>fetch("/hang")</script>`), "/hang": hang})
	bounds := brief
	bounds.Request, bounds.Requests = 2*time.Second, time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	_, facts, err := shot{url: url, frames: 300, bounds: bounds}.take(ctx, t)
	if err != nil || facts.Frames != 300 {
		t.Errorf("%d frames, %v", facts.Frames, err)
	}
}

func TestAPageThatIsSlowInEveryFrameHasABound(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(counting + `<script>
		requestAnimationFrame(function f() { for (let i = 0; i < 1e7; i++); requestAnimationFrame(f) })</script>`)})
	bounds := generous
	bounds.Call, bounds.Frame = time.Second, time.Microsecond
	_, _, err := shot{url: url, frames: 100_000, bounds: bounds}.take(t.Context(), t)
	var page *capture.PageError
	if !errors.As(err, &page) || page.Code != msg.CodeSceneTimeout || page.Permanent {
		t.Errorf("capture returned %v, want a retryable %s", err, msg.CodeSceneTimeout)
	}
}

func TestACrashedPageIsReported(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(counting)})
	_, _, err := shot{url: url, frames: 1000, progress: func(p *chrome.Process, n int) {
		if n == 10 {
			killRenderers(t, p)
		}
	}}.take(t.Context(), t)
	var page *capture.PageError
	if !errors.As(err, &page) || page.Code != msg.CodeSceneCrashed || page.Permanent {
		t.Errorf("capture returned %v, want a retryable %s", err, msg.CodeSceneCrashed)
	}
}

func TestAKilledBrowserIsReported(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(counting)})
	_, _, err := shot{url: url, frames: 1000, progress: func(p *chrome.Process, n int) {
		if n == 10 {
			p.Kill()
		}
	}}.take(t.Context(), t)
	var page *capture.PageError
	if !errors.As(err, &page) || page.Code != msg.CodeSceneCrashed || page.Permanent {
		t.Errorf("capture returned %v, want a retryable %s", err, msg.CodeSceneCrashed)
	}
}

// killRenderers kills the processes of p's group that draw pages.
func killRenderers(t *testing.T, p *chrome.Process) {
	t.Helper()
	found := false
	procs, _ := filepath.Glob("/proc/[0-9]*")
	for _, proc := range procs {
		pid, _ := strconv.Atoi(filepath.Base(proc))
		cmdline, err := os.ReadFile(filepath.Join(proc, "cmdline"))
		if err != nil || !strings.Contains(string(cmdline), "--type=renderer") {
			continue
		}
		if group, err := syscall.Getpgid(pid); err == nil && group == p.Group() {
			found = true
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	if !found {
		t.Error("no renderer is running")
	}
}
