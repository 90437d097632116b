package cdp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"sync"
	"time"

	rodcdp "github.com/go-rod/rod/lib/cdp"
	"github.com/go-rod/rod/lib/proto"
)

// DefaultDeadline is how long Chrome may take to answer one call.
const DefaultDeadline = 15 * time.Second

// maxMessage bounds one message in bytes; the largest are screenshots.
const maxMessage = 512 << 20

var (
	// ErrStalled says that Chrome did not answer a call in time. Some pages deadlock it; only
	// killing it helps.
	ErrStalled = errors.New("chrome stalled")
	// ErrClosed says that the pipe to Chrome has ended: it exited, crashed or was killed.
	ErrClosed = errors.New("chrome is gone")
)

// Client is one connection to one browser.
type Client struct {
	// Deadline is how long Chrome may take to answer one call. Set it before the first.
	Deadline time.Duration

	w      io.Writer
	closed chan struct{}

	writing sync.Mutex

	mu        sync.Mutex
	last      int
	pending   []waiting // few at a time
	listeners map[listenKey][]*listener
	feed      *feed // rod's; nil before there is one
	err       error // why closed
}

// waiting is a call without an answer yet, and the function that takes the answer.
type waiting struct {
	id     int
	method string
	f      func(Raw, error)
}

func (w waiting) told(result Raw, err error) {
	if err != nil {
		err = fmt.Errorf("%s: %w", w.method, err)
	}
	w.f(result, err)
}

type reply struct {
	result Raw
	err    error
}

type listenKey struct{ session, method string }

type listener struct {
	f func(Raw)
	// exclusive keeps the event from rod.
	exclusive bool
}

// New returns a client that reads Chrome's messages from r, on one goroutine, and writes its own to
// w. It ends when r ends. The caller closes the pipes.
func New(r io.Reader, w io.Writer) *Client {
	c := &Client{
		Deadline:  DefaultDeadline,
		w:         w,
		closed:    make(chan struct{}),
		listeners: map[listenKey][]*listener{},
	}
	go c.read(r)
	return c
}

// Closed is closed when Chrome is gone.
func (c *Client) Closed() <-chan struct{} { return c.closed }

// Call calls a method and returns its result as JSON. A call whose context has ended is still sent,
// in order, but its answer is dropped.
func (c *Client) Call(ctx context.Context, sessionID, method string, params any) ([]byte, error) {
	raw, err := c.CallRaw(ctx, sessionID, method, params)
	if err != nil {
		return nil, err
	}
	return raw.JSON()
}

// CallRaw calls a method and returns its result as Chrome wrote it.
func (c *Client) CallRaw(ctx context.Context, sessionID, method string, params any) (Raw, error) {
	return c.call(ctx, c.Deadline, sessionID, method, params)
}

// Within returns a client of one session whose calls may take longer than Deadline, for those that
// wait on the network.
func (c *Client) Within(ctx context.Context, d time.Duration, sessionID proto.TargetSessionID) proto.Client {
	return patient{c: c, ctx: ctx, d: d, session: sessionID}
}

type patient struct {
	c       *Client
	ctx     context.Context
	d       time.Duration
	session proto.TargetSessionID
}

func (p patient) GetContext() context.Context         { return p.ctx }
func (p patient) GetSessionID() proto.TargetSessionID { return p.session }
func (p patient) Call(ctx context.Context, sessionID, method string, params any) ([]byte, error) {
	raw, err := p.c.call(ctx, p.d, sessionID, method, params)
	if err != nil {
		return nil, err
	}
	return raw.JSON()
}

func (c *Client) call(ctx context.Context, d time.Duration, sessionID, method string, params any) (Raw, error) {
	done := make(chan reply, 1)
	id := c.Then(sessionID, method, params, func(result Raw, err error) { done <- reply{result, err} })
	defer c.withdraw(id)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.result, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", method, context.Cause(ctx))
	case <-timer.C:
		return nil, fmt.Errorf("%w: no answer to %s in %s", ErrStalled, method, d)
	}
}

// Then calls a method, and calls f once with the result, on the goroutine that reads the pipe. f
// must not block, and may only make calls by Then and Again. If the call cannot be sent, Then calls
// f before it returns.
func (c *Client) Then(sessionID, method string, params any, f func(Raw, error)) (id int) {
	id, err := c.expect(method, f)
	if err != nil {
		return 0
	}
	text, err := encode(request{ID: id, SessionID: sessionID, Method: method, Params: params})
	if err != nil {
		c.failed(id, fmt.Errorf("encode: %w", err))
	} else if err := c.send(text); err != nil {
		c.failed(id, err)
	}
	return id
}

// expect registers f for the answer to a call that is about to be sent. If Chrome is gone, it calls
// f with the error.
func (c *Client) expect(method string, f func(Raw, error)) (id int, err error) {
	c.mu.Lock()
	c.last++
	w := waiting{c.last, method, f}
	if err = c.err; err == nil {
		c.pending = append(c.pending, w)
	}
	c.mu.Unlock()
	if err != nil {
		w.told(nil, err)
	}
	return w.id, err
}

// failed ends a call that was not sent with err.
func (c *Client) failed(id int, err error) {
	if w, ok := c.withdraw(id); ok {
		w.told(nil, err)
	}
}

func (c *Client) send(message []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if _, err := c.w.Write(message); err != nil {
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return nil
}

// withdraw returns the call that waits for an answer, if it still does, and removes it.
func (c *Client) withdraw(id int) (waiting, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.pending, func(w waiting) bool { return w.id == id })
	if i < 0 {
		return waiting{}, false
	}
	w := c.pending[i]
	c.pending = slices.Delete(c.pending, i, i+1)
	return w, true
}

// On calls f with every event of type E of a session, in order, on the goroutine that reads the
// pipe. f must not block, and may only make calls by Then and Again. off ends it.
func On[E any, P interface {
	*E
	proto.Event
}](c *Client, session proto.TargetSessionID, f func(P)) (off func()) {
	return listen(c, session, f, false)
}

// OnExclusive is On for events that come with every frame. They are kept from rod, which would be
// woken for each.
func OnExclusive[E any, P interface {
	*E
	proto.Event
}](c *Client, session proto.TargetSessionID, f func(P)) (off func()) {
	return listen(c, session, f, true)
}

func listen[E any, P interface {
	*E
	proto.Event
}](c *Client, session proto.TargetSessionID, f func(P), exclusive bool) (off func()) {
	var event P = new(E)
	l := &listener{exclusive: exclusive, f: func(raw Raw) {
		text, err := raw.JSON()
		if err != nil {
			return
		}
		var e P = new(E)
		if json.Unmarshal(text, e) == nil {
			f(e)
		}
	}}
	// An event without fields, as the one that comes with every frame, is not decoded.
	if reflect.TypeFor[E]().NumField() == 0 {
		l.f = func(Raw) { f(new(E)) }
	}
	key := listenKey{string(session), event.ProtoEvent()}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listeners[key] = append(c.listeners[key], l)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		kept := make([]*listener, 0, len(c.listeners[key]))
		for _, other := range c.listeners[key] {
			if other != l {
				kept = append(kept, other)
			}
		}
		c.listeners[key] = kept
	}
}

// read delivers messages until the pipe ends, then ends every call.
func (c *Client) read(r io.Reader) {
	err := c.readAll(bufio.NewReaderSize(r, 64<<10))
	c.mu.Lock()
	c.err = ErrClosed
	if !errors.Is(err, io.EOF) {
		c.err = fmt.Errorf("%w: %w", ErrClosed, err)
	}
	left, f := c.pending, c.feed
	c.pending = nil
	c.mu.Unlock()
	for _, w := range left {
		w.told(nil, c.err)
	}
	close(c.closed)
	if f != nil {
		f.end()
	}
}

func (c *Client) readAll(r *bufio.Reader) error {
	var shared []byte
	for {
		header, err := r.Peek(envelopeHeader)
		if err != nil {
			return err
		}
		n, err := envelopeLen(header)
		if err != nil {
			return err
		}
		if n > maxMessage {
			return fmt.Errorf("%w: a message of %d bytes", errCBOR, n)
		}
		_, _ = r.Discard(envelopeHeader)
		var body []byte
		if n > small {
			body = make([]byte, n)
		} else {
			if n > len(shared) {
				shared = make([]byte, sharedBy*small)
			}
			body, shared = shared[:n:n], shared[n:]
		}
		if _, err := io.ReadFull(r, body); err != nil {
			return err
		}
		if err := c.deliver(body); err != nil {
			return err
		}
	}
}

// Messages of small bytes and less share their allocations, sharedBy of them one at least: those of
// still frames come by the thousand.
const (
	small    = 512
	sharedBy = 64
)

// incoming is one message, split into its parts.
type incoming struct {
	id              int
	session, method []byte
	params, result  Raw
	failure         Raw
}

func parse(body []byte) (incoming, error) {
	var m incoming
	var bad error
	err := Raw(body).each(func(key []byte, value Raw) bool {
		switch string(key) {
		case "id":
			var n uint64
			_, n, _, bad = head(value)
			m.id = int(n)
		case "sessionId":
			m.session, _, bad = stringValue(value)
		case "method":
			m.method, _, bad = stringValue(value)
		case "params":
			m.params = value
		case "result":
			m.result = value
		case "error":
			m.failure = value
		}
		return bad == nil
	})
	return m, errors.Join(err, bad)
}

func (c *Client) deliver(body []byte) error {
	m, err := parse(body)
	if err != nil {
		return err
	}
	if len(m.method) == 0 {
		c.answer(m)
		return nil
	}
	c.mu.Lock()
	listeners, f := c.listeners[listenKey{string(m.session), string(m.method)}], c.feed
	c.mu.Unlock()
	kept := f == nil || f.ctx.Err() != nil // from rod
	for _, l := range listeners {
		l.f(m.params)
		kept = kept || l.exclusive
	}
	if kept {
		return nil
	}
	params, err := m.params.JSON()
	if err != nil {
		return fmt.Errorf("event %s: %w", m.method, err)
	}
	f.give(&rodcdp.Event{SessionID: string(m.session), Method: string(m.method), Params: params})
	return nil
}

func (c *Client) answer(m incoming) {
	w, ok := c.withdraw(m.id)
	if !ok {
		return
	}
	var err error
	if m.failure != nil {
		err = failure(m.failure)
	}
	w.told(m.result, err)
}

// failure turns Chrome's error into rod's, whose well-known values rod compares with.
func failure(raw Raw) error {
	text, err := raw.JSON()
	if err != nil {
		return err
	}
	e := new(rodcdp.Error)
	if err := json.Unmarshal(text, e); err != nil {
		return fmt.Errorf("read Chrome's error: %w", err)
	}
	return e
}
