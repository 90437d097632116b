package direct_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/scene"
)

const (
	colourHint = "Sec-CH-Prefers-Color-Scheme"
	motionHint = "Sec-CH-Prefers-Reduced-Motion"
)

// asks has a page ask for hints, for its own document too: it is asked for once more then.
func asks(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		const hints = colourHint + ", " + motionHint + ", Sec-CH-UA-Form-Factors, Sec-CH-UA-Model, Sec-CH-Viewport-Width, Sec-CH-DPR"
		w.Header().Set("Accept-CH", hints)
		w.Header().Set("Critical-CH", hints)
		next(w, r)
	}
}

func TestServersThatAskAreToldWhatPagesAre(t *testing.T) {
	t.Parallel()
	const phone = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36"
	for name, c := range map[string]struct {
		options scene.Options
		hints   map[string]string // and other headers
	}{
		"as it is": {scene.Options{}, map[string]string{
			colourHint: "light", motionHint: "no-preference", "Sec-CH-UA-Form-Factors": `"Desktop"`}},
		"light": {scene.Options{ColorScheme: "light"}, map[string]string{colourHint: "light"}},
		"dark and still": {scene.Options{ColorScheme: "dark", ReducedMotion: true}, map[string]string{
			colourHint: "dark", motionHint: "reduce"}},
		"a phone, with headers": {
			scene.Options{
				ColorScheme: "dark", Headers: map[string]string{"X-Preview": "k7QxZ"}, Mobile: true, UserAgent: phone, Locale: "de-AT",
				Viewport: &scene.Viewport{Width: 390, Height: 844, DeviceScaleFactor: 2},
			},
			map[string]string{
				colourHint: "dark", motionHint: "no-preference", "Sec-CH-UA-Model": `"Pixel 9"`, "Sec-CH-UA-Form-Factors": `"Mobile"`,
				"Sec-CH-Viewport-Width": "390", "Sec-CH-DPR": "2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var told visits
			body := html(`<meta name=viewport content="width=device-width"><body style="background:green"><iframe src="/frame"></iframe><img src="/image">`)
			url := site(t, map[string]http.HandlerFunc{
				"/{$}": told.note(asks(body)), "/frame": told.note(html("")), "/image": told.note(ok),
			})
			first(t, url+"/", c.options)
			for header, want := range c.hints {
				// Nothing is told before it was asked for.
				if got := told.all(t, "/", header); !slices.Equal(got, []string{"", want}) {
					t.Errorf("the page was asked for with %s %q, want none and %q", header, got, want)
				}
				if header != "Sec-CH-Viewport-Width" { // an inner document has its own
					told.every(t, "/frame", header, want)
				}
				told.every(t, "/image", header, want)
			}
			for name, want := range c.options.Headers {
				for _, path := range []string{"/", "/frame", "/image"} {
					told.every(t, path, name, want)
				}
			}
		})
	}
}

// The scheme is told to a server that asks, wherever the page leads, and to no other; what is for
// the page's own origin is not.
func TestServersThatDoNotAskAreNotTold(t *testing.T) {
	t.Parallel()
	var own, other, last visits
	silent := site(t, map[string]http.HandlerFunc{"/": last.note(html(`<body style="background:green">`))})
	asking := site(t, map[string]http.HandlerFunc{"/": other.note(asks(html(`<script>location = "` + silent + `"</script>`)))})
	url := site(t, map[string]http.HandlerFunc{"/": own.note(to(asking))})
	wantGreen(t, url, scene.Options{ColorScheme: "dark", Headers: map[string]string{"X-Preview": "k7QxZ"}})
	if got := other.all(t, "/", colourHint); !slices.Equal(got, []string{"", "dark"}) {
		t.Errorf("the server that asks was told %q", got)
	}
	own.every(t, "/", colourHint, "")
	last.every(t, "/", colourHint, "")
	own.every(t, "/", "X-Preview", "k7QxZ")
	other.every(t, "/", "X-Preview", "")
	last.every(t, "/", "X-Preview", "")
}
