package recorder

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

// public serves what a stranger's site would: redirects, and pages with a body of the asker's
// choice.
func public(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/redirect", redirect)
	mux.HandleFunc("/page", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, "<!doctype html><h1>Page</h1>", r.FormValue("body"))
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return srv
}

// TestScenesAtAddressesThatAreRefused tries to make a scene of what is none of a stranger's. CANARY
// is a port of loopback that must stay untouched, SITE a site that is allowed, FILE a file that
// must not be opened.
func TestScenesAtAddressesThatAreRefused(t *testing.T) {
	const refused, recorded = msg.CodeSceneRefused, msg.Code("")
	tests := []struct {
		name, url string
		want      msg.Code
	}{
		// Loopback and its like, as it is and in other clothes.
		{"loopback", "http://127.0.0.1:CANARY/", refused},
		{"loopback over TLS", "https://127.0.0.1:CANARY/", refused},
		{"another loopback", "http://127.255.255.254:CANARY/", refused},
		{"localhost", "http://localhost:CANARY/", refused},
		{"a name of localhost's", "http://app.localhost:CANARY/", refused},
		{"localhost with a dot", "http://localhost.:CANARY/", refused},
		{"loopback with a dot", "http://127.0.0.1.:CANARY/", refused},
		{"capitals", "HTTP://LOCALHOST:CANARY/", refused},
		{"IPv6 loopback", "http://[::1]:CANARY/", refused},
		{"IPv6 loopback, at length", "http://[0:0:0:0:0:0:0:1]:CANARY/", refused},
		{"IPv6 unspecified", "http://[::]:CANARY/", refused},
		{"IPv4 within IPv6", "http://[::ffff:127.0.0.1]:CANARY/", refused},
		{"IPv4 within IPv6, in hexadecimal", "http://[::ffff:7f00:1]:CANARY/", refused},
		{"IPv4-compatible", "http://[::127.0.0.1]:CANARY/", refused},
		{"IPv4-translated", "http://[::ffff:0:127.0.0.1]:CANARY/", refused},
		{"NAT64", "http://[64:ff9b::7f00:1]:CANARY/", refused},
		{"6to4", "http://[2002:7f00:1::]:CANARY/", refused},
		{"Teredo", "http://[2001:0:7f00:1::]:CANARY/", refused},
		{"this network", "http://0.0.0.0:CANARY/", refused},
		{"zero", "http://0:CANARY/", refused},
		{"a short form", "http://127.1:CANARY/", refused},
		{"a number", "http://2130706433:CANARY/", refused},
		{"a hexadecimal number", "http://0x7f000001:CANARY/", refused},
		{"hexadecimal parts", "http://0x7f.0.0.0x1:CANARY/", refused},
		{"octal parts", "http://0177.0.0.01:CANARY/", refused},
		{"wide digits", "http://１２７.０.０.１:CANARY/", refused},
		{"digits in circles", "http://①②⑦.⓪.⓪.①:CANARY/", refused},
		{"other full stops", "http://127。0｡0．1:CANARY/", refused},
		{"escaped digits", "http://%31%32%37.0.0.1:CANARY/", refused},
		{"a user", "http://user@127.0.0.1:CANARY/", refused},
		{"a user that looks like a host", "http://example.com@127.0.0.1:CANARY/", refused},
		{"a user that looks like the site", "http://SITE@127.0.0.1:CANARY/", refused},
		{"a fragment that looks like the site", "http://127.0.0.1:CANARY#@SITE/", refused},
		{"a backslash", `http://127.0.0.1:CANARY\@SITE/`, refused},
		{"a backslash for a slash", `http:\\127.0.0.1:CANARY/`, refused},
		{"one slash", "http:/127.0.0.1:CANARY/", refused},
		{"a blank before it", " http://127.0.0.1:CANARY/", refused},
		{"a line's end within", "http://127.0.0.1\n:CANARY/", refused},

		// Private networks and clouds' metadata.
		{"private", "http://10.0.0.1/", refused},
		{"carrier-grade NAT", "http://100.64.0.1/", refused},
		{"link-local", "http://169.254.1.1/", refused},
		{"IPv6 link-local", "http://[fe80::1]/", refused},
		{"IPv6 private", "http://[fd00::1]/", refused},
		{"metadata", "http://169.254.169.254/latest/meta-data/", refused},
		{"a task's metadata as a number", "http://2852039170/v2/metadata", refused},
		{"metadata within IPv6", "http://[::ffff:a9fe:a9fe]/latest/meta-data/", refused},
		{"Amazon's over IPv6", "http://[fd00:ec2::254]/latest/meta-data/", refused},
		{"Alibaba's", "http://100.100.100.200/latest/meta-data/", refused},
		{"Oracle's", "http://192.0.0.192/opc/v2/instance/", refused},
		{"Azure's", "http://168.63.129.16/machine?comp=goalstate", refused},

		// What is no web page's.
		{"file", "file://FILE", refused},
		{"file on localhost", "file://localhostFILE", refused},
		{"source of a file", "view-source:file://FILE", refused},
		{"source of the site", "view-source:http://SITE/page", refused},
		{"Chrome's version", "chrome://version", refused},
		{"Chrome's crash", "chrome://crash", refused},
		{"developer tools", "devtools://devtools/bundled/inspector.html", refused},
		{"extension", "chrome-extension://abcdefghijklmnopabcdefghijklmnop/a.html", refused},
		{"script", "javascript:location='http://127.0.0.1:CANARY/'", refused},
		{"data", "data:text/html,<img src=http://127.0.0.1:CANARY/>", refused},
		{"blob", "blob:http://SITE/5d1a3c7c", refused},
		{"file system", "filesystem:http://SITE/temporary/a", refused},
		{"blank", "about:blank", refused},
		{"ftp", "ftp://127.0.0.1:CANARY/", refused},
		{"WebSocket", "ws://127.0.0.1:CANARY/", refused},
		{"nothing", "", refused},
		{"a port that browsers refuse", "http://127.0.0.1:25/", refused},

		// A site that is allowed leads to what is not.
		{"301", "http://SITE/redirect?status=301&to=http://127.0.0.1:CANARY/", refused},
		{"302", "http://SITE/redirect?status=302&to=http://127.0.0.1:CANARY/", refused},
		{"303", "http://SITE/redirect?status=303&to=http://127.0.0.1:CANARY/", refused},
		{"307", "http://SITE/redirect?status=307&to=http://127.0.0.1:CANARY/", refused},
		{"308", "http://SITE/redirect?status=308&to=http://127.0.0.1:CANARY/", refused},
		{"two redirects", "http://SITE/redirect?to=/redirect%3Fto=http://localhost:CANARY/", refused},
		{"redirect to TLS", "http://SITE/redirect?to=https://127.0.0.1:CANARY/", refused},
		{"redirect without a scheme", "http://SITE/redirect?to=//127.0.0.1:CANARY/", refused},
		{"redirect to a file", "http://SITE/redirect?to=file://FILE", refused},
		{"redirect to Chrome's version", "http://SITE/redirect?to=chrome://version", refused},
		{"redirect to data", "http://SITE/redirect?to=data:text/html,a", refused},
		{"redirect to ftp", "http://SITE/redirect?to=ftp://127.0.0.1:CANARY/", refused},
		{"redirect to another program", "http://SITE/redirect?to=mailto:a@127.0.0.1", refused},
		{"meta refresh", paged(`<meta http-equiv=refresh content="0;url=http://127.0.0.1:CANARY/">`), refused},
		{"location", paged(`<script>location = "http://127.0.0.1:CANARY/"</script>`), refused},
		{"location.replace", paged(`<script>location.replace("http://127.0.0.1:CANARY/")</script>`), refused},
		{"form", paged(`<form method=post action="http://127.0.0.1:CANARY/"><input name=a></form><script>document.forms[0].submit()</script>`), refused},
		{"link", paged(`<a href="http://127.0.0.1:CANARY/">a</a><script>document.links[0].click()</script>`), refused},
		{"form to a file", paged(`<form action="file://FILE"></form><script>document.forms[0].submit()</script>`), refused},
		{"link to ftp", paged(`<a href="ftp://127.0.0.1:CANARY/">a</a><script>document.links[0].click()</script>`), refused},

		// Chrome refuses these itself; the page stays as it is.
		{"location of a file", paged(`<script>location = "file://FILE"</script>`), recorded},
		{"location of Chrome's crash", paged(`<script>location = "chrome://crash"</script>`), recorded},
		{"location of data", paged(`<script>location = "data:text/html,<img src=http://127.0.0.1:CANARY/>"</script>`), recorded},
		{"link to a file", paged(`<a href="file://FILE">a</a><script>document.links[0].click()</script>`), recorded},
		{"form to a file, later", paged(`<form action="file://FILE"></form><script>onload = () => document.forms[0].submit()</script>`), recorded},
		{"meta refresh to a file", paged(`<meta http-equiv=refresh content="0;url=file://FILE">`), recorded},

		// The site itself, to show that the table tells one from the other.
		{"the site", "http://SITE/page", recorded},
		{"the site, redirected", "http://SITE/redirect?to=/page", recorded},
	}
	site := strings.TrimPrefix(public(t).URL, "http://")
	attacks := make([]attack, len(tests))
	for i, test := range tests {
		attacks[i].name = test.name
	}
	w := newWatch(t, attacks)
	secret := watchFile(t)
	b := startBrowser(t, site, 320, 180)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			address := strings.NewReplacer("CANARY", w.port(test.name), "SITE", site, "FILE", secret.path).Replace(test.url)
			p := msg.RecordParams{Scene: 1, URL: address, Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 30}
			_, err := b.capture(t, p, capture.DefaultBounds)
			failure := &capture.PageError{} // none
			if err != nil && !errors.As(err, &failure) {
				t.Fatalf("capture returned %v, want a page's error", err)
			}
			if failure.Code != test.want || failure.Permanent != (test.want != recorded) {
				t.Errorf("%q ended with code %q, permanent %v, want %q", address, failure.Code, failure.Permanent, test.want)
			}
		})
	}
	w.check(t)
	secret.check(t)
}

// A deployed recorder, of which nothing is said, lets pages reach nothing but the public internet.
func TestNothingIsAllowedByDefault(t *testing.T) {
	cfg, err := LoadConfig(map[string]string{"NATS_URL": "nats://127.0.0.1:1", "CHROME_PATH": os.Getenv("CHROME_PATH")})
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"127.0.0.1:80", "[::1]:80", "10.0.0.1:80", "192.168.0.1:443", "169.254.169.254:80", "[fd00:ec2::254]:80"} {
		if err := r.policy.Check(netip.MustParseAddrPort(address)); !errors.Is(err, egress.ErrRefused) {
			t.Errorf("%s: %v, want ErrRefused", address, err)
		}
	}
	if !r.sandbox {
		t.Error("Chrome runs without its sandbox although nobody switched it off")
	}
}

// page is the address of a page of the site's with a body.
func paged(body string) string { return "http://SITE/page?body=" + url.QueryEscape(body) }
