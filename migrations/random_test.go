package migrations_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// guard makes the database itself refuse what must never happen, whoever does it and in whatever
// order.
const guard = `
create function refuse_render() returns trigger language plpgsql as $$
begin
  if loom.is_terminal(old.status) then
    raise exception 'the render changed after it had ended: % → %', to_jsonb(old), to_jsonb(new);
  elsif new.progress < old.progress or loom.status_rank(new.status) < loom.status_rank(old.status) then
    raise exception 'the render went back: % → %', to_jsonb(old), to_jsonb(new);
  elsif (new.progress = 100) <> (new.status = 'done') then
    raise exception '100 without done, or done without 100: %', to_jsonb(new);
  end if;
  return new;
end $$;
create trigger refuse before update on renders for each row execute function refuse_render();

create function refuse_task() returns trigger language plpgsql as $$
begin
  if old.state in ('failed', 'cancelled') or old.state = 'done' and not (old.kind in ('record', 'normalize') and new.state = 'waiting')
    and to_jsonb(new) - 'output_key' <> to_jsonb(old) - 'output_key' then
    raise exception 'the task changed after it had ended: % → %', to_jsonb(old), to_jsonb(new);
  elsif new.state = 'done' and old.state <> 'done' and new.source is null and (old.state <> 'running' or old.attempt <> new.attempt) then
    raise exception 'the task is done without running: % → %', to_jsonb(old), to_jsonb(new);
  elsif new.state = 'done' and old.state <> 'done' and new.source is not null
    and not exists (select from loom.tasks s where coalesce(s.source, s.id) = new.source and s.state = 'done' and s.keys = new.keys and s.kind = new.kind) then
    raise exception 'the task is done with what nobody made: % → %', to_jsonb(old), to_jsonb(new);
  elsif new.attempt not in (old.attempt, old.attempt + 1) or new.failures not in (old.failures, old.failures + 1) then
    raise exception 'attempts or failures jump: % → %', to_jsonb(old), to_jsonb(new);
  elsif old.state = 'waiting' and new.state = 'due'
    and exists (select from loom.tasks d where d.id = any (new.needs) and d.state <> 'done'
                and not coalesce(d.state = 'running' and d.keys ? 'out' and new.inputs -> 'in' ->> 'output' = 'out', false)) then
    raise exception 'the task is due before what it needs is there: %', to_jsonb(new);
  end if;
  return new;
end $$;
create trigger refuse before update on loom.tasks for each row execute function refuse_task();`

// Workers that crash, come back late, repeat themselves and mix up attempts, on several connections
// at once: whatever they do in whatever order, the render only goes forward, and ends once.
func TestAnyOrderOfCallsKeepsThePromises(t *testing.T) {
	url := migrated.Database(t)
	conn := connect(t, url)
	paste(t, conn, guard)
	for round := range 6 {
		seed := rand.Uint64()
		r := inPieces(t, conn, 1+round*4)
		var workers sync.WaitGroup
		for n := range uint64(3) {
			mine := connect(t, url)
			random := rand.New(rand.NewPCG(seed, n))
			workers.Go(func() { chaos(t, mine, r, random) })
		}
		workers.Wait()
		counted(t, conn)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		// Whatever they left, an orderly worker brings it to an end.
		for range 50 {
			if get[bool](t, conn, "select loom.is_terminal(status) from renders where id = $1", r.id) {
				break
			}
			exec(t, conn, "update loom.tasks set not_before = now() where state = 'due'")
			exec(t, conn, "update loom.tasks set lease_until = now() where state = 'running'")
			for _, task := range r.tasks {
				if v, attempt := grant(t, conn, task, "1 minute"); v == "granted" {
					finish(t, conn, task, attempt)
				}
			}
		}
		settled(t, conn, r)
		counted(t, conn)
	}
}

// counted checks that plans count what their tasks are.
func counted(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	const counts = `select coalesce(jsonb_agg(jsonb_build_array(id, unfinished, weight, weight_done) order by id), '[]')::text from loom.plans`
	kept := get[string](t, conn, counts)
	exec(t, conn, "select loom.count_tasks(id) from loom.plans")
	if want := get[string](t, conn, counts); kept != want {
		t.Errorf("plans count %s, want %s", kept, want)
	}
}

// chaos makes random calls about random tasks.
func chaos(t *testing.T, conn *pgx.Conn, r render, random *rand.Rand) {
	var tasks []string
	for _, task := range r.tasks {
		tasks = append(tasks, task)
	}
	for range 60 {
		task := tasks[random.IntN(len(tasks))]
		// Mostly the current attempt, sometimes an older one or none.
		attempt := get[int](t, conn, "select attempt from loom.tasks where id = $1", task) - random.IntN(5)/4
		switch random.IntN(7) {
		case 0, 1, 2:
			grant(t, conn, task, []string{"0 seconds", "1 minute"}[random.IntN(2)])
		case 3:
			stored := [][]string{{}, {"out"}}[random.IntN(2)]
			get[bool](t, conn, "select loom.heartbeat_task($1, $2, $3, '1 minute', $4, 'folder/')", task, attempt, random.Float64(), stored)
		case 4:
			finish(t, conn, task, attempt)
			finish(t, conn, task, attempt)
		case 5:
			if random.IntN(4) == 0 {
				missing(t, conn, task, attempt)
			} else {
				fail(t, conn, task, attempt, random.IntN(30) == 0)
			}
			due(t, conn, task)
		case 6:
			get[string](t, conn, "select loom.hand_back_task($1, $2, 'drain')", task, attempt)
		}
		if t.Failed() {
			return
		}
	}
}

// settled checks what must hold once a render has ended.
func settled(t *testing.T, conn *pgx.Conn, r render) {
	t.Helper()
	for what, query := range map[string]string{
		"the render has not ended":               "select not loom.is_terminal(status) from renders where id = $1::uuid",
		"the plan is open, or ended differently": "select p.outcome is distinct from r.status from renders r join loom.plans p on p.render_id = r.id where r.id = $1::uuid",
		"the job is open":                        "select exists (select from render_jobs where render_id = $1::uuid and state in ('queued', 'running'))",
		"a task is open":                         "select exists (select from loom.tasks where render_id = $1::uuid and state in ('waiting', 'due', 'running'))",
		"an attempt is open": `select exists (select from loom.attempts a join loom.tasks t on t.id = a.task_id
			where t.render_id = $1::uuid and a.outcome is null)`,
		"attempts are missing": `select exists (select from loom.tasks t where t.render_id = $1::uuid
			and t.attempt <> (select count(*) from loom.attempts a where a.task_id = t.id))`,
		"charges differ from failures": `select exists (select from loom.tasks t where t.render_id = $1::uuid
			and t.failures <> (select count(*) from loom.attempts a where a.task_id = t.id and a.outcome in ('failed', 'lapsed')))`,
		"a done render has a task that is not": `select r.status = 'done' and exists (select from loom.tasks t where t.render_id = r.id
			and t.state <> 'done') from renders r where r.id = $1::uuid`,
		"a task was made of outputs of an attempt that did not last": `select exists (select from loom.tasks d join loom.tasks w on d.id = any (w.needs)
			join loom.attempts a on a.task_id = w.id and a.attempt = w.attempt
			join loom.attempts b on b.task_id = d.id and b.attempt = d.attempt
			where d.render_id = $1::uuid and d.state = 'done' and w.state = 'done' and a.granted_at < b.granted_at)`,
		"a failed render does not say why": `select status = 'failed' and (error_code is null or error_message is null) from renders where id = $1::uuid`,
	} {
		if get[bool](t, conn, query, r.id) {
			t.Errorf("%s: %s", what, get[string](t, conn, `select jsonb_agg(jsonb_build_object('id', t.id, 'kind', t.kind, 'state', t.state,
				'attempt', t.attempt, 'failures', t.failures) order by t.id)::text from loom.tasks t where t.render_id = $1::uuid`, r.id))
		}
	}
}
