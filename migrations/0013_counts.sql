-- What is counted instead of being looked up each time, and calls that do many tasks at once.

-- A plan's tasks that are not done, by loom.stage_rank from 1 to 5.
alter table loom.plans add column if not exists unfinished int[];
-- The weights of all of its tasks, and of those that are done.
alter table loom.plans add column if not exists weight float8;
alter table loom.plans add column if not exists weight_done float8;

-- The tasks that need this one. Null in plans that were opened before this file.
alter table loom.tasks add column if not exists feeds uuid[];

-- Counts a plan's tasks.
create or replace function loom.count_tasks(p_plan uuid) returns void
language plpgsql set search_path = '' as $$
begin
  update loom.plans p set unfinished = c.unfinished, weight = c.weight, weight_done = c.weight_done
    from (select array[pg_catalog.count(*) filter (where r.rank = 1), pg_catalog.count(*) filter (where r.rank = 2), pg_catalog.count(*) filter (where r.rank = 3),
                       pg_catalog.count(*) filter (where r.rank = 4), pg_catalog.count(*) filter (where r.rank = 5)]::int[] as unfinished,
                 coalesce(pg_catalog.sum(t.weight::float8), 0) as weight,
                 coalesce(pg_catalog.sum(t.weight::float8) filter (where t.state = 'done'), 0) as weight_done
            from loom.tasks t cross join lateral (select case when t.state <> 'done' then loom.stage_rank(t.kind) end as rank) r
           where t.plan_id = p_plan) c
   where p.id = p_plan;
end
$$;

-- Counts the tasks of plans that are opened.
create or replace function loom.count_planned() returns trigger
language plpgsql set search_path = '' as $$
begin
  perform loom.count_tasks(p.plan_id) from (select distinct a.plan_id from added a) p;
  return null;
end
$$;
create or replace trigger loom_count_planned
  after insert on loom.tasks referencing new table as added for each statement execute function loom.count_planned();

-- Counts tasks that are done now, or were. Whatever changes a task, the counts are right: it is a
-- trigger. Who changes a task to or from done holds its render's row, so nobody waits here. A
-- statement that ends many tasks of a plan changes its row once.
create or replace function loom.count_done() returns trigger
language plpgsql set search_path = '' as $$
begin
  if not exists (select from after a where a.state = 'done' union all select from before b where b.state = 'done') then
    return null;
  end if;
  update loom.plans p
     set unfinished = array[p.unfinished[1] - c.done[1], p.unfinished[2] - c.done[2], p.unfinished[3] - c.done[3], p.unfinished[4] - c.done[4],
                            p.unfinished[5] - c.done[5]]::int[],
         weight_done = p.weight_done + c.weight
    from (select d.plan_id, pg_catalog.sum(d.n * d.weight::float8) as weight, pg_catalog.bool_or(d.n <> 0) as some,
                 array[coalesce(pg_catalog.sum(d.n) filter (where d.rank = 1), 0), coalesce(pg_catalog.sum(d.n) filter (where d.rank = 2), 0),
                       coalesce(pg_catalog.sum(d.n) filter (where d.rank = 3), 0), coalesce(pg_catalog.sum(d.n) filter (where d.rank = 4), 0),
                       coalesce(pg_catalog.sum(d.n) filter (where d.rank = 5), 0)] as done
            from (select s.id, s.plan_id, s.weight, loom.stage_rank(s.kind) as rank, pg_catalog.sum(s.n) as n
                    from (select b.id, b.plan_id, b.kind, b.weight, -1 as n from before b where b.state = 'done'
                           union all
                          select a.id, a.plan_id, a.kind, a.weight, 1 from after a where a.state = 'done') s
                   group by s.id, s.plan_id, s.kind, s.weight) d
           group by d.plan_id) c
   where p.id = c.plan_id and c.some;
  return null;
end
$$;
create or replace trigger loom_count_done
  after update on loom.tasks referencing old table as before new table as after for each statement execute function loom.count_done();

-- Plans that were opened before this file.
select loom.count_tasks(p.id) from loom.plans p where p.ended_at is null and p.unfinished is null;

-- How batches are run. A plan of a statement is kept and not made again, and it reads by an index
-- whatever Postgres expects: it is made when tables are small, and used when they no longer are.
-- These settings hold for all that is called.

-- Makes batches of all sessions run one after another. They would hold each other's renders, and do
-- little each. A batch that has waited for long goes on: a session may be stopped in its own.
create or replace function loom.await_batch() returns void
language plpgsql set lock_timeout = '200ms' set search_path = '' as $$
begin
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('loom.batch', 0));
exception when lock_not_available then
  null;
end
$$;

-- Returns the renders of tasks that nobody else holds, locked in the order of their ids. Whoever
-- holds one is not waited for.
create or replace function loom.lock_renders(p_tasks uuid[]) returns uuid[]
language plpgsql as $$
begin
  return array(
    select r.id from public.renders r
     where r.id = any (array(select k.render_id from loom.tasks k where k.id = any (p_tasks)))
     order by r.id for no key update skip locked);
end
$$;

-- Returns those of the renders that have not ended. Once they are locked, that stays so.
create or replace function loom.open_of(p_renders uuid[]) returns uuid[]
language plpgsql stable as $$
begin
  return array(select r.id from public.renders r where r.id = any (p_renders) and not loom.is_terminal(r.status::text));
end
$$;

-- Grants many tasks in one transaction. It waits for no render: tasks of renders whose rows are
-- held are not in the result, and neither are those that are gone.
--
-- A request is plain if nothing but a grant can be the answer: nobody else asks for its task, which
-- is due and has not failed, and its worker has asked lately and not failed too often. Those are
-- granted at once. Every other one is decided by loom.grant_task.
create or replace function loom.grant_tasks(p_tasks uuid[], p_workers text[], p_requests uuid[], p_lease interval,
                                            p_heard timestamptz, p_per_host int, p_tools text[])
returns table (task uuid, request uuid, verdict text, reason text, retry_after interval, attempt int, params jsonb, inputs jsonb, outputs jsonb)
language plpgsql set lock_timeout = '250ms'
  set plan_cache_mode = force_generic_plan set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
  v_free  uuid[];
  v_open  uuid[];
  v_now   timestamptz;
  v_hosts text[];
  v_plain bigint[];
  v record;
begin
  perform loom.await_batch();
  v_free := loom.lock_renders(p_tasks);
  v_open := loom.open_of(v_free);
  v_now := pg_catalog.clock_timestamp();
  -- A host is counted when its lock is held: see loom.host_admits.
  if p_per_host > 0 then
    v_hosts := array(
      select h.host from (select distinct k.host from loom.tasks k where k.id = any (p_tasks) and k.host is not null and k.state = 'due' offset 0) h
       where pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('loom.host ' || h.host, 0)));
  end if;
  v_plain := array(
    select c.place
      from (select q.place, k.host, pg_catalog.row_number() over (partition by k.host order by q.place) as of_host
              from rows from (pg_catalog.unnest(p_tasks), pg_catalog.unnest(p_workers)) with ordinality as q (task, worker, place)
             cross join lateral (select o.* from loom.tasks o where o.id = q.task limit 1) k
              join loom.workers w on w.worker = q.worker and w.stage = loom.stage_of(k.kind)
             where pg_catalog.cardinality(pg_catalog.array_positions(p_tasks, q.task)) = 1
               and k.render_id = any (v_open) and k.state = 'due' and k.not_before <= v_now and k.failures = 0
               and not exists (select from loom.paused s where s.kind = k.kind)
               and w.heard_at >= v_now - interval '1 minute' and pg_catalog.cardinality(w.failed) < 3 and coalesce(w.rest_until <= v_now, true)) c
     where c.host is null or p_per_host <= 0
        or c.host = any (v_hosts)
           and c.of_host + (select pg_catalog.count(*) from loom.tasks o where o.host = c.host and o.state = 'running') <= p_per_host);
  return query
    with g as (
      update loom.tasks k
         set state = 'running', attempt = k.attempt + 1, worker = p_workers[q.place], request_id = p_requests[q.place], progress = 0,
             started_at = coalesce(k.started_at, v_now), lease_until = v_now + p_lease, began_at = v_now, tools = nullif(p_tools[q.place], '')
        from pg_catalog.unnest(v_plain) as q (place)
       where k.id = p_tasks[q.place]
      returning k.id, k.request_id, k.attempt, k.worker, k.params, k.inputs, k.outputs),
         a as (
      insert into loom.attempts (task_id, attempt, worker, granted_at) select g.id, g.attempt, g.worker, v_now from g)
    select g.id, g.request_id, 'granted', null::text, null::interval, g.attempt, g.params,
           (select coalesce(pg_catalog.jsonb_object_agg(i.key, pg_catalog.jsonb_build_object('key', d.keys ->> (i.value ->> 'output'), 'facts', d.facts)), '{}')
              from pg_catalog.jsonb_each(g.inputs) i
             cross join lateral (select o.keys, o.facts from loom.tasks o where o.id = (i.value ->> 'task')::uuid limit 1) d),
           g.outputs
      from g;
  perform loom.note_tools(n.kind, n.tools)
     from (select distinct k.kind, k.tools from loom.tasks k
            where k.id = any (array(select p_tasks[q.place] from pg_catalog.unnest(v_plain) as q (place))) and k.tools is not null offset 0) n;
  if pg_catalog.cardinality(v_plain) = pg_catalog.cardinality(p_tasks) then
    return;
  end if;
  for v in
    select q.task, q.worker, q.request, q.tools
      from rows from (pg_catalog.unnest(p_tasks), pg_catalog.unnest(p_workers), pg_catalog.unnest(p_requests), pg_catalog.unnest(p_tools))
           with ordinality as q (task, worker, request, tools, place)
     cross join lateral (select o.render_id from loom.tasks o where o.id = q.task limit 1) k
     where q.place <> all (v_plain) and k.render_id = any (v_free)
     order by q.place
  loop
    return query select v.task, v.request, g.* from loom.grant_task(v.task, v.worker, v.request, p_lease, p_heard, p_per_host, nullif(v.tools, '')) g;
  end loop;
end
$$;

-- Finishes many tasks in one transaction, but for their keys as loom.finish_task does: those are
-- the folder and the names of its outputs' files. It leaves out those that loom.grant_tasks leaves
-- out. p_results is an array of {task, attempt, folder, facts, used}.
--
-- A result is plain if its attempt goes on and it brings no warnings. Those are stored at once, and
-- what waited for them is resolved at once. Every other one is for loom.finish_task.
create or replace function loom.finish_tasks(p_results jsonb) returns table (task uuid, attempt int, verdict text)
language plpgsql set lock_timeout = '250ms'
  set plan_cache_mode = force_generic_plan set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
  v_tasks uuid[];
  v_free  uuid[];
  v_open  uuid[];
  v_plain uuid[];
  v_next  uuid[];
  v record;
  t loom.tasks;
begin
  perform loom.await_batch();
  v_tasks := array(select (r.value ->> 'task')::uuid from pg_catalog.jsonb_array_elements(p_results) r);
  v_free := loom.lock_renders(v_tasks);
  v_open := loom.open_of(v_free);
  with done as (
    update loom.tasks k
       set state = 'done', progress = 1, facts = q.facts, lease_until = null,
           keys = (select coalesce(pg_catalog.jsonb_object_agg(o.key, q.folder || (o.value ->> 'file')), '{}') from pg_catalog.jsonb_each(k.outputs) o),
           ended_at = pg_catalog.clock_timestamp()
      from pg_catalog.jsonb_to_recordset(p_results) as q (task uuid, attempt int, folder text, facts jsonb)
     where k.id = q.task and k.render_id = any (v_open) and k.state = 'running' and k.attempt = q.attempt and k.kind <> 'upload'
       and k.feeds is not null and not coalesce(q.facts ? 'warnings', false)
    returning k.id)
  select coalesce(pg_catalog.array_agg(d.id), '{}') into v_plain from done d;
  return query
    update loom.attempts a set outcome = 'done', ended_at = pg_catalog.clock_timestamp(), used = q.used
      from pg_catalog.jsonb_to_recordset(p_results) as q (task uuid, attempt int, used jsonb) join loom.tasks k on k.id = q.task and k.attempt = q.attempt
     where k.id = any (v_plain) and a.task_id = k.id and a.attempt = k.attempt
    returning a.task_id, a.attempt, 'accepted';
  for t in
    select distinct on (k.worker, loom.stage_of(k.kind)) k.* from loom.tasks k where k.id = any (v_plain)
  loop
    perform loom.note_done(t);
  end loop;
  v_next := array(
    select w.id from loom.tasks w
     where w.id = any (array(select pg_catalog.unnest(k.feeds) from loom.tasks k where k.id = any (v_plain)))
       and w.state = 'waiting' and w.maker is null and (w.needs <@ v_plain or loom.is_ready(w)));
  if v_next <> '{}' then
    v_next := loom.resolve_tasks(v_next);
    for t in select k.* from loom.tasks k where k.id = any (v_next) loop
      perform loom.release_waiting(t);
    end loop;
  end if;
  perform loom.refresh_render(p.plan_id) from (select distinct k.plan_id from loom.tasks k where k.id = any (v_plain) offset 0) p;
  perform loom.settle(v_plain);
  if pg_catalog.cardinality(v_plain) = pg_catalog.cardinality(v_tasks) then
    return;
  end if;
  for v in
    select q.*, (select coalesce(pg_catalog.jsonb_object_agg(o.key, q.folder || (o.value ->> 'file')), '{}') from pg_catalog.jsonb_each(k.outputs) o) as keys
      from pg_catalog.jsonb_to_recordset(p_results) as q (task uuid, attempt int, folder text, facts jsonb, used jsonb)
     cross join lateral (select o.outputs, o.render_id, o.attempt from loom.tasks o where o.id = q.task limit 1) k
     where k.render_id = any (v_free) and (q.task <> all (v_plain) or q.attempt <> k.attempt)
  loop
    return query select v.task, v.attempt, loom.finish_task(v.task, v.attempt, v.keys, v.facts, v.used);
  end loop;
end
$$;

-- Renews many leases in one transaction, each as loom.heartbeat_task does. It leaves out those that
-- loom.grant_tasks leaves out. p_heartbeats is an array of {task, attempt, progress, stored,
-- folder}.
create or replace function loom.heartbeat_tasks(p_heartbeats jsonb, p_lease interval) returns table (task uuid, attempt int, wanted boolean)
language plpgsql set lock_timeout = '100ms'
  set plan_cache_mode = force_generic_plan set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
  v record;
begin
  perform loom.await_batch();
  for v in
    with q as materialized (
           select * from pg_catalog.jsonb_to_recordset(p_heartbeats) as q (task uuid, attempt int, progress real, stored text[], folder text)),
         free as materialized (
           select r.id from public.renders r
            where r.id in (select k.render_id from q join loom.tasks k on k.id = q.task) order by r.id for no key update skip locked)
    select q.* from q join loom.tasks k on k.id = q.task join free f on f.id = k.render_id
  loop
    return query select v.task, v.attempt, loom.heartbeat_task(v.task, v.attempt, v.progress, p_lease, coalesce(v.stored, '{}'), v.folder);
  end loop;
end
$$;

revoke execute on function loom.count_tasks(uuid), loom.count_planned(), loom.count_done(), loom.await_batch(), loom.lock_renders(uuid[]), loom.open_of(uuid[]),
  loom.grant_tasks(uuid[], text[], uuid[], interval, timestamptz, int, text[]), loom.finish_tasks(jsonb),
  loom.heartbeat_tasks(jsonb, interval) from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke execute on function loom.count_tasks(uuid), loom.count_planned(), loom.count_done(), loom.await_batch(), '
        'loom.lock_renders(uuid[]), loom.open_of(uuid[]), '
        'loom.grant_tasks(uuid[], text[], uuid[], interval, timestamptz, int, text[]), loom.finish_tasks(jsonb), '
        'loom.heartbeat_tasks(jsonb, interval) from %I', v_role);
    end if;
  end loop;
end
$$;
