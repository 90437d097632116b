package loom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/tmaxmax/go-sse"

	"github.com/loom-lite/loom-lite/clients/go/api"
)

// Types of events.
const (
	EventStatus   = "status"
	EventProgress = "progress"
	EventEnd      = "end"
)

// Event is what happened to a render: it has got a status, it is further, or it has ended.
type Event struct {
	// Type is EventStatus, EventProgress or EventEnd.
	Type string
	// ID is that of the last status. Events goes on behind it.
	ID string
	// RenderID, At and those below are the render's at that time.
	RenderID     string
	At           time.Time
	Status       string
	Progress     int
	ErrorCode    *string
	ErrorMessage *string
	// Render is the whole render as it ended; nil before, and for one that was deleted, whose
	// Status is "deleted".
	Render *api.Render
}

const (
	// lasting is how long a stream lasts that was no failure.
	lasting = 10 * time.Second
	// silence is how long a stream may be silent: a comment comes every 15 seconds.
	silence = 45 * time.Second
	// maxEvent bounds an event in bytes: the end has a render's report.
	maxEvent = 8 << 20
)

// errBroken says that a stream has ended before the render.
var errBroken = errors.New("the stream of events has broken off")

// Events iterates over what happens to a render, until it has ended, over as many connections as it
// takes. It begins behind the event whose ID is after; empty: at the render's first status. An
// error ends the iteration.
func (c *Client) Events(ctx context.Context, id, after string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		pauses := backoff.NewExponentialBackOff()
		pauses.InitialInterval, pauses.MaxInterval = 500*time.Millisecond, 8*time.Second
		for broken := 0; ; broken++ {
			begun := time.Now()
			over, err := c.events(ctx, id, &after, yield)
			if over {
				return
			}
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			if time.Since(begun) > lasting {
				broken = 0
				pauses.Reset()
			}
			if !errors.Is(err, errBroken) || broken >= c.sender.retries {
				yield(Event{}, err)
				return
			}
			timer := time.NewTimer(pauses.NextBackOff())
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				yield(Event{}, context.Cause(ctx))
				return
			}
		}
	}
}

// events yields the events of one connection behind after, which it moves on. It returns whether
// nothing more is to come, and else why the connection has ended.
func (c *Client) events(ctx context.Context, id string, after *string, yield func(Event, error) bool) (over bool, err error) {
	params := &api.WatchRenderParams{}
	if *after != "" {
		params.LastEventID = after
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := c.ClientInterface.WatchRender(ctx, id, params)
	if err != nil {
		return false, err
	}
	defer r.Body.Close()
	if r.StatusCode == http.StatusNoContent {
		return true, nil
	}
	body := &heard{Reader: r.Body, timer: time.AfterFunc(silence, cancel)}
	defer body.timer.Stop()
	for e, err := range sse.Read(body, &sse.ReadConfig{MaxEventSize: maxEvent}) {
		if err != nil {
			return false, fmt.Errorf("%w: %w", errBroken, err)
		}
		event, err := eventOf(e)
		if err != nil {
			return false, err
		}
		if e.LastEventID != "" {
			*after = e.LastEventID
		}
		event.ID = *after
		if !yield(event, nil) || event.Type == EventEnd {
			return true, nil
		}
	}
	return false, errBroken
}

// heard is a reader whose timer begins again with whatever is read.
type heard struct {
	io.Reader
	timer *time.Timer
}

func (h *heard) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	h.timer.Reset(silence)
	return n, err
}

// eventOf reads an event.
func eventOf(e sse.Event) (Event, error) {
	event := Event{Type: e.Type}
	var data struct {
		// ID is the render's in the last event.
		ID           string    `json:"id"`
		RenderID     string    `json:"render_id"`
		At           time.Time `json:"at"`
		UpdatedAt    time.Time `json:"updated_at"`
		Status       string    `json:"status"`
		Progress     int       `json:"progress"`
		ErrorCode    *string   `json:"error_code"`
		ErrorMessage *string   `json:"error_message"`
	}
	if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
		return event, fmt.Errorf("read an event: %w", err)
	}
	event.RenderID, event.At, event.Status, event.Progress = data.RenderID, data.At, data.Status, data.Progress
	event.ErrorCode, event.ErrorMessage = data.ErrorCode, data.ErrorMessage
	if e.Type != EventEnd {
		return event, nil
	}
	event.RenderID, event.At = data.ID, data.UpdatedAt
	if data.Status == deleted {
		return event, nil
	}
	event.Render = &api.Render{}
	if err := json.Unmarshal([]byte(e.Data), event.Render); err != nil {
		return event, fmt.Errorf("read an event: %w", err)
	}
	return event, nil
}

// deleted is the status of a render that is gone.
const deleted = "deleted"

// ErrDeleted says that a render was deleted while it was waited for.
var ErrDeleted = errors.New("the render was deleted")

// Wait returns a render when it has ended: it is done, failed or cancelled. It returns ErrDeleted
// when the render is gone.
func (c *Client) Wait(ctx context.Context, id string) (*api.Render, error) {
	for event, err := range c.Events(ctx, id, "") {
		switch {
		case err != nil:
			return nil, err
		case event.Status == deleted:
			return nil, ErrDeleted
		case event.Render != nil:
			return event.Render, nil
		}
	}
	return nil, errBroken
}
