package capture

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

const (
	// filmPart is how many bytes of a video are held, to take its sound out. It must hold the first
	// picture, too: Chrome asks for what is behind a part only after a while of page time, and the
	// page's load event waits for the picture.
	filmPart = 4 << 20
	// filmRead is how many bytes are read at a time.
	filmRead = 256 << 10
	// filmsAtOnce bounds how many parts are held at a time. The others wait.
	filmsAtOnce = 4
	// filmWithin bounds how long a part may take to come, and how long it may wait for its turn, in
	// real time; wholeWithin, a file that cannot be handed on in parts.
	filmWithin  = 10 * time.Second
	wholeWithin = 30 * time.Second
	// filmsKnown bounds how many videos are known to be silent.
	filmsKnown = 1000
)

// films takes the sound out of videos on their way to the page. It would play in real time, and a
// video's picture follows it.
//
// A part of each answer is held until it is all there. If it has the headers of sound tracks, those
// are hidden. What is behind the part is asked for by Chrome in its own time, and then passes as it
// is.
type films struct {
	ctx     context.Context
	client  *cdp.Client
	session proto.TargetSessionID
	turns   chan struct{} // has a value for each part that may be held

	mu sync.Mutex
	// silent are where the headers of videos were whose sound was taken out, by URL.
	silent map[string]span
	// playlists says that the page plays one (HLS). Chrome refuses to play its parts when what they
	// hold is not what their headers say.
	playlists bool
}

// span is part of a file, from a byte to the one behind it.
type span struct{ from, to int64 }

// silenceFilms begins. It has a session of its own, since requests stop once for each, and the
// director may use the page's.
func (s *scene) silenceFilms(ctx context.Context, browser *rod.Browser, target proto.TargetTargetID) error {
	if s.ownFrames() {
		return nil
	}
	session, err := attach(browser, target)
	if err != nil {
		return err
	}
	f := &films{
		ctx: ctx, client: s.client, session: session,
		turns: make(chan struct{}, filmsAtOnce), silent: map[string]span{},
	}
	for range filmsAtOnce {
		f.turns <- struct{}{}
	}
	cdp.On(s.client, f.session, func(e *proto.FetchRequestPaused) {
		go f.pass(e) // not on the goroutine that would read the answer
	})
	return proto.FetchEnable{Patterns: []*proto.FetchRequestPattern{{
		ResourceType: proto.NetworkResourceTypeMedia, RequestStage: proto.FetchRequestStageResponse,
	}}}.Call(f.caller())
}

func (f *films) caller() proto.Client { return f.client.Within(f.ctx, filmWithin, f.session) }

// pass lets an answer go on, without its sound where it has one. It must not stand here for ever;
// the error of one that cannot go on is that of a request which is gone.
func (f *films) pass(e *proto.FetchRequestPaused) {
	a := readAnswer(e)
	var err error
	if f.holds(a) && f.turn() {
		err = f.hold(a)
		f.turns <- struct{}{}
	} else {
		err = proto.FetchContinueRequest{RequestID: e.RequestID}.Call(f.caller())
	}
	if err != nil {
		_ = proto.FetchFailRequest{RequestID: e.RequestID, ErrorReason: proto.NetworkErrorReasonFailed}.Call(f.caller())
	}
}

// holds reports whether a part of an answer is to be held.
func (f *films) holds(a answer) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.playlists = f.playlists || a.playlist
	header, silent := f.silent[a.url]
	// From its beginning, it may be asked for anew.
	again := a.span.from == 0 || header.from <= a.span.from && a.span.from < header.to
	return a.film && !f.playlists && (!silent || again)
}

// turn waits until a part may be held, but not for ever.
func (f *films) turn() bool {
	timer := time.NewTimer(filmWithin)
	defer timer.Stop()
	select {
	case <-f.turns:
		return true
	case <-timer.C:
	case <-f.client.Closed():
	case <-f.ctx.Done():
	}
	return false
}

// hold hands a part of an answer on.
func (f *films) hold(a answer) error {
	part, err := f.read(a)
	if err != nil {
		return err
	}
	if bytes.HasPrefix(part, []byte("#EXTM3U")) {
		f.mu.Lock()
		f.playlists = true
		f.mu.Unlock()
	} else if silence(part) > 0 {
		f.mu.Lock()
		if len(f.silent) < filmsKnown {
			f.silent[a.url] = span{a.span.from, a.span.from + int64(len(part))}
		}
		f.mu.Unlock()
	}
	return proto.FetchFulfillRequest{
		RequestID: a.id, ResponseCode: a.status, ResponseHeaders: a.cut(len(part)), Body: part,
	}.Call(f.caller())
}

// read reads a part of an answer, less when it does not come in time.
func (f *films) read(a answer) (part []byte, err error) {
	deadline := time.Now().Add(filmWithin)
	if !a.partial {
		deadline = time.Now().Add(wholeWithin)
	}
	stream, err := proto.FetchTakeResponseBodyAsStream{RequestID: a.id}.Call(f.caller())
	if err != nil {
		return nil, err
	}
	defer func() { _ = proto.IOClose{Handle: stream.Stream}.Call(f.caller()) }()
	want := int(min(a.span.to-a.span.from, filmPart))
	for len(part) < want {
		size := min(filmRead, want-len(part))
		chunk, err := proto.IORead{Handle: stream.Stream, Size: &size}.Call(
			f.client.Within(f.ctx, time.Until(deadline), f.session))
		if errors.Is(err, cdp.ErrStalled) && a.partial && len(part) > 0 {
			break
		}
		if err != nil {
			return nil, err
		}
		data := []byte(chunk.Data)
		if chunk.Base64Encoded {
			if data, err = base64.StdEncoding.DecodeString(chunk.Data); err != nil {
				return nil, fmt.Errorf("read a video: %w", err)
			}
		}
		part = append(part, data...)
		if chunk.EOF {
			break
		}
	}
	if len(part) == 0 || !a.partial && len(part) < want {
		return nil, errors.New("read a video: it ended too soon")
	}
	return part, nil
}

// answer is one that a server gives.
type answer struct {
	id      proto.FetchRequestID
	url     string
	status  int
	headers []*proto.FetchHeaderEntry
	// film says that it may be a video, and that its span is known.
	film bool
	// partial says that span is a part of the file, so that less of it may be handed on.
	partial bool
	span    span
	// playlist says that it lists files which are played as one.
	playlist bool
}

func readAnswer(e *proto.FetchRequestPaused) answer {
	a := answer{id: e.RequestID, url: e.Request.URL, headers: e.ResponseHeaders}
	if e.ResponseStatusCode == nil || e.ResponseErrorReason != "" {
		return a
	}
	a.status = *e.ResponseStatusCode
	h := http.Header{}
	for _, entry := range e.ResponseHeaders {
		h.Add(entry.Name, entry.Value)
	}
	address, err := url.Parse(a.url)
	a.playlist = err == nil && strings.HasSuffix(strings.ToLower(address.Path), ".m3u8") ||
		strings.Contains(strings.ToLower(h.Get("Content-Type")), "mpegurl")
	switch a.status {
	case http.StatusPartialContent:
		a.partial = true
		a.span, a.film = contentRange(h.Get("Content-Range"))
	case http.StatusOK: // a whole file cannot be cut
		length, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
		a.span, a.film = span{0, length}, err == nil && length > 0 && length <= filmPart
	}
	a.film = a.film && h.Get("Content-Encoding") == ""
	return a
}

// contentRange reads a Content-Range, "bytes 0-99/1000".
func contentRange(text string) (s span, ok bool) {
	text, ok = strings.CutPrefix(text, "bytes ")
	text, _, ok2 := strings.Cut(text, "/")
	first, last, ok3 := strings.Cut(text, "-")
	from, err1 := strconv.ParseInt(first, 10, 63)
	to, err2 := strconv.ParseInt(last, 10, 62)
	return span{from, to + 1}, ok && ok2 && ok3 && errors.Join(err1, err2) == nil && 0 <= from && from <= to
}

// cut returns the answer's headers for n bytes of it.
func (a answer) cut(n int) []*proto.FetchHeaderEntry {
	if !a.partial || int64(n) == a.span.to-a.span.from {
		return a.headers
	}
	headers := slices.Clone(a.headers)
	for i, h := range headers {
		switch {
		case strings.EqualFold(h.Name, "Content-Length"):
			headers[i] = &proto.FetchHeaderEntry{Name: h.Name, Value: strconv.Itoa(n)}
		case strings.EqualFold(h.Name, "Content-Range"):
			_, total, _ := strings.Cut(h.Value, "/")
			headers[i] = &proto.FetchHeaderEntry{
				Name: h.Name, Value: fmt.Sprintf("bytes %d-%d/%s", a.span.from, a.span.from+int64(n)-1, total),
			}
		}
	}
	return headers
}
