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
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// taskStore reads and changes loom.tasks, through the functions of migrations/0003_functions.sql.
//
// Arguments are cast in the text of each query, and JSON is sent as text: a query that looks up no
// types works through a transaction pooler too.
type taskStore struct {
	db    *pgxpool.Pool
	lease time.Duration
	// perHost is how many pages of one host are recorded at once; 0: any number.
	perHost int
}

// granted is the answer of loom.grant_task.
type granted struct {
	verdict msg.Verdict
	reason  string
	after   time.Duration
	rest    time.Duration // of the worker
	attempt int
	params  json.RawMessage
	inputs  map[string]grantedInput
	outputs map[string]plan.Output
}

type grantedInput struct {
	Key   string          `json:"key"`
	Facts json.RawMessage `json:"facts"`
}

const (
	// verdictRest is the verdict of loom.grant_task that becomes msg.Later with a rest.
	verdictRest = "rest"
	// lostTooOften is the reason of loom.grant_task with which a task has failed.
	lostTooOften = "the task was lost too often"
	// unheard is that for a lease that has run out and must not lapse now.
	unheard = "its worker may not have been heard"
)

// grant grants a task that is due, or whose lease has lapsed (see leaseClock.lapsed). If lapsed is
// nil, none has: the answer is msg.Later, with unheard.
func (t taskStore) grant(ctx context.Context, r msg.GrantRequest, lapsed *time.Time) (granted, error) {
	var g granted
	var verdict string
	var after float64
	var params, inputs, outputs *string
	err := t.db.QueryRow(ctx, `
		select verdict, coalesce(reason, ''), coalesce(extract(epoch from retry_after), 0)::float8, attempt,
		       params::text, inputs::text, outputs::text
		  from loom.grant_task($1::uuid, $2::text, $3::uuid, make_interval(secs => $4::float8), $5::timestamptz, $6::int,
		       nullif($7::text, ''))`,
		r.TaskID, clean(r.Worker, 200), r.RequestID, t.lease.Seconds(), lapsed, t.perHost, clean(r.Tools, 500),
	).Scan(&verdict, &g.reason, &after, &g.attempt, &params, &inputs, &outputs)
	if err != nil {
		return granted{}, fmt.Errorf("grant the task: %w", err)
	}
	g.verdict, g.after = msg.Verdict(verdict), time.Duration(after*float64(time.Second))
	if verdict == verdictRest {
		g.verdict, g.after, g.rest = msg.Later, 0, g.after
	}
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

func (t taskStore) heartbeat(ctx context.Context, h msg.Heartbeat) (wanted bool, err error) {
	// The key's prefix is formed here: a worker cannot name objects of others.
	err = t.db.QueryRow(ctx, `select loom.heartbeat_task($1::uuid, $2::int, $3::real, make_interval(secs => $4::float8), $5::text[], $6::text)`,
		h.TaskID, h.Attempt, float32(h.Progress), t.lease.Seconds(), h.Stored, objectKey(h.Ref, h.Attempt, "")).Scan(&wanted)
	if err != nil {
		return false, fmt.Errorf("renew the lease: %w", err)
	}
	return wanted, nil
}

// outputs returns the outputs that a task writes, or pgx.ErrNoRows if there is no such task.
func (t taskStore) outputs(ctx context.Context, task uuid.UUID) (map[string]plan.Output, error) {
	var text string
	err := t.db.QueryRow(ctx, "select outputs::text from loom.tasks where id = $1::uuid", task).Scan(&text)
	if err != nil {
		return nil, fmt.Errorf("read the task's outputs: %w", err)
	}
	var outputs map[string]plan.Output
	if err := json.Unmarshal([]byte(text), &outputs); err != nil {
		return nil, fmt.Errorf("read the task's outputs: %w", err)
	}
	return outputs, nil
}

func (t taskStore) finish(ctx context.Context, r msg.Result, keys map[string]string) (verdict string, err error) {
	text, err := json.Marshal(keys)
	if err != nil {
		return "", fmt.Errorf("write keys: %w", err)
	}
	var facts *string
	if len(r.Facts) > 0 {
		s := string(r.Facts)
		facts = &s
	}
	err = t.db.QueryRow(ctx, "select loom.finish_task($1::uuid, $2::int, $3::text::jsonb, $4::text::jsonb)",
		r.TaskID, r.Attempt, string(text), facts).Scan(&verdict)
	if err != nil {
		return "", fmt.Errorf("finish the task: %w", err)
	}
	return verdict, nil
}

func (t taskStore) fail(ctx context.Context, r msg.Ref, attempt int, f msg.Failure) (verdict string, err error) {
	var bundle *string
	if f.Bundle && bundles(r.Kind) {
		// The key is formed here, as those of outputs are.
		key := objectKey(r, attempt, bundleFile)
		bundle = &key
	}
	err = t.db.QueryRow(ctx, "select loom.fail_task($1::uuid, $2::int, $3::text, $4::text, $5::text, $6::boolean, $7::text)",
		r.TaskID, attempt, clean(string(f.Code), 100), clean(f.Message, 1000), clean(f.Detail, 16<<10), f.Permanent, bundle,
	).Scan(&verdict)
	if err != nil {
		return "", fmt.Errorf("fail the task: %w", err)
	}
	return verdict, nil
}

func (t taskStore) handBack(ctx context.Context, r msg.Ref, attempt int, reason string) (verdict string, err error) {
	err = t.db.QueryRow(ctx, "select loom.hand_back_task($1::uuid, $2::int, $3::text)",
		r.TaskID, attempt, clean(reason, 1000)).Scan(&verdict)
	if err != nil {
		return "", fmt.Errorf("take the task back: %w", err)
	}
	return verdict, nil
}

// keepUnreadable makes a dead letter of a message that cannot be read.
func (t taskStore) keepUnreadable(ctx context.Context, subject string, body []byte, reason, worker string) error {
	_, err := t.db.Exec(ctx, "select loom.keep_unreadable($1::text, $2::bytea, $3::text, $4::text)",
		clean(subject, 500), body[:min(len(body), msg.MaxUnreadable)], clean(reason, 1000), clean(worker, 200))
	if err != nil {
		return fmt.Errorf("keep an unreadable message: %w", err)
	}
	return nil
}

// overdue is a render that failed because its time was over, and the kind of its first unfinished
// task.
type overdue struct {
	render uuid.UUID
	kind   msg.Kind
}

// failOverdue fails the renders that were planned longer ago than limit.
func (t taskStore) failOverdue(ctx context.Context, limit time.Duration, message string) ([]overdue, error) {
	rows, err := t.db.Query(ctx, "select render_id, coalesce(kind, '') from loom.fail_overdue(make_interval(secs => $1::float8), $2::text, $3::text)",
		limit.Seconds(), string(msg.CodeRenderTimeout), message)
	if err != nil {
		return nil, fmt.Errorf("fail renders whose time is over: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o overdue, err error) {
		err = row.Scan(&o.render, &o.kind)
		return o, err
	})
	if err != nil {
		return nil, fmt.Errorf("fail renders whose time is over: %w", err)
	}
	return list, nil
}

// due is a task to publish.
type due struct {
	msg.Ref
	attempt int
	host    string // of the page that it records
	// idle is the time since the task became due, or since its lease ended.
	idle time.Duration
}

// open is a render that is being made, and its tasks of some kinds.
type open struct {
	plan     uuid.UUID
	owner    string
	priority int
	weight   float64 // of its owner
	running  int     // tasks that have a worker
	busy     int     // the same of all of its owner's renders
	due      []due   // in their order
}

// open lists the renders that have tasks of the given kinds which can be granted: those that are
// due and those whose lease has lapsed, limit of each at most. The oldest render comes first. It
// leaves out renders whose rows are locked, kinds that are paused, and pages of the hosts in full.
func (t taskStore) open(ctx context.Context, kinds []string, lapsed *time.Time, locked, full []string, limit int) (list []open, err error) {
	rows, err := t.db.Query(ctx, `
		with p as materialized (
		  select o.id, o.owner, o.priority, o.created_at, o.render_id, coalesce(s.weight, 1) as weight, b.running,
		         sum(b.running) over (partition by o.owner) as busy
		    from loom.plans o left join loom.shares s on s.owner = o.owner
		   cross join lateral (select count(*) as running from loom.tasks t
		                        where t.plan_id = o.id and t.kind = any ($1::text[]) and t.state = 'running') b
		   where o.ended_at is null)
		select p.id, p.owner, p.priority, p.weight::float8, p.running, p.busy::int,
		       t.kind, t.render_id, t.id, t.attempt, coalesce(t.host, ''), extract(epoch from clock_timestamp() - t.since)::float8
		  from p cross join unnest($1::text[]) as k (kind)
		 cross join lateral (
		   (select t.id, t.kind, t.render_id, t.seq, t.attempt, t.host, t.not_before as since from loom.tasks t
		     where t.plan_id = p.id and t.kind = k.kind and t.state = 'due' and t.not_before <= clock_timestamp()
		       and (t.host is null or t.host <> all ($6::text[]))
		     order by t.seq limit $3::int)
		   union all
		   (select t.id, t.kind, t.render_id, t.seq, t.attempt, t.host, t.lease_until from loom.tasks t
		     where t.plan_id = p.id and t.kind = k.kind and t.state = 'running' and t.lease_until < clock_timestamp()
		       and not loom.is_leased(t) and loom.may_lapse($2::timestamptz, make_interval(secs => $4::float8))
		     order by t.seq limit $3::int)) t
		 where p.render_id <> all ($5::text[]::uuid[]) and k.kind not in (select s.kind from loom.paused s)
		 order by p.created_at, p.id, loom.stage_rank(t.kind), t.seq`,
		kinds, lapsed, limit, t.lease.Seconds(), locked, full)
	if err != nil {
		return nil, fmt.Errorf("list due tasks: %w", err)
	}
	var o open
	d := due{Ref: msg.Ref{Version: msg.Version}}
	var kind string
	var idle float64
	_, err = pgx.ForEachRow(rows, []any{
		&o.plan, &o.owner, &o.priority, &o.weight, &o.running, &o.busy, &kind, &d.RenderID, &d.TaskID, &d.attempt, &d.host, &idle,
	}, func() error {
		d.Kind, d.idle = msg.Kind(kind), time.Duration(idle*float64(time.Second))
		if len(list) == 0 || list[len(list)-1].plan != o.plan {
			list = append(list, o)
		}
		last := &list[len(list)-1]
		last.due = append(last.due, d)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list due tasks: %w", err)
	}
	return list, nil
}

// recorded counts the pages that are being recorded, by host. Those whose lease has ended are not
// counted: they are recorded again.
func (t taskStore) recorded(ctx context.Context) (pages map[string]int, err error) {
	pages = map[string]int{}
	rows, err := t.db.Query(ctx, `
		select host, count(*) from loom.tasks
		 where state = 'running' and host is not null and lease_until >= clock_timestamp() group by host`)
	if err != nil {
		return nil, fmt.Errorf("count pages by host: %w", err)
	}
	var host string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&host, &n}, func() error {
		pages[host] = n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count pages by host: %w", err)
	}
	return pages, nil
}

// running counts the tasks of the given kinds that have a worker.
func (t taskStore) running(ctx context.Context, kinds []string) (n int, err error) {
	err = t.db.QueryRow(ctx, `
		select count(*) from loom.tasks t join loom.plans p on p.id = t.plan_id
		 where p.ended_at is null and t.kind = any ($1::text[]) and t.state = 'running'`, kinds).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count running tasks: %w", err)
	}
	return n, nil
}

// settleLeft settles followers of tasks that are made no longer, or are of renders whose rows are
// held. If progress is set, it passes on the progress of the others. It returns how many it has
// settled.
func (t taskStore) settleLeft(ctx context.Context, progress bool, held []string) (n int, err error) {
	if err := t.db.QueryRow(ctx, "select loom.settle_left($1::boolean, $2::text[]::uuid[])", progress, held).Scan(&n); err != nil {
		return 0, fmt.Errorf("settle the followers of tasks: %w", err)
	}
	return n, nil
}

// reused returns how many tasks of the render of an upload that is done were done with what others
// had made, by kind.
func (t taskStore) reused(ctx context.Context, upload uuid.UUID) (kinds map[msg.Kind]int, err error) {
	var text *string
	err = t.db.QueryRow(ctx, "select (loom.reused_of(u.plan_id) -> 'reused')::text from loom.tasks u where u.id = $1::uuid and u.state = 'done'", upload).
		Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && text == nil {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(*text), &kinds)
	}
	if err != nil {
		return nil, fmt.Errorf("count what was reused: %w", err)
	}
	return kinds, nil
}

// refusesData reports whether the database refused the data itself, so that another try would fail
// too. Other errors may pass: a server that is away, a deadlock, a schema that is being changed.
func refusesData(err error) bool { return postgres.InClass(postgres.SQLState(err), "22", "23", "P0") }

// mayPersist reports whether an error may come from a render's rows, or from the app's triggers and
// checks on them, and so persist. A deadlock or a lack of memory passes.
func mayPersist(err error) bool {
	code := postgres.SQLState(err)
	return code != "" && !postgres.InClass(code, "08", "25", "28", "40", "53", "55", "57", "58", "XX")
}

// noteRefusal records in loom.set_aside that the database refuses to change a render that is being
// made. Operators look there.
func (t taskStore) noteRefusal(ctx context.Context, render uuid.UUID, cause error) error {
	_, err := t.db.Exec(ctx, "select loom.note_refusal($1::uuid, $2::text, $3::text)", render, postgres.SQLState(cause), clean(cause.Error(), 2000))
	if err != nil {
		return fmt.Errorf("record the refusal: %w", err)
	}
	return nil
}

// clean returns s as Postgres accepts it: valid UTF-8, no NUL, at most limit bytes.
func clean(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
}
