package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

const (
	// heartbeat is how often a stream on which nothing happens gets a comment.
	heartbeat = 15 * time.Second
	// streamFor bounds a stream: a token that was revoked watches no longer. Its reader goes on in
	// another one.
	streamFor = 30 * time.Minute
	// writeWithin bounds the wait for a reader that does not read.
	writeWithin = 10 * time.Second
	// eventsAtOnce bounds how many events are read at once.
	eventsAtOnce = 100
)

// events registers the stream of what happens to a render.
func (a *API) events() {
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "watch-render", Method: http.MethodGet, Path: "/v1/renders/{id}/events", Tags: []string{"renders"}, Summary: "Watch a render",
		Description: "Server-sent events. `status` is a status that the render got, with an `id`: a reader that was away sends the last one in " +
			"`Last-Event-ID` and gets all that followed. `progress` is between them. `end` has the render as it ended, and closes the stream; " +
			"whoever has it and asks again gets 204. A stream lasts for 30 minutes at most, and a comment comes every 15 seconds.",
		Errors: []int{http.StatusBadRequest, http.StatusNotFound},
		Responses: map[string]*huma.Response{
			"200": {
				Description: "The events.",
				Content: map[string]*huma.MediaType{"text/event-stream": {
					Schema: &huma.Schema{Type: huma.TypeString, Description: "Events status and progress have render_id, at, status, progress, error_code and error_message as JSON; end has a Render."},
				}},
			},
			"204": {Description: "The render has ended, and the reader has seen it."},
		},
	}, a.watchRender)
}

type watchRenderInput struct {
	ID   uuid.UUID `path:"id" doc:"The render's id."`
	Last string    `header:"Last-Event-ID" doc:"The id of the last event that the reader has."`
}

func (a *API) watchRender(ctx context.Context, in *watchRenderInput) (*huma.StreamResponse, error) {
	last := int64(-1)
	if in.Last != "" {
		var err error
		if last, err = strconv.ParseInt(in.Last, 10, 64); err != nil || last < 0 {
			p := NewProblem(http.StatusBadRequest, CodeMalformed, "The id is none of an event's.")
			p.Errors = []Fault{{Parameter: "Last-Event-ID", Detail: "send the id of the last event, or leave it out"}}
			return nil, p
		}
	}
	// Whether it may be seen, and whether there is anything to wait for.
	if _, err := renders.Get(ctx, a.cfg.DB, in.ID); err != nil {
		return nil, err
	}
	states, err := renders.States(ctx, a.cfg.DB, []uuid.UUID{in.ID})
	if err != nil {
		return nil, err
	}
	if len(states) == 1 && states[0].Over && last >= states[0].Last {
		return &huma.StreamResponse{Body: func(ctx huma.Context) { ctx.SetStatus(http.StatusNoContent) }}, nil
	}
	p, _ := access.From(ctx)
	w := a.watchers.watch(in.ID, string(p.Kind)+" "+p.ID)
	if w == nil {
		return nil, NewProblem(http.StatusTooManyRequests, CodeTooMany, "There are %d streams of this token already.", maxStreams).with("Retry-After", "5")
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer a.watchers.leave(w)
		request, writer := humago.Unwrap(hc)
		s := &stream{api: a, watcher: w, w: writer, out: http.NewResponseController(writer), last: max(last, 0), progress: -1}
		if err := s.run(request.Context()); err != nil && request.Context().Err() == nil && !errors.Is(err, errGone) {
			a.cfg.Log.Warn().Err(err).Str("operation", "watch-render").Msg("stream ended")
		}
	}}, nil
}

// stream is a stream of one render's events.
type stream struct {
	api     *API
	watcher *watcher
	w       http.ResponseWriter
	out     *http.ResponseController
	// last is the id of the last event that the reader has, and progress what it has been told.
	last     int64
	progress int
}

// errGone is wrapped in what goes wrong with the reader's connection.
var errGone = errors.New("the reader is gone")

// run sends events until the render has ended, or the reader must come again.
func (s *stream) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, streamFor)
	defer cancel()
	header := s.w.Header()
	header.Set("Content-Type", "text/event-stream; charset=utf-8")
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no") // nginx
	s.w.WriteHeader(http.StatusOK)
	if err := s.write("retry: 2000\n\n"); err != nil {
		return err
	}
	beat := time.NewTicker(s.api.heartbeat)
	defer beat.Stop()
	for {
		var err error
		over := false
		select {
		case <-ctx.Done():
			return nil
		case <-s.api.closing:
			return nil
		case <-beat.C:
			err = s.write(": \n\n")
		case state := <-s.watcher.states:
			over, err = s.tell(ctx, state)
		}
		if over || err != nil {
			return err
		}
	}
}

// tell sends what a state has that the reader has not been told, and reports whether it was the
// last.
func (s *stream) tell(ctx context.Context, state renders.State) (over bool, err error) {
	if state.ID == uuid.Nil {
		return true, s.event("end", "", map[string]any{"id": s.watcher.render, "status": "deleted"})
	}
	news := false
	for state.Last > s.last {
		list, err := renders.Events(ctx, s.api.cfg.DB, s.watcher.render, s.last, eventsAtOnce)
		if err != nil {
			return false, err
		}
		if len(list) == 0 {
			break
		}
		for _, e := range list {
			if err := s.event("status", strconv.FormatInt(e.ID, 10), e); err != nil {
				return false, err
			}
			s.last, s.progress, news = e.ID, e.Progress, true
		}
	}
	if state.Over {
		r, err := renders.Get(ctx, s.api.cfg.DB, s.watcher.render)
		if err != nil {
			return false, err
		}
		return true, s.event("end", strconv.FormatInt(s.last, 10), Render{Render: r})
	}
	if !news && state.Progress != s.progress {
		s.progress = state.Progress
		return false, s.event("progress", "", renders.Event{Render: state.ID, At: time.Now().UTC(), Status: state.Status, Progress: state.Progress})
	}
	return false, nil
}

// event sends an event. One without an id leaves that of the one before.
func (s *stream) event(name, id string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if id != "" {
		id = "id: " + id + "\n"
	}
	return s.write("event: " + name + "\n" + id + "data: " + string(text) + "\n\n")
}

func (s *stream) write(text string) error {
	_ = s.out.SetWriteDeadline(time.Now().Add(writeWithin))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	if err := s.out.Flush(); err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return nil
}
