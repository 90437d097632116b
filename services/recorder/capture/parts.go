package capture

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"
	"golang.org/x/net/publicsuffix"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// Lacking is what of a page's own did not come, or failed: scripts, stylesheets and fonts from the
// page's own site, whose domain is registered by the same. What others' ads and statistics lack is
// theirs.
type Lacking struct {
	// Scripts, Styles and Fonts count those that answered with an HTTP error, with a web page, or
	// not at all, each address once.
	Scripts, Styles, Fonts int
	// Errors counts what the page's own scripts threw and did not catch before frame 0.
	Errors int
	// First is the address of the first of them, as it was asked for, and Why what became of it: an
	// HTTP status, a net error such as "net::ERR_CONNECTION_RESET".
	First, Why string
}

// None reports whether all is there.
func (l Lacking) None() bool { return l.Scripts+l.Styles+l.Fonts+l.Errors == 0 }

const (
	noAnswer  = "no answer"
	isPage    = "a web page instead"
	scriptErr = "an error in the script"
	// maxParts bounds the addresses that are kept, maxAddress how much of each in bytes,
	// maxSuspects the answers that are looked into.
	maxParts, maxAddress, maxSuspects = 1000, 4 << 10, 20
)

// parts knows which of the page's own parts did not come.
type parts struct {
	client *cdp.Client
	page   *rod.Page

	mu    sync.Mutex
	site  string // of the document that is shown
	begun bool   // frame 0 is there
	asked int    // how many were asked for
	open  map[proto.NetworkRequestID]*part
	// lost are those that did not come, one for each address.
	lost   []*part
	errors int
	thrown *part  // the first error's script
	ignore func() // ends hearing of errors
}

type part struct {
	n     int // in the order in which they were asked for, which is the document's
	kind  proto.NetworkResourceType
	url   string // short
	why   string // it did not come
	since time.Time
	id    proto.NetworkRequestID
	// suspect: a script or a font that says of itself that it is a web page.
	suspect bool
}

// watchParts begins. Runtime and Network must be enabled.
func watchParts(c *cdp.Client, page *rod.Page) *parts {
	p := &parts{client: c, page: page, open: map[proto.NetworkRequestID]*part{}}
	session := page.SessionID
	cdp.On(c, session, func(e *proto.PageFrameNavigated) {
		if e.Frame.ID == page.FrameID {
			p.change(func() { p.enter(e.Frame.URL) })
		}
	})
	cdp.On(c, session, func(e *proto.NetworkRequestWillBeSent) {
		if e.RedirectResponse == nil {
			p.change(func() { p.ask(e) })
		}
	})
	cdp.On(c, session, func(e *proto.NetworkResponseReceived) {
		p.change(func() {
			if q := p.open[e.RequestID]; q != nil {
				p.answer(q, e.Response)
			}
		})
	})
	cdp.On(c, session, func(e *proto.NetworkLoadingFinished) { p.change(func() { p.end(e.RequestID, "") }) })
	cdp.On(c, session, func(e *proto.NetworkLoadingFailed) {
		why := e.ErrorText
		if e.Canceled {
			why = "" // by the page
		}
		p.change(func() { p.end(e.RequestID, why) })
	})
	p.ignore = cdp.On(c, session, func(e *proto.RuntimeExceptionThrown) { p.change(func() { p.throw(e.ExceptionDetails) }) })
	return p
}

func (p *parts) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// begin is called when frame 0 is there. Errors count until then.
func (p *parts) begin() {
	p.ignore()
	p.change(func() { p.begun = true })
}

// enter notes another document. What the one before still waited for is not told of any more; what
// it lacked if it only led here was never seen.
func (p *parts) enter(address string) {
	p.site = siteOf(address)
	clear(p.open)
	if !p.begun {
		p.lost, p.errors, p.thrown = nil, 0, nil
	}
}

func (p *parts) ask(e *proto.NetworkRequestWillBeSent) {
	switch e.Type {
	case proto.NetworkResourceTypeScript, proto.NetworkResourceTypeStylesheet, proto.NetworkResourceTypeFont:
		if p.owns(e.Request.URL) && len(p.open) < maxParts {
			p.asked++
			p.open[e.RequestID] = &part{n: p.asked, kind: e.Type, url: short(e.Request.URL), since: time.Now(), id: e.RequestID}
		}
	}
}

func (p *parts) answer(q *part, r *proto.NetworkResponse) {
	page := strings.EqualFold(r.MIMEType, "text/html")
	switch {
	case r.Status >= http.StatusBadRequest:
		q.why = strconv.Itoa(r.Status)
	case page && q.kind == proto.NetworkResourceTypeStylesheet: // Chrome takes none as that
		q.why = isPage
	default:
		q.suspect = page
		// It may have been asked for before, in vain.
		p.lost = slices.DeleteFunc(p.lost, func(l *part) bool { return l.url == q.url })
	}
}

// end notes that a request ended, and why without its answer.
func (p *parts) end(id proto.NetworkRequestID, why string) {
	q := p.open[id]
	if q == nil {
		return
	}
	delete(p.open, id)
	if why != "" && q.why == "" {
		q.why = why
	}
	if q.why != "" || q.suspect {
		p.lose(q)
	}
}

func (p *parts) lose(q *part) {
	if len(p.lost) < maxParts && !slices.ContainsFunc(p.lost, func(l *part) bool { return l.url == q.url }) {
		p.lost = append(p.lost, q)
	}
}

// throw notes an exception of the page's own scripts. What a promise is rejected with is none: many
// are, and nobody minds.
func (p *parts) throw(d *proto.RuntimeExceptionDetails) {
	address := d.URL
	if address == "" && d.StackTrace != nil && len(d.StackTrace.CallFrames) > 0 {
		address = d.StackTrace.CallFrames[0].URL
	}
	if p.begun || strings.HasPrefix(d.Text, "Uncaught (in promise)") || !p.owns(address) {
		return
	}
	if p.errors++; p.thrown == nil {
		p.thrown = &part{url: short(address), why: scriptErr}
	}
}

// short is an address as far as it is kept: pages may have addresses of megabytes. Its own copy, so
// that the rest can go.
func short(address string) string { return strings.Clone(address[:min(len(address), maxAddress)]) }

// owns reports whether an address is of the page's own site.
func (p *parts) owns(address string) bool { return p.site != "" && siteOf(address) == p.site }

// lacking returns what did not come by now. What is asked for since more than patience counts, but
// for what the browser asks for in the page's place, such as a worker's script: its end is told
// elsewhere, and its id is without a dot.
func (p *parts) lacking(ctx context.Context, patience time.Duration) (l Lacking) {
	p.mu.Lock()
	for _, q := range p.open {
		if time.Since(q.since) > patience && q.why == "" && strings.Contains(string(q.id), ".") {
			late := *q
			late.why = noAnswer
			p.lose(&late)
		}
	}
	lost := slices.SortedFunc(slices.Values(p.lost), func(a, b *part) int { return a.n - b.n })
	l.Errors = p.errors
	thrown := p.thrown
	p.mu.Unlock()
	suspects := 0
	for _, q := range lost {
		if q.why == "" {
			if suspects++; suspects > maxSuspects || !p.isPage(ctx, q.id) {
				continue
			}
			q.why = isPage
		}
		switch q.kind {
		case proto.NetworkResourceTypeScript:
			l.Scripts++
		case proto.NetworkResourceTypeStylesheet:
			l.Styles++
		default:
			l.Fonts++
		}
		if l.First == "" {
			l.First, l.Why = q.url, q.why
		}
	}
	if l.First == "" && thrown != nil {
		l.First, l.Why = thrown.url, thrown.why
	}
	return l
}

// isPage reports whether what a request was answered with is a web page, as servers send that have
// one for every address. One that is gone is none.
func (p *parts) isPage(ctx context.Context, id proto.NetworkRequestID) bool {
	reply, err := proto.NetworkGetResponseBody{RequestID: id}.Call(p.client.Within(ctx, p.client.Deadline, p.page.SessionID))
	if err != nil {
		return false
	}
	body := []byte(reply.Body)
	if reply.Base64Encoded {
		if body, err = base64.StdEncoding.DecodeString(reply.Body); err != nil {
			return false
		}
	}
	body = bytes.ToLower(bytes.TrimLeft(body[:min(len(body), 1000)], "\ufeff \t\r\n"))
	return bytes.HasPrefix(body, []byte("<!doctype")) || bytes.HasPrefix(body, []byte("<html"))
}

// siteOf is what a web address has in common with others of the same owner: the domain that was
// registered, or else the host. It is empty for other addresses.
func siteOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	host := strings.ToLower(u.Hostname())
	if _, err := netip.ParseAddr(host); err == nil {
		return host
	}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return domain
	}
	return host
}
