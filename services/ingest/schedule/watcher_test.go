package schedule

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
)

// watched is a watcher that the test has look. It has polled once, and does not do so again.
type watched struct {
	*testing.T
	*watcher
	events jetstream.Consumer
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	db, err := pgxpool.New(t.Context(), migrated.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{DB: db, NATS: stagetest.StartNATS(t).Connect(t), Lease: time.Second, Replicas: 1, Metrics: metrics,
		Log: zerolog.New(zerolog.NewTestWriter(t))})
	if err == nil {
		err = s.streams.create(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{T: t, watcher: newWatcher(s)}
	w.pollEvery = 24 * time.Hour
	if w.events, err = w.js.CreateConsumer(t.Context(), msg.StreamEvents, jetstream.ConsumerConfig{}); err != nil {
		t.Fatal(err)
	}
	w.look()
	return w
}

func (w *watched) look() {
	w.Helper()
	if err := w.tick(w.Context(), nil); err != nil {
		w.Fatal(err)
	}
}

// open makes renders that are being made.
func (w *watched) open(n int) (ids []uuid.UUID) {
	w.Helper()
	rows, err := w.DB.Query(w.Context(), `
		with c as (insert into campaigns (name) values ('open') returning id),
		     r as (insert into renders (campaign_id, status) select id, 'recording' from c, generate_series(1, $1) returning id)
		insert into loom.plans (id, render_id, campaign, max_retries) select gen_random_uuid(), id, '{"scenes": []}', 3 from r returning render_id`, n)
	if err == nil {
		ids, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	}
	if err != nil {
		w.Fatal(err)
	}
	return ids
}

func (w *watched) exec(sql string, args ...any) {
	w.Helper()
	if _, err := w.DB.Exec(w.Context(), sql, args...); err != nil {
		w.Fatal(err)
	}
}

// published returns the next event.
func (w *watched) published() string {
	w.Helper()
	m, err := w.events.Next(jetstream.FetchMaxWait(stagetest.Patience))
	if err != nil {
		w.Fatalf("no event: %v", err)
	}
	event, err := msg.Decode[msg.Event](m.Data())
	if err != nil {
		w.Fatal(err)
	}
	return fmt.Sprintf("%s %s %d", event.What, event.Status, event.Progress)
}

func TestAChangeIsSeenWithoutALookAtAllRenders(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	render := w.open(3)[1]
	for _, step := range []struct{ change, event string }{
		{"update renders set progress = 7 where id = $1", "planned recording 7"},
		{"update renders set progress = 8 where id = $1", "progress recording 8"},
		{"update renders set status = 'cancelled' where id = $1", "ended cancelled 8"},
	} {
		w.exec(step.change, render)
		w.look()
		got := w.published()
		if got == "progress recording 7" { // it follows the plan's
			got = w.published()
		}
		if got != step.event {
			t.Errorf("after %s: %s is published, want %s", step.change, got, step.event)
		}
	}
	other := w.open(1)[0]
	w.exec("update renders set cancel_requested = true where id = $1", other)
	w.look()
	var left int
	if err := w.DB.QueryRow(t.Context(), "select count(*) from loom.plans where render_id in ($1, $2) and ended_at is null", render, other).Scan(&left); err != nil {
		t.Fatal(err)
	}
	if left != 0 {
		t.Errorf("%d plans are open, want none", left)
	}
}

func TestWorkersOfADeletedRenderAreToldToStopWithoutALookAtAllRenders(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	render := w.open(2)[0]
	cancels, err := w.NATS.SubscribeSync(msg.AllCancels)
	if err != nil {
		t.Fatal(err)
	}
	w.exec("update renders set progress = 1 where id = $1", render)
	w.look()
	w.exec("delete from renders where id = $1", render)
	w.look()
	if m, err := cancels.NextMsg(stagetest.Patience); err != nil || m.Subject != msg.CancelSubject(render) {
		t.Errorf("nobody is told: %v, %v", m, err)
	}
}

// They may be thousands.
func TestWorkersAreNotToldOfARenderThatIsDone(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	ids := w.open(2)
	cancels, err := w.NATS.SubscribeSync(msg.AllCancels)
	if err != nil {
		t.Fatal(err)
	}
	for i, status := range []string{"done", "failed"} {
		w.exec("update renders set status = '"+status+"' where id = $1", ids[i])
		w.look()
	}
	if m, err := cancels.NextMsg(stagetest.Patience); err != nil || m.Subject != msg.CancelSubject(ids[1]) {
		t.Errorf("the first message is %v, %v; want that of the render that failed", m, err)
	}
}

// A transaction that began first may be committed last.
func TestAChangeThatIsCommittedLateIsSeen(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	ids := w.open(2)
	tx, err := w.DB.Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), "update renders set progress = 5 where id = $1", ids[0])
	}
	if err != nil {
		t.Fatal(err)
	}
	w.exec("update renders set progress = 6 where id = $1", ids[1])
	for range 3 {
		w.look()
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.look()
	var got []string
	for range 4 {
		got = append(got, w.published())
	}
	if !slices.Contains(got, "progress recording 5") {
		t.Errorf("published are %v", got)
	}
}

func TestAPlanThatSomebodyHeldIsClosedAtTheNextLook(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	render := w.open(2)[0]
	w.exec("update renders set status = 'cancelled' where id = $1", render)
	tx, err := w.DB.Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), "select from renders where id = $1 for update", render)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.look()
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.exec("delete from loom.changes")
	w.look()
	var open bool
	if err := w.DB.QueryRow(t.Context(), "select exists (select from loom.plans where render_id = $1 and ended_at is null)", render).Scan(&open); err != nil {
		t.Fatal(err)
	}
	if open {
		t.Error("it is open")
	}
}

// What is asked every second reads what has changed, however many renders are being made.
func TestWatchingCostsWhatHasChanged(t *testing.T) {
	t.Parallel()
	blocks := func(renders int) (most int) {
		w := newWatched(t)
		ids := w.open(renders)
		w.exec("vacuum analyze")
		w.look()
		e := explain(t, w.DB.Config().ConnString())
		w.DB = e.Pool
		w.exec("update renders set progress = 3 where id = $1", ids[0])
		e.Note("a look", func() { w.look() })
		if most = e.Blocks("a look"); most == 0 {
			t.Error("nothing was noted")
		}
		return most
	}
	if few, many := blocks(50), blocks(5000); many > few+50 {
		t.Errorf("a statement reads %d blocks with 5000 renders, and %d with 50", many, few)
	}
}

// What ended since the last look ended before it, by a clock that has moved back meanwhile.
func TestAnEndIsPublishedOnceWhenTheDatabasesClockMovesBack(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	renders := w.open(2)
	ends := func(id uuid.UUID) {
		t.Helper()
		w.exec("update renders set status = 'failed' where id = $1", id)
		w.exec("update loom.plans set ended_at = clock_timestamp(), outcome = 'failed' where render_id = $1", id)
	}
	next := func() (event string) {
		t.Helper()
		for {
			if event = w.published(); event != "planned recording 0" && event != "planned failed 0" && event != "progress recording 0" {
				return event
			}
		}
	}
	w.look()
	ends(renders[0])
	w.look()
	if got := next(); got != "ended failed 0" {
		t.Fatalf("%s is published", got)
	}
	// As if the clock had been ahead until now.
	w.at, w.since = w.at.Add(10*time.Minute), w.since.Add(10*time.Minute)
	ends(renders[1])
	w.look()
	if got := next(); got != "ended failed 0" {
		t.Errorf("%s is published", got)
	}
	// What the clock has made appear again is not published again, by its ids or otherwise.
	if len(w.told) != 2 {
		t.Errorf("%d ends are known as published", len(w.told))
	}
	before := w.told[planOf(w, renders[0])]
	clear(w.watcher.published)
	w.polled = time.Time{}
	w.look()
	if after := w.told[planOf(w, renders[0])]; !after.Equal(before) {
		t.Error("the end of a plan that the watcher had forgotten is published again")
	}
}

// planOf returns the plan of a render.
func planOf(w *watched, render uuid.UUID) (plan uuid.UUID) {
	w.Helper()
	var text string
	if err := w.DB.QueryRow(w.Context(), "select id::text from loom.plans where render_id = $1::uuid", render).Scan(&text); err != nil {
		w.Fatal(err)
	}
	return uuid.MustParse(text)
}
