package recorder

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
)

// site has a page of each class.
func site(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	pages := map[string]string{
		"/ok":      "<h1>Hello</h1>",
		"/blank":   "",
		"/fonts":   "<h1>Hello</h1><p>\U00010D50\U00010570\U00011F04</p>",
		"/members": "<form><h1>Members</h1><input name=user><input type=password><button>Go</button></form>",
		"/login":   "<form><h1>Sign in</h1><input name=user><input type=password><button>Go</button></form>",
		"/bot":     "<h1>Please verify you are human</h1><div class=g-recaptcha>…</div>",
		"/target":  "<h1>Target</h1>",
		"/consent": `<h1>Shop</h1><div style="position:fixed;inset:auto 0 0 0;height:40%;background:#def">We use cookies.
			<button>Accept all</button> <button onclick="parentNode.remove()">Reject</button></div>`,
		"/stubborn": `<h1>Shop</h1><div style="position:fixed;inset:auto 0 0 0;height:40%;background:#def">We use cookies.
			<button>Accept all</button></div>`,
		"/menu": `<header style="position:sticky;top:0;height:40%;background:#def">Products Prices Settings About</header><h1>Shop</h1>`,
		// What OneTrust shows, which the kept rules refuse.
		"/known": `<h1>Shop</h1><script>OneTrust = {}; OnetrustActiveGroups = ",C1,"</script>
			<div id="onetrust-consent-sdk"><div id="onetrust-banner-sdk" style="position:fixed;inset:auto 0 0 0;height:40%;background:#def">
			<p>We use cookies.</p><button id="onetrust-reject-all-handler" onclick="document.getElementById('onetrust-consent-sdk').remove()">
			Reject all</button><button id="onetrust-accept-btn-handler">Accept all</button></div></div>`,
	}
	for path, body := range pages {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = fmt.Fprint(w, `<!doctype html><body style="margin:0;font:20px sans-serif">`, body)
		})
	}
	redirect := func(from, to string) {
		mux.HandleFunc(from, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) })
	}
	redirect("/moved", "/target?key=secret")
	redirect("/account", "/login?next=account")
	srv := httptest.NewServer(mux)
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return srv.URL
}

func open(t *testing.T, h handler, p msg.PreflightParams) (msg.PreflightFacts, []byte) {
	t.Helper()
	facts, picture, err := h.Open(t.Context(), t.TempDir(), p, Job{})
	if err != nil {
		t.Fatal(err)
	}
	return facts, picture
}

func TestAPageIsSaidToBeWhatItShows(t *testing.T) {
	t.Parallel()
	base := site(t)
	h := testHandler(t)
	dismiss := scene.Options{Consent: scene.ConsentDismiss}
	for _, c := range []struct {
		path, want string
		options    scene.Options
		fails      bool
	}{
		{path: "/ok", want: "ok"},
		{path: "/blank", want: "blank"},
		{path: "/blank", want: "blank", options: scene.Options{Strict: []string{string(msg.CodePageBlank)}}, fails: true},
		{path: "/fonts", want: "missing_fonts"},
		{path: "/members", want: "login"},
		{path: "/login", want: "ok"}, // which is what was asked for
		{path: "/account", want: "login", fails: true},
		{path: "/bot", want: "bot_wall", fails: true},
		{path: "/moved", want: "redirect"},
		{path: "/consent", want: "consent_wall"},
		{path: "/consent", want: "ok", options: dismiss},
		{path: "/stubborn", want: "consent_wall", options: dismiss}, // it cannot be refused
		{path: "/known", want: "consent_wall"},
		{path: "/known", want: "ok", options: dismiss},
		{path: "/menu", want: "ok"},
		{path: "/missing", want: "error", fails: true},
	} {
		name := c.path
		if c.options.Consent != "" || c.options.Strict != nil {
			name += " with options"
		}
		t.Run(name, func(t *testing.T) {
			facts, picture := open(t, h, msg.PreflightParams{
				Scene: 1, URL: base + c.path + "?key=secret", Width: 640, Height: 360, Options: c.options,
			})
			first := facts.Findings[0]
			if string(first.Class) != c.want || facts.Fails != c.fails {
				t.Errorf("it is %+v, fails %v; want %s, %v", facts.Findings, facts.Fails, c.want, c.fails)
			}
			if first.Reason == "" || (first.Advice == "") != (first.Class == msg.ClassOK) {
				t.Errorf("the words are %+v", first)
			}
			if strings.Contains(fmt.Sprint(facts), "secret") {
				t.Errorf("the URL's query is told: %+v", facts)
			}
			if decoded, err := jpeg.Decode(bytes.NewReader(picture)); err != nil || decoded.Bounds().Dx() != 640 || !facts.Picture {
				t.Errorf("the picture: %v", err)
			}
		})
	}
}

// Where nobody answers there is a reason and no picture.
func TestAPageThatIsNotThereIsFoundToBeSo(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	address := srv.URL
	srv.Close()
	facts, _ := open(t, testHandler(t), msg.PreflightParams{Scene: 1, URL: address, Width: 320, Height: 180})
	if f := facts.Findings[0]; f.Class != msg.ClassError || f.Code != msg.CodeSceneUnreachable || !facts.Fails {
		t.Errorf("it is %+v", facts)
	}
}

// A page must not reach what a scene's may not.
func TestAPreflightReachesPublicAddressesOnly(t *testing.T) {
	t.Parallel()
	hit := make(chan string, 1)
	inside := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case hit <- r.URL.Path:
		default:
		}
	}))
	defer inside.Close()
	cfg := testConfig(t)
	cfg.EgressAllow = ""
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	facts, _ := open(t, handler{Recorder: r}, msg.PreflightParams{Scene: 1, URL: inside.URL, Width: 320, Height: 180})
	if f := facts.Findings[0]; f.Code != msg.CodeSceneRefused {
		t.Errorf("it is %+v", facts)
	}
	select {
	case path := <-hit:
		t.Errorf("%s was reached", path)
	default:
	}
}

func TestASlowPageIsSaidToBeSlow(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(8100 * time.Millisecond): // what is slow is this
		case <-r.Context().Done():
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, "<!doctype html><h1>Here I am</h1>")
	}))
	defer srv.Close()
	facts, _ := open(t, testHandler(t), msg.PreflightParams{Scene: 1, URL: srv.URL, Width: 320, Height: 180})
	if !slices.ContainsFunc(facts.Findings, func(f msg.Finding) bool { return f.Class == msg.ClassSlow }) || facts.Fails {
		t.Errorf("it is %+v", facts)
	}
}
