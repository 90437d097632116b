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
	row := t.db.QueryRow(ctx, `
		select $1::text, verdict, coalesce(reason, ''), coalesce(extract(epoch from retry_after), 0)::float8, attempt,
		       params::text, inputs::text, outputs::text
		  from loom.grant_task($1::text::uuid, $2::text, $3::text::uuid, make_interval(secs => $4::float8), $5::timestamptz, $6::int,
		       nullif($7::text, ''))`,
		r.TaskID.String(), clean(r.Worker, 200), r.RequestID.String(), t.lease.Seconds(), lapsed, t.perHost, clean(r.Tools, 500))
	_, g, err := scanGrant(row)
	if err != nil {
		return granted{}, fmt.Errorf("grant the task: %w", err)
	}
	return g, nil
}

// grantAll grants many tasks in one transaction. No lease has lapsed, as in grant. Those that it
// cannot grant without waiting have no verdict.
func (t taskStore) grantAll(ctx context.Context, list []msg.GrantRequest) ([]granted, error) {
	tasks, workers, requests, tools := make([]string, len(list)), make([]string, len(list)), make([]string, len(list)), make([]string, len(list))
	place := make(map[string]int, len(list))
	for i, r := range list {
		tasks[i], workers[i], requests[i], tools[i] = r.TaskID.String(), clean(r.Worker, 200), r.RequestID.String(), clean(r.Tools, 500)
		place[tasks[i]+requests[i]] = i
	}
	rows, err := t.db.Query(ctx, `
		select task::text || request::text, verdict, coalesce(reason, ''), coalesce(extract(epoch from retry_after), 0)::float8, attempt,
		       params::text, inputs::text, outputs::text
		  from loom.grant_tasks($1::text[]::uuid[], $2::text[], $3::text[]::uuid[], make_interval(secs => $4::float8), null,
		       $5::int, $6::text[])`,
		tasks, workers, requests, t.lease.Seconds(), t.perHost, tools)
	if err != nil {
		return nil, fmt.Errorf("grant tasks: %w", err)
	}
	defer rows.Close()
	answers := make([]granted, len(list))
	for rows.Next() {
		of, g, err := scanGrant(rows)
		if err != nil {
			return nil, fmt.Errorf("grant tasks: %w", err)
		}
		answers[place[of]] = g
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("grant tasks: %w", err)
	}
	return answers, nil
}

// scanGrant reads an answer of loom.grant_task, and what it is the answer to.
func scanGrant(row pgx.Row) (of string, g granted, err error) {
	var verdict string
	var after float64
	var params, inputs, outputs *string
	if err := row.Scan(&of, &verdict, &g.reason, &after, &g.attempt, &params, &inputs, &outputs); err != nil {
		return "", granted{}, err
	}
	g.verdict, g.after = msg.Verdict(verdict), time.Duration(after*float64(time.Second))
	if verdict == verdictRest {
		g.verdict, g.after, g.rest = msg.Later, 0, g.after
	}
	if g.verdict != msg.Granted {
		return of, g, nil
	}
	g.params = json.RawMessage(*params)
	if err := json.Unmarshal([]byte(*inputs), &g.inputs); err != nil {
		return "", granted{}, fmt.Errorf("read its inputs: %w", err)
	}
	if err := json.Unmarshal([]byte(*outputs), &g.outputs); err != nil {
		return "", granted{}, fmt.Errorf("read its outputs: %w", err)
	}
	return of, g, nil
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

// heartbeatAll renews many leases in one transaction, and returns which attempts are wanted. Those
// that it cannot renew without waiting are nil.
func (t taskStore) heartbeatAll(ctx context.Context, list []msg.Heartbeat) ([]*bool, error) {
	type heartbeat struct {
		Task     uuid.UUID `json:"task"`
		Attempt  int       `json:"attempt"`
		Progress float64   `json:"progress"`
		Stored   []string  `json:"stored,omitempty"`
		Folder   string    `json:"folder"`
	}
	all := make([]heartbeat, len(list))
	place := make(map[string]int, len(list))
	for i, h := range list {
		all[i] = heartbeat{h.TaskID, h.Attempt, h.Progress, h.Stored, objectKey(h.Ref, h.Attempt, "")}
		place[attemptName(h.TaskID.String(), h.Attempt)] = i
	}
	text, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("write heartbeats: %w", err)
	}
	rows, err := t.db.Query(ctx, "select task::text, attempt, wanted from loom.heartbeat_tasks($1::text::jsonb, make_interval(secs => $2::float8))",
		string(text), t.lease.Seconds())
	if err != nil {
		return nil, fmt.Errorf("renew leases: %w", err)
	}
	answers := make([]*bool, len(list))
	var task string
	var attempt int
	var wanted bool
	_, err = pgx.ForEachRow(rows, []any{&task, &attempt, &wanted}, func() error {
		answer := wanted
		answers[place[attemptName(task, attempt)]] = &answer
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("renew leases: %w", err)
	}
	return answers, nil
}

func attemptName(task string, attempt int) string { return fmt.Sprintf("%s/%d", task, attempt) }

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
	err = t.db.QueryRow(ctx, "select loom.finish_task($1::uuid, $2::int, $3::text::jsonb, $4::text::jsonb, $5::text::jsonb)",
		r.TaskID, r.Attempt, string(text), facts, usedJSON(r.Used)).Scan(&verdict)
	if err != nil {
		return "", fmt.Errorf("finish the task: %w", err)
	}
	return verdict, nil
}

// finishAll finishes many tasks in one transaction, and returns the verdicts. Those that it cannot
// finish without waiting have none.
func (t taskStore) finishAll(ctx context.Context, list []msg.Result) ([]string, error) {
	type done struct {
		Task    uuid.UUID       `json:"task"`
		Attempt int             `json:"attempt"`
		Folder  string          `json:"folder"`
		Facts   json.RawMessage `json:"facts,omitempty"`
		Used    *msg.Usage      `json:"used,omitempty"`
	}
	all := make([]done, len(list))
	place := make(map[string]int, len(list))
	for i, r := range list {
		// Keys are formed here and from the plan: a worker cannot name objects of others.
		all[i] = done{r.TaskID, r.Attempt, objectKey(r.Ref, r.Attempt, ""), r.Facts, plausible(r.Used)}
		place[fmt.Sprintf("%s/%d", r.TaskID, r.Attempt)] = i
	}
	text, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("write results: %w", err)
	}
	rows, err := t.db.Query(ctx, "select task::text || '/' || attempt, verdict from loom.finish_tasks($1::text::jsonb)", string(text))
	if err != nil {
		return nil, fmt.Errorf("finish tasks: %w", err)
	}
	verdicts := make([]string, len(list))
	var of, verdict string
	_, err = pgx.ForEachRow(rows, []any{&of, &verdict}, func() error {
		verdicts[place[of]] = verdict
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("finish tasks: %w", err)
	}
	return verdicts, nil
}

func (t taskStore) fail(ctx context.Context, r msg.Result, f msg.Failure) (verdict string, err error) {
	var bundle *string
	if f.Bundle && bundles(r.Kind) {
		// The key is formed here, as those of outputs are.
		key := objectKey(r.Ref, r.Attempt, bundleFile)
		bundle = &key
	}
	err = t.db.QueryRow(ctx, "select loom.fail_task($1::uuid, $2::int, $3::text, $4::text, $5::text, $6::boolean, $7::text, $8::text::jsonb)",
		r.TaskID, r.Attempt, clean(string(f.Code), 100), clean(f.Message, 1000), clean(f.Detail, 16<<10), f.Permanent, bundle, usedJSON(r.Used),
	).Scan(&verdict)
	if err != nil {
		return "", fmt.Errorf("fail the task: %w", err)
	}
	return verdict, nil
}

func (t taskStore) handBack(ctx context.Context, r msg.Result) (verdict string, err error) {
	err = t.db.QueryRow(ctx, "select loom.hand_back_task($1::uuid, $2::int, $3::text, $4::text::jsonb)",
		r.TaskID, r.Attempt, clean(r.Reason, 1000), usedJSON(r.Used)).Scan(&verdict)
	if err != nil {
		return "", fmt.Errorf("take the task back: %w", err)
	}
	return verdict, nil
}

// noteUsed notes what an attempt used whose task was not closed with its result.
func (t taskStore) noteUsed(ctx context.Context, r msg.Result) error {
	text := usedJSON(r.Used)
	if text == nil {
		return nil
	}
	if _, err := t.db.Exec(ctx, "select loom.note_used($1::uuid, $2::int, $3::text::jsonb)", r.TaskID, r.Attempt, *text); err != nil {
		return fmt.Errorf("note what the attempt used: %w", err)
	}
	return nil
}

// plausible returns what an attempt used if a worker can have used that; nil if it cannot, or did
// not say. Receipts are sums: one wrong number would spoil them.
func plausible(u *msg.Usage) *msg.Usage {
	const most = 1 << 50
	if u == nil {
		return nil
	}
	for _, n := range []int64{int64(u.Children) / 1e6, int64(u.Worker) / 1e6, u.In, u.Out, u.Web} {
		if n < 0 || n > most {
			return nil
		}
	}
	return u
}

func usedJSON(u *msg.Usage) *string {
	u = plausible(u)
	if u == nil {
		return nil
	}
	data, err := json.Marshal(u)
	if err != nil {
		return nil // five numbers can be written
	}
	text := string(data)
	return &text
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

// inHand are the tasks of one kind of a render that is being made: how many have a worker, or one
// that can be granted.
type inHand struct {
	open
	kind msg.Kind
	due  *due
}

// inHand lists the tasks that have a worker, counted, and those that can be granted: those that are
// due and those whose lease has lapsed, limit of each kind of each render at most. The oldest
// render comes first. Of those that can be granted it leaves out renders whose rows are locked,
// kinds that are paused, and pages of the hosts in full. A task whose lease has ended has no
// worker: if it counted, its render would wait behind all that have none, though it has none
// either.
func (t taskStore) inHand(ctx context.Context, lapsed *time.Time, locked, full []string, limit int) (list []inHand, err error) {
	rows, err := t.db.Query(ctx, inHandQuery, kindNames, lapsed, limit, t.lease.Seconds(), locked, full)
	if err != nil {
		return nil, fmt.Errorf("list tasks in hand: %w", err)
	}
	var one inHand
	var render, task *string
	var attempt int
	var host string
	var idle float64
	_, err = pgx.ForEachRow(rows, []any{
		&one.plan, &one.owner, &one.priority, &one.weight, &one.kind, &one.running, &render, &task, &attempt, &host, &idle,
	}, func() (err error) {
		one.due = nil
		if task != nil {
			d := due{Ref: msg.Ref{Version: msg.Version, Kind: one.kind}, attempt: attempt, host: host, idle: time.Duration(idle * float64(time.Second))}
			if d.RenderID, err = uuid.Parse(*render); err != nil {
				return err
			}
			if d.TaskID, err = uuid.Parse(*task); err != nil {
				return err
			}
			one.due = &d
		}
		list = append(list, one)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list tasks in hand: %w", err)
	}
	return list, nil
}

// kindNames are all kinds, for queries.
var kindNames = func() (names []string) {
	for _, k := range msg.Kinds {
		names = append(names, string(k))
	}
	return names
}()

// inHandQuery reads the front of an index for each kind of each plan that is open, however many
// tasks wait or are over.
const inHandQuery = `
with p as materialized (
  select o.id, o.owner, o.priority, o.created_at, o.render_id, coalesce(s.weight, 1) as weight
    from loom.plans o left join loom.shares s on s.owner = o.owner where o.ended_at is null),
     running as (
  select p.id as plan_id, r.kind, count(*)::int as tasks
    from p join loom.tasks r on r.plan_id = p.id and r.state = 'running' and r.lease_until >= clock_timestamp() group by p.id, r.kind),
     grantable as (
  select t.*
    from p cross join unnest($1::text[]) as k (kind)
   cross join lateral (
     (select t.plan_id, t.id, t.kind, t.render_id, t.seq, t.attempt, t.host, t.not_before as since from loom.tasks t
       where t.plan_id = p.id and t.kind = k.kind and t.state = 'due' and t.not_before <= clock_timestamp()
         and (t.host is null or t.host <> all ($6::text[]))
       order by t.seq limit $3::int)
     union all
     (select t.plan_id, t.id, t.kind, t.render_id, t.seq, t.attempt, t.host, t.lease_until from loom.tasks t
       where t.plan_id = p.id and t.kind = k.kind and t.state = 'running' and t.lease_until < clock_timestamp()
         and not loom.is_leased(t) and loom.may_lapse($2::timestamptz, make_interval(secs => $4::float8))
       order by t.seq limit $3::int)) t
   where p.render_id <> all ($5::text[]::uuid[]) and k.kind not in (select s.kind from loom.paused s)),
     t as (
  select plan_id, kind, tasks as running, null::uuid as render_id, null::uuid as id, 0 as attempt, '' as host, 0 as seq, null::timestamptz as since
    from running
   union all
  select plan_id, kind, 0, render_id, id, attempt, coalesce(host, ''), seq, since from grantable)
select p.id, p.owner, p.priority, p.weight::float8, t.kind, t.running, t.render_id::text, t.id::text, t.attempt, t.host,
       coalesce(extract(epoch from clock_timestamp() - t.since), 0)::float8
  from p join t on t.plan_id = p.id
 order by p.created_at, p.id, loom.stage_rank(t.kind), t.seq`

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
