package pages

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve serves a folder with a few files beside one with a secret.
func serve(t *testing.T) *Server {
	t.Helper()
	parent := t.TempDir()
	dir := filepath.Join(parent, "campaign")
	for name, text := range map[string]string{
		"campaign/page.html": "<p>page", "campaign/site/index.html": "<p>site", "campaign/site/app.js": "1",
		"campaign/facecam.mp4": "0123456789", "campaign/what?.txt": "odd", "campaign/data.unknown": "?",
		"campaign/.env": "SECRET=1", "campaign/.git/config": "secret", "campaign/bare/note.txt": "note",
		"secret.txt": "secret",
	} {
		path := filepath.Join(parent, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"out.txt": "../secret.txt", "outdir": "..", "absolute.txt": filepath.Join(parent, "secret.txt"), "inside.html": "page.html",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Serve(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fetch makes a request as it is written: no client cleans the path.
func fetch(t *testing.T, method, base, path string, header http.Header) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, base, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.URL.Opaque = strings.TrimPrefix(base, "http:") + path
	for name, values := range header {
		request.Header[name] = values
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestFilesAreServedAsWhatTheyAre(t *testing.T) {
	s := serve(t)
	for path, want := range map[string]struct{ body, contentType string }{
		"page.html":     {"<p>page", "text/html; charset=utf-8"},
		"page.html?a=b": {"<p>page", "text/html; charset=utf-8"},
		"inside.html":   {"<p>page", "text/html; charset=utf-8"},
		"site/":         {"<p>site", "text/html; charset=utf-8"},
		"site/app.js":   {"1", "text/javascript; charset=utf-8"},
		"facecam.mp4":   {"0123456789", "video/mp4"},
		"what%3F.txt":   {"odd", "text/plain; charset=utf-8"},
		"data.unknown":  {"?", "application/octet-stream"},
	} {
		response, body := fetch(t, http.MethodGet, s.Base(), path, nil)
		if response.StatusCode != http.StatusOK || body != want.body {
			t.Errorf("%s: %d %q", path, response.StatusCode, body)
		}
		if got := response.Header.Get("Content-Type"); got != want.contentType {
			t.Errorf("%s is %s, want %s", path, got, want.contentType)
		}
	}
}

func TestNothingElseIsServed(t *testing.T) {
	s := serve(t)
	for _, path := range []string{
		"none.html", "", "bare/", "bare", ".env", ".git/config", "../secret.txt", "site/../../secret.txt", "%2e%2e/secret.txt",
		"..%2fsecret.txt", "..%5csecret.txt", "/etc/passwd", "//etc/passwd", "out.txt", "outdir/secret.txt", "absolute.txt", "pipe",
		"page.html/", "page.html%00", "site//app.js/..", "./page.html",
	} {
		response, body := fetch(t, http.MethodGet, s.Base(), path, nil)
		if response.StatusCode != http.StatusNotFound || strings.Contains(body, "secret") || strings.Contains(body, "note") {
			t.Errorf("%q: %d %q", path, response.StatusCode, body)
		}
	}
	origin := s.Base()[:strings.LastIndex(strings.TrimSuffix(s.Base(), "/"), "/")+1]
	for _, path := range []string{"", "page.html", strings.Repeat("0", 32) + "/page.html"} {
		if response, _ := fetch(t, http.MethodGet, origin, path, nil); response.StatusCode != http.StatusNotFound {
			t.Errorf("without the prefix, %q: %d", path, response.StatusCode)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		if response, _ := fetch(t, method, s.Base(), "page.html", nil); response.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, response.StatusCode)
		}
	}
}

func TestPartsOfAFileCanBeAskedFor(t *testing.T) {
	s := serve(t)
	response, body := fetch(t, http.MethodGet, s.Base(), "facecam.mp4", http.Header{"Range": {"bytes=3-5"}})
	if response.StatusCode != http.StatusPartialContent || body != "345" {
		t.Errorf("got %d %q", response.StatusCode, body)
	}
	if got := response.Header.Get("Content-Range"); got != "bytes 3-5/10" {
		t.Errorf("Content-Range is %q", got)
	}
}

func TestFolderSendsToItsSlash(t *testing.T) {
	s := serve(t)
	response, _ := fetch(t, http.MethodGet, s.Base(), "site?a=b", nil)
	location, err := response.Location()
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusMovedPermanently || !strings.HasSuffix(location.String(), "./site/?a=b") && !strings.HasSuffix(location.String(), "/site/?a=b") {
		t.Errorf("got %d to %s", response.StatusCode, location)
	}
}

func TestPrefixesDiffer(t *testing.T) {
	a, b := serve(t), serve(t)
	if prefix := func(s *Server) string { return strings.Split(s.Base(), "/")[3] }; prefix(a) == prefix(b) || len(prefix(a)) != 32 {
		t.Errorf("%s and %s", a.Base(), b.Base())
	}
}
