package direct_test

import (
	"net/http"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
)

// bars is a page of three bars of 60 pixels each, red, green and blue, on white.
func bars(more string) http.HandlerFunc {
	return html(`<style>p{margin:0;height:60px}</style><body style="background:#fff">
		<p id=a style="background:red"></p><p id=b style="background:green"></p><p id=c style="background:blue"></p>` + more)
}

func TestWhatIsHiddenKeepsItsPlaceAndWhatIsRemovedDoesNot(t *testing.T) {
	url := site(t, map[string]http.HandlerFunc{"/": bars("")})
	hidden := first(t, url, scene.Options{Hide: []string{"#b"}})
	wantColour(t, hidden, 10, 30, red, "before what is hidden")
	wantColour(t, hidden, 10, 90, white, "what is hidden")
	wantColour(t, hidden, 10, 150, blue, "after what is hidden")
	removed := first(t, url, scene.Options{Remove: []string{"#b"}})
	wantColour(t, removed, 10, 30, red, "before what is removed")
	wantColour(t, removed, 10, 90, blue, "after what is removed")
	wantColour(t, removed, 10, 150, white, "the end of the page")
}

// stubborn is a page that does what it can to be seen.
const stubborn = `<style>#b#b { visibility: visible !important; display: block !important }</style>
	<p id=b style="visibility:visible !important;opacity:1 !important"><b style="visibility:visible !important;background:red;display:block;height:60px"></b></p>`

func TestWhatAPageInsistsOnIsHiddenNevertheless(t *testing.T) {
	url := site(t, map[string]http.HandlerFunc{"/": html(`<style>p{margin:0;height:60px}</style><body style="background:#fff">` + stubborn)})
	for name, o := range map[string]scene.Options{"hide": {Hide: []string{"#b"}}, "remove": {Remove: []string{"p, .other"}}} {
		wantColour(t, first(t, url, o), 10, 30, white, name)
	}
}

// A page of one piece of JavaScript makes its elements late, and anew; its sheets, too.
func TestWhatIsHiddenStaysSoWhenThePageIsDrawnAnew(t *testing.T) {
	url := site(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'unsafe-inline'; style-src 'nonce-x'")
		html(`<script>
			let n = 0
			requestAnimationFrame(function draw() {
				document.documentElement.innerHTML = "<head></head><body></body>"
				for (const colour of ["red", "green", "blue"]) {
					const p = document.createElement("p")
					p.className = colour
					Object.assign(p.style, {margin: 0, height: "60px", background: colour})
					document.body.append(p)
				}
				const sheet = new CSSStyleSheet()
				sheet.replaceSync("body { margin: 0 } .blue { opacity: 1 }")
				document.adoptedStyleSheets = [sheet]
				if (n++ % 2) document.adoptedStyleSheets.push(new CSSStyleSheet())
				requestAnimationFrame(draw)
			})
		</script>`)(w, r)
	}})
	pictures, err := take(t.Context(), t, url, 8, scene.Options{Hide: []string{".red"}, Remove: []string{".green"}, CSS: "html { background: #000 }"})
	if err != nil {
		t.Fatal(err)
	}
	for _, picture := range pictures[2:] {
		wantColour(t, picture, 10, 30, black, "what is hidden")
		wantColour(t, picture, 10, 90, blue, "after what is removed")
		wantColour(t, picture, 10, 150, black, "the end of the page")
	}
}

func TestWhatIsHiddenStaysSoWhenTheDocumentIsWrittenAnew(t *testing.T) {
	url := site(t, map[string]http.HandlerFunc{"/": bars(`<script>setTimeout(() => {
		document.write("<style>body{margin:0;background:#fff}p{margin:0;height:60px}</style><p id=a style='background:red'></p><p id=d style='background:green'></p>")
		document.close()
	})</script>`)})
	picture := first(t, url, scene.Options{Hide: []string{"#a"}, WaitFor: &scene.WaitFor{Selector: "#d"}})
	wantColour(t, picture, 10, 30, white, "what is hidden")
	wantColour(t, picture, 10, 90, green, "what is new")
}

// No frame shows the page without them, the first one included, and the page that follows has them as well.
func TestCSSIsThereFromTheBeginning(t *testing.T) {
	url := site(t, map[string]http.HandlerFunc{
		"/":     bars(`<script>requestAnimationFrame(() => requestAnimationFrame(() => location = "/next"))</script>`),
		"/next": bars(""),
	})
	pictures, err := take(t.Context(), t, url, 30, scene.Options{CSS: "p { background: #000 !important }"})
	if err != nil {
		t.Fatal(err)
	}
	for _, picture := range pictures {
		r, g, b, _ := picture.At(10, 30).RGBA()
		if r>>8 > 200 && g>>8 < 60 && b>>8 < 60 {
			t.Fatal("a frame shows the page without the CSS")
		}
	}
	wantColour(t, pictures[29], 10, 30, black, "the page that follows")
}

func TestAFrameWithinThePageIsLeftAsItIs(t *testing.T) {
	url := site(t, map[string]http.HandlerFunc{"/": html(`<iframe src="/in" style="border:0;width:320px;height:180px"></iframe>`), "/in": bars("")})
	wantColour(t, first(t, url, scene.Options{Hide: []string{"p"}}), 10, 30, red, "the frame")
}

func TestJSRunsInThePageBeforeTheFirstFrame(t *testing.T) {
	url := site(t, map[string]http.HandlerFunc{"/": bars(`<script>var colour = "black"</script>`)})
	o := scene.Options{JS: "const p = document.querySelector('#a')\np.style.background = colour\nnew Promise(() => {})"}
	wantColour(t, first(t, url, o), 10, 30, black, "what the script changed")
}

func TestAScriptThatFailsFailsTheSceneWithTheLine(t *testing.T) {
	url := site(t, map[string]http.HandlerFunc{"/": bars("")})
	for js, says := range map[string]string{
		"let a\nnull.x = 'k7QxZ'":  "options.js: it ended with an error (TypeError in line 2)",
		"let a =":                  "options.js: it ended with an error (SyntaxError in line 1)",
		"while (true) {}":          "options.js: it ran for longer than 5s",
		"throw new Error('k7QxZ')": "options.js: it ended with an error (Error in line 1)",
	} {
		_, err := take(t.Context(), t, url, 1, scene.Options{JS: js})
		wantPageError(t, err, msg.CodeSceneOptions, says, "k7QxZ")
	}
}

func TestWhatIsNoSelectorIsToldByOption(t *testing.T) {
	url := site(t, map[string]http.HandlerFunc{"/": bars("")})
	for option, o := range map[string]scene.Options{
		"hide[1]":   {Hide: []string{"#a", "k7QxZ{}"}},
		"remove[0]": {Remove: []string{"p:k7QxZ"}},
		"hide[0]":   {Hide: []string{"a), p"}},
	} {
		_, err := take(t.Context(), t, url, 1, o)
		wantPageError(t, err, msg.CodeSceneOptions, "options."+option+": this is no CSS selector", "k7QxZ")
	}
}

func TestASelectorCannotReachBeyondItself(t *testing.T) {
	url := site(t, map[string]http.HandlerFunc{"/": bars("")})
	picture := first(t, url, scene.Options{Hide: []string{"#a /*"}, Remove: []string{"#b::before", "#c"}})
	wantColour(t, picture, 10, 30, white, "what is hidden")
	wantColour(t, picture, 10, 90, green, "what nothing was before")
	wantColour(t, picture, 10, 150, white, "what is removed")
}
