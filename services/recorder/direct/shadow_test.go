package direct

import (
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/scene"
)

// stageShadow declares root(host, html), which gives an element an open shadow root.
const stageShadow = stageBarcode + `<style>b{display:block;height:300px}</style><script>
	const root = (host, html) => { const s = host.attachShadow({mode: "open"}); s.innerHTML = html; return s }
	</script>`

func TestActionsReachWhatIsInOpenShadowRoots(t *testing.T) {
	t.Parallel()
	const button = `<button style=\"display:block;width:60px;height:40px;margin-top:30px\">Buy</button>`
	for name, test := range map[string]struct {
		body   string
		action scene.Action
	}{
		"a click on what is in one": {`<div id=a></div><script>
			root(a, "<p>price</p>` + button + `").querySelector("button").onclick = e => paint(e.isTrusted ? 7 : 1)</script>`,
			scene.Action{Do: "click", Selector: "button"}},
		"a click in one within another, off the screen": {`<b></b><div id=a></div><script>
			const inner = root(root(a, "<section></section>").querySelector("section"), "` + button + `")
			inner.querySelector("button").onclick = () => paint(7)</script>`,
			scene.Action{Do: "click", Selector: "button"}},
		// The document's own goes before.
		"a click on what the document has as well": {`<div id=a></div><button style="position:absolute;left:200px;top:90px" onclick="paint(7)">x</button><script>
			root(a, "` + button + `").querySelector("button").onclick = () => paint(1)</script>`,
			scene.Action{Do: "click", Selector: "button"}},
		"a click on what cannot be seen in the document": {`<button hidden></button><div id=a></div><script>
			root(a, "` + button + `").querySelector("button").onclick = () => paint(7)</script>`,
			scene.Action{Do: "click", Selector: "button"}},
		"a click by a path": {`<x-card id=one></x-card><x-card id=two></x-card><script>
			root(one, "` + button + `").querySelector("button").onclick = () => paint(1)
			root(two, "` + button + `").querySelector("button").onclick = () => paint(7)</script>`,
			scene.Action{Do: "click", Selector: "x-card:nth-of-type(2) >>> button"}},
		// Its box is its shadow root's.
		"a click on a host without a box": {`<x-button id=a style="display:contents"></x-button><script>
			root(a, "` + button + `"); a.onclick = () => paint(7)</script>`,
			scene.Action{Do: "click", Selector: "x-button"}},
		// A span in a slot is what the mouse meets in the button.
		"a click on a button around a slot": {`<x-button id=a><span style="display:block;height:40px">Buy</span></x-button><script>
			root(a, "<button style='display:block;margin-top:30px'><slot></slot></button><i style='position:fixed;inset:0;z-index:-1'></i>")
				.querySelector("button").onclick = () => paint(7)</script>`,
			scene.Action{Do: "click", Selector: "button"}},
		"typing into a field": {`<div id=a style="padding-top:40px"></div><script>
			const field = root(a, "<label>Name <input></label>").querySelector("input")
			field.oninput = () => paint(field.value === "loom" ? 7 : 1)</script>`,
			scene.Action{Do: "type", Selector: "input", Text: "loom"}},
		"typing into the host of a field": {`<x-field id=a style="display:block;padding-top:40px"></x-field><script>
			const field = root(a, "<div><input></div>").querySelector("input")
			field.oninput = () => paint(field.value === "loom" ? 7 : 1)</script>`,
			scene.Action{Do: "type", Selector: "x-field", Text: "loom"}},
		"a key": {`<div id=a style="padding-top:40px"></div><script>
			root(a, "<input>").querySelector("input").onkeydown = e => paint(e.key === "Enter" ? 7 : 1)</script>`,
			scene.Action{Do: "press", Selector: "input", Key: "Enter"}},
		"a scroll to what is in one": {`<b></b><div id=a></div><b></b><script>
			root(a, "<p id=here style='margin:0'>x</p>")
			addEventListener("scroll", () => paint(scrollY === 300 ? 7 : 1))</script>`,
			scene.Action{Do: "scroll", Selector: "#here"}},
		// In a box of a shadow root, below a header that sticks there.
		"a scroll to what is in a slot of a box that scrolls": {`<x-page id=a><b></b><p id=here style="margin:0">x</p><b></b></x-page><script>
			const box = root(a, "<main style='height:180px;overflow:auto'><header style='position:sticky;top:0;height:40px;background:red'></header>" +
				"<slot></slot></main>").querySelector("main")
			box.onscroll = () => paint(box.scrollTop === 300 ? 7 : 1)</script>`,
			scene.Action{Do: "scroll", Selector: "#here"}},
	} {
		t.Run(strings.ReplaceAll(name, ",", ""), func(t *testing.T) {
			t.Parallel()
			test.action.At = stageAt(0.05)
			pictures := stagePage(stageShadow+test.body, 8, scene.Options{Actions: []scene.Action{test.action}}).mustTake(t)
			if got := pictures[7].number(10); got != 7 {
				t.Errorf("the page tells %d, want 7", got)
			}
		})
	}
}
