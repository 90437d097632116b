package bulk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/fault"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

const (
	// lookEvery is how often a Runner looks for an action when it had none.
	lookEvery = time.Second
	// leaseFor is how long a Runner has an action without renewing its lease. It is longer than one
	// render may take: rows are waited for for three seconds.
	leaseFor = 15 * time.Second
	// renewEvery is how many renders are changed between renewals.
	renewEvery = 20
)

// Runner carries actions out.
type Runner struct {
	DB  *pgxpool.Pool
	Log zerolog.Logger
	// Only is the action that it carries out, and no other; uuid.Nil: all of them.
	Only uuid.UUID

	holder uuid.UUID
}

// Run carries actions out, one after the other, until ctx is cancelled.
func (r *Runner) Run(ctx context.Context) {
	r.holder = uuid.New()
	outage := retry.Outage{
		Backoff: retry.Backoff{First: lookEvery, Longest: 10 * time.Second}, Log: r.Log, Minor: true,
		Down: "actions on many renders stand still: the database cannot be asked", Up: "actions on many renders go on",
	}
	for ctx.Err() == nil {
		worked, err := r.step(ctx)
		if ctx.Err() != nil {
			return
		}
		outage.Note(err)
		switch {
		case err != nil:
			outage.Pause(ctx)
		case !worked:
			retry.Sleep(ctx, lookEvery)
		}
	}
}

// step goes on with an action for a while. It reports whether there was one.
func (r *Runner) step(ctx context.Context) (worked bool, err error) {
	var only *uuid.UUID
	if r.Only != uuid.Nil {
		only = &r.Only
	}
	var id *uuid.UUID
	if err := r.DB.QueryRow(ctx, "select loom.lease_bulk($1::uuid, make_interval(secs => $2::float8), $3::uuid)",
		r.holder, leaseFor.Seconds(), only).Scan(&id); err != nil {
		return false, fmt.Errorf("look for an action: %w", err)
	}
	if id == nil {
		return false, nil
	}
	for range renewEvery {
		more, err := r.one(ctx, *id)
		if err != nil || !more {
			return true, err
		}
		fault.Here(fault.BulkCommitted)
	}
	return true, nil
}

// one does an action to the next render, in one transaction, or ends it. It reports whether it goes
// on.
func (r *Runner) one(ctx context.Context, id uuid.UUID) (more bool, err error) {
	err = pgx.BeginFunc(ctx, r.DB, func(tx pgx.Tx) error {
		more = false
		var what string
		var priority *int
		var abort bool
		var p access.Principal
		var address *string
		// Whoever has the row has the action: the lease of another may have begun since.
		err := tx.QueryRow(ctx, `select b.action, b.priority, b.abort_requested, b.kind, b.actor, b.name, b.address, b.scope, b.user_id
			from loom.bulk_actions b where b.id = $1::uuid and b.state = 'running' and b.holder = $2::uuid for no key update`, id, r.holder).
			Scan(&what, &priority, &abort, &p.Kind, &p.ID, &p.Name, &address, &p.Scope, &p.User)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if address != nil {
			p.Address = *address
		}
		var render uuid.UUID
		err = tx.QueryRow(ctx, `delete from loom.bulk_items i where i.action_id = $1::uuid and not $2::boolean and i.place = (
			  select min(o.place) from loom.bulk_items o where o.action_id = $1::uuid)
			returning i.render_id`, id, abort).Scan(&render)
		if errors.Is(err, pgx.ErrNoRows) {
			return r.end(ctx, tx, id, abort)
		}
		if err != nil {
			return err
		}
		more = true
		request := Request{Action: what}
		if priority != nil {
			request.Priority = *priority
		}
		changed, failed, err := r.apply(access.With(ctx, p), tx, request, render)
		if err != nil {
			return err
		}
		fault.Here(fault.BulkChanged)
		_, err = tx.Exec(ctx, `update loom.bulk_actions set changed = changed + ($2::text = 'changed')::int, unchanged = unchanged + ($2::text = 'unchanged')::int,
			failed = failed + ($2::text = 'failed')::int, last_error = coalesce($3::text, last_error) where id = $1::uuid`, id, outcome(changed, failed), failed)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("carry out an action: %w", err)
	}
	return more, nil
}

func outcome(changed bool, failed *string) string {
	switch {
	case failed != nil:
		return "failed"
	case changed:
		return "changed"
	}
	return "unchanged"
}

// end ends an action that is done, or aborted.
func (r *Runner) end(ctx context.Context, tx pgx.Tx, id uuid.UUID, aborted bool) error {
	var changed, failed int
	err := tx.QueryRow(ctx, `update loom.bulk_actions set state = case when $2::boolean then 'aborted' else 'done' end, ended_at = clock_timestamp(),
		holder = null, lease_until = null where id = $1::uuid returning changed, failed`, id, aborted).Scan(&changed, &failed)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "delete from loom.bulk_items where action_id = $1::uuid", id); err != nil {
		return err
	}
	r.Log.Info().Stringer("action_id", id).Int("changed", changed).Int("failed", failed).Bool("aborted", aborted).Msg("action on many renders ended")
	return nil
}

// apply does the action to one render, behind a savepoint of tx. failed says why the render could
// not be changed, which stops no other.
func (r *Runner) apply(ctx context.Context, tx pgx.Tx, q Request, id uuid.UUID) (changed bool, failed *string, err error) {
	switch q.Action {
	case Retry:
		var job *uuid.UUID
		job, _, err = renders.Retry(ctx, tx, id)
		changed = job != nil
	case Cancel:
		changed, _, err = renders.Cancel(ctx, tx, id)
	case Priority:
		err = renders.SetPriority(ctx, tx, id, q.Priority)
		changed = err == nil
	}
	code := postgres.SQLState(err)
	var text string
	switch {
	case errors.Is(err, renders.ErrNotFound): // it was deleted
		return false, nil, nil
	case errors.Is(err, renders.ErrHeld):
		text = renders.ErrHeld.Error()
	case code != "" && !passes(code):
		r.Log.Warn().Err(err).Stringer("render_id", id).Msg("an action on many renders leaves one as it is")
		text = "the database refuses to change it (" + code + "): the console's log says why"
	default:
		return changed, nil, err
	}
	return false, &text, nil
}

// passes reports whether a database's error is about the database as a whole, or about others that
// changed the same just then: another try may succeed. Any other is about this render.
func passes(code string) bool {
	return postgres.InClass(code, "08", "25", "28", "40", "53", "55", "57", "58", "XX")
}
