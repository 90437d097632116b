package direct_test

import (
	"errors"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

// visits keeps what a site was asked, by path.
type visits struct {
	mu   sync.Mutex
	seen map[string][]http.Header
}

func (v *visits) note(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		if v.seen == nil {
			v.seen = map[string][]http.Header{}
		}
		v.seen[r.URL.Path] = append(v.seen[r.URL.Path], r.Header)
		v.mu.Unlock()
		next(w, r)
	}
}

// all returns a header's value in every request for a path; it must have been asked for.
func (v *visits) all(t *testing.T, path, header string) (values []string) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.seen[path]) == 0 {
		t.Errorf("nobody asked for %s", path)
	}
	for _, h := range v.seen[path] {
		values = append(values, h.Get(header))
	}
	return values
}

// every checks a header in every request for a path.
func (v *visits) every(t *testing.T, path, header, want string) {
	t.Helper()
	for _, got := range v.all(t, path, header) {
		if got != want {
			t.Errorf("%s was asked for with %s %q, want %q", path, header, got, want)
		}
	}
}

func to(url string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, url, http.StatusFound) }
}

func ok(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Access-Control-Allow-Origin", "*") }

func TestHeadersGoToThePagesOwnOriginAlone(t *testing.T) {
	t.Parallel()
	const secret = "k7QxZ"
	var own, other visits
	stranger := site(t, map[string]http.HandlerFunc{
		"/image": other.note(ok), "/fetched": other.note(ok), "/redirected": other.note(ok), "/frame": other.note(html("")),
	})
	url := site(t, map[string]http.HandlerFunc{
		"/":      own.note(to("/page")),
		"/image": own.note(ok), "/fetched": own.note(ok), "/away": own.note(to(stranger + "/redirected")),
		"/page": own.note(html(`<body style="background:red"><img src="/image"><img src="` + stranger + `/image">
			<iframe src="` + stranger + `/frame"></iframe><script>
			window.done = Promise.all(["/fetched", "` + stranger + `/fetched", "/away"].map(url => fetch(url))).then(
				() => document.body.style.background = "green", e => document.body.textContent = e)
		</script>`)),
	})
	wantGreen(t, url, scene.Options{
		Headers: map[string]string{"X-Preview": secret, "accept-language": "tlh"}, WaitFor: &scene.WaitFor{Promise: "done"},
	})
	for _, path := range []string{"/", "/page", "/image", "/fetched", "/away"} {
		own.every(t, path, "X-Preview", secret)
		own.every(t, path, "Accept-Language", "tlh")
	}
	for _, path := range []string{"/image", "/fetched", "/redirected", "/frame"} {
		other.every(t, path, "X-Preview", "")
	}
}

func TestAPageThatLeadsElsewhereTakesNothingAlong(t *testing.T) {
	t.Parallel()
	var other visits
	stranger := site(t, map[string]http.HandlerFunc{"/": other.note(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("asks") {
			w.Header().Set("WWW-Authenticate", `Basic realm="other"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
		html(`<body style="background:green">`)(w, r)
	})})
	o := scene.Options{
		Headers: map[string]string{"X-Preview": "k7QxZ"}, BasicAuth: &scene.BasicAuth{Username: "ada", Password: "k7QxZ"},
	}
	wantGreen(t, site(t, map[string]http.HandlerFunc{"/": to(stranger)}), o)
	_, err := take(t.Context(), t, site(t, map[string]http.HandlerFunc{"/": to(stranger + "?asks")}), 1, o)
	wantPageError(t, err, msg.CodeSceneLogin, "a login at", "k7QxZ")
	other.every(t, "/", "X-Preview", "")
	other.every(t, "/", "Authorization", "")
}

// guarded asks for a user and a password.
func guarded(user, password string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="preview"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next(w, r)
	}
}

func TestAPageBehindAPasswordIsRecorded(t *testing.T) {
	t.Parallel()
	var other visits
	stranger := site(t, map[string]http.HandlerFunc{"/": other.note(guarded("ada", "k7:QxZ", ok))})
	url := site(t, map[string]http.HandlerFunc{
		"/": guarded("ada", "k7:QxZ", html(`<body style="background:red"><script>
			window.done = fetch("`+stranger+`").catch(() => 0).then(() => fetch("/more")).then(r => { if (r.ok) document.body.style.background = "green" })
		</script>`)),
		"/more": guarded("ada", "k7:QxZ", ok),
	})
	wantGreen(t, url, scene.Options{
		BasicAuth: &scene.BasicAuth{Username: "ada", Password: "k7:QxZ"}, WaitFor: &scene.WaitFor{Promise: "done"},
	})
	other.every(t, "/", "Authorization", "")
}

func TestAWrongPasswordIsGivenOnceAndToldToNobody(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": guarded("ada", "right", ok)})
	_, err := take(t.Context(), t, url, 1, scene.Options{BasicAuth: &scene.BasicAuth{Username: "ada", Password: "k7QxZ"}})
	wantPageError(t, err, msg.CodeSceneLogin, "a login at", "k7QxZ")
}

func TestCookiesAreSetBeforeThePageIsAskedFor(t *testing.T) {
	t.Parallel()
	var v visits
	url := site(t, map[string]http.HandlerFunc{
		"/a/":  v.note(verdict(`document.cookie === "plain=1; low=4"`, `document.cookie`)),
		"/a/b": v.note(ok),
	})
	wantGreen(t, url+"/a/", scene.Options{Cookies: []scene.Cookie{
		{Name: "plain", Value: "1"}, {Name: "hidden", Value: "2", HTTPOnly: true, SameSite: "Strict"},
		{Name: "elsewhere", Value: "3", Path: "/b"}, {Name: "low", Value: "4", Domain: "127.0.0.1"},
	}})
	v.every(t, "/a/", "Cookie", "plain=1; hidden=2; low=4")
}

func TestACookieThatTheBrowserRefusesIsNamed(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html("")})
	_, err := take(t.Context(), t, url, 1, scene.Options{Cookies: []scene.Cookie{
		{Name: "a", Value: "1"}, {Name: "__Secure-b", Value: "k7QxZ"},
	}})
	wantPageError(t, err, msg.CodeSceneOptions, "options.cookies[1]: the browser does not take this cookie", "k7QxZ")
}

// wantPageError checks a failure's code, a part of what it says, and that it does not say the
// secret.
func wantPageError(t *testing.T, err error, code msg.Code, says, secret string) {
	t.Helper()
	var page *capture.PageError
	switch {
	case !errors.As(err, &page):
		t.Fatalf("the capture returned %v, want %s", err, code)
	case page.Code != code || !strings.Contains(err.Error(), says):
		t.Errorf("the capture returned %v, want %s and %q", err, code, says)
	}
	if secret != "" && strings.Contains(err.Error(), secret) {
		t.Errorf("a secret is in %q", err)
	}
}

// Requests for a video stop twice: for what the director gives them, and to have the sound taken
// out.
func TestAVideoBehindAPasswordPlaysWithoutItsSound(t *testing.T) {
	t.Parallel()
	film := filepath.Join(t.TempDir(), "film.webm")
	said, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=duration=2:size=64x36", "-f", "lavfi", "-i", "sine=duration=2",
		"-c:v", "libvpx", "-c:a", "libopus", film).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, said)
	}
	var media visits
	url := site(t, map[string]http.HandlerFunc{
		"/film": media.note(guarded("ada", "k7:QxZ", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, film) })),
		"/": guarded("ada", "k7:QxZ", html(`<body style="background:red"><video autoplay hidden src=/film></video><script>
			const v = document.querySelector("video");
			window.done = new Promise(resolve => v.ontimeupdate = () => {
				if (v.currentTime < 0.2) return;
				document.body.style.background = v.webkitAudioDecodedByteCount ? "blue" : "green";
				resolve();
			})</script>`)),
	})
	wantGreen(t, url, scene.Options{
		Headers:   map[string]string{"X-Preview": "k7QxZ"},
		BasicAuth: &scene.BasicAuth{Username: "ada", Password: "k7:QxZ"}, WaitFor: &scene.WaitFor{Promise: "done"},
	})
	media.every(t, "/film", "X-Preview", "k7QxZ")
}
