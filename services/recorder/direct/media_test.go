package direct_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
)

// pointing is a document that tells the one around it what a pointer is like by its stylesheets
// and, where these agree, by its scripts; what does not agree is told as "torn".
const pointing = `<style>
	@media (hover: hover) { html { --hover: hover } } @media (hover: none) { html { --hover: none } }
	@media (any-hover: hover) { html { --any-hover: hover } } @media not (any-hover: hover) { html { --any-hover: none } }
	@media (pointer: fine) { html { --pointer: fine } } @media (pointer: coarse) { html { --pointer: coarse } }
	@media (any-pointer: fine) { html { --fine: 1 } } @media (any-pointer: coarse) { html { --coarse: 1 } }
	</style><script>
	const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
	function pointer() {
		const said = ["hover", "any-hover", "pointer"].map(name => style("--" + name))
		said.push(["fine", "coarse"].filter(name => style("--" + name)).join("+"))
		const agree = matchMedia("(hover: " + said[0] + ")").matches && matchMedia("(any-hover: " + said[1] + ")").matches &&
			matchMedia("(pointer: " + said[2] + ")").matches && matchMedia("(any-pointer: " + said[3] + ")").matches
		return (agree ? said.join(" ") : "torn " + said.join(" ")) + " " + navigator.maxTouchPoints + " " + ("ontouchstart" in window)
	}
	parent !== window && parent.postMessage(pointer(), "*")
	</script>`

// However the page is captured and wherever it leads: to another process, too, which an opener
// policy asks for.
func TestAPageIsToldOfThePointerThatItsActionsHave(t *testing.T) {
	t.Parallel()
	isolated := func(page http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
			w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp")
			w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
			page(w, r)
		}
	}
	// A page waits for what the frames in it say, and leads to the next when that is right.
	waits := func(frames, then string) string {
		return pointing + frames + `<p></p><script>
			const want = location.hash.slice(1).replaceAll("_", " "), seen = [pointer()]
			const look = () => {
				document.querySelector("p").textContent = seen.join("; ")
				if (seen.length === document.querySelectorAll("iframe").length + 1 && seen.every(s => s === want)) ` + then + `
			}
			addEventListener("message", e => { seen.push(e.data); look() })
			look()
		</script>`
	}
	done := `document.body.style.background = "green", document.body.append(Object.assign(document.createElement("b"), {id: "done", textContent: "."}))`
	other := site(t, map[string]http.HandlerFunc{"/": isolated(html(pointing))})
	url := site(t, map[string]http.HandlerFunc{
		"/":     html(waits(`<iframe src="/in"></iframe><iframe src="`+other+`"></iframe>`, `location = "/next" + location.hash`)),
		"/in":   isolated(html(pointing)),
		"/next": isolated(html(`<body style="background:red">` + waits(`<iframe src="/in"></iframe><iframe src="`+other+`"></iframe>`, done))),
	})
	for _, mode := range []msg.Mode{msg.ModeExact, msg.ModeVirtual, msg.ModeRealtime} {
		for want, mobile := range map[string]bool{"hover hover fine fine 0 false": false, "none none coarse coarse 5 true": true} {
			t.Run(string(mode)+"/"+want, func(t *testing.T) {
				t.Parallel()
				pictures, err := takeAs(t.Context(), t, mode, url+"/#"+strings.ReplaceAll(want, " ", "_"), 2, scene.Options{
					Mobile: mobile, ColorScheme: "dark", WaitFor: &scene.WaitFor{Selector: "#done", TimeoutSeconds: 30},
				})
				if err != nil {
					t.Fatal(err)
				}
				wantColour(t, pictures[1], 310, 170, green, "what the page and its frames are told")
			})
		}
	}
}

// As Tailwind 4 and others write it.
func TestAnActionThatHoversShowsWhatIsStyledForPointersThatHover(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(`<style>#a{position:absolute;left:60px;top:60px;width:80px;height:60px;background:red}
		.tip{display:none;position:absolute;left:200px;top:60px;width:80px;height:60px;background:blue}
		@media (hover: hover) { #a:hover { background: green } } @media (any-hover: hover) and (pointer: fine) { #a:hover + .tip { display: block } }
		</style><body style="background:#fff"><div id=a></div><div class=tip></div>`)})
	pictures, err := take(t.Context(), t, url, 30, scene.Options{Actions: []scene.Action{{Do: "hover", Selector: "#a", Seconds: 0.2}}})
	if err != nil {
		t.Fatal(err)
	}
	wantColour(t, pictures[0], 100, 90, red, "before the mouse is there")
	wantColour(t, pictures[29], 100, 90, green, "what the mouse is over")
	wantColour(t, pictures[29], 240, 90, blue, "what is shown beside it")
}

// However the page is captured.
func TestAnActionOnAPhoneIsAFingers(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(`<body style="background:#fff"><button style="position:absolute;left:60px;top:60px;width:80px;height:60px;opacity:0"></button><script>
		const told = []
		for (const type of ["pointerdown", "touchstart", "touchend", "mousemove", "mousedown", "click", "keypress"]) {
			addEventListener(type, e => { told.push(e.pointerType ?? type) }, true)
		}
		document.querySelector("button").onclick = () => {
			document.body.style.background = told.join() === "touch,touchstart,touchend,mousemove,mousedown,touch" ? "green" : "red"
		}</script>`)})
	for _, mode := range []msg.Mode{msg.ModeExact, msg.ModeVirtual, msg.ModeRealtime} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			at := 0.2
			pictures, err := takeAs(t.Context(), t, mode, url, 60, scene.Options{Mobile: true, Actions: []scene.Action{{At: &at, Do: "click", Selector: "button"}}})
			if err != nil {
				t.Fatal(err)
			}
			wantColour(t, pictures[11], 310, 170, white, "before the tap")
			when := 12
			if mode == msg.ModeRealtime {
				when = 59
			}
			wantColour(t, pictures[when], 310, 170, green, "what the button was told of")
		})
	}
}
