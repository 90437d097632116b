package claim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/fault"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// claimLock is the key of the advisory lock under which replicas claim: "loomclai" in ASCII.
const claimLock = 0x6c6f6f6d636c6169

// Claimer claims and plans jobs.
type Claimer struct {
	DB     *pgxpool.Pool
	Limits plan.Limits
	// MaxRenders is how many renders may be in flight over all replicas. An owner of jobs who has
	// none in flight may have one beyond it, as long as they are fewer than twice as many.
	MaxRenders int
	// MaxPerOwner is how many of them may be one owner's, unless loom.shares says otherwise.
	MaxPerOwner int
	// MaxRetries is how often a task may fail before its render does.
	MaxRetries int
	// ObjectBytes is the largest object that the store takes; 0 means that there is no bound.
	ObjectBytes int64
	// CacheTTL is how old recordings may be that are used again, where the campaign does not say.
	CacheTTL time.Duration
	// Secret keys the names of outputs: see plan.Naming.
	Secret []byte
}

// Outcome is what became of a job.
type Outcome string

const (
	// Empty: no job is queued.
	Empty Outcome = "empty"
	// Full: no queued job is of an owner who may have one more render in flight.
	Full Outcome = "full"
	// Planned: the render has a plan, and its first tasks are due.
	Planned Outcome = "planned"
	// Refused: the campaign cannot be rendered; the render failed.
	Refused Outcome = "refused"
	// Closed: the render had ended already, and the job ended with its outcome.
	Closed Outcome = "closed"
	// Attached: the render has a plan, and the job ends with it.
	Attached Outcome = "attached"
	// SetAside: the database refuses the job for now, or refuses to fail it. It stays queued,
	// behind other jobs.
	SetAside Outcome = "set_aside"
)

// Claimed is what Next did.
type Claimed struct {
	Outcome Outcome
	Job     uuid.UUID
	Render  uuid.UUID
	// Tasks is how many tasks the plan has, if Outcome is Planned.
	Tasks int
	// Tries is how often the job has been tried, if Outcome is SetAside.
	Tries int
	// Invalid is the reason, if Outcome is Refused.
	Invalid *plan.Invalid
	// Cause is the database's error, for the operator, if Outcome is SetAside, or Refused with
	// msg.CodeInternal.
	Cause error
}

// Next claims one job and plans it, in one transaction. If it returns an error, nothing has
// changed, and the database as a whole has failed: errors of one job are in Claimed.
func (c *Claimer) Next(ctx context.Context) (Claimed, error) {
	tx, err := c.DB.Begin(ctx)
	if err != nil {
		return Claimed{}, fmt.Errorf("claim a job: %w", err)
	}
	// After a commit this does nothing.
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	claimed, err := c.next(ctx, tx)
	if err != nil {
		return Claimed{}, fmt.Errorf("claim a job: %w", err)
	}
	switch claimed.Outcome {
	case Empty, Full:
		return claimed, nil
	}
	if err := tx.Commit(ctx); err != nil {
		return Claimed{}, fmt.Errorf("claim a job: %w", err)
	}
	fault.Here(fault.PlanCommitted)
	return claimed, nil
}

func (c *Claimer) next(ctx context.Context, tx pgx.Tx) (Claimed, error) {
	// A replica that is stopped or cut off while it holds the lock must not block the others: the
	// server ends a transaction that is idle.
	_, err := tx.Exec(ctx, "select set_config('idle_in_transaction_session_timeout', '10s', true), pg_advisory_xact_lock($1::bigint)",
		int64(claimLock))
	if err != nil {
		return Claimed{}, fmt.Errorf("wait for other replicas: %w", err)
	}
	full, room, err := c.full(ctx, tx)
	if err != nil {
		return Claimed{}, err
	}
	if !room {
		return Claimed{Outcome: Full}, nil
	}
	var claimed Claimed
	err = tx.QueryRow(ctx, "select job_id, render_id from loom.next_job($1::text[])", full).Scan(&claimed.Job, &claimed.Render)
	switch {
	case errors.Is(err, pgx.ErrNoRows) && len(full) > 0:
		return Claimed{Outcome: Full}, nil
	case errors.Is(err, pgx.ErrNoRows):
		return Claimed{Outcome: Empty}, nil
	}
	if err != nil {
		return Claimed{}, fmt.Errorf("look for a job: %w", err)
	}
	// Triggers of the app that wait longer than this are ended, so that other jobs can go on.
	_, err = tx.Exec(ctx, "select set_config('statement_timeout', '8s', true), set_config('lock_timeout', '2s', true)")
	if err != nil {
		return Claimed{}, fmt.Errorf("bound the claim: %w", err)
	}
	processed := claimed
	err = within(ctx, tx, func(tx pgx.Tx) error { return c.process(ctx, tx, &processed) })
	if err == nil {
		return processed, nil
	}
	return c.handleRefusal(ctx, tx, claimed, err)
}

// full returns the owners who have as many renders in flight as they may, and whether there is room
// for a render of anybody else's.
func (c *Claimer) full(ctx context.Context, tx pgx.Tx) (owners []string, room bool, err error) {
	var open int
	err = tx.QueryRow(ctx, `
		with open as (select owner, count(*) as renders from loom.plans where ended_at is null group by owner),
		     total as (select coalesce(sum(renders), 0)::int as renders from open)
		select t.renders, array(
		         select o.owner from open o left join loom.shares s on s.owner = o.owner
		          where t.renders >= $1::int or o.renders >= coalesce(s.max_renders, $2::int)
		         union select owner from loom.shares where max_renders = 0)
		  from total t`, c.MaxRenders, c.MaxPerOwner).Scan(&open, &owners)
	if err != nil {
		return nil, false, fmt.Errorf("count renders in flight: %w", err)
	}
	return owners, open < 2*c.MaxRenders, nil
}

// process claims the job and plans, closes, attaches or refuses it.
func (c *Claimer) process(ctx context.Context, tx pgx.Tx, claimed *Claimed) error {
	if _, err := tx.Exec(ctx, "select loom.claim_job($1::uuid)", claimed.Job); err != nil {
		return err
	}
	fault.Here(fault.JobClaimed)
	var status, message string
	var over, unwanted bool
	err := tx.QueryRow(ctx, `select coalesce(status::text, ''), coalesce(error_message::text, ''),
		loom.is_terminal(status::text) and not loom.is_retry(id, $2::uuid), coalesce(cancel_requested, false)
		from public.renders where id = $1::uuid`, claimed.Render, claimed.Job).Scan(&status, &message, &over, &unwanted)
	if err != nil {
		return fmt.Errorf("look at the render: %w", err)
	}
	if unwanted && !over {
		if _, err := tx.Exec(ctx, "select loom.cancel_render($1::uuid)", claimed.Render); err != nil {
			return fmt.Errorf("cancel the render: %w", err)
		}
		over, status, message = true, "cancelled", ""
	}
	if over {
		claimed.Outcome = Closed
		return closeJobs(ctx, tx, *claimed, status, message)
	}
	var attached bool
	err = tx.QueryRow(ctx, "select loom.attach_job($1::uuid, $2::uuid)", claimed.Render, claimed.Job).Scan(&attached)
	if err != nil {
		return fmt.Errorf("look for the render's plan: %w", err)
	}
	if attached {
		claimed.Outcome = Attached
		return nil
	}
	claimed.Tasks, claimed.Invalid, err = c.open(ctx, tx, *claimed)
	if err != nil {
		return err
	}
	if claimed.Invalid != nil {
		claimed.Outcome = Refused
		return fail(ctx, tx, *claimed)
	}
	claimed.Outcome = Planned
	return nil
}

func closeJobs(ctx context.Context, tx pgx.Tx, claimed Claimed, outcome, message string) error {
	_, err := tx.Exec(ctx, "select loom.close_jobs($1::uuid, $2::uuid, $3::text, nullif($4::text, ''))",
		claimed.Render, claimed.Job, outcome, message)
	if err != nil {
		return fmt.Errorf("close the job: %w", err)
	}
	return nil
}

func fail(ctx context.Context, tx pgx.Tx, claimed Claimed) error {
	_, err := tx.Exec(ctx, "select loom.fail_render($1::uuid, null, $2::uuid, $3::text, $4::text)",
		claimed.Render, claimed.Job, string(claimed.Invalid.Code), claimed.Invalid.Message)
	if err != nil {
		return fmt.Errorf("fail the render: %w", err)
	}
	return nil
}

// within calls do behind a savepoint. After an error everything that do has done is undone, and the
// transaction goes on. Constraints that the app has deferred to the commit are checked at the end,
// so that their errors are returned here too.
func within(ctx context.Context, tx pgx.Tx, do func(pgx.Tx) error) error {
	inner, err := tx.Begin(ctx)
	if err != nil {
		return fmt.Errorf("set a savepoint: %w", err)
	}
	err = do(inner)
	if err == nil {
		_, err = inner.Exec(ctx, "set constraints all immediate")
	}
	if err == nil {
		return inner.Commit(ctx)
	}
	if undone := inner.Rollback(ctx); undone != nil {
		return errors.Join(err, &lostError{undone})
	}
	return err
}

// open reads the campaign, plans it and stores the plan.
func (c *Claimer) open(ctx context.Context, tx pgx.Tx, claimed Claimed) (tasks int, invalid *plan.Invalid, err error) {
	campaign, err := snapshot(ctx, tx, claimed.Render)
	if mistyped := new(json.UnmarshalTypeError); errors.As(err, &mistyped) {
		if invalid := plan.Mistyped(mistyped.Field); invalid != nil {
			return 0, invalid, nil
		}
	}
	if err != nil {
		return 0, nil, err
	}
	if campaign == nil {
		return 0, plan.Missing(), nil
	}
	list, warnings, invalid, err := c.tasks(*campaign, claimed.Render)
	if err != nil || invalid != nil {
		return 0, invalid, err
	}
	listJSON, err := json.Marshal(list)
	if err != nil {
		return 0, nil, fmt.Errorf("write the tasks: %w", err)
	}
	campaignJSON, err := json.Marshal(campaign)
	if err != nil {
		return 0, nil, fmt.Errorf("write the campaign: %w", err)
	}
	_, err = tx.Exec(ctx, "select loom.open_plan($1::uuid, $2::uuid, $3::uuid, $4::text::jsonb, $5::int, $6::text::jsonb, $7::text)",
		newID(), claimed.Render, claimed.Job, string(campaignJSON), c.MaxRetries, string(listJSON), plan.Hash(c.Secret, campaignJSON))
	if err != nil {
		return 0, nil, fmt.Errorf("open the plan: %w", err)
	}
	if warnings != nil {
		text, err := json.Marshal(warnings)
		if err != nil {
			return 0, nil, fmt.Errorf("write the warnings: %w", err)
		}
		if _, err := tx.Exec(ctx, "select loom.add_warnings($1::uuid, $2::text::jsonb)", claimed.Render, string(text)); err != nil {
			return 0, nil, fmt.Errorf("add the warnings: %w", err)
		}
	}
	fault.Here(fault.PlanWritten)
	return len(list), nil, nil
}

// tasks plans a campaign. It returns a panic as an error, so that one campaign cannot stop the
// process, again after each restart.
func (c *Claimer) tasks(campaign plan.Campaign, id uuid.UUID) (list []plan.Task, warnings []msg.Warning, invalid *plan.Invalid, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("plan the campaign: panic: %v\n%s", p, debug.Stack())
		}
	}()
	render, invalid := plan.Read(campaign, c.Limits)
	if invalid != nil {
		return nil, nil, invalid, nil
	}
	list = plan.Build(render, c.ObjectBytes, newID)
	owner := ""
	if campaign.UserID != nil {
		owner = *campaign.UserID
	}
	err = render.Name(list, plan.Naming{Secret: c.Secret, Owner: owner, Render: id, MaxAge: c.CacheTTL})
	return list, render.Warnings, nil, err
}

// newID returns a UUID that sorts by time, which keeps indexes compact. It fails only when the
// machine has no randomness.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
