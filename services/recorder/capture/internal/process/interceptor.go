package process

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// Interceptor holds the responses of documents that another process is going to show, and serves
// placeholders instead. Its methods may be called by any goroutine.
type Interceptor struct {
	ctx     context.Context
	client  *cdp.Client
	session proto.TargetSessionID
	frame   proto.PageFrameID

	// placed has a value when a placeholder is shown.
	placed chan struct{}
	// swapping says that a placeholder was served, and is to be replaced. None is served while a
	// frame is drawn: Chrome would never finish the frame.
	swapping atomic.Bool
	drawn    *sync.Cond
	drawing  bool

	// responded has a value when the response of a document came, or is known not to come.
	responded chan struct{}

	mu      sync.Mutex
	pending proto.NetworkLoaderID // the document that is requested; empty when its response came
	since   time.Time             // when it was
	shown   isolation
	// isolations are those of the responses that came; redirected are documents of which a redirect
	// had another isolation than the current document.
	isolations map[proto.NetworkLoaderID]isolation
	redirected map[proto.NetworkLoaderID]bool
	held       *response
}

// Intercept starts to intercept the documents of a page. session is one of the page's for this
// alone, since a request stops once for each session that asks for it. It must be older than the
// page's own: of the settings of sessions, Chrome takes the last one's into another process.
func Intercept(ctx context.Context, c *cdp.Client, session proto.TargetSessionID, page *rod.Page) (*Interceptor, error) {
	i := &Interceptor{
		ctx: ctx, client: c, session: session, frame: page.FrameID,
		placed: make(chan struct{}, 1), responded: make(chan struct{}, 1),
		isolations: map[proto.NetworkLoaderID]isolation{}, redirected: map[proto.NetworkLoaderID]bool{},
	}
	i.drawn = sync.NewCond(&i.mu)
	cdp.On(c, i.session, func(e *proto.FetchRequestPaused) {
		go i.resume(e) // not on the goroutine that would read the reply
	})
	cdp.On(c, page.SessionID, func(e *proto.PageFrameNavigated) {
		if e.Frame.ID == i.frame {
			i.show(e.Frame.LoaderID)
		}
	})
	cdp.On(c, page.SessionID, func(e *proto.NetworkRequestWillBeSent) {
		if e.FrameID == i.frame && e.Type == proto.NetworkResourceTypeDocument {
			i.begin(e.LoaderID)
		}
	})
	cdp.On(c, page.SessionID, func(e *proto.NetworkLoadingFailed) { i.end(proto.NetworkLoaderID(e.RequestID)) })
	if err := i.pauseAt(proto.FetchRequestStageResponse); err != nil {
		return nil, fmt.Errorf("intercept documents: %w", err)
	}
	return i, nil
}

// pauseAt pauses requests for documents at some stages.
func (i *Interceptor) pauseAt(stages ...proto.FetchRequestStage) error {
	var patterns []*proto.FetchRequestPattern
	for _, stage := range stages {
		patterns = append(patterns, &proto.FetchRequestPattern{ResourceType: proto.NetworkResourceTypeDocument, RequestStage: stage})
	}
	return proto.FetchEnable{Patterns: patterns}.Call(i.caller())
}

func (i *Interceptor) caller() proto.Client {
	return i.client.Within(i.ctx, i.client.Deadline, i.session)
}

// show takes the document that is shown from now on.
func (i *Interceptor) show(loader proto.NetworkLoaderID) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.shown, i.pending = i.isolations[loader], ""
	delete(i.isolations, loader)
	delete(i.redirected, loader)
	if i.held != nil && i.held.loader == loader {
		i.swapping.Store(true)
		select {
		case i.placed <- struct{}{}:
		default:
		}
	}
}

// begin takes the request for a document, end the end of waiting for its response.
func (i *Interceptor) begin(loader proto.NetworkLoaderID) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.pending != loader { // and not redirected
		i.pending, i.since = loader, time.Now()
	}
}

func (i *Interceptor) end(loader proto.NetworkLoaderID) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.pending != loader {
		return
	}
	i.pending = ""
	select {
	case i.responded <- struct{}{}:
	default:
	}
}

// abandon stops waiting for the document that is requested.
func (i *Interceptor) abandon() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.pending = ""
}

// BeginFrame is called before a frame is drawn. It reports false when that must wait for a swap.
func (i *Interceptor) BeginFrame() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.drawing = !i.swapping.Load()
	return i.drawing
}

// EndFrame is called when a frame was drawn.
func (i *Interceptor) EndFrame() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.drawing = false
	i.drawn.Broadcast()
}

// Swapping reports whether a swap to another process is under way.
func (i *Interceptor) Swapping() bool { return i.swapping.Load() }

// swappingFor returns how long a swap has been under way, from the request for the document;
// without one, the longest duration.
func (i *Interceptor) swappingFor() time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.swapping.Load() {
		return math.MaxInt64
	}
	return time.Since(i.since)
}

// pendingFor returns how long the response of a document has been waited for; 0 when none is.
func (i *Interceptor) pendingFor() time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.pending == "" {
		return 0
	}
	return max(1, time.Since(i.since))
}

func (i *Interceptor) heldResponse() *response {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.held
}

// resume resumes a request. One that cannot be resumed fails; an error then means that it has gone.
func (i *Interceptor) resume(e *proto.FetchRequestPaused) {
	if err := i.handle(e); err != nil {
		_ = proto.FetchFailRequest{RequestID: e.RequestID, ErrorReason: proto.NetworkErrorReasonFailed}.Call(i.caller())
	}
}

func (i *Interceptor) handle(e *proto.FetchRequestPaused) error {
	if e.FrameID != i.frame || e.ResponseErrorReason != "" {
		return proto.FetchContinueRequest{RequestID: e.RequestID}.Call(i.caller())
	}
	if e.ResponseStatusCode == nil {
		return i.serve(e)
	}
	header := http.Header{}
	for _, entry := range e.ResponseHeaders {
		header.Add(entry.Name, entry.Value)
	}
	if !i.swaps(e, header) {
		return proto.FetchContinueRequest{RequestID: e.RequestID}.Call(i.caller())
	}
	held, err := i.read(e)
	if err != nil {
		return err
	}
	i.mu.Lock()
	for i.drawing {
		i.drawn.Wait()
	}
	i.held = held
	i.swapping.Store(true)
	i.mu.Unlock()
	i.end(held.loader)
	return proto.FetchFulfillRequest{
		RequestID: e.RequestID, ResponseCode: http.StatusOK, ResponseHeaders: held.placeholder(header), Body: []byte("<!doctype html>"),
	}.Call(i.caller())
}

// swaps reports whether another process than the current one shows the document of a response.
func (i *Interceptor) swaps(e *proto.FetchRequestPaused, header http.Header) bool {
	loader, isolation, status := proto.NetworkLoaderID(e.NetworkID), isolationOf(e.Request.URL, header), *e.ResponseStatusCode
	redirects := 300 <= status && status < 400
	i.mu.Lock()
	if redirects {
		i.redirected[loader] = i.redirected[loader] || isolation != i.shown
	}
	stays := isolation == i.shown && !i.redirected[loader]
	i.isolations[loader] = isolation
	i.mu.Unlock()
	if redirects {
		return false
	}
	if stays || !isDocument(status, header) {
		i.end(loader)
		return false
	}
	return true
}

// serve serves the response that is held to the request for it.
func (i *Interceptor) serve(e *proto.FetchRequestPaused) error {
	i.mu.Lock()
	held := i.held
	if held != nil && e.Request.URL+e.Request.URLFragment == held.address {
		i.held = nil
		i.isolations[proto.NetworkLoaderID(e.NetworkID)] = i.shown
	} else {
		held = nil
	}
	i.mu.Unlock()
	if held == nil {
		return proto.FetchContinueRequest{RequestID: e.RequestID}.Call(i.caller())
	}
	return proto.FetchFulfillRequest{
		RequestID: e.RequestID, ResponseCode: held.status, ResponseHeaders: held.headers, Body: held.body,
	}.Call(i.caller())
}
