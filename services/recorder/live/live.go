// Package live sends pictures of scenes while they are recorded, to whoever asks for them.
//
// A capture shows each new picture to its Feed, which only remembers it: no lock, no copy, no
// decoding. When somebody has asked for the render (msg.Watch), a goroutine beside the capture
// makes a small JPEG of the last one, at most once a second, and sends it. So while nobody looks
// nothing else happens, and what is recorded is the same with and without.
//
// A picture that cannot be made or sent is left out: nothing depends on one.
package live

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/services/recorder/shrink"
)

const (
	// every is the shortest time between two pictures of a scene.
	every = time.Second
	// again is after how long a picture is sent again although nothing has changed: who looks may
	// have come later.
	again = 4 * time.Second
	// A picture is no larger than this, in pixels.
	width, height = 480, 480
)

// Sender sends pictures of the scenes that one process records.
type Sender struct {
	nc  *nats.Conn
	log zerolog.Logger
	// making lets one picture be made at a time, however many scenes are looked at.
	making sync.Mutex

	mu    sync.Mutex
	feeds map[*Feed]struct{}
}

// New returns a sender on nc, which stays the caller's to close.
func New(nc *nats.Conn, log zerolog.Logger) *Sender {
	return &Sender{nc: nc, log: log, feeds: map[*Feed]struct{}{}}
}

// Listen listens for who wants pictures. stop ends that.
func (s *Sender) Listen() (stop func(), err error) {
	sub, err := s.nc.Subscribe(msg.AllWatches, func(m *nats.Msg) {
		if m.Reply != "" {
			return // JetStream's, for somebody who may not publish here
		}
		if w, err := msg.Decode[msg.Watch](m.Data); err == nil {
			s.watch(w.RenderID, time.Now().Add(time.Duration(w.For)))
		}
	})
	if err != nil {
		return nil, fmt.Errorf("listen for who looks: %w", err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

// Open returns the feed of a task, which is closed when the task ends. A nil Sender returns nil.
func (s *Sender) Open(render, task uuid.UUID) *Feed {
	if s == nil {
		return nil
	}
	f := &Feed{sender: s, render: render, task: task}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.feeds[f] = struct{}{}
	return f
}

// watch has the feeds of a render send pictures until a time.
func (s *Sender) watch(render uuid.UUID, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.feeds {
		if f.render != render {
			continue
		}
		f.until = until
		if !f.sending {
			f.sending = true
			f.running.Go(f.send)
		}
	}
}

// Feed is one scene's. Its methods may be called on nil, and then do nothing.
type Feed struct {
	sender       *Sender
	render, task uuid.UUID
	last         atomic.Pointer[[]byte]
	ctx          context.Context
	cancel       context.CancelFunc
	running      sync.WaitGroup

	// Of sender.mu.
	until   time.Time
	sending bool
}

// Show remembers a picture, a JPEG that nobody changes any more. It costs a pointer.
func (f *Feed) Show(jpeg []byte) {
	if f != nil {
		f.last.Store(&jpeg)
	}
}

// Close ends the feed, and returns when nothing more is sent.
func (f *Feed) Close() {
	if f == nil {
		return
	}
	f.sender.mu.Lock()
	delete(f.sender.feeds, f)
	f.sender.mu.Unlock()
	f.cancel()
	f.running.Wait()
}

// wanted reports whether somebody still looks. When nobody does, sending ends.
func (f *Feed) wanted() bool {
	f.sender.mu.Lock()
	defer f.sender.mu.Unlock()
	f.sending = f.ctx.Err() == nil && time.Now().Before(f.until)
	return f.sending
}

// send sends pictures while somebody looks.
func (f *Feed) send() {
	var shown *[]byte
	var small []byte
	var sent time.Time
	for f.wanted() {
		begun := time.Now()
		last := f.last.Load()
		if last != nil && last != shown {
			shown, small, sent = last, f.make(*last), time.Time{}
		}
		if small != nil && time.Since(sent) >= again {
			sent = time.Now()
			if err := f.sender.nc.Publish(msg.PictureSubject(f.render, f.task), small); err != nil {
				f.sender.log.Debug().Err(err).Msg("picture not sent")
			}
		}
		retry.Sleep(f.ctx, every-time.Since(begun))
	}
}

// make returns a small JPEG, or nil.
func (f *Feed) make(large []byte) []byte {
	f.sender.making.Lock()
	defer f.sender.making.Unlock()
	p, err := shrink.To(large, width, height, msg.MaxPicture)
	if err != nil && !errors.Is(err, shrink.ErrLarge) {
		f.sender.log.Debug().Err(err).Msg("picture not made")
	}
	return p.JPEG
}
