package cdp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"testing"
	"time"

	rodcdp "github.com/go-rod/rod/lib/cdp"
	"github.com/go-rod/rod/lib/proto"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer is the other end of a client's pipes.
type peer struct {
	t *testing.T
	r *bufio.Reader
	w *os.File
}

func connect(t *testing.T) (*Client, *peer) {
	t.Helper()
	theirIn, ourOut, err1 := os.Pipe()
	ourIn, theirOut, err2 := os.Pipe()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	c := New(ourIn, ourOut)
	t.Cleanup(func() {
		_ = theirOut.Close()
		<-c.Closed()
		for _, f := range []*os.File{theirIn, ourOut, ourIn} {
			_ = f.Close()
		}
	})
	return c, &peer{t, bufio.NewReader(theirIn), theirOut}
}

// request reads the next call.
func (p *peer) request() map[string]any {
	p.t.Helper()
	header := make([]byte, envelopeHeader)
	if _, err := io.ReadFull(p.r, header); err != nil {
		p.t.Error(err)
		return nil
	}
	n, _ := envelopeLen(header)
	body := make([]byte, n)
	if _, err := io.ReadFull(p.r, body); err != nil {
		p.t.Error(err)
	}
	text, err := Raw(bytes.Join([][]byte{header, body}, nil)).JSON()
	if err != nil {
		p.t.Error(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		p.t.Error(err)
	}
	return m
}

func (p *peer) send(text string) {
	p.t.Helper()
	raw, err := encode(json.RawMessage(text))
	if err == nil {
		_, err = p.w.Write(raw)
	}
	if err != nil {
		p.t.Error(err)
	}
}

func TestACallIsAnswered(t *testing.T) {
	c, chrome := connect(t)
	go func() {
		if r := chrome.request(); r["method"] != "Page.navigate" || r["sessionId"] != "S" {
			t.Errorf("the call came as %v", r)
		}
		chrome.send(`{"id":1,"result":{"frameId":"F"},"sessionId":"S"}`)
	}()
	got, err := c.Call(t.Context(), "S", "Page.navigate", proto.PageNavigate{URL: "http://a/"})
	if err != nil || string(got) != `{"frameId":"F"}` {
		t.Errorf("the call returned %s, %v", got, err)
	}
}

func TestChromesErrorsAreRods(t *testing.T) {
	c, chrome := connect(t)
	go func() {
		chrome.request()
		chrome.send(`{"id":1,"error":{"code":-32001,"message":"Session with given id not found."}}`)
	}()
	if _, err := c.Call(t.Context(), "S", "Page.enable", nil); !errors.Is(err, rodcdp.ErrSessionNotFound) {
		t.Errorf("the call returned %v, want rod's error", err)
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	c, _ := connect(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("why")
	cancel(why)
	if _, err := c.Call(ctx, "", "Page.enable", nil); !errors.Is(err, why) {
		t.Errorf("the call returned %v, want the cause", err)
	}
}

func TestACallThatNobodyWaitsForIsSentInItsOrder(t *testing.T) {
	c, chrome := connect(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, method := range []string{"Input.one", "Input.two"} {
		if _, err := c.Call(ended, "", method, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("the call returned %v, want that its context has ended", err)
		}
	}
	for _, method := range []string{"Input.one", "Input.two"} {
		if got := chrome.request()["method"]; got != method {
			t.Errorf("%v was sent, want %s", got, method)
		}
	}
}

func TestACallThatIsNotAnsweredStalls(t *testing.T) {
	c, _ := connect(t)
	c.Deadline = time.Millisecond
	if _, err := c.Call(t.Context(), "", "Page.enable", nil); !errors.Is(err, ErrStalled) {
		t.Errorf("the call returned %v, want ErrStalled", err)
	}
}

func TestCallsEndWhenChromeIsGone(t *testing.T) {
	c, chrome := connect(t)
	events := c.Rod(t.Context()).Event()
	go func() {
		chrome.request()
		_ = chrome.w.Close()
	}()
	for range 2 { // one that is under way, one that comes after
		if _, err := c.Call(t.Context(), "", "Page.enable", nil); !errors.Is(err, ErrClosed) {
			t.Errorf("the call returned %v, want ErrClosed", err)
		}
	}
	if _, open := <-events; open {
		t.Error("there is an event")
	}
}

func TestEventsComeInOrderBeforeTheReply(t *testing.T) {
	c, chrome := connect(t)
	events := c.Rod(t.Context()).Event()
	var urls []string
	off := On(c, "S", func(e *proto.PageFrameNavigated) { urls = append(urls, e.Frame.URL) })
	On(c, "other", func(*proto.PageFrameNavigated) { t.Error("an event of another session came") })
	go func() {
		chrome.request()
		chrome.send(`{"method":"Page.frameNavigated","params":{"frame":{"url":"a"}},"sessionId":"S"}`)
		chrome.send(`{"method":"Page.frameNavigated","params":{"frame":{"url":"b"}},"sessionId":"S"}`)
		chrome.send(`{"id":1,"result":{}}`)
		chrome.request()
		chrome.send(`{"method":"Page.frameNavigated","params":{"frame":{"url":"c"}},"sessionId":"S"}`)
		chrome.send(`{"id":2,"result":{}}`)
	}()
	if _, err := c.Call(t.Context(), "S", "Page.enable", nil); err != nil {
		t.Fatal(err)
	}
	off()
	if _, err := c.Call(t.Context(), "S", "Page.enable", nil); err != nil {
		t.Fatal(err)
	}
	if len(urls) != 2 || urls[0] != "a" || urls[1] != "b" {
		t.Errorf("events came as %v, want a, b and then none", urls)
	}
	for _, want := range []string{"a", "b", "c"} {
		if e := <-events; e.Method != "Page.frameNavigated" || string(e.Params) != `{"frame":{"url":"`+want+`"}}` {
			t.Errorf("rod's event is %s %s, want that of %s", e.Method, e.Params, want)
		}
	}
}

func TestGarbageEndsTheClient(t *testing.T) {
	c, chrome := connect(t)
	if _, err := chrome.w.WriteString("GET / HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	<-c.Closed()
	if _, err := c.Call(t.Context(), "", "Page.enable", nil); !errors.Is(err, ErrClosed) || !errors.Is(err, errCBOR) {
		t.Errorf("the call returned %v, want ErrClosed with its reason", err)
	}
}

func TestAnAnswerMayLeadToTheNextCall(t *testing.T) {
	c, chrome := connect(t)
	go func() {
		for _, answer := range []string{`{"id":1,"result":{"n":1.5}}`, `{"id":2,"error":{"code":-32000,"message":"no"}}`} {
			chrome.request()
			chrome.send(answer)
		}
		chrome.request()
		_ = chrome.w.Close()
	}()
	said := make(chan string, 3)
	c.Then("S", "Page.one", nil, func(reply Raw, err error) {
		n, _ := reply.Float("n")
		said <- fmt.Sprint(n, err)
		c.Then("S", "Page.two", nil, func(_ Raw, err error) {
			said <- err.Error()
			c.Then("S", "Page.three", nil, func(_ Raw, err error) { said <- err.Error() })
		})
	})
	for _, want := range []string{"1.5 <nil>", "Page.two: {-32000 no }", "Page.three: chrome is gone"} {
		if got := <-said; got != want {
			t.Errorf("a call was told %q, want %q", got, want)
		}
	}
	var late error
	if c.Then("S", "Page.four", nil, func(_ Raw, err error) { late = err }); !errors.Is(late, ErrClosed) {
		t.Errorf("a call after the end was told %v, want ErrClosed", late)
	}
}

func TestRodIsNotToldOfWhatIsTaken(t *testing.T) {
	c, chrome := connect(t)
	events := c.Rod(t.Context()).Event()
	taken := 0
	off := OnExclusive(c, "S", func(*proto.EmulationVirtualTimeBudgetExpired) { taken++ })
	const expired = `{"method":"Emulation.virtualTimeBudgetExpired","params":{},"sessionId":"S"}`
	go func() {
		chrome.request()
		chrome.send(expired)
		chrome.send(`{"id":1,"result":{}}`)
	}()
	if _, err := c.Call(t.Context(), "S", "Page.enable", nil); err != nil {
		t.Fatal(err)
	}
	off()
	chrome.send(`{"method":"Page.loadEventFired","params":{},"sessionId":"S"}`)
	if e := <-events; taken != 1 || e.Method != "Page.loadEventFired" {
		t.Errorf("%d events were taken, then rod was told of %s", taken, e.Method)
	}
	chrome.send(expired)
	if e := <-events; e.Method != "Emulation.virtualTimeBudgetExpired" {
		t.Errorf("rod was told of %s, want what nobody takes any longer", e.Method)
	}
}

func TestACallIsMadeAgainWithAnotherNumber(t *testing.T) {
	params := proto.HeadlessExperimentalBeginFrame{FrameTimeTicks: new(.5), Interval: new(16.5)}
	call, err := NewCall("S", params, "frameTimeTicks")
	if err != nil {
		t.Fatal(err)
	}
	c, chrome := connect(t)
	for id, ticks := range []float64{1, 16.6, -2.25, 1e9} {
		done := make(chan error, 1)
		c.Again(call, ticks, func(_ Raw, err error) { done <- err })
		want := map[string]any{
			"id": float64(id + 1), "sessionId": "S", "method": "HeadlessExperimental.beginFrame",
			"params": map[string]any{"frameTimeTicks": ticks, "interval": 16.5},
		}
		if got := chrome.request(); !reflect.DeepEqual(got, want) {
			t.Errorf("Chrome was sent %v, want %v", got, want)
		}
		chrome.send(fmt.Sprintf(`{"id":%d,"error":{"code":-32000,"message":"no"}}`, id+1))
		if err := <-done; err == nil || err.Error() != "HeadlessExperimental.beginFrame: {-32000 no }" {
			t.Errorf("the call was told %v", err)
		}
	}
}

func TestACallWithoutItsNumberIsRefused(t *testing.T) {
	for _, params := range []proto.HeadlessExperimentalBeginFrame{{}, {FrameTimeTicks: new(1.)}} {
		if _, err := NewCall("S", params, "frameTimeTicks"); err == nil {
			t.Errorf("a call with %+v is taken", params)
		}
	}
}

func TestEachRodHasTheEventsOfItsTime(t *testing.T) {
	c, chrome := connect(t)
	chrome.send(`{"method":"Page.loadEventFired","params":{},"sessionId":"S"}`) // nobody's
	ctx, end := context.WithCancel(t.Context())
	first := c.Rod(ctx).Event()
	read := make(chan int)
	go func() {
		n := 0
		for range first {
			n++
		}
		read <- n
	}()
	end()
	<-read
	second := c.Rod(t.Context())
	chrome.send(`{"method":"Page.frameStartedLoading","params":{"frameId":"F"},"sessionId":"S"}`)
	for {
		e := <-second.Event()
		if e == nil {
			t.Fatal("the events of the second have ended")
		}
		if e.Method == "Page.frameStartedLoading" {
			break // what Chrome sent before may still have been under way
		}
	}
	_ = chrome.w.Close()
	<-c.Closed()
	for range second.Event() {
		t.Error("there is an event of a Chrome that is gone")
	}
	if _, open := <-c.Rod(t.Context()).Event(); open {
		t.Error("there are events of a Chrome that was gone before")
	}
}

func TestAnotherRodEndsTheEventsOfTheOneBefore(t *testing.T) {
	c, chrome := connect(t)
	unread := filled(t.Context(), t, c, chrome)
	_ = c.Rod(t.Context())
	n := 0
	for range unread {
		n++
	}
	if n < cap(unread) {
		t.Errorf("the first read %d events, want those that were waiting, %d", n, cap(unread))
	}
}

func TestEventsThatNobodyReadsAnyMoreStopNothing(t *testing.T) {
	c, chrome := connect(t)
	ctx, end := context.WithCancel(t.Context())
	filled(ctx, t, c, chrome)
	end()
	go func() {
		chrome.request()
		chrome.send(`{"id":1,"result":{}}`)
	}()
	if _, err := c.Call(t.Context(), "S", "Page.enable", nil); err != nil {
		t.Error(err)
	}
}

// filled returns the events of a rod that does not read them: as many as can wait do, and there is
// one more to give.
func filled(ctx context.Context, t *testing.T, c *Client, chrome *peer) <-chan *rodcdp.Event {
	t.Helper()
	events := c.Rod(ctx).Event()
	n, more := 0, make(chan struct{})
	off := On(c, "S", func(*proto.PageLoadEventFired) {
		if n++; n == cap(events)+1 {
			close(more)
		}
	})
	for range cap(events) + 1 {
		chrome.send(`{"method":"Page.loadEventFired","params":{},"sessionId":"S"}`)
	}
	<-more
	off()
	return events
}
