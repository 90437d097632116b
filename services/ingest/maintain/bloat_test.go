package maintain

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/services/ingest/claim"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// work takes all tasks that are due to their end, each with some heartbeats, as workers do.
const work = `
create procedure work(beats int) language plpgsql as $$
declare
  t loom.tasks;
  a int;
begin
  loop
    select * into t from loom.tasks where state = 'due' limit 1;
    exit when not found;
    select g.attempt into a from loom.grant_task(t.id, 'worker', gen_random_uuid(), '1 minute') g;
    commit;
    for i in 1 .. beats loop
      perform loom.heartbeat_task(t.id, a, (i::real / (beats + 1))::real, '1 minute');
      commit;
    end loop;
    if t.kind = 'upload' then
      perform loom.finish_render(t.id, a, 'v', 't', '{}');
    else
      perform loom.finish_task(t.id, a, (select jsonb_object_agg(key, t.id || '/a1/' || key) from jsonb_object_keys(t.outputs) as key),
        '{"frames": 30, "bytes": 1000}');
    end if;
    commit;
  end loop;
end
$$`

// round has renders made, and those of the last round swept and thinned. It returns the blocks of
// our tables and indexes.
func (r *rig) round(renders, beats int) map[string]int {
	r.t.Helper()
	for range renders {
		r.exec(`with c as (insert into campaigns (name) values ('test') returning id),
			s as (insert into scenes (campaign_id, url, duration_sec, order_index)
			      select c.id, 'https://example.com/' || gen_random_uuid(), 1, n from c, generate_series(1, 3) as n),
			r as (insert into renders (campaign_id) select id from c returning id)
			insert into render_jobs (render_id, state) select id, 'queued' from r`)
	}
	claimer := claim.Claimer{DB: r.db, Limits: plan.Limits{Scene: time.Hour, Render: time.Hour}, MaxRenders: 1000, MaxPerOwner: 1000, MaxRetries: 3,
		ObjectBytes: 1 << 30}
	for range renders {
		if c, err := claimer.Next(r.t.Context()); err != nil || c.Outcome != claim.Planned {
			r.t.Fatalf("%+v, %v", c, err)
		}
	}
	r.exec("update loom.plans set swept_at = now(), ended_at = ended_at - interval '60 days' where ended_at is not null and swept_at is null")
	last := get[int](r, "select count(*) from loom.plans where ended_at is not null and history is null")
	r.exec("call work($1)", beats)
	if n := get[int](r, "select count(*) from loom.plans where outcome is distinct from 'done'"); n != 0 {
		r.t.Fatalf("%d renders are not done", n)
	}
	// 3 scenes: 8 tasks, each with an attempt.
	if n := r.run(r.thin); n != last*16 {
		r.t.Errorf("%d rows were deleted of %d renders", n, last)
	}
	blocks := map[string]int{}
	for _, table := range []string{"loom.tasks", "loom.attempts"} {
		r.exec("vacuum " + table) // as autovacuum does
		rows, err := r.db.Query(r.t.Context(), `select c.relname::text, (pg_relation_size(c.oid) / current_setting('block_size')::int)::int
			from pg_class c where c.oid = $1::text::regclass or c.oid in (select i.indexrelid from pg_index i where i.indrelid = $1::text::regclass)`, table)
		if err != nil {
			r.t.Fatal(err)
		}
		var name string
		var n int
		if _, err := pgx.ForEachRow(rows, []any{&name, &n}, func() error {
			blocks[name] = n
			return nil
		}); err != nil {
			r.t.Fatal(err)
		}
	}
	return blocks
}

// Rows that were deleted leave room for those that come: tables and indexes are as large after many
// rounds as after a few. They need no reindexing.
func TestTablesStayAsLargeAsWhatIsInThem(t *testing.T) {
	r := newRig(t)
	r.exec(work)
	var early, late map[string]int
	for round := range 24 {
		late = r.round(4, 1)
		if round == 3 {
			early = late
		}
	}
	for _, name := range slices.Sorted(maps.Keys(late)) {
		t.Logf("%s: %d blocks after four rounds, %d after all", name, early[name], late[name])
		// A round needs more or less, as pages are pruned sooner or later. What is never removed
		// would be six times as much.
		if late[name] > 2*early[name]+8 {
			t.Errorf("%s has %d blocks after 24 rounds, and had %d after four", name, late[name], early[name])
		}
	}
}

// Heartbeats are most of the updates. They change no index, and find room in their row's page.
func TestHeartbeatsLeaveIndexesAlone(t *testing.T) {
	r := newRig(t)
	r.exec(work)
	const beats = 5
	r.round(10, beats)
	// All connections end, so what they did is in the statistics.
	r.db.Reset()
	attempts := get[int](r, "select count(*) from loom.attempts")
	for range 200 {
		updates := get[int](r, "select n_tup_upd from pg_stat_user_tables where relid = 'loom.tasks'::regclass")
		hot := get[int](r, "select n_tup_hot_upd from pg_stat_user_tables where relid = 'loom.tasks'::regclass")
		if updates < attempts*(beats+2) { // with the grant and the end
			// Postgres signals nothing when a connection's counts have reached the statistics.
			time.Sleep(100 * time.Millisecond)
			continue
		}
		if hot < attempts*beats*8/10 {
			t.Errorf("%d of %d updates are HOT, among them %d heartbeats", hot, updates, attempts*beats)
		}
		return
	}
	t.Error("the statistics do not come")
}

func TestVacuumFollowsWhatChanges(t *testing.T) {
	r := newRig(t)
	for _, table := range []string{"loom.tasks", "loom.attempts", "loom.plans"} {
		// Of a million rows, dead ones are few.
		most := get[float64](r, `select max(case when o.option_name = 'autovacuum_vacuum_scale_factor' then o.option_value::float8 end) * 1e6
			+ max(case when o.option_name = 'autovacuum_vacuum_threshold' then o.option_value::float8 end)
			from pg_class c, pg_options_to_table(c.reloptions) as o where c.oid = $1::text::regclass`, table)
		if most > 25000 {
			t.Errorf("%s with a million rows is vacuumed when %v are dead", table, most)
		}
	}
}
