package direct_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
)

// later is a page that is red, and of which JavaScript does something after so many milliseconds,
// such as green().
func later(milliseconds int, what string) http.HandlerFunc {
	return html(fmt.Sprintf(`<body style="background:red"><script>
		const green = () => { document.body.style.background = "green" }
		setTimeout(() => { %s }, %d)
	</script>`, what, milliseconds))
}

func TestTheFirstFrameWaitsForSeconds(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": later(1400, "green()")})
	wantGreen(t, url, scene.Options{WaitFor: &scene.WaitFor{Seconds: 1.5}})
	wantColour(t, first(t, url, scene.Options{WaitFor: &scene.WaitFor{Seconds: 1}}), 300, 170, red, "before")
}

// Not for an element that is there and cannot be seen.
func TestTheFirstFrameWaitsForAnElementToBeSeen(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": later(700, `
		document.body.insertAdjacentHTML("beforeend", "<p class=x hidden>x</p><p class=x style='visibility:hidden'>x</p>")
		setTimeout(() => { green(); document.querySelector(".x").hidden = false }, 700)`)})
	wantGreen(t, url, scene.Options{WaitFor: &scene.WaitFor{Selector: "p.x"}})
}

// Also in an open shadow root, that of a certain element or of any.
func TestTheFirstFrameWaitsForAnElementInAShadowRoot(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": later(400, `
		const root = el => document.body.appendChild(el).attachShadow({mode: "open"})
		root(document.createElement("aside")).innerHTML = "<p class=x>x</p>"
		const main = root(document.createElement("main"))
		setTimeout(() => { green(); main.innerHTML = "<p class='x y'>x</p>" }, 400)`)})
	wantGreen(t, url, scene.Options{WaitFor: &scene.WaitFor{Selector: ".y"}})
	wantGreen(t, url, scene.Options{WaitFor: &scene.WaitFor{Selector: "main >>> p.x"}})
}

func TestTheFirstFrameWaitsForAPromise(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{
		// What it is part of is not there at first.
		"/": later(300, `window.app = {ready: new Promise(done => setTimeout(() => { green(); done() }, 900))}`),
		// It is of a document that leads to another.
		"/leaves": later(300, `location = "/"; window.app = {ready: new Promise(() => {})}`),
		"/value":  html(`<body style="background:green"><script>window.app = {ready: 0}</script>`),
	})
	for _, path := range []string{"/", "/leaves", "/value"} {
		wantGreen(t, url+path, scene.Options{WaitFor: &scene.WaitFor{Promise: "window.app.ready;"}})
	}
}

func TestTheFirstFrameWaitsForTheNetworkToRest(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{
		// Eight requests, one after the other, with less than half a second between them; and a
		// stream, which does not count.
		"/": later(0, `
			new EventSource("/stream")
			const ask = n => fetch("/asked").then(() => n > 0 ? setTimeout(ask, 300, n - 1) : green())
			ask(8)`),
		"/asked": ok,
		"/stream": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
	})
	wantGreen(t, url, scene.Options{WaitFor: &scene.WaitFor{NetworkIdle: true}})
}

func TestTheFirstFrameWaitsForAllThatIsNamed(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": later(900, `document.body.insertAdjacentHTML("beforeend", "<p id=x>x</p>"); setTimeout(green, 500)`)})
	wantGreen(t, url, scene.Options{WaitFor: &scene.WaitFor{Selector: "#x", Seconds: 1.5, NetworkIdle: true, Promise: "1"}})
}

func TestAWaitInVainEndsAndSaysWhatDidNotHappen(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{
		"/": later(0, `
			window.never = new Promise(() => {})
			window.broken = Promise.reject(new Error("k7QxZ"))
			setInterval(() => fetch("/asked"), 200)`),
		"/asked": ok,
	})
	for says, w := range map[string]scene.WaitFor{
		"options.wait_for.selector: no visible element was found, although the page had 700ms of its time": {Selector: "#k7QxZ", NetworkIdle: true},
		"options.wait_for.promise: the promise was not fulfilled":                                          {Promise: "never /* k7QxZ */"},
		"options.wait_for.promise: the page rejected the promise":                                          {Promise: "broken"},
		"options.wait_for.network_idle: the page kept asking the network":                                  {NetworkIdle: true},
	} {
		w.TimeoutSeconds = 0.7
		_, err := take(t.Context(), t, url, 1, scene.Options{WaitFor: &w})
		wantPageError(t, err, msg.CodeSceneWait, says, "k7QxZ")
	}
}

func TestAWaitForWhatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html("")})
	for says, w := range map[string]scene.WaitFor{
		"options.wait_for.selector: this is no CSS selector":         {Selector: "main >>> #k7QxZ:"},
		"options.wait_for.promise: this is no JavaScript expression": {Promise: "let k7QxZ = 1"},
	} {
		_, err := take(t.Context(), t, url, 1, scene.Options{WaitFor: &w})
		wantPageError(t, err, msg.CodeSceneOptions, says, "k7QxZ")
	}
}
