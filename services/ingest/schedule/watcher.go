package schedule

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/pkg/fault"
	"github.com/loom-lite/loom-lite/pkg/msg"
)

// How far back a poll reads ended plans: for what the last poll may have missed, and at the first.
const (
	lookBack      = 10 * time.Second
	lookBackFirst = time.Minute
)

// pollEvery is the longest interval between two polls.
const pollEvery = 15 * time.Second

const (
	// steppedBack is how far the database's clock must have moved back to be noticed; lookBack has
	// room for it.
	steppedBack = 2 * time.Second
	// toldFor is how long a plan's end that was published is not published again, whatever the
	// database's clock makes of it.
	toldFor = time.Hour
)

// watcher publishes what happens to renders, whether a result, the uploader or the app has caused
// it. What this replica has changed it looks at at once; at every tick it looks at what anybody has
// changed, which loom.changes has. That table may lack something, after a crash for instance, so
// the watcher also polls once in a while: it looks at all renders that are made, and those that
// ended lately. All replicas watch; JetStream drops the events that another one has published
// already.
type watcher struct {
	*Scheduler
	// pollEvery is the longest interval between two polls, and polled when the last one was.
	pollEvery time.Duration
	polled    time.Time
	// horizon says which changes have been read, as loom.changed_since does. It is empty when not
	// all have been looked at: the next round is a poll.
	horizon string
	// left are the renders that have ended and whose plans are open: somebody held their rows.
	left []uuid.UUID
	// published is each plan as it was last published. Ended plans stay until poll no longer reads
	// them.
	published map[uuid.UUID]planState
	// resting are the workers that rested at the last look.
	resting map[resting]bool
	// since is the database's time from which on ended plans are read.
	since time.Time
	// at is the database's time at the last tick, and here this process's.
	at, here time.Time
	// told are the plans whose end was published, and when that was.
	told map[uuid.UUID]time.Time
}

// planState is a plan and its render, as poll reads them.
type planState struct {
	plan, render uuid.UUID
	fresh        bool // planned since the last poll
	ended        bool
	status       string
	progress     int
	code         msg.Code
	message      string
}

func newWatcher(s *Scheduler) *watcher {
	return &watcher{Scheduler: s, pollEvery: pollEvery, published: map[uuid.UUID]planState{}, told: map[uuid.UUID]time.Time{}}
}

// tick looks at what anybody has changed, or at all. own are renders that this replica has changed.
func (w *watcher) tick(ctx context.Context, own []uuid.UUID) error {
	before := w.horizon
	w.horizon = ""
	poll := before == "" || time.Since(w.polled) >= w.pollEvery
	var since *string
	if !poll {
		since = &before
	}
	horizon, changed, err := w.changed(ctx, since)
	if err != nil {
		return err
	}
	if poll {
		began := time.Now()
		err = errors.Join(w.closeEnded(ctx, true, nil), w.poll(ctx), w.forget(ctx))
		w.polled = began
	} else {
		changed = slices.Concat(changed, own, w.left)
		err = errors.Join(w.closeEnded(ctx, false, changed), w.look(ctx, changed))
	}
	if err == nil {
		w.horizon = horizon
	}
	return errors.Join(err, w.watchWorkers(ctx))
}

// changed returns the renders that have changed since a horizon, and the next one.
func (w *watcher) changed(ctx context.Context, since *string) (horizon string, changed []uuid.UUID, err error) {
	asked := time.Now()
	var list []string
	var now time.Time
	err = w.DB.QueryRow(ctx, "select horizon, renders::text[], clock_timestamp() from loom.changed_since($1::text)", since).Scan(&horizon, &list, &now)
	if err != nil {
		return "", nil, fmt.Errorf("look for changes: %w", err)
	}
	w.keepTime(now, asked)
	for _, text := range list {
		id, err := uuid.Parse(text)
		if err != nil {
			return "", nil, fmt.Errorf("look for changes: %w", err)
		}
		changed = append(changed, id)
	}
	return horizon, changed, nil
}

// keepTime is told what the database's clock said after a moment. If that clock has moved back,
// plans that have ended since the last tick seem to have ended before it: they are read all the
// same.
func (w *watcher) keepTime(now, asked time.Time) {
	passed := asked.Sub(w.here)
	if !w.since.IsZero() && now.Before(w.at.Add(passed-steppedBack)) {
		w.since = now.Add(-passed - lookBack)
	}
	w.at, w.here = now, time.Now()
}

// forget removes changes that all replicas have read.
func (w *watcher) forget(ctx context.Context) error {
	maps.DeleteFunc(w.told, func(_ uuid.UUID, at time.Time) bool { return time.Since(at) > toldFor })
	if _, err := w.DB.Exec(ctx, "select loom.forget_changes()"); err != nil {
		return fmt.Errorf("forget changes: %w", err)
	}
	return nil
}

// closeEnded closes the plans of renders that the app has ended itself (with status = 'cancelled',
// for instance), cancels the renders that the app has asked to cancel, and fails renders whose time
// is over. When one of these fails, the others are done all the same. Plans are closed of all
// renders, or of those that have changed.
func (w *watcher) closeEnded(ctx context.Context, all bool, changed []uuid.UUID) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var closed []uuid.UUID
	var notClosed error
	switch {
	case all:
		closed, notClosed = w.renders(ctx, "close ended plans", "select loom.close_ended_plans()")
	case len(changed) > 0:
		closed, notClosed = w.renders(ctx, "close ended plans", "select loom.close_plans_of($1::text[]::uuid[])", texts(changed))
	}
	for _, render := range closed {
		w.Log.Info().Stringer("render_id", render).Msg("render was ended by the app")
	}
	cancelled, notCancelled := w.renders(ctx, "cancel as requested", "select loom.cancel_requested()")
	for _, render := range cancelled {
		w.Log.Info().Stringer("render_id", render).Msg("render was cancelled, as the app asked")
	}
	return errors.Join(notClosed, notCancelled, w.failOverdue(ctx))
}

// failOverdue fails renders whose time is over.
func (w *watcher) failOverdue(ctx context.Context) error {
	if w.RenderTimeout <= 0 {
		return nil
	}
	list, err := w.tasks.failOverdue(ctx, w.RenderTimeout, fmt.Sprintf(
		"This render was stopped because it had not ended after %s. Please try again.", inWords(w.RenderTimeout)))
	for _, o := range list {
		w.Log.Warn().Stringer("render_id", o.render).Str("kind", string(o.kind)).Msg("render failed because its time was over")
		w.Metrics.died(o.kind, msg.CodeRenderTimeout)
	}
	return err
}

// inWords writes a duration for a product's user, rounded to its largest unit.
func inWords(d time.Duration) string {
	unit, name := time.Hour, "hours"
	switch {
	case d < 2*time.Minute:
		unit, name = time.Second, "seconds"
	case d < 2*time.Hour:
		unit, name = time.Minute, "minutes"
	}
	return fmt.Sprintf("%d %s", d.Round(unit)/unit, name)
}

// renders calls a SQL function and returns the renders that it changed.
func (w *watcher) renders(ctx context.Context, operation, call string, args ...any) ([]uuid.UUID, error) {
	rows, _ := w.DB.Query(ctx, call, args...)
	list, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", operation, err)
	}
	return list, nil
}

// poll publishes what has changed since the last poll. What it could not publish, a later poll
// does.
func (w *watcher) poll(ctx context.Context) error {
	now, list, err := w.read(ctx)
	if err != nil {
		return err
	}
	open := renders(list)
	current := map[uuid.UUID]bool{}
	for _, s := range list {
		current[s.plan] = true
	}
	for id, s := range w.published {
		if current[id] {
			continue
		}
		if !s.ended && !open[s.render] { // it was deleted
			if err := w.stop(ctx, s.render); err != nil {
				return err
			}
		}
		delete(w.published, id)
	}
	if err := w.publishAll(ctx, list, open); err != nil {
		return err
	}
	w.left = notClosed(list)
	w.since = now.Add(-lookBack)
	return nil
}

// look publishes what has changed of some renders. After an error the next round is a poll.
func (w *watcher) look(ctx context.Context, changed []uuid.UUID) (err error) {
	if w.since.IsZero() || len(changed) == 0 {
		return nil // the first poll looks at all
	}
	defer func() {
		if err != nil {
			w.horizon = ""
		}
	}()
	list, err := w.plans(ctx, lookQuery, w.since, texts(changed))
	if err != nil {
		return err
	}
	there := map[uuid.UUID]bool{}
	for _, s := range list {
		there[s.render] = true
	}
	gone := map[uuid.UUID]bool{}
	for _, id := range changed {
		gone[id] = !there[id]
	}
	for plan, s := range w.published {
		if s.ended || !gone[s.render] {
			continue
		}
		if err := w.stop(ctx, s.render); err != nil { // it was deleted
			return err
		}
		delete(w.published, plan)
	}
	w.left = slices.DeleteFunc(w.left, func(id uuid.UUID) bool { return slices.Contains(changed, id) })
	w.left = append(w.left, notClosed(list)...)
	return w.publishAll(ctx, list, renders(list))
}

// notClosed returns the renders that have ended and have an open plan.
func notClosed(list []planState) (left []uuid.UUID) {
	for _, s := range list {
		if !s.ended && (s.status == "done" || s.status == "failed" || s.status == "cancelled") {
			left = append(left, s.render)
		}
	}
	return left
}

// renders returns those that have an open plan.
func renders(list []planState) map[uuid.UUID]bool {
	open := map[uuid.UUID]bool{}
	for _, s := range list {
		if !s.ended {
			open[s.render] = true
		}
	}
	return open
}

func texts(ids []uuid.UUID) (list []string) {
	for _, id := range ids {
		list = append(list, id.String())
	}
	return list
}

// publishAll publishes those plans that have changed since they were published.
func (w *watcher) publishAll(ctx context.Context, list []planState, open map[uuid.UUID]bool) error {
	for _, s := range list {
		before, known := w.published[s.plan]
		state := s
		state.fresh = false // it stays fresh for several polls, which is no change
		if _, told := w.told[s.plan]; known && before == state || told && s.ended {
			continue
		}
		if err := w.publish(ctx, s, s.fresh && !known, open[s.render]); err != nil {
			return err
		}
		w.published[s.plan] = state
		if s.ended {
			w.told[s.plan] = time.Now()
		}
	}
	return nil
}

func (w *watcher) read(ctx context.Context) (now time.Time, list []planState, err error) {
	if err := w.DB.QueryRow(ctx, "select clock_timestamp()").Scan(&now); err != nil {
		return now, nil, fmt.Errorf("read renders: %w", err)
	}
	since := w.since
	if since.IsZero() {
		since = now.Add(-lookBackFirst)
	}
	list, err = w.plans(ctx, pollQuery, since)
	return now, list, err
}

const planColumns = `p.id, p.render_id, p.created_at > $1::timestamptz as fresh, p.ended_at is not null as ended, coalesce(r.status::text, '') as status,
  coalesce(r.progress, 0)::int as progress, coalesce(r.error_code::text, '') as code, coalesce(r.error_message::text, '') as message, p.created_at`

const (
	// pollQuery reads the plans that are open, and those that ended lately. It reads their renders
	// one by one, however many Postgres expects.
	pollQuery = `
with p as materialized (
  select * from loom.plans p where p.ended_at is null
   union all
  (select * from loom.plans p where p.ended_at > $1::timestamptz order by p.ended_at desc limit 10000))
select id, render_id, fresh, ended, status, progress, code, message from (
  select ` + planColumns + `
    from p cross join lateral (select * from public.renders r where r.id = p.render_id limit 1) r) p
 order by p.created_at`
	// lookQuery reads those of some renders.
	lookQuery = `
select id, render_id, fresh, ended, status, progress, code, message from (
  select ` + planColumns + `
    from loom.plans p join public.renders r on r.id = p.render_id
   where p.render_id = any ($2::text[]::uuid[]) and (p.ended_at is null or p.ended_at > $1::timestamptz)) p
 order by p.created_at`
)

func (w *watcher) plans(ctx context.Context, query string, args ...any) (list []planState, err error) {
	rows, err := w.DB.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read renders: %w", err)
	}
	list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (s planState, err error) {
		err = row.Scan(&s.plan, &s.render, &s.fresh, &s.ended, &s.status, &s.progress, &s.code, &s.message)
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("read renders: %w", err)
	}
	return list, nil
}

// publish publishes what is new about a plan, and tells workers to stop when one has ended that was
// not done. A message to all of them for each render that is done would cost more than all else
// where they are many; one that works on it nevertheless hears it from its next heartbeat.
// planned means that the plan itself is new; reopened, that its render has another plan, which is
// open and whose workers must go on.
func (w *watcher) publish(ctx context.Context, s planState, planned, reopened bool) error {
	if planned {
		if _, err := w.event(ctx, s, msg.EventPlanned, "planned"); err != nil {
			return err
		}
	}
	if !s.ended {
		_, err := w.event(ctx, s, msg.EventProgress, fmt.Sprintf("%s/%d", s.status, s.progress))
		return err
	}
	log := w.Log.With().Stringer("render_id", s.render).Logger()
	if !reopened && s.status != "done" {
		if err := w.stop(ctx, s.render); err != nil {
			return err
		}
	}
	first, err := w.event(ctx, s, msg.EventEnded, "ended")
	if err != nil {
		return err
	}
	if first {
		w.recordSpans(ctx, s)
	}
	fault.Here(fault.EndPublished)
	log.Info().Str("status", s.status).Str("code", string(s.code)).Msg("render ended")
	if w.Ended != nil {
		w.Ended()
	}
	return nil
}

// stop tells the workers of a render to stop, and deletes its messages that nobody has received.
func (w *watcher) stop(ctx context.Context, render uuid.UUID) error {
	data, err := msg.Encode(msg.Cancel{Version: msg.Version, RenderID: render})
	if err != nil {
		return fmt.Errorf("tell workers to stop: %w", err)
	}
	if err := w.NATS.Publish(msg.CancelSubject(render), data); err != nil {
		return fmt.Errorf("tell workers to stop: %w", err)
	}
	w.unqueue(ctx, render)
	return nil
}

// event publishes an event. id is unique among the plan's events, so that JetStream stores an event
// that several replicas publish once: first says whether it was this one's.
func (w *watcher) event(ctx context.Context, s planState, what msg.EventKind, id string) (first bool, err error) {
	event := msg.Event{
		Version: msg.Version, RenderID: s.render, What: what, Status: s.status, Progress: s.progress,
		Code: s.code, Message: s.message, At: time.Now().UTC(),
	}
	return w.publishEvent(ctx, event, s.plan.String()+"/"+id)
}

// Refused publishes that a render failed before it had a plan. An event is news, not state: while
// NATS is away it is dropped.
func (s *Scheduler) Refused(ctx context.Context, render uuid.UUID, code msg.Code, message string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := s.publishEvent(ctx, msg.Event{
		Version: msg.Version, RenderID: render, What: msg.EventEnded, Status: "failed", Code: code, Message: message,
		At: time.Now().UTC(),
	}, uuid.NewString())
	if err != nil {
		s.Log.Warn().Err(err).Stringer("render_id", render).Msg("event not published")
	}
}

func (s *Scheduler) publishEvent(ctx context.Context, event msg.Event, id string) (first bool, err error) {
	data, err := msg.Encode(event)
	if err != nil {
		return false, fmt.Errorf("publish event %s: %w", event.What, err)
	}
	ack, err := s.js.Publish(ctx, msg.EventSubject(event.RenderID, event.What), data,
		jetstream.WithMsgID(id), jetstream.WithExpectStream(msg.StreamEvents))
	if err != nil && !errors.Is(err, context.Canceled) {
		if gone(err) {
			s.streams.lost()
		}
		return false, fmt.Errorf("publish event %s: %w", event.What, err)
	}
	// All replicas publish it. JetStream stores the first.
	first = err == nil && !ack.Duplicate
	if first && event.What == msg.EventEnded && slices.Contains(endings, event.Status) {
		s.Metrics.ended.WithLabelValues(event.Status).Inc()
	}
	return first, nil
}
