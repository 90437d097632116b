package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// ledger is loom.tasks, through the functions that alone change it.
//
// Arguments are cast in the text of each query and JSON travels as text, so that the queries work
// through a transaction pooler too, where types are not looked up.
type ledger struct {
	db    *pgxpool.Pool
	lease time.Duration
}

// granted is what loom.grant_task answers.
type granted struct {
	verdict msg.Verdict
	reason  string
	after   time.Duration
	attempt int
	params  json.RawMessage
	inputs  map[string]grantedInput
	outputs map[string]plan.Output
}

type grantedInput struct {
	Key   string          `json:"key"`
	Facts json.RawMessage `json:"facts"`
}

// grant grants a task. heard is until when leases that were not renewed are known to be lost; nil:
// they are not.
func (l ledger) grant(ctx context.Context, r msg.GrantRequest, heard *time.Time) (granted, error) {
	var g granted
	var verdict string
	var after float64
	var params, inputs, outputs *string
	err := l.db.QueryRow(ctx, `
		select verdict, coalesce(reason, ''), coalesce(extract(epoch from retry_after), 0)::float8, attempt,
		       params::text, inputs::text, outputs::text
		  from loom.grant_task($1::uuid, $2::text, $3::uuid, make_interval(secs => $4::float8), $5::timestamptz)`,
		r.TaskID, clean(r.Worker, 200), r.RequestID, l.lease.Seconds(), heard,
	).Scan(&verdict, &g.reason, &after, &g.attempt, &params, &inputs, &outputs)
	if err != nil {
		return granted{}, fmt.Errorf("grant the task: %w", err)
	}
	g.verdict, g.after = msg.Verdict(verdict), time.Duration(after*float64(time.Second))
	if g.verdict != msg.Granted {
		return g, nil
	}
	g.params = json.RawMessage(*params)
	if err := json.Unmarshal([]byte(*inputs), &g.inputs); err != nil {
		return granted{}, fmt.Errorf("grant the task: read its inputs: %w", err)
	}
	if err := json.Unmarshal([]byte(*outputs), &g.outputs); err != nil {
		return granted{}, fmt.Errorf("grant the task: read its outputs: %w", err)
	}
	return g, nil
}

func (l ledger) heartbeat(ctx context.Context, h msg.Heartbeat) (wanted bool, err error) {
	// Keys are ours to form: a worker cannot make the pipeline read what it likes.
	err = l.db.QueryRow(ctx, `select loom.heartbeat_task($1::uuid, $2::int, $3::real, make_interval(secs => $4::float8), $5::text[], $6::text)`,
		h.TaskID, h.Attempt, float32(h.Progress), l.lease.Seconds(), h.Stored, objectKey(h.Ref, h.Attempt, "")).Scan(&wanted)
	if err != nil {
		return false, fmt.Errorf("renew the lease: %w", err)
	}
	return wanted, nil
}

// outputs returns what a task writes; pgx.ErrNoRows when there is no such task.
func (l ledger) outputs(ctx context.Context, task uuid.UUID) (map[string]plan.Output, error) {
	var text string
	err := l.db.QueryRow(ctx, "select outputs::text from loom.tasks where id = $1::uuid", task).Scan(&text)
	if err != nil {
		return nil, fmt.Errorf("read the task's outputs: %w", err)
	}
	var outputs map[string]plan.Output
	if err := json.Unmarshal([]byte(text), &outputs); err != nil {
		return nil, fmt.Errorf("read the task's outputs: %w", err)
	}
	return outputs, nil
}

func (l ledger) finish(ctx context.Context, r msg.Result, keys map[string]string) (verdict string, err error) {
	text, err := json.Marshal(keys)
	if err != nil {
		return "", fmt.Errorf("write keys: %w", err)
	}
	var facts *string
	if len(r.Facts) > 0 {
		s := string(r.Facts)
		facts = &s
	}
	err = l.db.QueryRow(ctx, "select loom.finish_task($1::uuid, $2::int, $3::text::jsonb, $4::text::jsonb)",
		r.TaskID, r.Attempt, string(text), facts).Scan(&verdict)
	if err != nil {
		return "", fmt.Errorf("finish the task: %w", err)
	}
	return verdict, nil
}

func (l ledger) fail(ctx context.Context, r msg.Ref, attempt int, f msg.Failure) (verdict string, err error) {
	var bundle *string
	if f.Bundle && bundles(r.Kind) {
		// Keys are ours to form, as those of outputs are.
		key := objectKey(r, attempt, bundleFile)
		bundle = &key
	}
	err = l.db.QueryRow(ctx, "select loom.fail_task($1::uuid, $2::int, $3::text, $4::text, $5::text, $6::boolean, $7::text)",
		r.TaskID, attempt, clean(string(f.Code), 100), clean(f.Message, 1000), clean(f.Detail, 16<<10), f.Permanent, bundle,
	).Scan(&verdict)
	if err != nil {
		return "", fmt.Errorf("fail the task: %w", err)
	}
	return verdict, nil
}

func (l ledger) handBack(ctx context.Context, r msg.Ref, attempt int, reason string) (verdict string, err error) {
	err = l.db.QueryRow(ctx, "select loom.hand_back_task($1::uuid, $2::int, $3::text)",
		r.TaskID, attempt, clean(reason, 1000)).Scan(&verdict)
	if err != nil {
		return "", fmt.Errorf("take the task back: %w", err)
	}
	return verdict, nil
}

// due is a task to publish.
type due struct {
	msg.Ref
	attempt int
	// idle is how long nobody has had it: since it became due, or since its lease lapsed.
	idle time.Duration
}

// due lists the first tasks of kinds that are to be published: those of the oldest plans, and none
// of the renders in held. Running tasks whose lease has lapsed are among them: heard is as grant
// has it.
func (l ledger) due(ctx context.Context, kinds []string, heard *time.Time, held []string, limit int) ([]due, error) {
	rows, err := l.db.Query(ctx, `
		select t.kind, t.render_id, t.id, t.attempt,
		       extract(epoch from clock_timestamp() - case t.state when 'due' then t.not_before else t.lease_until end)::float8
		  from loom.tasks t join loom.plans p on p.id = t.plan_id
		 where t.kind = any ($1::text[]) and p.ended_at is null and t.render_id <> all ($5::text[]::uuid[])
		   and (t.state = 'due' and t.not_before <= clock_timestamp()
		        or t.state = 'running' and t.lease_until < clock_timestamp() and not loom.is_leased(t)
		           and loom.may_lapse($2::timestamptz, make_interval(secs => $4::float8)))
		 order by p.created_at, p.id, loom.stage_rank(t.kind), t.seq
		 limit $3::int`, kinds, heard, limit, l.lease.Seconds(), held)
	if err != nil {
		return nil, fmt.Errorf("list due tasks: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (due, error) {
		d := due{Ref: msg.Ref{Version: msg.Version}}
		var kind string
		var idle float64
		err := row.Scan(&kind, &d.RenderID, &d.TaskID, &d.attempt, &idle)
		d.Kind, d.idle = msg.Kind(kind), time.Duration(idle*float64(time.Second))
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("list due tasks: %w", err)
	}
	return list, nil
}

// broken reports whether the database refused the data itself, so that the same would be refused
// again. Anything else may pass: a server that is away, a deadlock, a schema that is being changed.
func broken(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	for _, class := range []string{"22", "23", "P0"} {
		if strings.HasPrefix(pg.Code, class) {
			return true
		}
	}
	return false
}

// mayStay reports whether an error of the server's may be one of a render's rows, or of what the
// app hangs on them: it will not pass by itself, as a deadlock or a want of memory does.
func mayStay(err error) bool {
	code := postgres.SQLState(err)
	return code != "" && !postgres.InClass(code, "08", "25", "28", "40", "53", "55", "57", "58", "XX")
}

// refused writes down that the database refuses to change a render that is being made, for whoever
// looks.
func (l ledger) refused(ctx context.Context, render uuid.UUID, cause error) error {
	_, err := l.db.Exec(ctx, "select loom.note_refusal($1::uuid, $2::text, $3::text)", render, postgres.SQLState(cause), clean(cause.Error(), 2000))
	if err != nil {
		return fmt.Errorf("write down what the database refuses: %w", err)
	}
	return nil
}

// clean makes a text that Postgres takes: valid UTF-8, no NUL, at most limit bytes.
func clean(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
}
