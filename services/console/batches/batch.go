package batches

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// Batch is a list that was sent, and how far it is.
type Batch struct {
	ID       uuid.UUID  `json:"id"`
	Name     string     `json:"name"`
	Campaign uuid.UUID  `json:"campaign_id"`
	User     *uuid.UUID `json:"user_id" nullable:"true" doc:"Whose campaign it is; null: nobody's."`
	Columns  []string   `json:"columns" nullable:"false" doc:"The names of the list's columns."`
	Priority int        `json:"priority" doc:"Of its jobs. Renders of a higher one go first."`
	By       string     `json:"by" doc:"Who made it."`
	Created  time.Time  `json:"created_at"`
	// Completed is null while a render has not ended.
	Completed *time.Time `json:"completed_at" doc:"When the last of its renders ended; null: some have not. A render that is retried opens its batch again."`
	Counts
}

// Counts are rows by how they ended.
type Counts struct {
	Rows      int `json:"rows"`
	Open      int `json:"open" doc:"Renders that have not ended."`
	Done      int `json:"done"`
	Failed    int `json:"failed"`
	Cancelled int `json:"cancelled"`
	Deleted   int `json:"deleted" doc:"Renders that were deleted."`
	Invalid   int `json:"invalid" doc:"Rows with faults, which have no render."`
	Earlier   int `json:"earlier" doc:"Rows whose render an earlier batch has made."`
	// Codes are those of invalid rows and failed renders.
	Codes map[string]int `json:"error_codes" nullable:"false" doc:"How many rows are invalid or have failed, by error code."`
}

// Ended returns how many rows have ended.
func (c Counts) Ended() int { return c.Rows - c.Open }

const selectBatch = `select b.id, b.name, b.campaign_id, b.user_id, b.columns, b.priority, b.created_by, b.created_at, b.completed_at,
	case when b.completed_at is null then loom.batch_counts(b.id) else b.counts end
	from loom.batches b where ($1::text is null or b.user_id::text = $1::text) `

func scan(row pgx.CollectableRow) (b Batch, err error) {
	var counts []byte
	err = row.Scan(&b.ID, &b.Name, &b.Campaign, &b.User, &b.Columns, &b.Priority, &b.By, &b.Created, &b.Completed, &counts)
	if err == nil {
		err = json.Unmarshal(counts, &b.Counts)
	}
	return b, err
}

// Get returns a batch.
func Get(ctx context.Context, db *pgxpool.Pool, id uuid.UUID) (Batch, error) {
	rows, _ := db.Query(ctx, selectBatch+"and b.id = $2::uuid", access.Owner(ctx), id)
	b, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return b, ErrNotFound
	}
	if err != nil {
		return b, fmt.Errorf("read batch: %w", err)
	}
	return b, nil
}

// place is what a cursor of batches holds.
type place struct {
	At time.Time `json:"t"`
	ID uuid.UUID `json:"i"`
}

// List returns batches, the newest first, at most limit, and the cursor of the next page. It begins
// behind after.
func List(ctx context.Context, db *pgxpool.Pool, after renders.Cursor, limit int) (list []Batch, next renders.Cursor, err error) {
	condition, args := "", []any{access.Owner(ctx), limit + 1}
	if after != "" {
		var p place
		if err := after.Place(&p); err != nil || p.At.IsZero() {
			return nil, "", renders.ErrCursor
		}
		condition, args = "and (b.created_at, b.id) < ($3::timestamptz, $4::uuid) ", append(args, p.At, p.ID)
	}
	rows, _ := db.Query(ctx, selectBatch+condition+"order by b.created_at desc, b.id desc limit $2::int", args...)
	list, err = pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, "", fmt.Errorf("list batches: %w", err)
	}
	if len(list) > limit {
		list = slices.Clip(list[:limit])
		last := list[limit-1]
		next = renders.NewCursor(place{last.Created, last.ID})
	}
	return list, next, nil
}
