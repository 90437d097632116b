package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// look-back windows of the watcher: over what it may have missed between two looks, and before its
// first.
const (
	lookBack      = 10 * time.Second
	lookBackFirst = time.Minute
)

// watcher sees what happens to renders, whoever made it happen: a result, the uploader, the app.
// Every replica watches; the streams keep their events from being told twice.
type watcher struct {
	c *Conductor
	// seen is each plan as it was last told of; ended ones until the database no longer shows them.
	seen map[uuid.UUID]sight
	// since is from when on ended plans are looked at, in the database's time.
	since time.Time
}

// sight is a plan and its render.
type sight struct {
	plan, render uuid.UUID
	fresh        bool // planned since the last look
	ended        bool
	status       string
	progress     int
	code         msg.Code
	message      string
}

func newWatcher(c *Conductor) *watcher { return &watcher{c: c, seen: map[uuid.UUID]sight{}} }

// closeEnded closes the plans of renders that the app has ended itself, with status = 'cancelled'
// say, and cancels those that it asks to be cancelled.
func (w *watcher) closeEnded(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	closed, err := w.renders(ctx, "select loom.close_ended_plans()")
	if err != nil {
		return fmt.Errorf("close ended plans: %w", err)
	}
	for _, render := range closed {
		w.c.Log.Info().Stringer("render_id", render).Msg("render was ended by the app")
	}
	cancelled, err := w.renders(ctx, "select loom.cancel_requested()")
	if err != nil {
		return fmt.Errorf("cancel as requested: %w", err)
	}
	for _, render := range cancelled {
		w.c.Log.Info().Stringer("render_id", render).Msg("render was cancelled, as the app asked")
	}
	return nil
}

// renders returns the renders that a function did something to.
func (w *watcher) renders(ctx context.Context, call string) ([]uuid.UUID, error) {
	rows, err := w.c.DB.Query(ctx, call)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
}

// look tells of what has changed since the last look. What could not be told is told by a later
// one.
func (w *watcher) look(ctx context.Context) error {
	now, list, err := w.read(ctx)
	if err != nil {
		return err
	}
	open := map[uuid.UUID]bool{}
	current := map[uuid.UUID]bool{}
	for _, s := range list {
		current[s.plan] = true
		if !s.ended {
			open[s.render] = true
		}
	}
	for id := range w.seen {
		if !current[id] {
			delete(w.seen, id)
		}
	}
	for _, s := range list {
		before, known := w.seen[s.plan]
		told := s
		told.fresh = false // it stays fresh for several looks, which is no news
		if known && before == told {
			continue
		}
		if err := w.tell(ctx, s, s.fresh && !known, open[s.render]); err != nil {
			return err
		}
		w.seen[s.plan] = told
	}
	w.since = now.Add(-lookBack)
	return nil
}

func (w *watcher) read(ctx context.Context) (now time.Time, list []sight, err error) {
	if err := w.c.DB.QueryRow(ctx, "select clock_timestamp()").Scan(&now); err != nil {
		return now, nil, fmt.Errorf("look at renders: %w", err)
	}
	since := w.since
	if since.IsZero() {
		since = now.Add(-lookBackFirst)
	}
	rows, err := w.c.DB.Query(ctx, `
		select p.id, p.render_id, p.created_at > $1::timestamptz, p.ended_at is not null, coalesce(r.status::text, ''),
		       coalesce(r.progress, 0)::int, coalesce(r.error_code::text, ''), coalesce(r.error_message::text, '')
		  from loom.plans p join public.renders r on r.id = p.render_id
		 where p.ended_at is null or p.ended_at > $1::timestamptz
		 order by p.created_at`, since)
	if err != nil {
		return now, nil, fmt.Errorf("look at renders: %w", err)
	}
	list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (s sight, err error) {
		err = row.Scan(&s.plan, &s.render, &s.fresh, &s.ended, &s.status, &s.progress, &s.code, &s.message)
		return s, err
	})
	if err != nil {
		return now, nil, fmt.Errorf("look at renders: %w", err)
	}
	return now, list, nil
}

// tell publishes what is new about a plan, and tells the workers of one that has ended to stop.
// planned says that the plan itself is news; reopened, that the render has another, open plan,
// whose workers are not to be stopped.
func (w *watcher) tell(ctx context.Context, s sight, planned, reopened bool) error {
	if planned {
		if err := w.event(ctx, s, msg.EventPlanned, "planned"); err != nil {
			return err
		}
	}
	if !s.ended {
		return w.event(ctx, s, msg.EventProgress, fmt.Sprintf("%s/%d", s.status, s.progress))
	}
	log := w.c.Log.With().Stringer("render_id", s.render).Logger()
	if !reopened {
		if err := w.stop(s.render); err != nil {
			return err
		}
	}
	if err := w.event(ctx, s, msg.EventEnded, "ended"); err != nil {
		return err
	}
	log.Info().Str("status", s.status).Str("code", string(s.code)).Msg("render ended")
	if w.c.Ended != nil {
		w.c.Ended()
	}
	return nil
}

// stop tells workers to stop. A render's tokens stay in their streams: whoever is handed one is
// told to drop it. A purge of their subjects would have the server forget to redeliver other
// renders' (findings/purge-stops-redelivery.sh).
func (w *watcher) stop(render uuid.UUID) error {
	data, err := msg.Encode(msg.Cancel{Version: msg.Version, RenderID: render})
	if err != nil {
		return fmt.Errorf("tell workers to stop: %w", err)
	}
	if err := w.c.NATS.Publish(msg.CancelSubject(render), data); err != nil {
		return fmt.Errorf("tell workers to stop: %w", err)
	}
	return nil
}

// event publishes an event. id tells it from the plan's other events, so that several replicas tell
// it once.
func (w *watcher) event(ctx context.Context, s sight, what msg.EventKind, id string) error {
	event := msg.Event{
		Version: msg.Version, RenderID: s.render, What: what, Status: s.status, Progress: s.progress,
		Code: s.code, Message: s.message, At: time.Now().UTC(),
	}
	return w.c.publishEvent(ctx, event, s.plan.String()+"/"+id)
}

// Refused tells watchers of a render that failed before it had a plan. It is news, not state: while
// NATS is away nobody is told.
func (c *Conductor) Refused(ctx context.Context, render uuid.UUID, code msg.Code, message string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := c.publishEvent(ctx, msg.Event{
		Version: msg.Version, RenderID: render, What: msg.EventEnded, Status: "failed", Code: code, Message: message,
		At: time.Now().UTC(),
	}, uuid.NewString())
	if err != nil {
		c.Log.Warn().Err(err).Stringer("render_id", render).Msg("event not published")
	}
}

func (c *Conductor) publishEvent(ctx context.Context, event msg.Event, id string) error {
	data, err := msg.Encode(event)
	if err != nil {
		return fmt.Errorf("publish event %s: %w", event.What, err)
	}
	_, err = c.js.Publish(ctx, msg.EventSubject(event.RenderID, event.What), data,
		jetstream.WithMsgID(id), jetstream.WithExpectStream(msg.StreamEvents))
	if err != nil && !errors.Is(err, context.Canceled) {
		if gone(err) {
			c.streams.lost()
		}
		return fmt.Errorf("publish event %s: %w", event.What, err)
	}
	return nil
}
