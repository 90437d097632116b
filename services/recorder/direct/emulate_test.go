package direct_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/services/recorder/direct"
	"github.com/loom-lite/loom-lite/services/recorder/internal/chrometest"
)

// page is a site of one page that is green when a condition in JavaScript holds.
func page(t *testing.T, condition, found string) string {
	t.Helper()
	return site(t, map[string]http.HandlerFunc{"/": verdict(condition, found)})
}

func TestThePageIsToldTheColourSchemeAndTheMotionThatWereAskedFor(t *testing.T) {
	t.Parallel()
	const dark, still = `matchMedia("(prefers-color-scheme: dark)").matches`, `matchMedia("(prefers-reduced-motion: reduce)").matches`
	wantGreen(t, page(t, dark+" && !"+still, dark), scene.Options{ColorScheme: "dark"})
	wantGreen(t, page(t, still+" && !"+dark, still), scene.Options{ReducedMotion: true})
	wantGreen(t, page(t, "!"+dark+" && !"+still, dark), scene.Options{})
}

func TestAPageSpeaksTheLanguageThatWasAskedFor(t *testing.T) {
	t.Parallel()
	const found = `[navigator.languages, navigator.language, new Intl.DateTimeFormat().resolvedOptions().locale, (0.5).toLocaleString()].join(" ")`
	var asked string
	url := site(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
		asked = r.Header.Get("Accept-Language")
		verdict(found+` === "de-AT,de de-AT de-AT 0,5"`, found)(w, r)
	}})
	wantGreen(t, url, scene.Options{Locale: "de-AT"})
	if asked != "de-AT,de;q=0.9" {
		t.Errorf("the page was asked for in %q", asked)
	}
}

func TestThePagesClockIsOfTheTimeZoneThatWasAskedFor(t *testing.T) {
	t.Parallel()
	const found = `new Date(2026, 0, 1).getTimezoneOffset() + " " + Intl.DateTimeFormat().resolvedOptions().timeZone`
	wantGreen(t, page(t, found+` === "-345 Asia/Katmandu" || `+found+` === "-345 Asia/Kathmandu"`, found), scene.Options{Timezone: "Asia/Kathmandu"})
}

// Wherever the recorder runs.
func TestThePagesClockIsUTCUnlessAsked(t *testing.T) {
	t.Setenv("TZ", "America/New_York")
	const found = `new Date(2026, 0, 1).getTimezoneOffset() + " " + Intl.DateTimeFormat().resolvedOptions().timeZone`
	// one that is started with it
	browser := chrometest.Start(t, "127.0.0.1", direct.Pool.Options)
	defer browser.End()
	pictures, err := takeIn(t.Context(), t, browser, msg.ModeExact, page(t, found+` === "0 UTC"`, found), 1, scene.Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantColour(t, pictures[0], 300, 170, green, "the page")
}

func TestAUserAgentIsTheSameWhereverABrowserTellsIt(t *testing.T) {
	t.Parallel()
	const agent = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36"
	var told http.Header
	url := site(t, map[string]http.HandlerFunc{
		"/": func(w http.ResponseWriter, r *http.Request) {
			told = r.Header
			verdict(`navigator.userAgent.includes("Pixel 9") && navigator.platform.startsWith("Linux arm") &&
				navigator.userAgentData.mobile && navigator.userAgentData.platform === "Android" &&
				navigator.userAgentData.brands.some(b => b.brand === "Google Chrome" && b.version === "140")`,
				`navigator.userAgent + navigator.platform + JSON.stringify(navigator.userAgentData)`)(w, r)
		},
	})
	wantGreen(t, url, scene.Options{UserAgent: agent})
	if told.Get("User-Agent") != agent || told.Get("Sec-Ch-Ua-Mobile") != "?1" || !strings.Contains(told.Get("Sec-Ch-Ua"), `"Google Chrome";v="140"`) {
		t.Errorf("the page was asked for with %q, %q, %q", told.Get("User-Agent"), told.Get("Sec-Ch-Ua-Mobile"), told.Get("Sec-Ch-Ua"))
	}
}

func TestABrowserThatIsNoChromiumGivesNoHints(t *testing.T) {
	t.Parallel()
	var told http.Header
	url := site(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
		told = r.Header
		verdict(`navigator.platform === "iPhone"`, `navigator.platform`)(w, r)
	}})
	wantGreen(t, url, scene.Options{
		UserAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
	})
	if hints := told.Get("Sec-Ch-Ua"); hints != "" {
		t.Errorf("the page was asked for with hints: %q", hints)
	}
}

// A language changes what the browser speaks, not what it is.
func TestALanguageLeavesTheUserAgentAsItIs(t *testing.T) {
	t.Parallel()
	var told []http.Header
	url := site(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
		told = append(told, r.Header)
		html(`<body style="background:green">`)(w, r)
	}})
	wantGreen(t, url, scene.Options{})
	plain := told[0]
	told = nil
	wantGreen(t, url, scene.Options{Locale: "fr"})
	for _, name := range []string{"User-Agent", "Sec-Ch-Ua", "Sec-Ch-Ua-Platform", "Sec-Ch-Ua-Mobile"} {
		if plain.Get(name) != told[0].Get(name) {
			t.Errorf("%s was %q and is %q", name, plain.Get(name), told[0].Get(name))
		}
	}
}

func TestAMobileBrowserIsAPhones(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(`<meta name=viewport content="width=500">
		<body style="background:red"><script>addEventListener("load", () => {
			const found = [innerWidth, navigator.maxTouchPoints, "ontouchstart" in window, matchMedia("(pointer: coarse)").matches,
				matchMedia("(hover: none)").matches, screen.orientation.type, screen.width]
			if (String(found) === "500,5,true,true,true,portrait-primary,250") document.body.style.background = "green"
			else document.body.textContent = found
		})</script>`)})
	wantGreen(t, url, scene.Options{Mobile: true, Viewport: &scene.Viewport{Width: 250, Height: 400, DeviceScaleFactor: 2}})
}

// A page without the meta tag is shown as a phone does: laid out for a desk, and made smaller.
func TestAPageThatKnowsNoPhonesIsMadeSmaller(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(`<body style="background:red"><i style="position:absolute;left:890px;top:0;width:90px;height:900px;background:green"></i>
		<b style="position:absolute;left:0;top:0;width:900px;height:1px"></b>`)})
	for _, mode := range []msg.Mode{msg.ModeExact, msg.ModeVirtual, msg.ModeRealtime} {
		frames := 2
		if mode == msg.ModeRealtime {
			frames = 20
		}
		pictures, err := takeAs(t.Context(), t, mode, url, frames, scene.Options{Mobile: true, Viewport: &scene.Viewport{Width: 320, Height: 180}})
		if err != nil {
			t.Fatalf("%s: %v", mode, err)
		}
		last := pictures[len(pictures)-1]
		wantColour(t, last, 310, 90, green, string(mode)+": what is 900 pixels to the right")
		wantColour(t, last, 150, 90, red, string(mode)+": the middle")
	}
}
