package recorder

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

// serve serves texts by path, each as its extension says, a page where there is none. What is not
// there answers 404.
func serve(t *testing.T, files map[string]string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, there := files[r.URL.Path]
		kind := map[string]string{".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}[filepath.Ext(r.URL.Path)]
		switch {
		case strings.HasPrefix(r.URL.Path, "/hangs"):
			<-r.Context().Done()
		case there && kind != "" && !strings.HasPrefix(text, "<!doctype"):
			w.Header().Set("Content-Type", kind)
		case there:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
		default:
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = fmt.Fprint(w, text)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// looked is how the pages of these tests are recorded: for 600 ms, of which the last picture is
// taken too soon to be examined before the end.
func looked(url string, o scene.Options) msg.RecordParams {
	return msg.RecordParams{Scene: 2, URL: url, Width: 960, Height: 540, Rate: msg.FPS(15), Frames: 10, Options: o}
}

// brisk are bounds for pages that wait for ever.
func brisk() capture.Bounds {
	b := capture.DefaultBounds
	b.Request = 300 * time.Millisecond
	return b
}

// recordWith records a page.
func recordWith(t *testing.T, url string, o scene.Options) (msg.RecordFacts, error) {
	t.Helper()
	h := testHandler(t)
	h.bounds.Request = time.Minute // else, on a busy machine, page time would not wait for it
	return h.Record(t.Context(), Job{Params: looked(url, o), Dir: t.TempDir(), Log: zerolog.Nop()})
}

// warnings are the messages of a page that a browser captures, by their codes.
func (b *browser) warnings(t *testing.T, url string) map[msg.Code]string {
	t.Helper()
	list, err := b.capture(t, looked(url, scene.Options{}), brisk())
	if err != nil {
		t.Fatal(err)
	}
	return byCode(t, list)
}

func byCode(t *testing.T, warnings []msg.Warning) map[msg.Code]string {
	t.Helper()
	found := map[msg.Code]string{}
	for _, w := range warnings {
		if found[w.Code] != "" || w.Scene != 2 {
			t.Errorf("warned of %+v", w)
		}
		found[w.Code] = w.Message
	}
	return found
}

// template is a page as admin templates are: plugins, and a preloader over all until a script takes
// it away.
func template() string {
	var page strings.Builder
	page.WriteString("<!doctype html><title>Admin</title>")
	for i := range 7 {
		_, _ = fmt.Fprintf(&page, `<link rel="stylesheet" href="/plugins/p%d/p%d.min.css?v=3.2.0">`, i, i)
	}
	page.WriteString(`<style>@font-face{font-family:icons;src:url(/plugins/icons.woff2)} .fas{font-family:icons}
		body{margin:0;font:16px sans-serif} @keyframes shake{50%{transform:rotate(20deg)}}
		.preloader{position:fixed;inset:0;background:#f4f6f9;display:flex;justify-content:center;align-items:center;z-index:9999}
		.preloader i{width:60px;height:60px;border-radius:50%;background:#343a40;animation:shake 1.5s infinite;border-left:9px solid red}</style>
		<div class="preloader"><i></i></div><h1 style="text-align:center;margin-top:240px"><b class="fas">*</b> Dashboard of everything</h1>`)
	for i := range 12 {
		_, _ = fmt.Fprintf(&page, `<script src="/plugins/p%d/p%d.min.js"></script>`, i, i)
	}
	page.WriteString(`<script src="/dist/js/app.js"></script>`)
	return page.String()
}

func TestAPageWithoutItsPluginsIsToldToBeIncomplete(t *testing.T) {
	url := serve(t, map[string]string{"/": template(), "/dist/js/app.js": `$(".preloader").remove()`})
	facts, err := recordWith(t, url, scene.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found := byCode(t, facts.Warnings)
	want := fmt.Sprintf("Scene 2 shows a page that is not all there: 12 scripts, 7 stylesheets and 1 font of its own could not be loaded, and "+
		"its scripts ended with 1 error while it loaded. The first was %s/plugins/p0/p0.min.css (404 Not Found). Check that the page works in "+
		"a private window.", url)
	if found[msg.CodePageIncomplete] != want {
		t.Errorf("the warning is\n%s, want\n%s", found[msg.CodePageIncomplete], want)
	}
	if len(found) != 2 || !strings.Contains(found[msg.CodePageBlank], "as pages do that are loading") {
		t.Errorf("warned of %v", found)
	}
}

// What is asked of a page beyond being recorded fails it, at once, by the code of the warning.
func TestAStrictSceneFailsByTheCodeOfItsWarning(t *testing.T) {
	url := serve(t, map[string]string{"/": template()})
	for _, code := range []msg.Code{msg.CodePageIncomplete, msg.CodePageBlank} {
		_, err := recordWith(t, url, scene.Options{Strict: []string{string(code)}, OnError: scene.OnErrorLastPicture})
		var failed *stage.Error
		if !errors.As(err, &failed) || failed.Code != code || !failed.Permanent || !strings.HasPrefix(failed.Message, "Scene 2 shows ") {
			t.Errorf("%s: %v", code, err)
		}
	}
	if facts, err := recordWith(t, url, scene.Options{Strict: []string{string(msg.CodeFontsMissing)}}); err != nil || len(facts.Warnings) != 2 {
		t.Errorf("of another warning: %+v, %v", facts.Warnings, err)
	}
}

func TestWhatAPageLacksIsToldByKind(t *testing.T) {
	other := strings.Replace(serve(t, map[string]string{"/throws.js": "undefined.of_another()"}), "127.0.0.1", "localhost", 1)
	b := startBrowser(t, "127.0.0.1,localhost", 960, 540)
	const all = "<!doctype html><h1>All of it is here, and can be read</h1>"
	for name, c := range map[string]struct {
		page, want string // within the warning; empty for none
		files      map[string]string
	}{
		"nothing that counts": {
			// What others lack, what is no part, what is not waited for or taken back, and what
			// says it is a page and is none.
			page: `<script src="/app.js"></script><script src="` + other + `/ads.js"></script><script src="` + other + `/throws.js"></script>
				<img src="/none.png"><link rel="prefetch" href="/none.js" as="script"><script src="/config"></script><script>
				fetch("/none.json")
				Promise.reject(new Error("nobody minds"))
				const f = document.createElement("iframe")
				f.srcdoc = "<link rel=stylesheet href=/hangs.css>"
				document.body.append(f)
				setTimeout(() => f.remove())
				new Worker("/worker.js")
				setTimeout(() => { throw new Error("when the page is there") }, 300)</script>`,
			files: map[string]string{"/app.js": "1", "/worker.js": "2", "/config": "window.config = 1"}},
		"an address with secrets": {
			page: `<script src="/v1/chart.js?token=k7QxZk7QxZ#x"></script>`, want: "1 script of its own could not be loaded. The first was URL/v1/chart.js (404 Not Found)."},
		"no answer": {
			page: `<script async src="/hangs.js"></script>`, want: "1 script of its own could not be loaded. The first was URL/hangs.js (no answer)."},
		"one file, twice": {
			page: `<script src="/none.js"></script><script src="/none.js"></script>`, want: "1 script of its own"},
		"a page in a module's place": {
			page: `<script type="module" src="/chunk.js"></script>`, want: "1 script of its own could not be loaded. The first was URL/chunk.js (a web page instead).",
			files: map[string]string{"/chunk.js": "<!doctype html><div id=root></div>"}},
		"a page in a stylesheet's": {
			page: `<link rel="stylesheet" href="/a.css">`, want: "1 stylesheet of its own could not be loaded. The first was URL/a.css (a web page instead).",
			files: map[string]string{"/a.css": "<!doctype html>"}},
		"a page in a font's": {
			page:  `<style>@font-face{font-family:f;src:url(/f.woff2)}b{font-family:f}</style><b>Text</b>`,
			want:  "1 font of its own could not be loaded. The first was URL/f.woff2 (a web page instead).",
			files: map[string]string{"/f.woff2": "<!doctype html>"}},
		"an error in a script of its own": {
			page:  `<script src="/app.js"></script>`,
			want:  ": its scripts ended with 1 error while it loaded. The first was URL/app.js (an error in the script).",
			files: map[string]string{"/app.js": "const x = 1;\nthrow new Error('secret words')"}},
		"a connection that breaks": {page: `<script src="http://127.0.0.1:1/none.js"></script>`, want: "1 script of its own could not be loaded."},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"/": all + c.page}
			for path, text := range c.files {
				files[path] = text
			}
			url := serve(t, files)
			found := b.warnings(t, url)
			got, want := found[msg.CodePageIncomplete], strings.ReplaceAll(c.want, "URL", url)
			if (got == "") != (want == "") || !strings.Contains(got, want) || strings.Contains(got, "k7QxZ") || strings.Contains(got, "secret words") {
				t.Errorf("the warning is %q, want %q", got, want)
			}
			delete(found, msg.CodePageIncomplete)
			if len(found) > 0 {
				t.Errorf("warned of %v", found)
			}
		})
	}
}

func TestPagesThatShowNothingAreToldToBeBlank(t *testing.T) {
	b := startBrowser(t, "127.0.0.1", 960, 540)
	const spinner = `<style>body{margin:0;height:100vh;display:grid;place-content:center;place-items:center;font:16px sans-serif}@keyframes r{to{transform:rotate(1turn)}}
		b{width:60px;height:60px;border:6px solid #ccc;border-top-color:#06c;border-radius:50%;animation:r 1s linear infinite}</style>`
	for name, c := range map[string]struct {
		page  string
		blank bool
	}{
		"nothing":                      {``, true},
		"a colour":                     {`<body style="background:#123">`, true},
		"a spinner":                    {spinner + `<b></b>`, true},
		"a spinner, with a word":       {spinner + `<b></b><p>Loading… 42 %</p>`, true},
		"a spinner that goes":          {spinner + `<b></b><script>setTimeout(() => { document.body.innerHTML = "<h1>The plans, and what they cost</h1>" }, 400)</script>`, false},
		"what comes in the last frame": {spinner + `<script>setTimeout(() => { document.body.innerHTML = "<h1 style='font-size:90px'>Here</h1>" }, 550)</script>`, false},
		"a word":                       {`<h1>Hello</h1>`, false},
		"a link":                       {`<a href="/shop"><svg width=64 height=36><rect width=64 height=36 fill="red"/></svg></a>`, false},
		"a small video":                {`<video width=64 height=36 src="/none.mp4" controls style="background:red"></video>`, false},
		"a field":                      {`<input placeholder="">`, false},
		"a picture":                    {`<div style="width:400px;height:300px;background:linear-gradient(red,blue)"></div>`, false},
		"colours that change":          {`<style>@keyframes c{to{background:#00f}}body{animation:c .4s forwards;background:#f80}</style>`, false},
		"what walks through the page":  {`<style>@keyframes w{to{left:900px}}i{position:absolute;width:20px;height:20px;background:red;animation:w .6s}</style><i style="left:0;top:0"></i><i style="left:0;top:400px"></i>`, false},
	} {
		t.Run(name, func(t *testing.T) {
			found := b.warnings(t, serve(t, map[string]string{"/": "<!doctype html>" + c.page}))
			if _, blank := found[msg.CodePageBlank]; blank != c.blank || len(found) > 1 || len(found) == 1 && !blank {
				t.Errorf("warned of %v, want it to be blank: %v", found, c.blank)
			}
		})
	}
}

// oneFont leaves Chrome one font of the machine's, and returns the path of another that has
// Devanagari.
func oneFont(t *testing.T) (devanagari string) {
	t.Helper()
	find := func(pattern string) string {
		out, err := exec.Command("fc-match", "--format", "%{file}", pattern).Output()
		if err != nil {
			t.Fatalf("fontconfig (make setup): %v", err)
		}
		return string(out)
	}
	latin, devanagari := find("Liberation Sans"), find("Noto Sans Devanagari:style=Regular")
	if !strings.Contains(latin, "LiberationSans") || !strings.Contains(devanagari, "Devanagari") {
		t.Fatalf("the fonts are %s and %s: make setup", latin, devanagari)
	}
	dir := t.TempDir()
	if err := os.Symlink(latin, filepath.Join(dir, "font.ttf")); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>%s</dir><cachedir>%s</cachedir></fontconfig>`, dir, dir)
	path := filepath.Join(dir, "fonts.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("FONTCONFIG_FILE", path)
	return devanagari
}

func TestTextWithoutAFontIsToldByItsScripts(t *testing.T) {
	font, err := os.ReadFile(oneFont(t))
	if err != nil {
		t.Fatal(err)
	}
	b := startBrowser(t, "127.0.0.1", 960, 540)
	for name, c := range map[string]struct{ page, want string }{
		"in all places": {`<p>Any text, Ελληνικά, Кириллица, “quoted” – 5 €, हिन्दी क्षत्रिय</p><p>漢字😀</p><x-a></x-a><iframe srcdoc="বাংলা"></iframe>
			<input placeholder="ไทย"><u>Text</u><script>
			document.querySelector("x-a").attachShadow({mode: "open"}).innerHTML = "தமிழ்"
			setTimeout(() => { document.querySelector("u").textContent = "ខ្មែរ" }, 400)</script>`,
			"Devanagari, Khmer, Tamil, Thai, Bengali, Han and emoji"},
		"a font of the page's own, or out of sight": {`<style>@font-face{font-family:deva;src:url(/deva.ttf)}p{font-family:deva}</style><h1>Text</h1>
			<p>हिन्दी: क्षत्रिय</p><div style="display:none">ไทย</div><div style="opacity:0">ไทย</div><div style="margin-top:2000px">ไทย</div>`, ""},
		"with a font that is for others": {`<style>@font-face{font-family:greek;src:url(/greek.ttf);unicode-range:U+370-3ff}</style>
			<p style="font-family:greek">Text, हिन्दी</p>`, "Devanagari"},
		"more of it than one look takes in": {`<p style="font-size:2px"></p><script>
			for (let c = 0x4e00; c < 0x4e00 + 2500; c++) document.querySelector("p").append(String.fromCharCode(c))</script>`, "Han"},
	} {
		t.Run(name, func(t *testing.T) {
			found := b.warnings(t, serve(t, map[string]string{"/": "<!doctype html><meta charset=utf-8>" + c.page, "/deva.ttf": string(font)}))
			got := found[msg.CodeFontsMissing]
			want := ""
			if c.want != "" {
				want = "Scene 2 shows text that the recorder has no font for, as empty boxes: " + c.want + "."
			}
			if (got == "") != (want == "") || !strings.HasPrefix(got, want) {
				t.Errorf("the warning is %q, want %q", got, want)
			}
			// a font that the page had no need of
			if said := found[msg.CodePageIncomplete]; said != "" {
				t.Errorf("looking asked for what the page did not: %s", said)
			}
		})
	}
}

// Looking at the page leaves no trace in it, and the network no trace in the warnings.
func TestTwoRecordingsAreWarnedOfInTheSameWords(t *testing.T) {
	url := serve(t, map[string]string{"/": template()})
	facts, err := recordWith(t, url, scene.Options{Repeatable: true})
	if err != nil {
		t.Fatal(err)
	}
	again, err := recordWith(t, url, scene.Options{Repeatable: true})
	if err != nil {
		t.Fatal(err)
	}
	one, err1 := json.Marshal(facts)
	two, err2 := json.Marshal(again)
	if err := errors.Join(err1, err2); err != nil || string(one) != string(two) {
		t.Errorf("two recordings are told of as\n%s\n%s, %v", one, two, err)
	}
}
