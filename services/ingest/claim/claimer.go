package claim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// turn is the key of the advisory lock under which replicas claim one after another: "loomclai" in ASCII.
const turn = 0x6c6f6f6d636c6169

// Claimer claims and plans jobs.
type Claimer struct {
	DB     *pgxpool.Pool
	Limits plan.Limits
	// MaxRenders is how many renders may be in flight over all replicas.
	MaxRenders int
	// MaxRetries is how many failures a task may have before its render fails.
	MaxRetries int
}

// Outcome is what Next did.
type Outcome string

const (
	// Empty: no job is queued.
	Empty Outcome = "empty"
	// Full: MaxRenders are in flight; nothing was claimed.
	Full Outcome = "full"
	// Busy: somebody holds the render's row; the job stays queued.
	Busy Outcome = "busy"
	// Planned: the render has a plan, and its first tasks are due.
	Planned Outcome = "planned"
	// Refused: the campaign cannot be rendered; the render failed.
	Refused Outcome = "refused"
	// Closed: the render had ended before, or is gone; the job ended with it.
	Closed Outcome = "closed"
	// Attached: the render is being worked on; the job ends with it.
	Attached Outcome = "attached"
)

// Claimed is a job that Next dealt with.
type Claimed struct {
	Outcome Outcome
	Job     uuid.UUID
	Render  uuid.UUID
	// Tasks is how many tasks the plan has, when Outcome is Planned.
	Tasks int
	// Invalid is why, when Outcome is Refused.
	Invalid *plan.Invalid
	// Cause is what broke planning, for the operator, when Invalid.Code is msg.CodeInternal.
	Cause error
}

// Next claims one job and deals with it, all in one transaction. On an error nothing has changed.
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
	case Empty, Full, Busy:
		return claimed, nil
	}
	if err := tx.Commit(ctx); err != nil {
		return Claimed{}, fmt.Errorf("claim a job: %w", err)
	}
	return claimed, nil
}

func (c *Claimer) next(ctx context.Context, tx pgx.Tx) (Claimed, error) {
	// A replica that hangs in its turn, stopped or cut off, must not keep the others from theirs: the server ends a
	// transaction in which nothing happens.
	_, err := tx.Exec(ctx, "select set_config('idle_in_transaction_session_timeout', '10s', true), pg_advisory_xact_lock($1::bigint)",
		int64(turn))
	if err != nil {
		return Claimed{}, fmt.Errorf("wait for the turn: %w", err)
	}
	var open int
	err = tx.QueryRow(ctx, "select count(*) from loom.plans where ended_at is null").Scan(&open)
	if err != nil {
		return Claimed{}, fmt.Errorf("count renders in flight: %w", err)
	}
	if open >= c.MaxRenders {
		return Claimed{Outcome: Full}, nil
	}
	var claimed Claimed
	err = tx.QueryRow(ctx, "select id, render_id from public.claim_render_job()").Scan(&claimed.Job, &claimed.Render)
	if errors.Is(err, pgx.ErrNoRows) {
		return Claimed{Outcome: Empty}, nil
	}
	if err != nil {
		return Claimed{}, err
	}
	status, outcome, err := lock(ctx, tx, claimed.Render)
	if err != nil {
		return Claimed{}, err
	}
	switch {
	case outcome == Busy:
		claimed.Outcome = Busy
		return claimed, nil
	case outcome == Closed:
		claimed.Outcome = Closed
		return claimed, closeJobs(ctx, tx, claimed, "failed", "The render does not exist any more.")
	case status.over:
		claimed.Outcome = Closed
		return claimed, closeJobs(ctx, tx, claimed, status.status, status.message)
	}
	var attached bool
	err = tx.QueryRow(ctx, "select loom.attach_job($1::uuid, $2::uuid)", claimed.Render, claimed.Job).Scan(&attached)
	if err != nil {
		return Claimed{}, fmt.Errorf("look for the render's plan: %w", err)
	}
	if attached {
		claimed.Outcome = Attached
		return claimed, nil
	}
	return c.plan(ctx, tx, claimed)
}

// render is what a render's row says.
type render struct {
	status, message string
	over            bool
}

// lock locks a render's row without waiting: Busy when somebody else holds it, Closed when it is gone.
func lock(ctx context.Context, tx pgx.Tx, id uuid.UUID) (render, Outcome, error) {
	var r render
	err := tx.QueryRow(ctx, `select coalesce(status, ''), coalesce(error_message, ''), loom.is_terminal(status)
		from public.renders where id = $1::uuid for no key update skip locked`, id).Scan(&r.status, &r.message, &r.over)
	if err == nil {
		return r, "", nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return render{}, "", fmt.Errorf("lock the render: %w", err)
	}
	var exists bool
	err = tx.QueryRow(ctx, "select exists (select from public.renders where id = $1::uuid)", id).Scan(&exists)
	if err != nil {
		return render{}, "", fmt.Errorf("look for the render: %w", err)
	}
	if exists {
		return render{}, Busy, nil
	}
	return render{}, Closed, nil
}

func closeJobs(ctx context.Context, tx pgx.Tx, claimed Claimed, outcome, message string) error {
	_, err := tx.Exec(ctx, "select loom.close_jobs($1::uuid, $2::uuid, $3::text, nullif($4::text, ''))",
		claimed.Render, claimed.Job, outcome, message)
	if err != nil {
		return fmt.Errorf("close the job: %w", err)
	}
	return nil
}

// plan plans a render or fails it. What the database refuses to store of one campaign fails that render alone, since the
// oldest job would otherwise stand in front of all others for ever.
func (c *Claimer) plan(ctx context.Context, tx pgx.Tx, claimed Claimed) (Claimed, error) {
	attempt, err := tx.Begin(ctx)
	if err != nil {
		return Claimed{}, fmt.Errorf("plan the render: %w", err)
	}
	claimed.Tasks, claimed.Invalid, err = c.open(ctx, attempt, claimed)
	switch {
	case err == nil && claimed.Invalid == nil:
		claimed.Outcome = Planned
		if err := attempt.Commit(ctx); err != nil {
			return Claimed{}, fmt.Errorf("plan the render: %w", err)
		}
		return claimed, nil
	case err != nil && !refused(err):
		return Claimed{}, err
	case err != nil:
		claimed.Cause = err
		claimed.Invalid = &plan.Invalid{Code: msg.CodeInternal,
			Message: "This render could not be prepared because of an error on our side."}
	}
	if err := attempt.Rollback(ctx); err != nil {
		return Claimed{}, fmt.Errorf("plan the render: %w", err)
	}
	claimed.Outcome = Refused
	_, err = tx.Exec(ctx, "select loom.fail_render($1::uuid, null, $2::uuid, $3::text, $4::text)",
		claimed.Render, claimed.Job, string(claimed.Invalid.Code), claimed.Invalid.Message)
	if err != nil {
		return Claimed{}, fmt.Errorf("fail the render: %w", err)
	}
	return claimed, nil
}

// open validates the campaign, plans it and stores the plan.
func (c *Claimer) open(ctx context.Context, tx pgx.Tx, claimed Claimed) (tasks int, invalid *plan.Invalid, err error) {
	campaign, err := snapshot(ctx, tx, claimed.Render)
	if err != nil {
		return 0, nil, err
	}
	if campaign == nil {
		return 0, plan.Missing(), nil
	}
	if invalid := plan.Validate(*campaign, c.Limits); invalid != nil {
		return 0, invalid, nil
	}
	list := plan.Build(*campaign, newID)
	listJSON, err := plan.JSON(list)
	if err != nil {
		return 0, nil, err
	}
	campaignJSON, err := json.Marshal(campaign)
	if err != nil {
		return 0, nil, fmt.Errorf("write the campaign: %w", err)
	}
	_, err = tx.Exec(ctx, "select loom.open_plan($1::uuid, $2::uuid, $3::uuid, $4::text::jsonb, $5::int, $6::text::jsonb)",
		newID(), claimed.Render, claimed.Job, string(campaignJSON), c.MaxRetries, string(listJSON))
	if err != nil {
		return 0, nil, fmt.Errorf("open the plan: %w", err)
	}
	return len(list), nil, nil
}

// newID returns a UUID that sorts by time, which keeps indexes compact. It fails only when the machine has no randomness.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
