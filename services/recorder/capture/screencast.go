package capture

import (
	"context"
	"fmt"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/capture/pageerror"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// screencast is the pictures that Chrome sends of a page.
type screencast struct {
	client   *cdp.Client
	page     *rod.Page
	pictures chan picture
	off      func()
}

// picture is what a page shows from a time on.
type picture struct {
	jpeg []byte
	at   time.Time
	ack  int
}

// unacknowledged is more than Chrome sends before the first picture is acknowledged.
const unacknowledged = 16

func startScreencast(ctx context.Context, client *cdp.Client, page *rod.Page, quality int) (*screencast, error) {
	c := &screencast{client: client, page: page, pictures: make(chan picture, unacknowledged)}
	c.off = cdp.On(client, page.SessionID, func(e *proto.PageScreencastFrame) {
		p := picture{jpeg: e.Data, at: time.Now(), ack: e.SessionID}
		if e.Metadata != nil && e.Metadata.Timestamp > 0 {
			p.at = e.Metadata.Timestamp.Time()
		}
		select {
		case c.pictures <- p:
		default: // never: Chrome waits for acknowledgements
		}
	})
	every := 1
	err := proto.PageStartScreencast{
		Format: proto.PageStartScreencastFormatJpeg, Quality: &quality, EveryNthFrame: &every,
	}.Call(page.Context(ctx))
	if err != nil {
		c.off()
		return nil, fmt.Errorf("start the screencast: %w", err)
	}
	return c, nil
}

// stop ends it. The browser need not stop sending: it is closed next.
func (c *screencast) stop() { c.off() }

// begin waits for the first picture, which starts frame 0. Chrome sends it at once, whether the
// page moves or not.
func (c *screencast) begin(ctx context.Context, frames *resampler) error {
	timer := time.NewTimer(c.client.Deadline)
	defer timer.Stop()
	select {
	case p := <-c.pictures:
		frames.start(time.Now(), p)
		return c.acknowledge(ctx, p)
	case <-timer.C:
		return pageerror.Timeout("no picture of the page in %s", c.client.Deadline)
	case <-c.client.Closed():
		return cdp.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// until adds pictures to frames until a time.
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
		case <-c.client.Closed():
			return cdp.ErrClosed
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// acknowledge has Chrome send more.
func (c *screencast) acknowledge(ctx context.Context, p picture) error {
	ack := proto.PageScreencastFrameAck{SessionID: p.ack}
	if _, err := c.client.CallRaw(ctx, string(c.page.SessionID), ack.ProtoReq(), ack); err != nil {
		return fmt.Errorf("go on with the screencast: %w", err)
	}
	return nil
}
