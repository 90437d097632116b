package capture

import (
	"context"
	"fmt"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/capture/pageerror"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// realClock is a clock on which time passes by itself.
func realClock(client *cdp.Client) *clock { return &clock{client: client, real: true} }

// settling is how long the last pictures may take to come after their time.
const settling = 500 * time.Millisecond

// realtime captures in real time: Chrome sends a picture whenever it has drawn one (a screencast),
// and each frame gets the last picture that was drawn by its time. On a machine that is too slow
// for the page, pictures stand for several frames.
func (s *scene) realtime(ctx context.Context) error {
	cast, err := s.startScreencast(ctx)
	if err != nil {
		return err
	}
	defer cast.stop()
	frames := &resampler{rate: s.Rate, frames: s.Frames, sink: s.sink}
	if err := cast.begin(ctx, frames); err != nil {
		return err
	}
	for n := range s.Frames {
		if err := cast.until(ctx, frames.at(n), frames); err != nil {
			return err
		}
		if err := s.act(ctx, n); err != nil {
			return err
		}
		s.progress(n + 1)
	}
	if err := cast.until(ctx, frames.at(s.Frames-1).Add(settling), frames); err != nil {
		return err
	}
	return frames.finish()
}

// screencast is the pictures that Chrome sends.
type screencast struct {
	scene    *scene
	pictures chan picture
	off      func()
}

// picture is what a page showed from a time on.
type picture struct {
	jpeg []byte
	at   time.Time
	ack  int
}

// unacknowledged bounds the pictures that Chrome sends before the first of them is acknowledged,
// generously.
const unacknowledged = 16

func (s *scene) startScreencast(ctx context.Context) (*screencast, error) {
	c := &screencast{scene: s, pictures: make(chan picture, unacknowledged)}
	c.off = cdp.On(s.client, s.page.SessionID, func(e *proto.PageScreencastFrame) {
		p := picture{jpeg: e.Data, at: time.Now(), ack: e.SessionID}
		if e.Metadata != nil && e.Metadata.Timestamp > 0 {
			p.at = e.Metadata.Timestamp.Time()
		}
		select {
		case c.pictures <- p:
		default: // Chrome never has so many under way
		}
	})
	every := 1
	err := proto.PageStartScreencast{
		Format: proto.PageStartScreencastFormatJpeg, Quality: &s.Quality, EveryNthFrame: &every,
	}.Call(s.page.Context(ctx))
	if err != nil {
		c.off()
		return nil, fmt.Errorf("start the screencast: %w", err)
	}
	return c, nil
}

// stop ends it. The browser is closed next, so what it says to that does not matter.
func (c *screencast) stop() { c.off() }

// begin waits for the first picture, with which frame 0 is there. Chrome sends it at once, whether
// the page moves or not.
func (c *screencast) begin(ctx context.Context, frames *resampler) error {
	timer := time.NewTimer(c.scene.client.Deadline)
	defer timer.Stop()
	select {
	case p := <-c.pictures:
		frames.start(time.Now(), p)
		return c.acknowledge(ctx, p)
	case <-timer.C:
		return pageerror.Timeout("no picture of the page in %s", c.scene.client.Deadline)
	case <-c.scene.client.Closed():
		return cdp.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// until gives pictures to frames until a time.
func (c *screencast) until(ctx context.Context, t time.Time, frames *resampler) error {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	for {
		select {
		case p := <-c.pictures:
			if err := frames.add(p); err != nil {
				return err
			}
			if err := c.acknowledge(ctx, p); err != nil {
				return err
			}
		case <-timer.C:
			return nil
		case <-c.scene.client.Closed():
			return cdp.ErrClosed
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// acknowledge lets Chrome send more.
func (c *screencast) acknowledge(ctx context.Context, p picture) error {
	ack := proto.PageScreencastFrameAck{SessionID: p.ack}
	if _, err := c.scene.client.CallRaw(ctx, string(c.scene.page.SessionID), ack.ProtoReq(), ack); err != nil {
		return fmt.Errorf("go on with the screencast: %w", err)
	}
	return nil
}
