package renders

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Aside is a job that the database refuses to have begun, or whose render it refuses to change. It
// is tried again.
type Aside struct {
	Job    uuid.UUID `json:"job_id"`
	Render uuid.UUID `json:"render_id"`
	Tries  int       `json:"tries"`
	// Reason is what the database said last.
	Reason    string    `json:"reason"`
	Since     time.Time `json:"since"`
	NotBefore time.Time `json:"not_before"`
}

// SetAside lists the jobs that are set aside, the oldest first: those of one render, or all when it
// is uuid.Nil.
func SetAside(ctx context.Context, db *pgxpool.Pool, render uuid.UUID) ([]Aside, error) {
	rows, _ := db.Query(ctx, `select job_id, render_id, tries, reason, first_at, not_before from loom.set_aside
		where $1::uuid in (render_id, '00000000-0000-0000-0000-000000000000'::uuid) order by first_at, job_id`, render)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Aside])
	return list, explain("list jobs that are set aside", err)
}
