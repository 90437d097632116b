package options

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/budget"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/pkg/schema"
)

const sceneTime = 5 * time.Second

func window(width, height int, scale float64) scene.Window {
	return scene.Window{Width: width, Height: height, Scale: scale}
}

func parseScene(t *testing.T, text string) scene.Options {
	t.Helper()
	o, err := ParseScene([]byte(text), sceneTime)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return o
}

func TestOptionsAreReadAsWritten(t *testing.T) {
	at := 1.5
	got := parseScene(t, `{
		"capture": "exact", "repeatable": true,
		"viewport": {"width": 390, "height": 8.44e2, "device_scale_factor": 2, "fit": "cover", "background": "#F4f1ea"},
		"mobile": true, "color_scheme": "dark", "reduced_motion": true, "locale": "de-DE", "timezone": "Europe/Berlin",
		"user_agent": "Mozilla/5.0 (X)", "headers": {"X-Preview": "a b", "Authorization": "Bearer x"},
		"cookies": [{"name": "a", "value": "b", "domain": ".example.com", "path": "/x", "secure": true, "http_only": true, "same_site": "None"}],
		"basic_auth": {"username": "u", "password": "p:ä"},
		"wait_for": {"network_idle": true, "selector": "#a", "promise": "p()", "seconds": 2.5, "timeout_sec": 20},
		"prescroll": true, "consent": "dismiss", "hide": [".a"], "remove": ["b > c"], "css": "a{}", "js": "1",
		"scroll": {"to": "end", "seconds": 1, "easing": "ease-in-out", "delay_sec": 1, "pause_sec": 1, "back": true},
		"actions": [{"do": "click", "selector": "a", "at": 1.5, "seconds": 0.5}, {"do": "type", "text": "hi"},
			{"do": "press", "key": "Enter"}, {"do": "scroll", "y": 800}, {"do": "wait", "seconds": 3}],
		"cursor": true, "on_error": "last_picture", "strict": ["page_incomplete", "fonts_missing"]}`)
	want := scene.Options{
		Capture: scene.CaptureExact, Repeatable: true,
		Viewport: &scene.Viewport{Width: 390, Height: 844, DeviceScaleFactor: 2, Fit: scene.FitCover, Background: "#F4f1ea"},
		Mobile:   true, ColorScheme: "dark", ReducedMotion: true, Locale: "de-DE", Timezone: "Europe/Berlin",
		UserAgent: "Mozilla/5.0 (X)", Headers: map[string]string{"X-Preview": "a b", "Authorization": "Bearer x"},
		Cookies:   []scene.Cookie{{Name: "a", Value: "b", Domain: ".example.com", Path: "/x", Secure: true, HTTPOnly: true, SameSite: "None"}},
		BasicAuth: &scene.BasicAuth{Username: "u", Password: "p:ä"},
		WaitFor:   &scene.WaitFor{NetworkIdle: true, Selector: "#a", Promise: "p()", Seconds: 2.5, TimeoutSeconds: 20},
		Prescroll: true, Consent: scene.ConsentDismiss, Hide: []string{".a"}, Remove: []string{"b > c"}, CSS: "a{}", JS: "1",
		Scroll: &scene.Scroll{To: "end", Seconds: 1, Easing: "ease-in-out", DelaySeconds: 1, PauseSeconds: 1, Back: true},
		Actions: []scene.Action{{Do: "click", Selector: "a", At: &at, Seconds: 0.5}, {Do: "type", Text: "hi"}, {Do: "press", Key: "Enter"},
			{Do: "scroll", Y: 800}, {Do: "wait", Seconds: 3}},
		Cursor: true, OnError: scene.OnErrorLastPicture, Strict: []string{"page_incomplete", "fonts_missing"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if again := parseScene(t, string(data)); !reflect.DeepEqual(again, want) {
		t.Errorf("written and read again they are\n%+v", again)
	}
}

func TestNothingAskedIsTheZeroValue(t *testing.T) {
	for _, text := range []string{"", " ", "null", " null\n", "{}"} {
		if got := parseScene(t, text); !reflect.DeepEqual(got, scene.Options{}) {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestWhatCannotBeAskedIsToldByField(t *testing.T) {
	many := func(n int, item string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + "]"
	}
	for text, want := range map[string]string{
		`[]`:                                    "options: this is a list, not a group of fields",
		`"{}"`:                                  "options: this is a text, not a group of fields",
		`{`:                                     "options: this is not JSON that can be read",
		`{} {}`:                                 "options: this is not JSON that can be read",
		`{"scroll": {"to": "end", "x": 1e999}}`: "options: this is not JSON that can be read",
		`{"colour_scheme": "dark"}`:             "options.colour_scheme: there is no such field: did you mean color_scheme?",
		`{"capture": "fast"}`:                   "options.capture: this is none of exact, realtime. How the page's time passes",
		`{"repeatable": "yes"}`:                 "options.repeatable: this is a text, not true or false",
		`{"capture": "realtime", "repeatable": true}`: "options.repeatable: what is captured in real time cannot be repeated",
		`{"locale": null}`:                            "options.locale: there is nothing here",

		`{"viewport": {"width": 390}}`:                                                              "options.viewport: height is missing. Height in CSS pixels",
		`{"viewport": {"width": 390.5, "height": 844}}`:                                             "options.viewport.width: this is a fraction, not a whole number",
		`{"viewport": {"width": -390, "height": 844}}`:                                              "options.viewport.width: -390 is too small",
		`{"viewport": {"width": 3840, "height": 2162}}`:                                             "options.viewport: the picture would have 3840 × 2162 pixels, which is too large",
		`{"viewport": {"width": 1920, "height": 1080, "device_scale_factor": 2.1}}`:                 "options.viewport: the picture would have 4032 × 2268 pixels, which is too large",
		`{"viewport": {"width": 20, "height": 20, "device_scale_factor": 0.5}}`:                     "options.viewport: the picture would have 10 × 10 pixels, which is too small",
		`{"viewport": {"width": 390, "height": 844, "device_scale_factor": 0}}`:                     "options.viewport.device_scale_factor: 0 is too small",
		`{"viewport": {"width": 390, "height": 844, "fit": "zoom"}}`:                                "options.viewport.fit: this is none of contain, cover, fill",
		`{"viewport": {"width": 390, "height": 844, "background": "red"}}`:                          "options.viewport.background: this text is not of the form",
		`{"locale": "xx-what-is-this-language"}`:                                                    "options.locale: this is no language",
		`{"locale": "de_DE"}`:                                                                       "options.locale: this is no language",
		`{"timezone": "Europe/Nowhere"}`:                                                            "options.timezone: there is no such time zone",
		`{"timezone": "Local"}`:                                                                     "options.timezone: there is no such time zone",
		`{"timezone": "../../etc/passwd"}`:                                                          "options.timezone: there is no such time zone",
		`{"user_agent": "a\r\nX: b"}`:                                                               "options.user_agent: it must be one line",
		`{"headers": {"X A": "b"}}`:                                                                 "options.headers.X A: the name of a header must be",
		`{"headers": {"X-A": "b\r\nHost: c"}}`:                                                      "options.headers.X-A: the value of a header must be one line",
		`{"headers": {"X-A": 5}}`:                                                                   "options.headers.X-A: this is a number, not a text",
		`{"headers": {"HOST": "b"}}`:                                                                "options.headers.HOST: this header is the browser's own and cannot be set",
		`{"headers": {"cookie": "a=b"}}`:                                                            "options.headers.cookie: this header is the browser's own and cannot be set: use cookies",
		`{"headers": {"Connection": "close"}}`:                                                      "options.headers.Connection: this header is the browser's own",
		`{"headers": {"Proxy-Authorization": "x"}}`:                                                 "options.headers.Proxy-Authorization: this header is the browser's own",
		`{"headers": {"x-a": "1", "X-A": "2"}}`:                                                     "options.headers.x-a: this header is there twice",
		`{"headers": {"": "1"}}`:                                                                    "options.headers: the name of a header must be",
		`{"cookies": ` + many(51, `{"name":"a","value":"b"}`) + `}`:                                 "options.cookies: the list has 51 entries, at most 50 are allowed",
		`{"cookies": [{"name": "a b", "value": "c"}]}`:                                              "options.cookies[0].name: the name of a cookie",
		`{"cookies": [{"name": "a", "value": "b; Domain=x"}]}`:                                      "options.cookies[0].value: the value of a cookie",
		`{"cookies": [{"name": "a", "value": "b", "domain": "https://x"}]}`:                         "options.cookies[0].domain: this is no domain",
		`{"cookies": [{"name": "a", "value": "b", "path": "x"}]}`:                                   "options.cookies[0].path: it must start with a slash",
		`{"cookies": [{"name": "a", "value": "b", "same_site": "None"}]}`:                           "options.cookies[0].same_site: browsers take None only with secure",
		`{"basic_auth": {"username": "a:b", "password": "c"}}`:                                      "options.basic_auth.username: it must be one line, without a colon",
		`{"basic_auth": {"username": "a"}}`:                                                         "options.basic_auth: password is missing",
		`{"wait_for": {"seconds": 20}}`:                                                             "options.wait_for.seconds: 20 is longer than timeout_sec, which is 15",
		`{"wait_for": {"seconds": -1}}`:                                                             "options.wait_for.seconds: -1 is too small",
		`{"wait_for": {"selector": " "}}`:                                                           "options.wait_for.selector: there is nothing but space",
		`{"wait_for": {"timeout_sec": 0}}`:                                                          "options.wait_for.timeout_sec: 0 is too small",
		`{"hide": [""]}`:                                                                            "options.hide[0]: the text is empty",
		`{"remove": ["a", "\t"]}`:                                                                   "options.remove[1]: there is nothing but space",
		`{"hide": ".a"}`:                                                                            "options.hide: this is a text, not a list",
		`{"css": "` + strings.Repeat("x", 64<<10+1) + `"}`:                                          "options.css: the text has 65537 characters, at most 65536 are allowed",
		`{"js": "` + strings.Repeat("ä", 40<<10) + `"}`:                                             "options.js: it has 81920 bytes, at most 65536 are allowed",
		`{"scroll": {}}`:                                                                            "options.scroll: to is missing",
		`{"scroll": {"to": 1200}}`:                                                                  "options.scroll.to: this is a number, not a text",
		`{"scroll": {"to": "-5"}}`:                                                                  "options.scroll.to: it must be a number of CSS pixels from 0",
		`{"scroll": {"to": "NaN"}}`:                                                                 "options.scroll.to: it must be a number of CSS pixels from 0",
		`{"scroll": {"to": "inf"}}`:                                                                 "options.scroll.to: it must be a number of CSS pixels from 0",
		`{"scroll": {"to": "end", "speed": 100, "seconds": 2}}`:                                     "options.scroll.speed: speed and seconds both say how fast",
		`{"scroll": {"to": "end", "speed": 0}}`:                                                     "options.scroll.speed: 0 is too small",
		`{"scroll": {"to": "end", "easing": "bounce"}}`:                                             "options.scroll.easing: this is none of linear, ease-in, ease-out, ease-in-out",
		`{"scroll": {"to": "end", "seconds": 2.5, "back": true, "pause_sec": 0.25}}`:                "options.scroll: it takes 5.25 seconds, but the scene lasts 5 seconds",
		`{"actions": ` + many(201, `{"do":"wait","seconds":0}`) + `}`:                               "options.actions: the list has 201 entries, at most 200 are allowed",
		`{"actions": [{"do": "jump"}]}`:                                                             "options.actions[0].do: this is none of click, type",
		`{"actions": [{"do": "click"}]}`:                                                            "options.actions[0].do: click needs selector",
		`{"actions": [{"do": "hover", "selector": " "}]}`:                                           "options.actions[0].selector: there is nothing but space",
		`{"actions": [{"do": "type", "selector": "a"}]}`:                                            "options.actions[0].do: type needs text",
		`{"actions": [{"do": "press"}]}`:                                                            "options.actions[0].do: press needs key",
		`{"actions": [{"do": "press", "key": "Entr"}]}`:                                             "options.actions[0].key: this is no key that is known",
		`{"actions": [{"do": "wait"}]}`:                                                             "options.actions[0].do: wait needs seconds",
		`{"actions": [{"do": "click", "selector": "a", "text": "b"}]}`:                              "options.actions[0].text: text means nothing to click",
		`{"actions": [{"do": "scroll", "selector": "a", "y": 5}]}`:                                  "options.actions[0].y: selector and y both say",
		`{"actions": [{"do": "scroll", "y": -5}]}`:                                                  "options.actions[0].y: -5 is too small",
		`{"actions": [{"do": "press", "key": "a", "at": 5}]}`:                                       "options.actions[0].at: it is not within the scene, which lasts 5 seconds",
		`{"actions": [{"do": "press", "key": "a", "at": 2}, {"do": "press", "key": "a", "at": 1}]}`: "options.actions[1].at: it is before the action above, which is at 2",
		`{"actions": [{"do": "wait", "seconds": 3}, {"do": "wait", "seconds": 3}]}`:                 "options.actions[1].seconds: the action would end after 6 seconds",
		`{"strict": ["scene_inexact"]}`:                                                             "options.strict[0]: this is none of page_incomplete, page_unchanged_blank, fonts_missing, scene_scroll_short",
		`{"on_error": "ignore"}`:                                                                    "options.on_error: this is none of fail, last_picture",
		`{"css": "` + strings.Repeat("<", 60<<10) + `"}`:                                            "options: they are too large: 368650 bytes as JSON, at most 262144 are possible",
		strings.Repeat(" ", 10) + `{"css": "` + strings.Repeat("x", 3*budget.SceneOptions) + `"}`:   "options: they are too large",
	} {
		_, err := ParseScene([]byte(text), sceneTime)
		shown := text[:min(len(text), 100)]
		if invalid := new(schema.Error); !errors.As(err, &invalid) {
			t.Errorf("%s: %v, want a *schema.Error", shown, err)
			continue
		}
		if !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s:\n got %s\nwant %s", shown, err, want)
		}
	}
}

func TestWhatIsAtTheEdgeCanBeAsked(t *testing.T) {
	for _, text := range []string{
		`{"viewport": {"width": 3840, "height": 2160}}`,
		`{"viewport": {"width": 375, "height": 812, "device_scale_factor": 3}}`,
		`{"scroll": {"to": "1200", "seconds": 2, "pause_sec": 1, "back": true}}`,
		`{"scroll": {"to": "0"}}`,
		`{"actions": [{"do": "scroll"}, {"do": "press", "key": " "}, {"do": "wait", "seconds": 5}]}`,
		`{"actions": [{"do": "press", "key": "ArrowDown"}, {"do": "press", "key": "é"}]}`,
		`{"locale": "zh-Hant-TW", "timezone": "UTC"}`,
		`{"headers": {"X-Empty": ""}, "cookies": [{"name": "a", "value": ""}]}`,
		`{"wait_for": {"seconds": 15}}`,
	} {
		parseScene(t, text)
	}
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	const secret = "hunter2"
	for _, text := range []string{
		`{"basic_auth": {"username": "hunter2:", "password": "hunter2\n", "x": "hunter2"}}`,
		`{"basic_auth": {"username": "hunter2:", "password": "hunter2\n"}}`,
		`{"basic_auth": "hunter2"}`,
		`{"headers": {"X-A": "hunter2\n", "Host": "hunter2"}}`,
		`{"headers": ["hunter2"]}`,
		`{"cookies": [{"name": "a", "value": "hunter2;", "same_site": "hunter2"}]}`,
		`{"cookies": [{"name": "a", "value": "hunter2;", "domain": "hunter2 ", "path": "hunter2"}]}`,
		`{"actions": [{"do": "click", "text": "hunter2"}, {"do": "hunter2"}]}`,
		`{"actions": [{"do": "press", "key": "hunter2"}]}`,
		`{"viewport": {"width": 1, "height": 1, "background": "hunter2"}}`,
		`{"timezone": "hunter2", "locale": "hunter2", "scroll": {"to": "end", "easing": "hunter2"}}`,
		`{"timezone": "hunter2", "locale": "hunter2"}`,
		`hunter2`, `{"headers": {"X-A": hunter2}}`,
	} {
		_, err := ParseScene([]byte(text), sceneTime)
		if err == nil {
			t.Errorf("%s is taken", text)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAPictureIsTheWindowInPixels(t *testing.T) {
	for text, want := range map[string]struct {
		width, height int
		window        scene.Window
	}{
		`{}`: {1920, 1080, window(1920, 1080, 1)},
		`{"viewport": {"width": 1280, "height": 720}}`:                              {1280, 720, window(1280, 720, 1)},
		`{"viewport": {"width": 390, "height": 844, "device_scale_factor": 2}}`:     {780, 1688, window(390, 844, 2)},
		`{"viewport": {"width": 390, "height": 844, "device_scale_factor": 3}}`:     {1170, 2532, window(390, 844, 3)},
		`{"viewport": {"width": 391, "height": 845, "device_scale_factor": 3}}`:     {1170, 2532, window(390, 844, 3)},
		`{"viewport": {"width": 375, "height": 667}}`:                               {374, 666, window(374, 666, 1)},
		`{"viewport": {"width": 375, "height": 667, "device_scale_factor": 1.5}}`:   {560, 998, window(373, 665, 1.5)},
		`{"viewport": {"width": 412, "height": 915, "device_scale_factor": 2.625}}`: {1082, 2402, window(412, 915, 2.625)},
		`{"viewport": {"width": 390, "height": 390, "device_scale_factor": 1.3}}`:   {506, 506, window(389, 389, 1.3)},
	} {
		o := parseScene(t, text)
		if w, h := o.Picture(1920, 1080); w != want.width || h != want.height {
			t.Errorf("%s: %d × %d, want %d × %d", text, w, h, want.width, want.height)
		}
		if w := o.Window(1920, 1080); w != want.window {
			t.Errorf("%s: the window is %+v, want %+v", text, w, want.window)
		}
	}
}

func TestACookieIsOfThePagesDomain(t *testing.T) {
	const refused = "options.cookies[1].domain: this is not the domain of the scene's page"
	for _, test := range []struct {
		page, domain string
		taken        bool
	}{
		{"https://www.example.com/a", "", true},
		{"https://www.example.com/a", "www.example.com", true},
		{"https://WWW.example.com:8443/a", "Example.com", true},
		{"https://www.example.com/a", ".example.com", true},
		{"https://www.example.com/a", "shop.example.com", false},
		{"https://example.com/a", "www.example.com", false},
		{"https://notexample.com/a", "example.com", false},
		{"http://127.0.0.1:8080/", "127.0.0.1", true},
		{"http://127.0.0.1:8080/", "0.0.1", false},
		{"page.html", "example.com", true}, // a file, whose address is known later
	} {
		o := scene.Options{Cookies: []scene.Cookie{{Name: "a", Value: "b"}, {Name: "a", Value: "b", Domain: test.domain}}}
		err := CheckPage(o, test.page)
		if test.taken && err != nil {
			t.Errorf("%s on %s: %v", test.domain, test.page, err)
		}
		if !test.taken && (err == nil || !strings.HasPrefix(err.Error(), refused)) {
			t.Errorf("%s on %s: %v, want %s", test.domain, test.page, err, refused)
		}
	}
}

func FuzzParseScene(f *testing.F) {
	f.Add(`{"scroll": {"to": "end"}, "actions": [{"do": "wait", "seconds": 1}]}`, 5)
	f.Add(`{"headers": {"a": "b"}, "viewport": {"width": 1e3, "height": 16}}`, 1)
	f.Fuzz(func(t *testing.T, text string, seconds int) {
		o, err := ParseScene([]byte(text), time.Duration(seconds)*time.Second)
		invalid := new(schema.Error)
		if err != nil {
			if !errors.As(err, &invalid) || len(invalid.Problems) == 0 {
				t.Errorf("refused without a reason: %v", err)
			}
			return
		}
		if w, h := o.Picture(1920, 1080); w%2 != 0 || h%2 != 0 || w < 16 || h < 16 || w*h > scene.MaxPixels {
			t.Errorf("a picture of %d × %d", w, h)
		}
	})
}
