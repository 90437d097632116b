package direct_test

import (
	"net/http"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/scene"
)

// oneTrust is a page with the banner of OneTrust, as far as its script makes it: it comes late, and
// goes slowly. It says what the visitor chose in the colour of the page.
const oneTrust = `<body style="background:#fff"><script>
	setTimeout(() => {
		document.body.insertAdjacentHTML("beforeend", '<div id="onetrust-consent-sdk"><div id="onetrust-banner-sdk" role="dialog"' +
			' style="position:fixed;left:0;right:0;bottom:0;height:90px;background:black;transition:opacity .4s">' +
			'<button id="onetrust-pc-btn-handler">Settings</button><button id="onetrust-reject-all-handler">Reject all</button>' +
			'<button id="onetrust-accept-btn-handler">Accept all</button></div></div>')
		const close = colour => () => {
			document.body.style.background = colour
			const banner = document.querySelector("#onetrust-banner-sdk")
			banner.style.opacity = 0
			setTimeout(() => banner.style.display = "none", 400)
		}
		document.querySelector("#onetrust-reject-all-handler").onclick = close("green")
		document.querySelector("#onetrust-accept-btn-handler").onclick = close("red")
	}, 700)
</script>`

// cookiebot is the same with Cookiebot's, which speaks by an object of the page's own scripts.
const cookiebot = `<body style="background:#fff"><script>
	window.Cookiebot = {hasResponse: false, declined: false, dialog: {visible: true}}
	document.body.insertAdjacentHTML("beforeend", '<div id="CybotCookiebotDialog" style="position:fixed;left:0;right:0;bottom:0;height:90px;background:black">' +
		'<button id="CybotCookiebotDialogBodyLevelButtonLevelOptinAllowAll">Allow</button>' +
		'<button id="CybotCookiebotDialogBodyLevelButtonLevelOptinDeclineAll">Deny</button></div>')
	const close = colour => () => {
		document.body.style.background = colour
		document.querySelector("#CybotCookiebotDialog").remove()
		Object.assign(window.Cookiebot, {hasResponse: true, declined: true, dialog: {visible: false}})
	}
	document.querySelector("#CybotCookiebotDialogBodyLevelButtonLevelOptinDeclineAll").onclick = close("green")
	document.querySelector("#CybotCookiebotDialogBodyLevelButtonLevelOptinAllowAll").onclick = close("red")
</script>`

func TestBannersAreRefusedAndGoneBeforeTheFirstFrame(t *testing.T) {
	t.Parallel()
	for name, banner := range map[string]string{"OneTrust": oneTrust, "Cookiebot": cookiebot} {
		t.Run(name, func(t *testing.T) {
			url := site(t, map[string]http.HandlerFunc{"/": html(banner)})
			picture := first(t, url, scene.Options{Consent: scene.ConsentDismiss})
			wantColour(t, picture, 300, 30, green, "the page, which shows what was chosen")
			wantColour(t, picture, 300, 150, green, "where the banner was")
		})
	}
}

// cookieAlert is a banner that some sites have in a frame.
const cookieAlert = `<body style="background:#fff"><div class="cookie-alert-extended"><div class="cookie-alert-extended-modal">Cookies
	<a data-controller="cookie-alert/extended/detail-link" onclick="document.querySelector('input').hidden = false">Details</a>
	<input class="cookie-alert-configuration-input" type="checkbox" checked hidden>
	<button data-controller="cookie-alert/extended/button/accept" onclick="document.documentElement.style.background = 'red'">Accept</button>
	<button data-controller="cookie-alert/extended/button/configuration" onclick="
		document.documentElement.style.background = document.querySelector('input').checked ? 'red' : 'green'
		document.querySelector('div').remove()">Save</button></div></div>`

// No rule knows it: its words tell what it is.
func TestABannerOfASitesOwnIsRefusedByItsWords(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(`<body style="background:#fff">
		<div id="q17" style="position:fixed;left:0;right:0;bottom:0;height:90px;background:black;color:#fff;z-index:9">
			We use cookies to personalise content and to analyse our traffic. Do you accept all cookies?
			<button onclick="document.body.style.background='green';this.parentNode.remove()">Reject all</button>
			<button onclick="document.body.style.background='red';this.parentNode.remove()">Accept all</button></div>`)})
	wantGreen(t, url, scene.Options{Consent: scene.ConsentDismiss})
}

// As web components make them: in an open shadow root, with buttons that are components, and words
// that stand in slots.
func TestABannerInAShadowRootIsRefusedByItsWords(t *testing.T) {
	t.Parallel()
	const words = "We use cookies and similar technologies to personalise content and ads. Do you accept all cookies?"
	const style = `<style>.b { position: fixed; left: 0; right: 0; bottom: 0; height: 90px; background: black; color: #fff }</style>`
	const choose = `const chosen = colour => () => { document.body.style.background = colour; host.remove() }
		const host = document.body.appendChild(document.createElement("div"))
		const root = (el, html) => { const s = el.attachShadow({mode: "open"}); s.innerHTML = html; return s }
		`
	url := site(t, map[string]http.HandlerFunc{
		"/own": html(`<body style="background:#fff"><script>` + choose + `
			const s = root(host, '` + style + `<div class=b role=dialog><p>` + words + `</p><button id=a>Accept all</button> <button id=r>Reject all</button></div>')
			s.getElementById("a").onclick = chosen("red")
			s.getElementById("r").onclick = chosen("green")</script>`),
		"/slots": html(`<body style="background:#fff"><script>` + choose + `
			host.innerHTML = "<p>` + words + `</p><x-button id=a slot=buttons>Accept all</x-button><x-button id=r slot=buttons>Reject all</x-button>"
			root(host, '` + style + `<div class=b><slot></slot><slot name=buttons></slot></div>')
			for (const b of document.querySelectorAll("x-button"))
				root(b, "<button><slot></slot></button>").querySelector("button").onclick = chosen(b.id === "r" ? "green" : "red")</script>`),
	})
	for _, path := range []string{"/own", "/slots"} {
		t.Run(path[1:], func(t *testing.T) {
			t.Parallel()
			wantGreen(t, url+path, scene.Options{Consent: scene.ConsentDismiss})
		})
	}
}

func TestABannerInAFrameOfAnotherSiteIsRefused(t *testing.T) {
	t.Parallel()
	other := site(t, map[string]http.HandlerFunc{"/": html(cookieAlert)})
	url := site(t, map[string]http.HandlerFunc{"/": html(`<iframe src="` + other + `" style="border:0;width:320px;height:180px"></iframe>`)})
	wantGreen(t, url, scene.Options{Consent: scene.ConsentDismiss})
}

func TestBannersAreKeptUnlessAsked(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(cookiebot)})
	picture := first(t, url, scene.Options{Consent: scene.ConsentKeep})
	wantColour(t, picture, 300, 30, white, "the page")
	wantColour(t, picture, 300, 150, black, "the banner")
}

// A page without a banner has lived for little longer than the look for one takes.
func TestAPageWithoutABannerLosesLittleTime(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(`<body style="background:red"><script>
		requestAnimationFrame(function f() {
			document.body.style.background = performance.now() < 2500 ? "green" : "red"
			requestAnimationFrame(f)
		})</script>`)})
	wantGreen(t, url, scene.Options{Consent: scene.ConsentDismiss})
}

// What shows up in the scene is the page's own doing, the same in every recording.
func TestABannerThatComesLaterIsLeftAlone(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(`<script>setTimeout = (f => (g, t) => f(g, t + 1800))(setTimeout)</script>` + oneTrust)})
	pictures, err := take(t.Context(), t, url, 240, scene.Options{Consent: scene.ConsentDismiss})
	if err != nil {
		t.Fatal(err)
	}
	wantColour(t, pictures[0], 300, 150, white, "the first frame")
	wantColour(t, pictures[239], 300, 30, white, "the page, at the end")
	wantColour(t, pictures[239], 300, 150, black, "the banner, at the end")
}
