package console

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestWhereARequestCameFromIsWhatTrustedProxiesSay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		trusted, remote string
		said            []string
		want            string
	}{
		"nobody is trusted":               {"", "192.0.2.1:5000", []string{"203.0.113.7"}, "192.0.2.1:5000"},
		"who asks is no proxy":            {"10.0.0.0/8", "192.0.2.1:5000", []string{"203.0.113.7"}, "192.0.2.1:0"},
		"a proxy":                         {"10.0.0.0/8", "10.1.2.3:5000", []string{"203.0.113.7"}, "203.0.113.7:0"},
		"what the client wrote is before": {"10.0.0.0/8", "10.1.2.3:5000", []string{"198.51.100.9, 203.0.113.7"}, "203.0.113.7:0"},
		"two proxies":                     {"10.0.0.0/8,192.0.2.1", "10.1.2.3:5000", []string{"198.51.100.9, 203.0.113.7", "192.0.2.1"}, "203.0.113.7:0"},
		"with ports":                      {"10.0.0.0/8", "10.1.2.3:5000", []string{"203.0.113.7:4711"}, "203.0.113.7:0"},
		"IPv6":                            {"2001:db8::/32", "[2001:db8::1]:5000", []string{"[2001:4860::7]:4711"}, "[2001:4860::7]:0"},
		"IPv4 in IPv6":                    {"10.0.0.0/8", "[::ffff:10.1.2.3]:5000", []string{"::ffff:203.0.113.7"}, "203.0.113.7:0"},
		"a proxy that says nothing":       {"10.0.0.0/8", "10.1.2.3:5000", nil, "10.1.2.3:0"},
		"a proxy that says nonsense":      {"10.0.0.0/8", "10.1.2.3:5000", []string{"203.0.113.7, unknown"}, "10.1.2.3:0"},
		"none but proxies":                {"10.0.0.0/8", "10.1.2.3:5000", []string{"10.9.9.9"}, "10.9.9.9:0"},
	} {
		trusted, err := readProxies(c.trusted)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr, r.Header["X-Forwarded-For"] = c.remote, c.said
		var got string
		trusted.behind(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr })).ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want {
			t.Errorf("%s: it came from %s, not %s", name, got, c.want)
		}
	}
	for _, wrong := range []string{"proxy.example.com", "10.0.0.0/33", "10.0.0.0/8 192.0.2.1"} {
		if list, err := readProxies(wrong); err == nil {
			t.Errorf("%q is read as %v", wrong, list)
		}
	}
}
