package video

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

const (
	// partSize is how many bytes of a file are held, to take its sound out. It must include the
	// first picture: Chrome requests what is behind the part only after a while of page time, and
	// the page's load event waits for the picture. The part is read in chunks of readSize bytes.
	partSize = 4 << 20
	readSize = 256 << 10
	// maxHeld bounds how many parts are held at a time. The others wait.
	maxHeld = 4
	// partWithin bounds how long a part may take to come, and how long it may wait for its turn, in
	// real time; wholeWithin, a file that cannot be served in parts.
	partWithin  = 10 * time.Second
	wholeWithin = 30 * time.Second
	// maxMuted bounds how many files are remembered.
	maxMuted = 1000
)

// muter takes the sound out of the videos of one page.
type muter struct {
	ctx     context.Context
	client  *cdp.Client
	session proto.TargetSessionID
	turns   chan struct{} // has a value for each part that may be held

	mu sync.Mutex
	// muted has the part of each muted file that held its headers, by URL.
	muted map[string]span
	// playlists says that the page plays one (HLS). Chrome refuses to play segments that hold other
	// tracks than their headers say.
	playlists bool
}

// span is a part of a file: from a byte to the one behind the last.
type span struct{ from, to int64 }

// Mute takes the sound out of the videos of a page, on their way from the server, until ctx ends.
// session is one of the page's for this alone, since a request stops once for each session that
// asks for it. It must be older than the page's own.
func Mute(ctx context.Context, c *cdp.Client, session proto.TargetSessionID) error {
	m := &muter{ctx: ctx, client: c, session: session, turns: make(chan struct{}, maxHeld), muted: map[string]span{}}
	for range maxHeld {
		m.turns <- struct{}{}
	}
	cdp.On(c, session, func(e *proto.FetchRequestPaused) {
		go m.resume(e) // not on the goroutine that would read the reply
	})
	err := proto.FetchEnable{Patterns: []*proto.FetchRequestPattern{{
		ResourceType: proto.NetworkResourceTypeMedia, RequestStage: proto.FetchRequestStageResponse,
	}}}.Call(m.caller())
	if err != nil {
		return fmt.Errorf("take the sound out of videos: %w", err)
	}
	return nil
}

func (m *muter) caller() proto.Client { return m.client.Within(m.ctx, partWithin, m.session) }

// resume resumes a response, without its sound if it has one. One that cannot be resumed fails; an
// error then means that it has gone.
func (m *muter) resume(e *proto.FetchRequestPaused) {
	r := parseResponse(e)
	var err error
	if m.holds(r) && m.turn() {
		err = m.serve(r)
		m.turns <- struct{}{}
	} else {
		err = proto.FetchContinueRequest{RequestID: e.RequestID}.Call(m.caller())
	}
	if err != nil {
		_ = proto.FetchFailRequest{RequestID: e.RequestID, ErrorReason: proto.NetworkErrorReasonFailed}.Call(m.caller())
	}
}

// holds reports whether a part of a response is to be held.
func (m *muter) holds(r *response) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.playlists = m.playlists || r.playlist
	headers, muted := m.muted[r.url]
	// The headers of a muted file may be requested once more, or all of it.
	again := r.span.from == 0 || headers.from <= r.span.from && r.span.from < headers.to
	return r.video && !m.playlists && (!muted || again)
}

// turn waits until a part may be held, but not for ever.
func (m *muter) turn() bool {
	timer := time.NewTimer(partWithin)
	defer timer.Stop()
	select {
	case <-m.turns:
		return true
	case <-timer.C:
	case <-m.client.Closed():
	case <-m.ctx.Done():
	}
	return false
}

// serve serves a part of a response, without its sound.
func (m *muter) serve(r *response) error {
	part, err := m.read(r)
	if err != nil {
		return err
	}
	if bytes.HasPrefix(part, []byte("#EXTM3U")) {
		m.mu.Lock()
		m.playlists = true
		m.mu.Unlock()
	} else if hideSound(part) > 0 {
		m.mu.Lock()
		if len(m.muted) < maxMuted {
			m.muted[r.url] = span{r.span.from, r.span.from + int64(len(part))}
		}
		m.mu.Unlock()
	}
	return proto.FetchFulfillRequest{
		RequestID: r.id, ResponseCode: r.status, ResponseHeaders: r.cut(len(part)), Body: part,
	}.Call(m.caller())
}

// read reads a part of a response, a smaller one if it does not come in time.
func (m *muter) read(r *response) (part []byte, err error) {
	deadline := time.Now().Add(partWithin)
	if !r.partial {
		deadline = time.Now().Add(wholeWithin)
	}
	stream, err := proto.FetchTakeResponseBodyAsStream{RequestID: r.id}.Call(m.caller())
	if err != nil {
		return nil, err
	}
	defer func() { _ = proto.IOClose{Handle: stream.Stream}.Call(m.caller()) }()
	want := int(min(r.span.to-r.span.from, partSize))
	for len(part) < want {
		size := min(readSize, want-len(part))
		chunk, err := proto.IORead{Handle: stream.Stream, Size: &size}.Call(
			m.client.Within(m.ctx, time.Until(deadline), m.session))
		if errors.Is(err, cdp.ErrStalled) && r.partial && len(part) > 0 {
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
	if len(part) == 0 || !r.partial && len(part) < want {
		return nil, errors.New("read a video: it ended too soon")
	}
	return part, nil
}
