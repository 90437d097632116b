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
language sql set search_path = '' as $$
  update loom.plans p set unfinished = c.unfinished, weight = c.weight, weight_done = c.weight_done
    from (select array[pg_catalog.count(*) filter (where r.rank = 1), pg_catalog.count(*) filter (where r.rank = 2), pg_catalog.count(*) filter (where r.rank = 3),
                       pg_catalog.count(*) filter (where r.rank = 4), pg_catalog.count(*) filter (where r.rank = 5)]::int[] as unfinished,
                 coalesce(pg_catalog.sum(t.weight::float8), 0) as weight,
                 coalesce(pg_catalog.sum(t.weight::float8) filter (where t.state = 'done'), 0) as weight_done
            from loom.tasks t cross join lateral (select case when t.state <> 'done' then loom.stage_rank(t.kind) end as rank) r
           where t.plan_id = p_plan) c
   where p.id = p_plan
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

-- Counts a task that is done now, or was. Whatever changes a task, the counts are right: it is a
-- trigger. Who changes a task to or from done holds its render's row, so nobody waits here.
create or replace function loom.count_done() returns trigger
language plpgsql set search_path = '' as $$
declare
  v_rank int := loom.stage_rank(new.kind);
  v_sign int := case new.state when 'done' then 1 else -1 end;
begin
  update loom.plans p set unfinished[v_rank] = p.unfinished[v_rank] - v_sign, weight_done = p.weight_done + v_sign * new.weight::float8
   where p.id = new.plan_id;
  return null;
end
$$;
create or replace trigger loom_count_done
  after update on loom.tasks for each row when ((old.state = 'done') <> (new.state = 'done')) execute function loom.count_done();

-- Plans that were opened before this file.
select loom.count_tasks(p.id) from loom.plans p where p.ended_at is null and p.unfinished is null;

-- Grants many tasks in one transaction, each as loom.grant_task does. It waits for no render: tasks
-- of renders whose rows are held are not in the result, and neither are those that are gone.
create or replace function loom.grant_tasks(p_tasks uuid[], p_workers text[], p_requests uuid[], p_lease interval,
                                            p_heard timestamptz, p_per_host int, p_tools text[])
returns table (task uuid, request uuid, verdict text, reason text, retry_after interval, attempt int, params jsonb, inputs jsonb, outputs jsonb)
language plpgsql set lock_timeout = '250ms' as $$
#variable_conflict use_column
declare
  v record;
begin
  for v in
    with free as materialized (
      select r.id from public.renders r
       where r.id in (select k.render_id from loom.tasks k where k.id = any (p_tasks)) order by r.id for no key update skip locked)
    select q.task, q.worker, q.request, q.tools
      from rows from (pg_catalog.unnest(p_tasks), pg_catalog.unnest(p_workers), pg_catalog.unnest(p_requests), pg_catalog.unnest(p_tools))
           with ordinality as q (task, worker, request, tools, place)
      join loom.tasks k on k.id = q.task join free f on f.id = k.render_id
     order by q.place
  loop
    return query select v.task, v.request, g.* from loom.grant_task(v.task, v.worker, v.request, p_lease, p_heard, p_per_host, nullif(v.tools, '')) g;
  end loop;
end
$$;

-- Finishes many tasks in one transaction, each as loom.finish_task does, but for their keys: those
-- are the folder and the names of its outputs' files. It leaves out those that loom.grant_tasks
-- leaves out. p_results is an array of {task, attempt, folder, facts, used}.
create or replace function loom.finish_tasks(p_results jsonb) returns table (task uuid, attempt int, verdict text)
language plpgsql set lock_timeout = '250ms' as $$
#variable_conflict use_column
declare
  v record;
begin
  for v in
    with q as materialized (
           select * from pg_catalog.jsonb_to_recordset(p_results) as q (task uuid, attempt int, folder text, facts jsonb, used jsonb)),
         free as materialized (
           select r.id from public.renders r
            where r.id in (select k.render_id from q join loom.tasks k on k.id = q.task) order by r.id for no key update skip locked)
    select q.*, coalesce((select pg_catalog.jsonb_object_agg(o.key, q.folder || (o.value ->> 'file')) from pg_catalog.jsonb_each(k.outputs) o), '{}') as keys
      from q join loom.tasks k on k.id = q.task join free f on f.id = k.render_id
  loop
    return query select v.task, v.attempt, loom.finish_task(v.task, v.attempt, v.keys, v.facts, v.used);
  end loop;
end
$$;

-- Renews many leases in one transaction, each as loom.heartbeat_task does. It leaves out those that
-- loom.grant_tasks leaves out. p_heartbeats is an array of {task, attempt, progress, stored,
-- folder}.
create or replace function loom.heartbeat_tasks(p_heartbeats jsonb, p_lease interval) returns table (task uuid, attempt int, wanted boolean)
language plpgsql set lock_timeout = '100ms' as $$
#variable_conflict use_column
declare
  v record;
begin
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

revoke execute on function loom.count_tasks(uuid), loom.count_planned(), loom.count_done(),
  loom.grant_tasks(uuid[], text[], uuid[], interval, timestamptz, int, text[]), loom.finish_tasks(jsonb),
  loom.heartbeat_tasks(jsonb, interval) from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke execute on function loom.count_tasks(uuid), loom.count_planned(), loom.count_done(), '
        'loom.grant_tasks(uuid[], text[], uuid[], interval, timestamptz, int, text[]), loom.finish_tasks(jsonb), '
        'loom.heartbeat_tasks(jsonb, interval) from %I', v_role);
    end if;
  end loop;
end
$$;
