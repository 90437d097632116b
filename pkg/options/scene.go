package options

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // time zones are the same wherever this runs

	"golang.org/x/text/language"

	"github.com/loom-lite/loom-lite/pkg/budget"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/pkg/schema"
)

// maxCode is how many bytes css and js may have: what the schema counts are characters.
const maxCode = 64 << 10

// sceneName is what a scene's options are called in errors.
const sceneName = "options"

var sceneSchema = sync.OnceValues(func() (*schema.Schema, error) { return schema.Compile(scene.Schema) })

// ParseScene reads the options, as JSON, of a scene that lasts for duration. Nothing, and null, are
// the zero value. What is wrong with them is a *schema.Error.
func ParseScene(data []byte, duration time.Duration) (scene.Options, error) {
	return parse(sceneName, sceneSchema, data, budget.SceneOptions, func(o scene.Options) []schema.Problem {
		return checkScene(o, duration)
	})
}

// checker collects what is wrong.
type checker struct{ problems []schema.Problem }

// at says what is wrong with the field at a location such as "scroll.to".
func (c *checker) at(location, format string, args ...any) {
	c.add(strings.Split(location, "."), format, args...)
}

func (c *checker) add(location []string, format string, args ...any) {
	c.problems = append(c.problems, schema.Problem{Location: location, Text: fmt.Sprintf(format, args...)})
}

// checkScene finds what the schema cannot say.
func checkScene(o scene.Options, duration time.Duration) []schema.Problem {
	c := &checker{}
	if o.Capture == scene.CaptureRealtime && o.Repeatable {
		c.at("repeatable", "what is captured in real time cannot be repeated. Leave out one of capture and repeatable")
	}
	if o.Viewport != nil {
		c.viewport(o.Picture(0, 0)) // which is the same for every video
	}
	c.browser(o)
	for i, cookie := range o.Cookies {
		c.cookie([]string{"cookies", strconv.Itoa(i)}, cookie)
	}
	if o.WaitFor != nil {
		c.waitFor(*o.WaitFor)
	}
	c.page(o)
	if o.Scroll != nil {
		c.scroll(*o.Scroll, duration)
	}
	c.actions(o.Actions, duration)
	return c.problems
}

// viewport checks the size of the pictures that a viewport gives.
func (c *checker) viewport(w, h int) {
	switch {
	case w*h > scene.MaxPixels:
		c.at("viewport", "the picture would have %d × %d pixels, which is too large: width × height × the square of "+
			"device_scale_factor may be at most 3840 × 2160", w, h)
	case min(w, h) < 16:
		c.at("viewport", "the picture would have %d × %d pixels, which is too small: it must have at least 16 × 16", w, h)
	}
}

// browser checks the browser's identity and the headers and credentials that it sends.
func (c *checker) browser(o scene.Options) {
	if o.Locale != "" {
		if tag, err := language.Parse(o.Locale); err != nil || tag == language.Und || strings.Contains(o.Locale, "_") {
			c.at("locale", "this is no language that is known. Write a BCP 47 tag. Example: de-DE")
		}
	}
	if o.Timezone != "" {
		if _, err := time.LoadLocation(o.Timezone); err != nil || o.Timezone == "Local" {
			c.at("timezone", "there is no such time zone. Write an IANA name. Example: Europe/Berlin")
		}
	}
	if !printable(o.UserAgent) {
		c.at("user_agent", "it must be one line of printable ASCII characters")
	}
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(o.Headers)) {
		here, lower := []string{"headers", name}, strings.ToLower(name)
		if name == "" {
			here = here[:1]
		}
		switch {
		case !token(name) || len(name) > 100:
			c.add(here, "the name of a header must be made of letters, digits and hyphens, at most 100")
		case ofTheBrowser(lower):
			c.add(here, "this header is the browser's own and cannot be set%s", instead[lower])
		case seen[lower]:
			c.add(here, "this header is there twice: capital letters make no difference")
		}
		seen[lower] = true
		if !oneLine(o.Headers[name]) {
			c.add(here, "the value of a header must be one line, without control characters")
		}
	}
	if a := o.BasicAuth; a != nil {
		if strings.Contains(a.Username, ":") || !oneLine(a.Username) {
			c.at("basic_auth.username", "it must be one line, without a colon")
		}
		if !oneLine(a.Password) {
			c.at("basic_auth.password", "it must be one line, without control characters")
		}
	}
}

// ofTheBrowser reports whether a header, in small letters, is one that only the browser itself can
// say rightly: of the connection, of the body, of where a request comes from.
func ofTheBrowser(name string) bool {
	switch name {
	case "accept-encoding", "connection", "content-length", "content-type", "cookie", "cookie2", "date", "expect", "host",
		"keep-alive", "origin", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "via":
		return true
	}
	return strings.HasPrefix(name, "proxy-") || strings.HasPrefix(name, "sec-")
}

var instead = map[string]string{
	"cookie": ": use cookies", "user-agent": ": use user_agent",
}

func (c *checker) cookie(here []string, k scene.Cookie) {
	field := func(name string) []string { return append(slices.Clone(here), name) }
	if !token(k.Name) {
		c.add(field("name"), "the name of a cookie must be made of letters, digits and a few signs such as - and _")
	}
	if !printable(k.Value) || strings.ContainsAny(k.Value, ";,\"\\ ") {
		c.add(field("value"), "the value of a cookie must be printable ASCII characters, without spaces, quotation marks, commas, "+
			"semicolons and backslashes")
	}
	if len(k.Name)+len(k.Value) > 4096 {
		c.add(field("value"), "name and value together may have at most 4096 bytes")
	}
	if k.Domain != "" && !domain(k.Domain) {
		c.add(field("domain"), "this is no domain. Example: example.com")
	}
	if k.Path != "" && (k.Path[0] != '/' || !printable(k.Path) || strings.Contains(k.Path, ";")) {
		c.add(field("path"), "it must start with a slash and be printable ASCII characters without a semicolon. Example: /app")
	}
	if k.SameSite == "None" && !k.Secure {
		c.add(field("same_site"), "browsers take None only with secure: true")
	}
}

// CheckPage reports what is wrong with a scene's options for the page at an address, as a
// *schema.Error.
func CheckPage(o scene.Options, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil // the address has its own check
	}
	c, host := &checker{}, strings.ToLower(u.Hostname())
	for i, k := range o.Cookies {
		if d := strings.ToLower(strings.TrimPrefix(k.Domain, ".")); d != "" && !within(host, d) {
			c.add([]string{"cookies", strconv.Itoa(i), "domain"}, "this is not the domain of the scene's page, nor one above it: browsers "+
				"do not take such a cookie. Leave it out for the page's own host, or write the host's domain")
		}
	}
	if len(c.problems) > 0 {
		return schema.Wrong(sceneName, c.problems...)
	}
	return nil
}

// within reports whether a host is a domain or below it. What stands above an address in numbers is
// no domain.
func within(host, domain string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return host == domain
	}
	return host == domain || strings.HasSuffix(host, "."+domain)
}

func (c *checker) waitFor(w scene.WaitFor) {
	if timeout := cmp.Or(w.TimeoutSeconds, scene.DefaultTimeoutSeconds); w.Seconds > timeout {
		c.at("wait_for.seconds", "%v is longer than timeout_sec, which is %v. Make timeout_sec longer, or seconds shorter",
			w.Seconds, timeout)
	}
	c.text([]string{"wait_for", "selector"}, w.Selector, "a CSS selector")
	c.text([]string{"wait_for", "promise"}, w.Promise, "a JavaScript expression")
}

// page checks what is done to the page before it is recorded.
func (c *checker) page(o scene.Options) {
	for i, s := range o.Hide {
		c.text([]string{"hide", strconv.Itoa(i)}, s, "a CSS selector")
	}
	for i, s := range o.Remove {
		c.text([]string{"remove", strconv.Itoa(i)}, s, "a CSS selector")
	}
	for name, code := range map[string]string{"css": o.CSS, "html": o.HTML, "js": o.JS} {
		if len(code) > maxCode {
			c.at(name, "it has %d bytes, at most %d are allowed", len(code), maxCode)
		}
	}
}

// text refuses a text that is there and blank.
func (c *checker) text(here []string, text, want string) {
	if text != "" && strings.TrimSpace(text) == "" {
		c.add(here, "there is nothing but space here. Write %s", want)
	}
}

// token reports whether s is a token of RFC 9110, which header and cookie names are.
func token(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !alphanumeric(r) && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	}) < 0
}

func alphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

func oneLine(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) < 0
}

func domain(s string) bool {
	for _, label := range strings.Split(strings.TrimPrefix(s, "."), ".") {
		if label == "" || len(label) > 63 || strings.IndexFunc(label, func(r rune) bool {
			return !alphanumeric(r) && r != '-' && r != '_'
		}) >= 0 {
			return false
		}
	}
	return true
}
