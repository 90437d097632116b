package renders

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Event is a status that a render got.
type Event struct {
	// ID rises with time among the events of one render.
	ID           int64     `json:"-"`
	Render       uuid.UUID `json:"render_id"`
	At           time.Time `json:"at"`
	Status       string    `json:"status"`
	Progress     int       `json:"progress"`
	ErrorCode    *string   `json:"error_code"`
	ErrorMessage *string   `json:"error_message"`
}

// Events returns the events of a render after one of them, in their order, at most limit.
func Events(ctx context.Context, db *pgxpool.Pool, id uuid.UUID, after int64, limit int) ([]Event, error) {
	rows, _ := db.Query(ctx, `select id, render_id, at, status, progress, error_code, error_message from loom.render_events
		where render_id = $1::uuid and id > $2::bigint order by id limit $3::int`, id, after, limit)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Event])
	return list, explain("read events", err)
}

// State is how far a render has come.
type State struct {
	ID       uuid.UUID
	Status   string
	Progress int
	// Last is the id of its last event; 0 when it has none.
	Last int64
	// Over says that it has ended, and that no job will begin it again.
	Over bool
}

// States returns how far renders have come. Those that are not there are left out.
func States(ctx context.Context, db *pgxpool.Pool, ids []uuid.UUID) ([]State, error) {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	rows, _ := db.Query(ctx, `select r.id, r.status::text, r.progress::int,
		coalesce((select max(e.id) from loom.render_events e where e.render_id = r.id), 0),
		loom.is_terminal(r.status::text) and not exists (
		  select from public.render_jobs j where j.render_id = r.id and j.state::text in ('queued', 'running'))
		from public.renders r where r.id = any ($1::text[]::uuid[])`, texts)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[State])
	return list, explain("read how far renders have come", err)
}
