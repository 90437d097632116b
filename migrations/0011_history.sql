-- Maintenance: who does it, and what stays of renders that ended long ago.

-- The replica of ingest that maintains. It renews its lease. Another takes over when it has run
-- out.
create table if not exists loom.leader (
  -- There is one row at most.
  one         boolean primary key default true check (one),
  -- One run of a replica, and the replica's WORKER_ID.
  holder      uuid not null,
  name        text not null,
  since       timestamptz not null,
  lease_until timestamptz not null
);
alter table loom.leader enable row level security;

-- Takes or renews the lease. Returns false while another holds it.
create or replace function loom.lead(p_holder uuid, p_name text, p_lease interval) returns boolean
language plpgsql set search_path = '' set lock_timeout = '250ms' as $$
begin
  insert into loom.leader as l (holder, name, since, lease_until)
  values (p_holder, p_name, pg_catalog.clock_timestamp(), pg_catalog.clock_timestamp() + p_lease)
  on conflict (one) do update
    set holder = excluded.holder, name = excluded.name, lease_until = excluded.lease_until,
        since = case when l.holder = excluded.holder then l.since else excluded.since end
  where l.holder = excluded.holder or l.lease_until < pg_catalog.clock_timestamp();
  return found;
end
$$;

-- Ends the lease of a replica that stops, so that another takes over at once.
create or replace function loom.resign(p_holder uuid) returns void
language sql set search_path = '' set lock_timeout = '250ms' as $$
  update loom.leader set lease_until = '-infinity' where holder = p_holder
$$;

-- Deletes the last turns of owners whose next turn would be the present one without them, too (see
-- loom.next_turn), p_most at once. It runs as its owner, because other roles see no sequence.
create or replace function loom.forget_turns(p_most int) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_deleted int;
begin
  delete from loom.last_turns where owner in (
    select l.owner from loom.last_turns l left join loom.shares s on s.owner = l.owner
     where l.turn + 1000 / coalesce(s.weight, 1) <= (select p.last_value from loom.present_turn p)
     limit p_most for update of l skip locked);
  get diagnostics v_deleted = row_count;
  return v_deleted;
end
$$;

-- Reports whether objects in a task's folder of the work bucket (<render>/<task>/…) are needed, or
-- are looked after: the task's render goes on, or its objects have not been deleted since it ended,
-- or it was deleted with its plan and loom.leftovers has it, or another task was done with them.
create or replace function loom.needs_objects(p_render uuid, p_task uuid) returns boolean
language sql stable set search_path = '' as $$
  select exists (select from loom.tasks t join loom.plans p on p.id = t.plan_id where t.id = p_task and p.swept_at is null)
      or exists (select from loom.leftovers l where l.render_id = p_render)
      or exists (select from loom.tasks f where f.source_render = p_render and f.source = p_task and f.output_key is not null)
$$;

-- What stays of a plan's tasks and attempts: an array of tasks as `loom status --json` prints them,
-- without what is null. A task that was done at its first attempt has no list of attempts. Null:
-- the rows are still there.
alter table loom.plans add column if not exists history jsonb;
create index if not exists plans_to_thin on loom.plans (ended_at) where history is null and swept_at is not null;

-- Returns what the page of a render shows of a plan's tasks, in the order of the pipeline, and what
-- its receipt does. It runs as its owner: readers have no right to parameters, of which it shows
-- two.
create or replace function loom.history_of(p_plan uuid) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  return (select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
           'id', t.id, 'kind', t.kind, 'scene', t.params -> 'scene', 'state', t.state, 'progress', t.progress,
           'reused', t.source is not null, 'reused_from', t.source_render,
           'attempt', t.attempt, 'failures', t.failures, 'worker', t.worker, 'started_at', t.started_at, 'ended_at', t.ended_at,
           'weight', t.weight,
           -- For its receipt: what its outputs are named by, what made them, and what that used.
           'output_key', pg_catalog.encode(coalesce(t.output_key, t.swept_key), 'hex'), 'tools', t.tools,
           'used', case when t.attempt = 1 and t.state = 'done' then (select a.used from loom.attempts a where a.task_id = t.id) end,
           -- How a scene was recorded, and the finished video's frames and size.
           'facts', case when t.kind = 'record' and t.facts ? 'mode' then pg_catalog.jsonb_build_object('mode', t.facts -> 'mode')
                         when t.kind in ('concat', 'overlay') then t.facts - '{report,looks,changes,warnings}'::text[] end,
           'rate', case when t.kind in ('concat', 'overlay') then t.params -> 'rate' end,
           'attempts', case when t.attempt > 1 or t.state <> 'done' then (
             select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                      'attempt', a.attempt, 'worker', a.worker, 'granted_at', a.granted_at, 'ended_at', a.ended_at,
                      'outcome', a.outcome, 'error_code', a.error_code, 'error_message', a.error_message, 'detail', a.detail, 'used', a.used)
                      order by a.attempt)
               from loom.attempts a where a.task_id = t.id) end))
           order by loom.stage_rank(t.kind), t.kind desc, t.seq), '[]')
    from loom.tasks t where t.plan_id = p_plan);
end
$$;

-- Thins a plan: history has what stays, and the tasks, their attempts and the snapshot of the
-- campaign are deleted. Returns how many rows it has deleted: 0 for a plan that has not ended,
-- whose objects have not been deleted, that is thin already, or that somebody holds.
create or replace function loom.thin_plan(p_plan uuid) returns int
language plpgsql set search_path = '' set lock_timeout = '100ms' as $$
declare
  v_attempts int;
  v_tasks    int;
begin
  perform from loom.plans p
    where p.id = p_plan and p.ended_at is not null and p.swept_at is not null and p.history is null
      for no key update skip locked;
  if not found then
    return 0;
  end if;
  update loom.plans set history = loom.history_of(p_plan), campaign = '{}' where id = p_plan;
  delete from loom.attempts a using loom.tasks t where t.plan_id = p_plan and a.task_id = t.id;
  get diagnostics v_attempts = row_count;
  delete from loom.tasks where plan_id = p_plan;
  get diagnostics v_tasks = row_count;
  return v_attempts + v_tasks;
exception when lock_not_available then
  return 0;
end
$$;

-- Vacuum follows what changes, not how much history there is: by default it waits for dead rows to
-- be a fifth of a table, while each task leaves two or three, and as many entries in the index of
-- those in hand. The fill factor stays as it is. Of the updates of a task, those by heartbeats
-- change no index and find room in their page (99 of 100, measured on renders of ten scenes); the
-- others change an index.
alter table loom.tasks set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
                            autovacuum_analyze_scale_factor = 0.02);
alter table loom.attempts set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
                               autovacuum_analyze_scale_factor = 0.02);
alter table loom.plans set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200,
                            autovacuum_analyze_scale_factor = 0.02);

revoke all on loom.leader from public;
revoke execute on function loom.lead(uuid, text, interval), loom.resign(uuid), loom.forget_turns(int),
  loom.needs_objects(uuid, uuid), loom.history_of(uuid), loom.thin_plan(uuid) from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke all on loom.leader from %I', v_role);
      execute format('revoke execute on function loom.lead(uuid, text, interval), loom.resign(uuid), loom.forget_turns(int), '
        'loom.needs_objects(uuid, uuid), loom.history_of(uuid), loom.thin_plan(uuid) from %I', v_role);
    end if;
  end loop;
end
$$;
