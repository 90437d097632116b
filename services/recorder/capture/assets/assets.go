package assets

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

// Lacking counts what a page of its own site lacks. Files of other sites, such as ads and
// analytics, do not count.
type Lacking struct {
	// Scripts, Styles and Fonts count the files whose response was an HTTP error, a web page, or
	// did not come; each address once.
	Scripts, Styles, Fonts int
	// Errors counts the exceptions that scripts of the page's own site threw and did not catch
	// before frame 0.
	Errors int
	// First is the address of the first of them, as it was requested. Why is its HTTP status, a net
	// error such as "net::ERR_CONNECTION_RESET", or a few words.
	First, Why string
}

// None reports whether the page lacks nothing.
func (l Lacking) None() bool { return l.Scripts+l.Styles+l.Fonts+l.Errors == 0 }

const (
	noAnswer  = "no answer"
	isPage    = "a web page instead"
	scriptErr = "an error in the script"
	// maxFiles bounds the addresses that are kept, maxAddress each of them in bytes, maxSuspects
	// the responses that are read.
	maxFiles, maxAddress, maxSuspects = 1000, 4 << 10, 20
)

// Tracker tracks the scripts, stylesheets and fonts of one page.
type Tracker struct {
	client *cdp.Client
	page   *rod.Page

	mu       sync.Mutex
	site     string // of the current document
	begun    bool   // frame 0 was captured
	requests int    // how many files were requested
	open     map[proto.NetworkRequestID]*file
	// lost are the files that did not come, one for each address.
	lost   []*file
	errors int
	thrown *file  // the script of the first exception
	ignore func() // stops listening to exceptions
}

type file struct {
	n     int // in the order of the requests, which is the document's
	kind  proto.NetworkResourceType
	url   string // shortened
	why   string // it did not come
	since time.Time
	id    proto.NetworkRequestID
	// suspect says that a script or a font has the content type of a web page.
	suspect bool
}

// Watch starts to track a page's files. The Runtime and Network domains must be enabled afterwards.
func Watch(c *cdp.Client, page *rod.Page) *Tracker {
	p := &Tracker{client: c, page: page, open: map[proto.NetworkRequestID]*file{}}
	session := page.SessionID
	cdp.On(c, session, func(e *proto.PageFrameNavigated) {
		if e.Frame.ID == page.FrameID {
			p.change(func() { p.enter(e.Frame.URL) })
		}
	})
	cdp.On(c, session, func(e *proto.NetworkRequestWillBeSent) {
		if e.RedirectResponse == nil {
			p.change(func() { p.request(e) })
		}
	})
	cdp.On(c, session, func(e *proto.NetworkResponseReceived) {
		p.change(func() {
			if q := p.open[e.RequestID]; q != nil {
				p.respond(q, e.Response)
			}
		})
	})
	cdp.On(c, session, func(e *proto.NetworkLoadingFinished) { p.change(func() { p.end(e.RequestID, "") }) })
	cdp.On(c, session, func(e *proto.NetworkLoadingFailed) {
		why := e.ErrorText
		if e.Canceled {
			why = "" // the page did that
		}
		p.change(func() { p.end(e.RequestID, why) })
	})
	p.ignore = cdp.On(c, session, func(e *proto.RuntimeExceptionThrown) { p.change(func() { p.throw(e.ExceptionDetails) }) })
	return p
}

func (p *Tracker) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// Begin is called when frame 0 was captured. Exceptions count until then.
func (p *Tracker) Begin() {
	p.ignore()
	p.change(func() { p.begun = true })
}

// enter starts with another document. Chrome does not report how the requests of the one before
// end. If that one only led here, nobody saw what it lacked.
func (p *Tracker) enter(address string) {
	p.site = siteOf(address)
	clear(p.open)
	if !p.begun {
		p.lost, p.errors, p.thrown = nil, 0, nil
	}
}

func (p *Tracker) request(e *proto.NetworkRequestWillBeSent) {
	switch e.Type {
	case proto.NetworkResourceTypeScript, proto.NetworkResourceTypeStylesheet, proto.NetworkResourceTypeFont:
		if p.owns(e.Request.URL) && len(p.open) < maxFiles {
			p.requests++
			p.open[e.RequestID] = &file{n: p.requests, kind: e.Type, url: short(e.Request.URL), since: time.Now(), id: e.RequestID}
		}
	}
}

func (p *Tracker) respond(q *file, r *proto.NetworkResponse) {
	page := strings.EqualFold(r.MIMEType, "text/html")
	switch {
	case r.Status >= http.StatusBadRequest:
		q.why = strconv.Itoa(r.Status)
	case page && q.kind == proto.NetworkResourceTypeStylesheet: // Chrome takes none as that
		q.why = isPage
	default:
		q.suspect = page
		// An earlier request for it may have failed.
		p.lost = slices.DeleteFunc(p.lost, func(l *file) bool { return l.url == q.url })
	}
}

// end takes the end of a request, and why it has no response.
func (p *Tracker) end(id proto.NetworkRequestID, why string) {
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

func (p *Tracker) lose(q *file) {
	if len(p.lost) < maxFiles && !slices.ContainsFunc(p.lost, func(l *file) bool { return l.url == q.url }) {
		p.lost = append(p.lost, q)
	}
}

// throw takes an exception of the page's own scripts. Unhandled rejections of promises do not
// count: many pages have them, and work.
func (p *Tracker) throw(d *proto.RuntimeExceptionDetails) {
	address := d.URL
	if address == "" && d.StackTrace != nil && len(d.StackTrace.CallFrames) > 0 {
		address = d.StackTrace.CallFrames[0].URL
	}
	if p.begun || strings.HasPrefix(d.Text, "Uncaught (in promise)") || !p.owns(address) {
		return
	}
	if p.errors++; p.thrown == nil {
		p.thrown = &file{url: short(address), why: scriptErr}
	}
}

// short returns a copy of the first maxAddress bytes of an address: a page may have addresses of
// megabytes, which the copy does not keep.
func short(address string) string { return strings.Clone(address[:min(len(address), maxAddress)]) }

// owns reports whether an address belongs to the page's own site.
func (p *Tracker) owns(address string) bool { return p.site != "" && siteOf(address) == p.site }

// Lacking returns what did not come by now. A request under way for longer than patience counts,
// but not one that the browser makes in the page's place, such as that for a worker's script: its
// end is reported to another session, and its id has no dot.
func (p *Tracker) Lacking(ctx context.Context, patience time.Duration) (l Lacking) {
	p.mu.Lock()
	for _, q := range p.open {
		if time.Since(q.since) > patience && q.why == "" && strings.Contains(string(q.id), ".") {
			late := *q
			late.why = noAnswer
			p.lose(&late)
		}
	}
	lost := slices.SortedFunc(slices.Values(p.lost), func(a, b *file) int { return a.n - b.n })
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

// isPage reports whether a response's body is a web page: some servers send one for every address.
// A body that Chrome no longer has is none.
func (p *Tracker) isPage(ctx context.Context, id proto.NetworkRequestID) bool {
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

// siteOf returns the site of a web address: its registrable domain, or else the host. It is empty
// for other addresses.
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
