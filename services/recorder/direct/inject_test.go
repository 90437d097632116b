package direct_test

import (
	"fmt"
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
	t.Parallel()
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
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(`<style>p{margin:0;height:60px}</style><body style="background:#fff">` + stubborn)})
	for name, o := range map[string]scene.Options{"hide": {Hide: []string{"#b"}}, "remove": {Remove: []string{"p, .other"}}} {
		wantColour(t, first(t, url, o), 10, 30, white, name)
	}
}

// A page of one piece of JavaScript makes its elements late, and anew; its sheets, too.
func TestWhatIsHiddenStaysSoWhenThePageIsDrawnAnew(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": bars(`<script>setTimeout(() => {
		document.write("<style>body{margin:0;background:#fff}p{margin:0;height:60px}</style><p id=a style='background:red'></p><p id=d style='background:green'></p>")
		document.close()
	})</script>`)})
	picture := first(t, url, scene.Options{Hide: []string{"#a"}, WaitFor: &scene.WaitFor{Selector: "#d"}})
	wantColour(t, picture, 10, 30, white, "what is hidden")
	wantColour(t, picture, 10, 90, green, "what is new")
}

// No frame shows the page without them, the first one included, and the page that follows has them
// as well.
func TestCSSIsThereFromTheBeginning(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(`<iframe src="/in" style="border:0;width:320px;height:180px"></iframe>`), "/in": bars("")})
	wantColour(t, first(t, url, scene.Options{Hide: []string{"p"}}), 10, 30, red, "the frame")
}

func TestJSRunsInThePageBeforeTheFirstFrame(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": bars(`<script>var colour = "black"</script>`)})
	o := scene.Options{JS: "const p = document.querySelector('#a')\np.style.background = colour\nnew Promise(() => {})"}
	wantColour(t, first(t, url, o), 10, 30, black, "what the script changed")
}

func TestAScriptThatFailsFailsTheSceneWithTheLine(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": bars("")})
	picture := first(t, url, scene.Options{Hide: []string{"#a /*"}, Remove: []string{"#b::before", "#c"}})
	wantColour(t, picture, 10, 30, white, "what is hidden")
	wantColour(t, picture, 10, 90, green, "what nothing was before")
	wantColour(t, picture, 10, 150, white, "what is removed")
}

// cards is a page of cards below one another, each in a shadow root that a script makes: 10 pixels
// of red to hide, as many to remove, and 10 of blue.
func cards(script string) http.HandlerFunc {
	return html(`<body style="background:#fff"><script>
		const inner = '<style>i { height: 10px; background: red; display: block !important } .rest { background: blue }</style>' +
			'<i class=ad></i><i class=gone></i><i class=rest></i>'
		const add = (name, into = document) => document.body.appendChild(into.createElement(name))
		` + script + `</script>`)
}

// However a shadow root comes into the page, and whatever the page makes of its sheets, and of the
// browser's functions.
func TestHideAndRemoveReachIntoOpenShadowRoots(t *testing.T) {
	t.Parallel()
	const div = `add("div").attachShadow({mode: "open"}).innerHTML = inner; `
	for name, test := range map[string]struct {
		cards  int
		script string
	}{
		"ways": {7, `
			customElements.define("x-made", class extends HTMLElement {
				constructor() { super(); this.attachShadow({mode: "open"}).innerHTML = inner }
			})
			add("x-made")
			add("x-upgraded")
			const outer = add("div").attachShadow({mode: "open"})
			outer.innerHTML = "<section><span></span></section>"
			const styled = add("div").attachShadow({mode: "open"}), sheet = new CSSStyleSheet()
			styled.innerHTML = inner
			const written = add("div"), declared = add("div"), moved = add("div")
			declared.setHTMLUnsafe("<div><template shadowrootmode=open>" + inner + "</template></div>")
			const other = document.implementation.createHTMLDocument(), host = other.createElement("div")
			host.attachShadow({mode: "open"}).innerHTML = inner
			setTimeout(() => {
				customElements.define("x-upgraded", class extends HTMLElement {
					connectedCallback() { this.attachShadow({mode: "open"}).innerHTML = inner }
				})
				outer.querySelector("span").attachShadow({mode: "open"}).innerHTML = inner
				sheet.replaceSync(".ad { opacity: 1 }")
				styled.adoptedStyleSheets = [sheet] // as Lit does
				written.setHTMLUnsafe("<div><template shadowrootmode=open>" + inner + "</template></div>")
				moved.append(host)
			}, 100)`},
		"a document that is written anew": {1, `setTimeout(() => {
				document.open()
				document.write("<style>body{margin:0}</style><body style='background:#fff'><div><template shadowrootmode=open>" + inner + "</template></div>")
				document.close()
			}, 100)`},
		"changed functions": {2, `
			Reflect.apply = WeakSet.prototype.has = WeakSet.prototype.add = Element.prototype.querySelectorAll = null
			const attach = Element.prototype.attachShadow
			Element.prototype.attachShadow = function (...args) { return attach.apply(this, args) }
			` + div + div},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := site(t, map[string]http.HandlerFunc{"/": cards(test.script)})
			picture := first(t, url, scene.Options{Hide: []string{".ad"}, Remove: []string{".gone"}, WaitFor: &scene.WaitFor{Seconds: 0.2}})
			for n := range test.cards {
				wantColour(t, picture, 10, 20*n+5, white, fmt.Sprintf("what is hidden of card %d", n))
				wantColour(t, picture, 10, 20*n+15, blue, fmt.Sprintf("what is left of card %d", n))
			}
		})
	}
}

// The document that declares it in its HTML, too; a shadow root that is closed is the page's own
// business.
func TestAShadowRootThatTheDocumentDeclaresIsStyledIfItIsOpen(t *testing.T) {
	t.Parallel()
	declared := func(mode string) string {
		return `<div><template shadowrootmode=` + mode + `><div class=ad style="height:60px;background:red"></div></template></div>`
	}
	url := site(t, map[string]http.HandlerFunc{"/": html(`<body style="background:#fff">` + declared("open") + declared("closed"))})
	picture := first(t, url, scene.Options{Hide: []string{".ad"}})
	wantColour(t, picture, 10, 30, white, "what is hidden in an open one")
	wantColour(t, picture, 10, 90, red, "what is in a closed one")
}
