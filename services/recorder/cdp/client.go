package cdp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"sync"
	"time"

	"github.com/go-rod/rod"
	rodcdp "github.com/go-rod/rod/lib/cdp"
	"github.com/go-rod/rod/lib/proto"
)

// DefaultDeadline is how long Chrome may take to answer one call.
const DefaultDeadline = 15 * time.Second

// maxMessage bounds one message in bytes; the largest are screenshots.
const maxMessage = 512 << 20

var (
	// ErrStalled says that Chrome did not answer a call in time. Some pages deadlock it; only killing it helps.
	ErrStalled = errors.New("chrome stalled")
	// ErrClosed says that the pipe to Chrome has ended: it exited, crashed or was killed.
	ErrClosed = errors.New("chrome is gone")
)

var _ rod.CDPClient = (*Client)(nil)

// Client is one connection to one browser.
type Client struct {
	// Deadline is how long Chrome may take to answer one call. Set it before the first.
	Deadline time.Duration

	w      io.Writer
	events chan *rodcdp.Event
	closed chan struct{}

	writing sync.Mutex

	mu        sync.Mutex
	last      int
	pending   map[int]func(Raw, error)
	thread    int // 0 when it has ended
	listeners map[listenKey][]*listener
	err       error // why closed
}

type reply struct {
	result Raw
	err    error
}

type listenKey struct{ session, method string }

type listener struct {
	f func(Raw)
	// exclusive says that rod is not told.
	exclusive bool
}

// New returns a client that reads Chrome's messages from r, on a thread of its own, and writes its own to w. It ends when r
// does: closing the pipes is the caller's part.
func New(r io.Reader, w io.Writer) *Client {
	c := &Client{
		Deadline:  DefaultDeadline,
		w:         w,
		events:    make(chan *rodcdp.Event, 64),
		closed:    make(chan struct{}),
		pending:   map[int]func(Raw, error){},
		listeners: map[listenKey][]*listener{},
	}
	reading := make(chan struct{})
	go c.read(r, reading)
	<-reading
	return c
}

// Thread calls f with the system's number of the thread that reads Chrome's messages, if there is one still. f must not use the client.
func (c *Client) Thread(f func(id int)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.thread != 0 {
		f(c.thread)
	}
}

// Closed is closed when Chrome is gone.
func (c *Client) Closed() <-chan struct{} { return c.closed }

// Event returns all events as JSON, for rod. It must be read.
func (c *Client) Event() <-chan *rodcdp.Event { return c.events }

// Call calls a method and returns its result as JSON. A call whose context has ended is sent all the same, in its order;
// nobody waits for its answer.
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

// Within returns a client of one session whose calls may take longer than Deadline, for those that wait on the network.
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
	defer func() { _ = c.withdraw(id) }() // nobody waits for it any longer
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

// Then calls a method and has f take what comes of it, once, on the goroutine that reads the pipe: f must not block, and not call
// but by Then or Again. What cannot be sent f takes before Then returns.
func (c *Client) Then(sessionID, method string, params any, f func(Raw, error)) (id int) {
	return c.then(method, f, func(id int) ([]byte, error) {
		text, err := encode(request{ID: id, SessionID: sessionID, Method: method, Params: params})
		if err != nil {
			return nil, fmt.Errorf("encode: %w", err)
		}
		return text, nil
	})
}

func (c *Client) then(method string, f func(Raw, error), message func(id int) ([]byte, error)) (id int) {
	told := func(result Raw, err error) {
		if err != nil {
			err = fmt.Errorf("%s: %w", method, err)
		}
		f(result, err)
	}
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		told(nil, c.err)
		return 0
	}
	c.last++
	id = c.last
	c.pending[id] = told
	c.mu.Unlock()
	text, err := message(id)
	if err == nil {
		err = c.send(text)
	}
	if err != nil {
		if waits := c.withdraw(id); waits != nil {
			waits(nil, err)
		}
	}
	return id
}

func (c *Client) send(message []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if _, err := c.w.Write(message); err != nil {
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return nil
}

// withdraw returns who waits for an answer; from then on, nobody does.
func (c *Client) withdraw(id int) func(Raw, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.pending[id]
	delete(c.pending, id)
	return f
}

// On calls f with every event of type E of a session, in order, on the goroutine that reads the pipe: f must not block,
// and not call but by Then or Again. The returned function ends it.
func On[E any, P interface {
	*E
	proto.Event
}](c *Client, session proto.TargetSessionID, f func(P)) (off func()) {
	return listen(c, session, f, false)
}

// OnExclusive is On for events that come with every frame: rod, which would be woken for each, is not told of them.
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
	if reflect.TypeFor[E]().NumField() == 0 { // nothing to decode, as in the one that comes with every frame
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

// read delivers messages until the pipe ends, then ends every call. Its thread ends with it, wherever it was pinned to.
func (c *Client) read(r io.Reader, reading chan<- struct{}) {
	runtime.LockOSThread()
	c.thread = threadID()
	close(reading)
	err := c.readAll(bufio.NewReaderSize(r, 64<<10))
	c.mu.Lock()
	c.err = ErrClosed
	if !errors.Is(err, io.EOF) {
		c.err = fmt.Errorf("%w: %w", ErrClosed, err)
	}
	left := c.pending
	c.pending, c.thread = nil, 0
	c.mu.Unlock()
	for _, told := range left {
		told(nil, c.err)
	}
	close(c.closed)
	close(c.events)
}

func (c *Client) readAll(r *bufio.Reader) error {
	header := make([]byte, envelopeHeader)
	yielded, read := time.Now(), 0
	for {
		if read++; time.Since(yielded) > yieldEvery {
			if read > worthIt {
				runtime.Gosched()
			}
			yielded, read = time.Now(), 0
		}
		if _, err := io.ReadFull(r, header); err != nil {
			return err
		}
		n, err := envelopeLen(header)
		if err != nil {
			return err
		}
		if n > maxMessage {
			return fmt.Errorf("%w: a message of %d bytes", errCBOR, n)
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(r, body); err != nil {
			return err
		}
		if err := c.deliver(body); err != nil {
			return err
		}
	}
}

// A goroutine that goes on for 10 ms without giving others a turn has its processor taken away by Go's monitor, which then looks for more
// of that every 20 µs for a while. The one that reads waits in the system most of the time, which is no such turn. So it gives one
// in time, while so many messages come that it is worth it: its thread has to be woken again.
const (
	yieldEvery = 8 * time.Millisecond
	worthIt    = 4 // messages in that time
)

// incoming is one message, split into its parts.
type incoming struct {
	id              int
	session, method string
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
			m.session, bad = text(value)
		case "method":
			m.method, bad = text(value)
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

func text(r Raw) (string, error) {
	content, _, err := stringValue(r)
	return string(content), err
}

func (c *Client) deliver(body []byte) error {
	m, err := parse(body)
	if err != nil {
		return err
	}
	if m.method == "" {
		c.answer(m)
		return nil
	}
	c.mu.Lock()
	listeners := c.listeners[listenKey{m.session, m.method}]
	c.mu.Unlock()
	exclusive := false
	for _, l := range listeners {
		l.f(m.params)
		exclusive = exclusive || l.exclusive
	}
	if exclusive {
		return nil
	}
	params, err := m.params.JSON()
	if err != nil {
		return fmt.Errorf("event %s: %w", m.method, err)
	}
	c.events <- &rodcdp.Event{SessionID: m.session, Method: m.method, Params: params}
	return nil
}

func (c *Client) answer(m incoming) {
	told := c.withdraw(m.id)
	if told == nil {
		return
	}
	var err error
	if m.failure != nil {
		err = failure(m.failure)
	}
	told(m.result, err)
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
