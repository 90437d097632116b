package forecast

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

const (
	// openAtMost and queuedAtMost are how many renders are simulated, in progress and behind them.
	// What is farther behind follows at the same rate.
	openAtMost, queuedAtMost = 256, 200
	// receiptsAtMost is how many receipts speeds are learned from, countedAtMost how many queued
	// jobs are counted.
	receiptsAtMost, countedAtMost = 200, 100_000
	// pagesOf is in how many of the last renders pages are looked for.
	pagesOf = 100
	// unheard is how long capacities hold that nobody notes again.
	unheard = time.Minute
)

// state is what forecasts are made of.
type state struct {
	at       time.Time // by the database's clock
	open     []row
	queue    []queued
	waiting  int // queued jobs, counted
	going    int // renders in progress, counted
	receipts []map[msg.Kind]sums
	pages    map[page]sums
	capacity map[string]int
	heard    bool
	paused   map[msg.Kind]bool
	shares   map[string]share
}

// page is a scene's of a render that has not ended.
type page struct {
	render uuid.UUID
	scene  int
}

// share is a row of loom.shares.
type share struct {
	weight float64
	most   *int
}

// read reads it in one transaction.
func read(ctx context.Context, db *pgxpool.Pool) (s state, err error) {
	err = pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return s.read(ctx, tx)
	})
	return s, err
}

func (s *state) read(ctx context.Context, tx pgx.Tx) error {
	for _, part := range []func(context.Context, pgx.Tx) error{s.readCounts, s.readOpen, s.readQueue, s.readPages, s.readReceipts, s.readCapacity, s.readControl} {
		if err := part(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

func (s *state) readCounts(ctx context.Context, tx pgx.Tx) error {
	return tx.QueryRow(ctx, `select now(), (select count(*) from loom.plans where ended_at is null),
		(select count(*) from (select from public.render_jobs where state = 'queued' limit $1::int) q)`, countedAtMost).
		Scan(&s.at, &s.going, &s.waiting)
}

func (s *state) readOpen(ctx context.Context, tx pgx.Tx) (err error) {
	rows, err := tx.Query(ctx, "select render_id, task, owner, priority, kind, scene, frames::float8, host, state, progress, elapsed, later, maker from loom.open_work($1::int)",
		openAtMost)
	if err != nil {
		return err
	}
	s.open, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (o row, err error) {
		err = r.Scan(&o.render, &o.task, &o.owner, &o.priority, &o.kind, &o.scene, &o.frames, &o.host, &o.state, &o.progress, &o.elapsed, &o.later, &o.maker)
		return o, err
	})
	return err
}

func (s *state) readQueue(ctx context.Context, tx pgx.Tx) (err error) {
	rows, err := tx.Query(ctx, `select render_id, place::int, owner, priority, rate, coalesce(seconds, '{}'), coalesce(hosts, '{}'), facecam, aside
		from loom.queued_work($1::int)`, queuedAtMost)
	if err != nil {
		return err
	}
	s.queue, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (q queued, err error) {
		err = r.Scan(&q.render, &q.place, &q.owner, &q.priority, &q.rate, &q.seconds, &q.hosts, &q.facecam, &q.aside)
		return q, err
	})
	return err
}

// readPages reads how long the pages took before that are still to be recorded.
func (s *state) readPages(ctx context.Context, tx pgx.Tx) error {
	s.pages = map[page]sums{}
	rows, err := tx.Query(ctx, "select render_id, scene, tasks::float8, frames::float8, seconds from loom.known_pages($1::int, $2::int, $3::int)",
		openAtMost, queuedAtMost, pagesOf)
	if err != nil {
		return err
	}
	var p page
	var of sums
	_, err = pgx.ForEachRow(rows, []any{&p.render, &p.scene, &of.tasks, &of.frames, &of.seconds}, func() error { s.pages[p] = of; return nil })
	return err
}

// readReceipts reads the newest receipts. One in which nobody made anything says nothing.
func (s *state) readReceipts(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, "select kinds from loom.receipts order by ended_at desc limit $1::int", receiptsAtMost)
	if err != nil {
		return err
	}
	var text []byte
	_, err = pgx.ForEachRow(rows, []any{&text}, func() error {
		var kinds map[msg.Kind]struct {
			Made   float64 `json:"made"`
			Frames float64 `json:"frames"`
			MS     float64 `json:"made_ms"`
		}
		if err := json.Unmarshal(text, &kinds); err != nil {
			return err
		}
		of := map[msg.Kind]sums{}
		for kind, k := range kinds {
			if k.Made > 0 {
				of[kind] = sums{tasks: k.Made, frames: k.Frames, seconds: k.MS / 1000}
			}
		}
		if up, made := of[msg.Upload]; made { // it is about the whole video
			up.frames = kinds[msg.Concat].Frames
			of[msg.Upload] = up
		}
		if len(of) > 0 {
			s.receipts = append(s.receipts, of)
		}
		return nil
	})
	return err
}

func (s *state) readCapacity(ctx context.Context, tx pgx.Tx) error {
	s.capacity = map[string]int{}
	rows, err := tx.Query(ctx, "select name, n, noted_at > now() - $1::interval from loom.capacity", unheard)
	if err != nil {
		return err
	}
	var name string
	var n int
	var fresh bool
	_, err = pgx.ForEachRow(rows, []any{&name, &n, &fresh}, func() error {
		s.capacity[name] = n
		s.heard = s.heard || fresh
		return nil
	})
	return err
}

func (s *state) readControl(ctx context.Context, tx pgx.Tx) error {
	s.paused, s.shares = map[msg.Kind]bool{}, map[string]share{}
	rows, err := tx.Query(ctx, "select kind from loom.paused")
	if err != nil {
		return err
	}
	var kind msg.Kind
	if _, err = pgx.ForEachRow(rows, []any{&kind}, func() error { s.paused[kind] = true; return nil }); err != nil {
		return err
	}
	if rows, err = tx.Query(ctx, "select owner, weight::float8, max_renders from loom.shares"); err != nil {
		return err
	}
	var name string
	var one share
	_, err = pgx.ForEachRow(rows, []any{&name, &one.weight, &one.most}, func() error { s.shares[name] = one; return nil })
	return err
}

// places returns how many queued jobs are in front of those of renders. Renders that have none are
// left out.
func places(ctx context.Context, db *pgxpool.Pool, renders []uuid.UUID) (map[uuid.UUID]int, error) {
	texts := make([]string, len(renders))
	for i, id := range renders {
		texts[i] = id.String()
	}
	rows, err := db.Query(ctx, "select render_id, place::int from loom.queue_places($1::text[]::uuid[])", texts)
	if err != nil {
		return nil, err
	}
	list := map[uuid.UUID]int{}
	var id uuid.UUID
	var place int
	_, err = pgx.ForEachRow(rows, []any{&id, &place}, func() error { list[id] = place; return nil })
	return list, err
}
