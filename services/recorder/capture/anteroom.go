package capture

import (
	"context"
	"encoding/base64"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

const (
	// heldBytes bounds a document that is held, heldWithin how long it may take to come, in real
	// time.
	heldBytes  = 64 << 20
	heldWithin = 25 * time.Second
	// heldRead is how many bytes are read at a time.
	heldRead = 256 << 10
)

// anteroom keeps the page's clock where a document is shown by another process of Chrome than the
// one before.
//
// A document that isolates itself (Cross-Origin-Opener-Policy) gets a process of its own, as does
// the one after it. That process's virtual time begins anew, at a moment of the machine's clock
// that nobody chooses, while the time of the document counts from a moment of the process that is
// left. So the answer is held, and an empty document with the same isolation is answered in its
// place: the process is there, our clock is set by its, and the page is asked for from there and
// given the answer that was held. It is asked of the network once.
type anteroom struct {
	ctx     context.Context
	client  *cdp.Client
	session proto.TargetSessionID
	frame   proto.PageFrameID

	// entered has a value when an anteroom is shown.
	entered chan struct{}
	// waits says that the page is led into one. It does not come to that while a frame is drawn:
	// Chrome would never finish it.
	waits   atomic.Bool
	drawn   *sync.Cond
	drawing bool

	// ended has a value when a document's answer is there, or is known not to come.
	ended chan struct{}

	mu    sync.Mutex
	asked proto.NetworkLoaderID // for; empty when its answer is there
	since time.Time
	shown isolation
	// through are the isolations of answers, by document; led are documents to which a redirect
	// leads that is apart from what is shown.
	through map[proto.NetworkLoaderID]isolation
	led     map[proto.NetworkLoaderID]bool
	held    *held
}

// isolation is what keeps a document apart from others; empty when nothing does. Documents of the
// same share a process.
type isolation string

// held is an answer that waits in the anteroom.
type held struct {
	// address is the document's, with its fragment, from what it came by what its request said, if
	// that is of the same origin.
	address, from string
	loader        proto.NetworkLoaderID
	status        int
	headers       []*proto.FetchHeaderEntry
	body          []byte
}

// attach begins another session with a page, or whatever else a target is.
func attach(browser *rod.Browser, target proto.TargetTargetID) (proto.TargetSessionID, error) {
	reply, err := proto.TargetAttachToTarget{TargetID: target, Flatten: true}.Call(browser)
	if err != nil {
		return "", err
	}
	return reply.SessionID, nil
}

// watchProcesses begins. It has a session of its own, since requests stop once for each.
func watchProcesses(ctx context.Context, c *cdp.Client, session proto.TargetSessionID, page *rod.Page) (*anteroom, error) {
	a := &anteroom{
		ctx: ctx, client: c, session: session, frame: page.FrameID,
		entered: make(chan struct{}, 1), ended: make(chan struct{}, 1), through: map[proto.NetworkLoaderID]isolation{}, led: map[proto.NetworkLoaderID]bool{},
	}
	a.drawn = sync.NewCond(&a.mu)
	cdp.On(c, a.session, func(e *proto.FetchRequestPaused) {
		go a.pass(e) // not on the goroutine that would read the answer
	})
	cdp.On(c, page.SessionID, func(e *proto.PageFrameNavigated) {
		if e.Frame.ID == a.frame {
			a.enter(e.Frame.LoaderID)
		}
	})
	cdp.On(c, page.SessionID, func(e *proto.NetworkRequestWillBeSent) {
		if e.FrameID == a.frame && e.Type == proto.NetworkResourceTypeDocument {
			a.begin(e.LoaderID)
		}
	})
	cdp.On(c, page.SessionID, func(e *proto.NetworkLoadingFailed) { a.end(proto.NetworkLoaderID(e.RequestID)) })
	return a, a.stop(proto.FetchRequestStageResponse)
}

// stop has documents stop when they are at a stage.
func (a *anteroom) stop(stages ...proto.FetchRequestStage) error {
	var patterns []*proto.FetchRequestPattern
	for _, stage := range stages {
		patterns = append(patterns, &proto.FetchRequestPattern{ResourceType: proto.NetworkResourceTypeDocument, RequestStage: stage})
	}
	return proto.FetchEnable{Patterns: patterns}.Call(a.caller())
}

func (a *anteroom) caller() proto.Client { return a.client.Within(a.ctx, a.client.Deadline, a.session) }

// enter notes what is shown.
func (a *anteroom) enter(loader proto.NetworkLoaderID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shown, a.asked = a.through[loader], ""
	delete(a.through, loader)
	delete(a.led, loader)
	if a.held != nil && a.held.loader == loader {
		a.waits.Store(true)
		select {
		case a.entered <- struct{}{}:
		default:
		}
	}
}

// draw begins to draw a frame, unless the page is led into the anteroom.
func (a *anteroom) draw() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drawing = !a.waits.Load()
	return a.drawing
}

// done ends drawing a frame.
func (a *anteroom) done() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drawing = false
	a.drawn.Broadcast()
}

// begin notes that a document is asked for, end that its answer is there, or does not come.
func (a *anteroom) begin(loader proto.NetworkLoaderID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.asked != loader { // and not redirected
		a.asked, a.since = loader, time.Now()
	}
}

func (a *anteroom) end(loader proto.NetworkLoaderID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.asked != loader {
		return
	}
	a.asked = ""
	select {
	case a.ended <- struct{}{}:
	default:
	}
}

// giveUp takes what is asked for for something that does not come.
func (a *anteroom) giveUp() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = ""
}

// leading is for how long the page has been led into the anteroom, from when it asked for the
// document; for ever when it is not.
func (a *anteroom) leading() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.waits.Load() {
		return math.MaxInt64
	}
	return time.Since(a.since)
}

// asking is for how long a document has been asked for whose answer is not there.
func (a *anteroom) asking() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.asked == "" {
		return 0
	}
	return max(1, time.Since(a.since))
}

// pass lets a document go on, or holds it. The error of one that cannot go on is that of a request
// which is gone.
func (a *anteroom) pass(e *proto.FetchRequestPaused) {
	if err := a.handle(e); err != nil {
		_ = proto.FetchFailRequest{RequestID: e.RequestID, ErrorReason: proto.NetworkErrorReasonFailed}.Call(a.caller())
	}
}

func (a *anteroom) handle(e *proto.FetchRequestPaused) error {
	if e.FrameID != a.frame || e.ResponseErrorReason != "" {
		return proto.FetchContinueRequest{RequestID: e.RequestID}.Call(a.caller())
	}
	if e.ResponseStatusCode == nil {
		return a.give(e)
	}
	header := http.Header{}
	for _, entry := range e.ResponseHeaders {
		header.Add(entry.Name, entry.Value)
	}
	loader, kind := proto.NetworkLoaderID(e.NetworkID), isolationOf(e.Request.URL, header)
	redirects := 300 <= *e.ResponseStatusCode && *e.ResponseStatusCode < 400
	a.mu.Lock()
	if redirects {
		a.led[loader] = a.led[loader] || kind != a.shown
	}
	stays := kind == a.shown && !a.led[loader]
	a.through[loader] = kind
	a.mu.Unlock()
	if redirects {
		return proto.FetchContinueRequest{RequestID: e.RequestID}.Call(a.caller())
	}
	if stays || !shows(*e.ResponseStatusCode, header) {
		a.end(loader)
		return proto.FetchContinueRequest{RequestID: e.RequestID}.Call(a.caller())
	}
	body, err := a.read(e.RequestID)
	if err != nil {
		return err
	}
	h := &held{
		address: e.Request.URL + e.Request.URLFragment, from: referrer(e.Request), loader: loader,
		status: *e.ResponseStatusCode, body: body,
	}
	for _, entry := range e.ResponseHeaders {
		if !ofTransport[http.CanonicalHeaderKey(entry.Name)] {
			h.headers = append(h.headers, entry)
		}
	}
	a.mu.Lock()
	for a.drawing {
		a.drawn.Wait()
	}
	a.held = h
	a.waits.Store(true)
	a.mu.Unlock()
	a.end(loader)
	return proto.FetchFulfillRequest{
		RequestID: e.RequestID, ResponseCode: http.StatusOK, ResponseHeaders: h.door(header), Body: []byte("<!doctype html>"),
	}.Call(a.caller())
}

// ofTransport are the headers that say how a body came, which is not how it is handed on.
var ofTransport = map[string]bool{"Content-Encoding": true, "Content-Length": true, "Transfer-Encoding": true}

// isolating are the headers that keep a document apart from others.
var isolating = []string{"Cross-Origin-Opener-Policy", "Cross-Origin-Embedder-Policy", "Document-Isolation-Policy"}

// isolationOf is that of a document at an address.
func isolationOf(address string, h http.Header) isolation {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && !loopback(u.Hostname()) {
		return "" // others are not trusted to
	}
	var kept []string
	for _, name := range isolating {
		policy, _, _ := strings.Cut(h.Get(name), ";")
		if policy = strings.TrimSpace(policy); policy == "unsafe-none" || policy == "none" {
			policy = ""
		}
		kept = append(kept, policy)
	}
	if kept[0] == "" && kept[2] == "" {
		return ""
	}
	return isolation(u.Scheme + "://" + u.Host + " " + strings.Join(kept, " "))
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// shows reports whether an answer is one that a document comes of.
func shows(status int, h http.Header) bool {
	disposition, _, _ := strings.Cut(h.Get("Content-Disposition"), ";")
	download := strings.EqualFold(strings.TrimSpace(disposition), "attachment")
	return status != http.StatusNoContent && status != http.StatusResetContent && !download
}

// referrer is where a request says that it came from, if that is at the origin that it goes to.
func referrer(r *proto.NetworkRequest) string {
	to, err := url.Parse(r.URL)
	if err != nil {
		return ""
	}
	for name, value := range r.Headers {
		from, err := url.Parse(value.Str())
		if strings.EqualFold(name, "Referer") && err == nil && from.Scheme == to.Scheme && from.Host == to.Host && value.Str() != r.URL {
			return value.Str()
		}
	}
	return ""
}

// door returns the headers of the anteroom.
func (h *held) door(header http.Header) []*proto.FetchHeaderEntry {
	said := map[string]string{"Content-Type": "text/html", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
	if h.from != "" {
		said["Referrer-Policy"] = "unsafe-url"
	}
	for _, name := range isolating {
		if value := header.Get(name); value != "" {
			said[name] = value
		}
	}
	var list []*proto.FetchHeaderEntry
	for name, value := range said {
		list = append(list, &proto.FetchHeaderEntry{Name: name, Value: value})
	}
	return list
}

// read reads all of an answer.
func (a *anteroom) read(id proto.FetchRequestID) (body []byte, err error) {
	deadline := time.Now().Add(heldWithin)
	stream, err := proto.FetchTakeResponseBodyAsStream{RequestID: id}.Call(a.caller())
	if err != nil {
		return nil, err
	}
	defer func() { _ = proto.IOClose{Handle: stream.Stream}.Call(a.caller()) }()
	size := heldRead
	for len(body) <= heldBytes {
		chunk, err := proto.IORead{Handle: stream.Stream, Size: &size}.Call(a.client.Within(a.ctx, time.Until(deadline), a.session))
		if err != nil {
			return nil, err
		}
		data := []byte(chunk.Data)
		if chunk.Base64Encoded {
			if data, err = base64.StdEncoding.DecodeString(chunk.Data); err != nil {
				return nil, fmt.Errorf("read a document: %w", err)
			}
		}
		if body = append(body, data...); chunk.EOF {
			return body, nil
		}
	}
	return nil, fmt.Errorf("read a document: it has more than %d bytes", heldBytes)
}

// give gives the answer that is held to who asks for it.
func (a *anteroom) give(e *proto.FetchRequestPaused) error {
	a.mu.Lock()
	h := a.held
	if h != nil && e.Request.URL+e.Request.URLFragment == h.address {
		a.held = nil
		a.through[proto.NetworkLoaderID(e.NetworkID)] = a.shown
	} else {
		h = nil
	}
	a.mu.Unlock()
	if h == nil {
		return proto.FetchContinueRequest{RequestID: e.RequestID}.Call(a.caller())
	}
	return proto.FetchFulfillRequest{RequestID: e.RequestID, ResponseCode: h.status, ResponseHeaders: h.headers, Body: h.body}.Call(a.caller())
}
