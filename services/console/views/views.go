// Package views keeps the views of the list of renders that people save: a name and a filter. Each
// principal has its own. A person has them in each session of the same browser with the same name,
// whichever link it began with. The name alone would not do: links that are made on one machine
// without another name have that of its account, whoever they are sent to.
package views

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/audit"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// Most bounds how many views a principal has.
const Most = 100

var (
	// ErrNotFound says that the principal has no such view.
	ErrNotFound = errors.New("there is no such view")
	// ErrTooMany says that the principal has Most views.
	ErrTooMany = fmt.Errorf("there are %d views already: delete one", Most)
)

// SavedView is a filter with a name.
type SavedView struct {
	ID        uuid.UUID         `json:"id"`
	Name      string            `json:"name"`
	Filter    renders.Selection `json:"filter"`
	CreatedAt time.Time         `json:"created_at"`
}

// actor is whose a principal's views are.
func actor(p access.Principal) string {
	if p.Kind != access.Session {
		return p.ID
	}
	owner := ""
	if p.User != nil {
		owner = p.User.String()
	}
	return strings.Join([]string{p.Browser, owner, p.Name}, "/")
}

// List returns the principal's views, by name.
func List(ctx context.Context, db *pgxpool.Pool) ([]SavedView, error) {
	p, _ := access.From(ctx)
	rows, _ := db.Query(ctx, `select id, name, filter, created_at from loom.saved_views where kind = $1::text and actor = $2::text order by name`,
		string(p.Kind), actor(p))
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[SavedView])
	if err != nil {
		return nil, fmt.Errorf("list views: %w", err)
	}
	return list, nil
}

// Save saves a view, in place of the principal's one of that name.
func Save(ctx context.Context, db *pgxpool.Pool, name string, filter renders.Selection) (v SavedView, err error) {
	p, found := access.From(ctx)
	if !found {
		return v, fmt.Errorf("save view: %w", audit.ErrNobody)
	}
	text, err := json.Marshal(filter)
	if err != nil {
		return v, fmt.Errorf("save view: %w", err)
	}
	rows, _ := db.Query(ctx, `insert into loom.saved_views as v (id, kind, actor, name, filter)
		select $1::uuid, $2::text, $3::text, $4::text, $5::text::jsonb
		 where (select count(*) from loom.saved_views o where o.kind = $2::text and o.actor = $3::text and o.name <> $4::text) < $6::int
		on conflict (kind, actor, name) do update set filter = excluded.filter
		returning v.id, v.name, v.filter, v.created_at`, uuid.New(), string(p.Kind), actor(p), name, string(text), Most)
	v, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[SavedView])
	if errors.Is(err, pgx.ErrNoRows) {
		return v, ErrTooMany
	}
	if err != nil {
		return v, fmt.Errorf("save view: %w", err)
	}
	return v, nil
}

// Delete deletes one of the principal's views.
func Delete(ctx context.Context, db *pgxpool.Pool, id uuid.UUID) error {
	p, _ := access.From(ctx)
	tag, err := db.Exec(ctx, "delete from loom.saved_views where id = $1::uuid and kind = $2::text and actor = $3::text", id, string(p.Kind), actor(p))
	if err != nil {
		return fmt.Errorf("delete view: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return ErrNotFound
	}
	return nil
}
