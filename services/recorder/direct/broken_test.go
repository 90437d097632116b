package direct_test

import (
	"net/http"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/scene"
)

// broken is a script that replaces what finds, measures and scrolls elements, and what lists are
// read with: by functions that fail, and that lie.
const broken = `<script>
	(() => {
		const fail = () => { throw new Error("it is mine now") }
		for (const of of [document, Document.prototype, Element.prototype, DocumentFragment.prototype]) {
			of.querySelector = of.querySelectorAll = () => []
		}
		for (const name of ["scrollTo", "scroll", "scrollBy", "checkVisibility", "getBoundingClientRect", "getClientRects"]) {
			Element.prototype[name] = fail
		}
		for (const name of ["includes", "filter", "map", "some", "push", Symbol.iterator]) Array.prototype[name] = fail
		Object.defineProperty(Element.prototype, "scrollTop", {get: () => 7, set: fail})
		Object.defineProperty(Document.prototype, "scrollingElement", {get: fail})
		Function.prototype.call = Function.prototype.apply = Reflect.apply = fail
		window.scrollTo = window.getComputedStyle = document.elementFromPoint = fail
	})()
</script>`

// What is looked for in a page and done in it goes by the browser's own functions, whatever the
// page has made of them.
func TestAPageThatReplacesTheBrowsersFunctions(t *testing.T) {
	t.Parallel()
	const style = `<style>p{margin:0;height:60px} #far{height:4000px} #end{height:180px;background:green}</style>`
	url := site(t, map[string]http.HandlerFunc{
		"/wait": html(style + broken + `<body style="background:red"><p id=here></p><script>setTimeout(() => {
			document.body.style.background = "green"
			document.getElementById("here").className = "ready"
		}, 700)</script>`),
		// Each scroll to where the picture is asked for is told by an event that page scripts hear.
		"/prescroll": html(style + broken + `<body style="background:red"><p id=far></p><p id=end style="background:inherit"></p><script>
			addEventListener("scroll", () => { if (scrollY > 3000) document.body.style.background = "green" })
		</script>`),
		"/scroll": html(style + broken + `<p id=far></p><p id=end></p>`),
		"/hide": html(style + `<body style="background:#fff"><p id=a style="background:red"></p><p id=b style="background:blue"></p>
			<p id=c style="background:green"></p>` + broken + `<script>
			const sheet = new CSSStyleSheet()
			sheet.replaceSync("body { opacity: 1 }")
			document.adoptedStyleSheets = [sheet]
			setTimeout(() => { document.adoptedStyleSheets = [] })
		</script>`),
	})
	wantGreen(t, url+"/wait", scene.Options{WaitFor: &scene.WaitFor{Selector: "#here.ready"}})
	wantGreen(t, url+"/prescroll", scene.Options{Prescroll: true})
	wantGreen(t, url+"/scroll", scene.Options{Actions: []scene.Action{{Do: "scroll", Selector: "#end"}}})
	picture := first(t, url+"/hide", scene.Options{Hide: []string{"#a"}, Remove: []string{"#b"}})
	wantColour(t, picture, 300, 30, white, "what is hidden")
	wantColour(t, picture, 300, 90, green, "after what is removed")
}
