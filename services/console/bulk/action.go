package bulk

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

	"github.com/loom-lite/loom-lite/pkg/fault"
	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/audit"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// What is done to each render.
const (
	Retry    = "retry"
	Cancel   = "cancel"
	Priority = "priority"
)

// Most bounds how many renders one action is about.
const Most = 100_000

var (
	// ErrEmpty says that a filter means every render.
	ErrEmpty = errors.New("the filter is empty, and would mean every render: set something of it")
	// ErrTooMany says that a filter means more than Most renders.
	ErrTooMany = fmt.Errorf("the filter means more than %d renders: set more of it", Most)
	// ErrNotFound says that no action has that id, or none that the principal may see.
	ErrNotFound = errors.New("there is no such action")
	// ErrPriority says that priorities are the installation's, not one user's.
	ErrPriority = errors.New("priorities are set by those who may see everybody's renders")
)

// Request says what is to be done, and to which renders.
type Request struct {
	// ID is the action's: one that is there is not made again. uuid.Nil: a new one.
	ID     uuid.UUID
	Action string
	// Priority is the new one, for that action.
	Priority int
	Filter   renders.Filter
}

// Action is something that is done to many renders.
type Action struct {
	ID       uuid.UUID         `json:"id"`
	Action   string            `json:"action" enum:"retry,cancel,priority"`
	Priority *int              `json:"priority" doc:"The new one; null for other actions."`
	Filter   renders.Selection `json:"filter"`
	State    string            `json:"state" enum:"running,done,aborted"`
	// Aborting: somebody has asked for its end.
	Aborting bool `json:"aborting" doc:"Somebody has asked to abort it, and it has not stopped yet."`
	Total    int  `json:"total" doc:"Renders that it is about: those that matched when it was made, and to which it does something."`
	Changed  int  `json:"changed"`
	// Unchanged had become something else meanwhile.
	Unchanged int        `json:"unchanged" doc:"Renders that needed no change any more when it was their turn."`
	Failed    int        `json:"failed" doc:"Renders that could not be changed: another transaction held their rows, or the app's triggers refused."`
	LastError *string    `json:"last_error" doc:"Why the last of those could not be; null: none."`
	By        string     `json:"by" doc:"Who asked for it."`
	CreatedAt time.Time  `json:"created_at"`
	EndedAt   *time.Time `json:"ended_at"`
}

// Ended reports whether nothing more is done.
func (a Action) Ended() bool { return a.State != "running" }

// Counts are how many renders a request is about.
type Counts struct {
	// Matched are those that the filter means.
	Matched int `json:"matched" doc:"Renders that the filter means."`
	// Eligible are those of them that would be changed.
	Eligible int `json:"eligible" doc:"Those of them to which the action does something: only failed and cancelled ones can be retried, and only ones that have not ended cancelled."`
}

// eligible is the condition that an action does something to a render.
var eligible = map[string]string{
	Retry:    "r.status::text in ('failed', 'cancelled') and not exists (select from public.render_jobs j where j.render_id = r.id and j.state::text in ('queued', 'running'))",
	Cancel:   "not loom.is_terminal(r.status::text)",
	Priority: "not loom.is_terminal(r.status::text)",
}

const from = " from public.renders r left join public.campaigns c on c.id = r.campaign_id where "

// check refuses requests that the principal of ctx may not make, or nobody.
func (r Request) check(ctx context.Context) error {
	if eligible[r.Action] == "" {
		return fmt.Errorf("%q is no action: it is one of %s, %s and %s", r.Action, Retry, Cancel, Priority)
	}
	if r.Filter.Empty() {
		return ErrEmpty
	}
	if r.Action == Priority {
		if access.Owner(ctx) != nil {
			return ErrPriority
		}
		if r.Priority < renders.LeastPriority || r.Priority > renders.MostPriority {
			return fmt.Errorf("the priority %d is not from %d to %d", r.Priority, renders.LeastPriority, renders.MostPriority)
		}
	}
	return nil
}

// Count returns how many renders a request is about, and changes nothing.
func Count(ctx context.Context, db *pgxpool.Pool, r Request) (c Counts, err error) {
	if err := r.check(ctx); err != nil {
		return c, err
	}
	condition, args := r.Filter.Where(ctx, nil)
	err = db.QueryRow(ctx, "select count(*), count(*) filter (where "+eligible[r.Action]+")"+from+condition, args...).Scan(&c.Matched, &c.Eligible)
	if err != nil {
		return c, fmt.Errorf("count renders: %w", err)
	}
	return c, nil
}

// Create makes an action, for all renders to which it does something now. A Runner carries it out.
func Create(ctx context.Context, db *pgxpool.Pool, r Request) (Action, error) {
	id := r.ID
	if id == uuid.Nil {
		id = uuid.New()
	}
	p, found := access.From(ctx)
	if !found {
		return Action{}, fmt.Errorf("create action: %w", audit.ErrNobody)
	}
	if err := r.check(ctx); err != nil {
		return Action{}, err
	}
	filter, err := json.Marshal(renders.Select(r.Filter))
	if err != nil {
		return Action{}, fmt.Errorf("create action: %w", err)
	}
	var priority *int
	if r.Action == Priority {
		priority = &r.Priority
	}
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		made, err := tx.Exec(ctx, `insert into loom.bulk_actions (id, action, priority, filter, kind, actor, name, address, scope, user_id, total)
			values ($1::uuid, $2::text, $3::int, $4::text::jsonb, $5::text, $6::text, $7::text, nullif($8::text, ''), $9::text, $10::uuid, 0)
			on conflict (id) do nothing`,
			id, r.Action, priority, string(filter), string(p.Kind), p.ID, p.Name, p.Address, string(p.Scope), p.User)
		if err != nil || made.RowsAffected() == 0 {
			return err
		}
		condition, args := r.Filter.Where(ctx, []any{id, Most + 1})
		// The oldest first, as they would have been started.
		tag, err := tx.Exec(ctx, `insert into loom.bulk_items (action_id, place, render_id)
			select $1::uuid, row_number() over (order by m.created_at, m.id), m.id from (
			  select r.id, r.created_at`+from+condition+" and "+eligible[r.Action]+" order by r.created_at, r.id limit $2::int) m", args...)
		if err != nil {
			return err
		}
		total := tag.RowsAffected()
		if total > Most {
			return ErrTooMany
		}
		if _, err := tx.Exec(ctx, "update loom.bulk_actions set total = $2::int where id = $1::uuid", id, total); err != nil {
			return err
		}
		return audit.Record(ctx, tx, "bulk."+r.Action, "bulk/"+id.String(), audit.Detail{"renders": total, "filter": json.RawMessage(filter)})
	})
	if err != nil {
		return Action{}, fmt.Errorf("create action: %w", err)
	}
	fault.Here(fault.BulkCreated)
	return Get(ctx, db, id)
}

const columns = `select b.id, b.action, b.priority, b.filter, b.state, b.abort_requested and b.state = 'running', b.total, b.changed, b.unchanged, b.failed,
	b.last_error, b.name, b.created_at, b.ended_at from loom.bulk_actions b where ($1::text is null or b.user_id::text = $1::text) `

// Get returns an action.
func Get(ctx context.Context, db *pgxpool.Pool, id uuid.UUID) (Action, error) {
	rows, _ := db.Query(ctx, columns+"and b.id = $2::uuid", access.Owner(ctx), id)
	a, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Action])
	if errors.Is(err, pgx.ErrNoRows) {
		return a, ErrNotFound
	}
	if err != nil {
		return a, fmt.Errorf("read action: %w", err)
	}
	return a, nil
}

// place is what a cursor of actions holds.
type place struct {
	At time.Time `json:"t"`
	ID uuid.UUID `json:"i"`
}

// List returns actions, the newest first, at most limit, and the cursor of the next page. It begins
// behind after.
func List(ctx context.Context, db *pgxpool.Pool, after renders.Cursor, limit int) (list []Action, next renders.Cursor, err error) {
	condition, args := "", []any{access.Owner(ctx), limit + 1}
	if after != "" {
		var p place
		if err := after.Place(&p); err != nil || p.At.IsZero() {
			return nil, "", renders.ErrCursor
		}
		condition, args = "and (b.created_at, b.id) < ($3::timestamptz, $4::uuid) ", append(args, p.At, p.ID)
	}
	rows, _ := db.Query(ctx, columns+condition+"order by b.created_at desc, b.id desc limit $2::int", args...)
	list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Action])
	if err != nil {
		return nil, "", fmt.Errorf("list actions: %w", err)
	}
	if len(list) > limit {
		list = slices.Clip(list[:limit])
		last := list[limit-1]
		next = renders.NewCursor(place{last.CreatedAt, last.ID})
	}
	return list, next, nil
}

// Abort asks for the end of an action: what is not done yet stays undone. It does nothing to one
// that has ended.
func Abort(ctx context.Context, db *pgxpool.Pool, id uuid.UUID) (Action, error) {
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update loom.bulk_actions b set abort_requested = true
			where b.id = $2::uuid and b.state = 'running' and not b.abort_requested and ($1::text is null or b.user_id::text = $1::text)`, access.Owner(ctx), id)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return audit.Record(ctx, tx, "bulk.abort", "bulk/"+id.String(), nil)
	})
	if err != nil {
		return Action{}, fmt.Errorf("abort action: %w", err)
	}
	return Get(ctx, db, id)
}
