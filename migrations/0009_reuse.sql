-- Outputs are named by what made them, so what has been made is not made again.
--
-- A task's recipe is a hash of everything that it is made by, its inputs aside. Once the inputs are
-- there, recipe and inputs give its output key. A task whose key belongs to outputs that are there
-- is done with them. One whose key another task is making follows that task: it waits. Any other
-- one is due, and makes them. loom.resolve decides that, at the moment when everything that a task
-- needs is there: for many tasks that is when their render is planned.
--
-- When a task is made no longer, for whatever reason, those that follow it are resolved again, in
-- the order of their plans: all are done with its outputs, or the first is due and the others
-- follow that one. That happens in the transaction that ends the task. A follower whose render
-- somebody else has locked is left to loom.settle_left, which also finds those whose task was
-- deleted.
--
-- Two recordings of a page have the same recipe, and may show different pages. So a recording also
-- has to be fresh: it began no earlier than its render's job was queued, or as long before that as
-- may be (max_age). What is made of recordings has no age of its own: its key names the very
-- objects that it was made of.

-- When somebody asked for what this plan makes: what is fresh began no earlier. That is when its
-- job was queued. A job that is queued after its render has failed goes on with what was asked for
-- then.
alter table loom.plans add column if not exists fresh_from timestamptz;

-- What a task is made by, its inputs aside. Null: its outputs are its own.
alter table loom.tasks add column if not exists recipe bytea;
-- How long before its plan's fresh_from outputs may have been begun. Null: they have no age.
alter table loom.tasks add column if not exists max_age interval;
-- The name of its outputs, since its inputs are there. Null again when the objects are swept.
alter table loom.tasks add column if not exists output_key bytea;
-- When the attempt that makes its outputs, or made them, was granted.
alter table loom.tasks add column if not exists began_at timestamptz;
-- What they are made with: the worker's build and programs. Null: unknown.
alter table loom.tasks add column if not exists tools text;
-- The task that makes its outputs while it waits. No reference: that one may be deleted.
alter table loom.tasks add column if not exists maker uuid;
-- The task that made its outputs, if it is another one, and the render whose folder has the
-- objects.
alter table loom.tasks add column if not exists source uuid;
alter table loom.tasks add column if not exists source_render uuid;

drop index if exists loom.tasks_output_key;
create index if not exists tasks_made on loom.tasks (output_key, began_at) where output_key is not null and state = 'done';
create index if not exists tasks_being_made on loom.tasks (output_key) where output_key is not null and state in ('due', 'running');
create index if not exists tasks_followers on loom.tasks (maker) where maker is not null and state = 'waiting';
create index if not exists tasks_source on loom.tasks (source_render, source) where source is not null and output_key is not null;

-- The tools of each kind of task, and when a worker last had them.
create table if not exists loom.tools (
  kind    text not null,
  tools   text not null,
  seen_at timestamptz not null default clock_timestamp(),
  primary key (kind, tools)
);
alter table loom.tools enable row level security;

-- Notes what a worker does tasks of a kind with. Mostly it finds that noted. A row that another
-- transaction is noting is left to that one: grants of many tasks would wait for each other.
create or replace function loom.note_tools(p_kind text, p_tools text) returns void
language plpgsql set search_path = '' as $$
declare
  v_seen timestamptz := (select o.seen_at from loom.tools o where o.kind = p_kind and o.tools = p_tools);
begin
  if v_seen > pg_catalog.clock_timestamp() - interval '1 minute'
     or not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('loom.tools ' || p_kind || ' ' || p_tools, 0)) then
    return;
  end if;
  insert into loom.tools (kind, tools) values (p_kind, p_tools)
  on conflict (kind, tools) do update set seen_at = pg_catalog.clock_timestamp();
end
$$;

-- Reports whether what was made with these tools would be made with them today: they are those that
-- a task of this kind was last granted with, or were in use until ten minutes before that.
create or replace function loom.tools_in_use(p_kind text, p_tools text) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  return p_tools is null
      or exists (select from loom.tools o where o.kind = p_kind and o.tools = p_tools
                    and o.seen_at > (select pg_catalog.max(l.seen_at) from loom.tools l where l.kind = p_kind) - interval '10 minutes');
end
$$;

-- The key of the advisory lock of a render's objects: shared by those who begin to refer to them,
-- and held alone by who decides to delete them.
create or replace function loom.objects_lock(p_render uuid) returns bigint
language sql immutable parallel safe
return pg_catalog.hashtextextended('loom.objects ' || p_render::text, 0);

-- The name of a task's outputs: its recipe and the objects that it reads. Null when it has no
-- recipe, or an input is not there.
create or replace function loom.output_key(t loom.tasks) returns bytea
language plpgsql stable set search_path = '' set plan_cache_mode = 'force_generic_plan' as $$
begin
  if t.recipe is null or t.inputs = '{}' then
    return pg_catalog.sha256(t.recipe);
  end if;
  return (
    select pg_catalog.sha256(t.recipe || pg_catalog.convert_to(r.named, 'UTF8'))
      from (select pg_catalog.string_agg(i.key || '=' || (d.keys ->> (i.value ->> 'output')), E'\n' order by i.key collate "C") as named,
                   pg_catalog.count(*) = pg_catalog.count(d.keys ->> (i.value ->> 'output')) as complete
              from pg_catalog.jsonb_each(t.inputs) i
              left join lateral (select k.keys from loom.tasks k where k.id = (i.value ->> 'task')::uuid limit 1) d on true) r
     where r.complete);
end
$$;

-- Decides what becomes of a task that waits and whose inputs are there: done, due, or follows. The
-- caller holds the render's lock, and releases what waits for a task that is done. It waits for
-- nobody, and follows no task of the renders p_held.
drop function if exists loom.resolve(loom.tasks);
create or replace function loom.resolve(t loom.tasks, p_held uuid[] default '{}') returns text
language plpgsql as $$
declare
  v_key   bytea := loom.output_key(t);
  v_since timestamptz;
  v_maker uuid;
  s       loom.tasks;
begin
  if v_key is not null then
    v_since := coalesce((select p.fresh_from - t.max_age from loom.plans p where p.id = t.plan_id), '-infinity');
    for s in
      select d.* from loom.tasks d
       where d.output_key = v_key and d.state = 'done' and d.began_at >= v_since and loom.tools_in_use(d.kind, d.tools)
       order by d.began_at desc limit 3
    loop
      -- Under the lock the row is read again: its objects may have been swept since.
      continue when not pg_catalog.pg_try_advisory_xact_lock_shared(loom.objects_lock(coalesce(s.source_render, s.render_id)));
      continue when not exists (select from loom.tasks d where d.id = s.id and d.output_key = v_key and d.state = 'done');
      perform loom.take_over(t, s);
      return 'done';
    end loop;
    select m.id into v_maker from loom.tasks m
     where m.output_key = v_key and m.state in ('due', 'running') and m.id <> t.id and m.render_id <> all (p_held) and (m.state = 'due' or m.state = 'running' and m.began_at >= v_since)
     order by m.state desc, m.created_at, m.id limit 1;
    if found then
      update loom.tasks set maker = v_maker, output_key = v_key where id = t.id and state = 'waiting';
      return 'follows';
    end if;
  end if;
  update loom.tasks set state = 'due', maker = null, output_key = v_key, progress = 0, not_before = pg_catalog.clock_timestamp()
   where id = t.id and state = 'waiting';
  return 'due';
end
$$;

-- Resolves tasks whose inputs are there, as loom.resolve does, and returns those that are done. One
-- whose outputs nobody makes or has made is due, and all of these are so at once.
create or replace function loom.resolve_tasks(p_tasks uuid[]) returns uuid[]
language plpgsql as $$
declare
  v_due  uuid[];
  v_keys bytea[];
  v_done uuid[] := '{}';
  t      loom.tasks;
begin
  select pg_catalog.array_agg(r.id), pg_catalog.array_agg(r.key) into v_due, v_keys
    from (select k.id, k.key, pg_catalog.count(*) over (partition by k.key) as same
            from (select w.id, loom.output_key(w) as key from loom.tasks w where w.id = any (p_tasks) and w.state = 'waiting' offset 0) k) r
   where r.key is null
      or r.same = 1
         and not exists (select from loom.tasks d where d.output_key = r.key and d.state = 'done')
         and not exists (select from loom.tasks m where m.output_key = r.key and m.state in ('due', 'running'));
  update loom.tasks w set state = 'due', maker = null, output_key = d.key, progress = 0, not_before = pg_catalog.clock_timestamp()
    from rows from (pg_catalog.unnest(v_due), pg_catalog.unnest(v_keys)) as d (id, key)
   where w.id = d.id and w.state = 'waiting';
  if pg_catalog.cardinality(p_tasks) = pg_catalog.cardinality(v_due) then
    return v_done;
  end if;
  for t in
    select * from loom.tasks w where w.id = any (p_tasks) and w.state = 'waiting' order by loom.stage_rank(w.kind), w.kind, w.seq
  loop
    if loom.resolve(t) = 'done' then
      v_done := v_done || t.id;
    end if;
  end loop;
  return v_done;
end
$$;

-- Resolves all tasks of a plan whose inputs are there, step by step: those of one step may be the
-- inputs of the next. Releasing each by itself would look at all of the plan each time.
create or replace function loom.resolve_plan(p_plan uuid) returns void
language plpgsql as $$
declare
  v_done uuid[];
begin
  loop
    v_done := loom.resolve_tasks(array(
      select k.id from loom.tasks k where k.plan_id = p_plan and k.state = 'waiting' and k.maker is null and loom.is_ready(k)));
    exit when v_done = '{}';
  end loop;
end
$$;

-- Closes a task that waits with the outputs of another.
create or replace function loom.take_over(t loom.tasks, s loom.tasks) returns void
language plpgsql as $$
begin
  update loom.tasks
     set state = 'done', progress = 1, maker = null, output_key = s.output_key, keys = s.keys,
         facts = loom.renumbered(s.facts, s.params ->> 'scene', t.params ->> 'scene'),
         source = coalesce(s.source, s.id), source_render = coalesce(s.source_render, s.render_id),
         began_at = s.began_at, tools = s.tools, ended_at = pg_catalog.clock_timestamp()
   where id = t.id and state = 'waiting'
  returning * into t;
  if found then
    perform loom.add_warnings(t.render_id, t.facts -> 'warnings');
  end if;
end
$$;

-- Returns facts whose warnings are about another scene, which has the same page.
create or replace function loom.renumbered(p_facts jsonb, p_from text, p_to text) returns jsonb
language plpgsql immutable set search_path = '' as $$
begin
  if p_from is not distinct from p_to or pg_catalog.jsonb_typeof(p_facts -> 'warnings') is distinct from 'array' then
    return p_facts;
  end if;
  return pg_catalog.jsonb_set(p_facts, '{warnings}', (
    select coalesce(pg_catalog.jsonb_agg(
             case when w.warning ->> 'scene' = p_from then
               w.warning || pg_catalog.jsonb_build_object('scene', p_to::int, 'message',
                 pg_catalog.regexp_replace(w.warning ->> 'message', '^Scene ' || p_from || '\M', 'Scene ' || p_to))
             else w.warning end order by w.place), '[]')
      from pg_catalog.jsonb_array_elements(p_facts -> 'warnings') with ordinality as w (warning, place)));
end
$$;

-- Resolves again the tasks that follow these, which are made no longer. Returns how many it has
-- resolved. A follower whose render is locked is left to loom.settle_left: waiting for it here
-- could be a deadlock.
drop function if exists loom.settle(uuid[]);
create or replace function loom.settle(p_makers uuid[], p_held uuid[] default '{}') returns int
language plpgsql as $$
declare
  v          record;
  t          loom.tasks;
  v_resolved int := 0;
begin
  for v in
    select f.id, f.plan_id, f.render_id from loom.tasks f join loom.plans p on p.id = f.plan_id
     where f.maker = any (p_makers) and f.state = 'waiting'
     order by p.created_at, p.id, f.seq limit 200
  loop
    perform from public.renders r where r.id = v.render_id and not loom.is_terminal(r.status::text) for no key update skip locked;
    continue when not found;
    begin
      select * into t from loom.tasks k where k.id = v.id and k.state = 'waiting' and k.maker = any (p_makers);
      continue when not found;
      if loom.resolve(t, p_held) = 'done' then
        perform loom.release_waiting(t);
      end if;
      perform loom.refresh_render(t.plan_id);
      v_resolved := v_resolved + 1;
    exception
      when lock_not_available or deadlock_detected or serialization_failure then
        null;
      when others then
        -- The app's triggers may refuse to change that render. This one goes on.
        perform loom.note_refusal(v.render_id, sqlstate, sqlerrm);
    end;
  end loop;
  return v_resolved;
end
$$;

-- Settles the followers that no transaction has settled: their render was locked, or they began to
-- follow a task in the moment in which it ended, or it was deleted. If p_progress is set, it also
-- passes on the progress of tasks to those that follow them. p_held are renders whose rows somebody
-- has locked for long: nobody waits for their tasks. Returns how many tasks it has resolved. One
-- call at a time does anything.
drop function if exists loom.settle_left(boolean);
create or replace function loom.settle_left(p_progress boolean, p_held uuid[] default '{}') returns int
language plpgsql set lock_timeout = '250ms' as $$
declare
  v_left     uuid[];
  v_resolved int := 0;
  v          record;
begin
  if not exists (select from loom.tasks f where f.maker is not null and f.state = 'waiting')
     or not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('loom.settle_left', 0)) then
    return 0;
  end if;
  select pg_catalog.array_agg(distinct f.maker) into v_left
    from loom.tasks f
   where f.maker is not null and f.state = 'waiting'
     and not exists (select from loom.tasks m where m.id = f.maker and m.state in ('due', 'running')
                        and (m.render_id <> all (p_held) or m.render_id = f.render_id));
  if v_left is not null then
    v_resolved := loom.settle(v_left, p_held);
  end if;
  for v in
    select f.plan_id, f.render_id, pg_catalog.array_agg(f.id) as tasks
      from loom.tasks f join loom.tasks m on m.id = f.maker
     where p_progress and f.maker is not null and f.state = 'waiting' and m.state = 'running'
     group by f.plan_id, f.render_id
  loop
    perform from public.renders r where r.id = v.render_id and not loom.is_terminal(r.status::text) for no key update skip locked;
    continue when not found;
    begin
      update loom.tasks f set progress = m.progress
        from loom.tasks m
       where f.id = any (v.tasks) and f.state = 'waiting' and m.id = f.maker and m.progress > f.progress;
      perform loom.refresh_render(v.plan_id);
    exception
      when lock_not_available or deadlock_detected or serialization_failure then
        null;
      when others then
        perform loom.note_refusal(v.render_id, sqlstate, sqlerrm);
    end;
  end loop;
  return v_resolved;
end
$$;

-- Some of the objects that a task reads are gone, so it has failed and is due again. All of them
-- are made again: the tasks of this plan that made them or took them over are resolved again, and
-- what depends on them waits, as in loom.take_back_outputs. No other plan begins to refer to them.
-- The caller holds the render's lock.
create or replace function loom.make_inputs_again(t loom.tasks) returns void
language plpgsql as $$
declare
  v_again uuid[];
begin
  perform loom.forget_inputs(t);
  with recursive again as (
    select d.id from loom.tasks d
     where d.plan_id = t.plan_id and d.state = 'done' and d.id in (select (v.value ->> 'task')::uuid from pg_catalog.jsonb_each(t.inputs) v)
    union
    select w.id from again a join loom.tasks w on w.plan_id = t.plan_id and a.id = any (w.needs))
  select pg_catalog.array_agg(a.id) into v_again from again a;
  if v_again is null then
    return;
  end if;
  update loom.attempts a set outcome = 'stopped', ended_at = pg_catalog.clock_timestamp()
    from loom.tasks w
   where w.id = any (v_again) and w.state = 'running' and a.task_id = w.id and a.attempt = w.attempt and a.ended_at is null;
  update loom.tasks
     set state = 'waiting', progress = 0, keys = null, facts = null, lease_until = null, ended_at = null,
         output_key = null, maker = null, source = null, source_render = null
   where id = any (v_again);
  perform loom.resolve_plan(t.plan_id);
  perform loom.settle(v_again);
end
$$;

-- Forgets what is known of the outputs that a task reads: nobody else takes them over.
create or replace function loom.forget_inputs(t loom.tasks) returns void
language sql set search_path = '' as $$
  update loom.tasks set output_key = null
   where id in (
     select d.id from loom.tasks d
      where d.state = 'done' and d.output_key in (
        select i.output_key from loom.tasks i
         where i.id in (select (v.value ->> 'task')::uuid from pg_catalog.jsonb_each(t.inputs) v))
        for update skip locked)
$$;

-- Decides to delete the objects of a plan that has ended, and returns true; nobody begins to refer
-- to them after that. Returns false while another plan refers to some of them, or is about to.
create or replace function loom.begin_sweep(p_plan uuid) returns boolean
language plpgsql set search_path = '' as $$
declare
  p loom.plans;
begin
  select * into p from loom.plans where id = p_plan and ended_at is not null and swept_at is null for update skip locked;
  if not found or not pg_catalog.pg_try_advisory_xact_lock(loom.objects_lock(p.render_id)) then
    return false;
  end if;
  if exists (select from loom.tasks f join loom.tasks t on t.id = f.source
              where f.source_render = p.render_id and f.output_key is not null and f.plan_id <> p.id and t.plan_id = p.id) then
    return false;
  end if;
  update loom.tasks set output_key = null, swept_key = output_key where plan_id = p.id and output_key is not null;
  return true;
end
$$;

-- Returns the tasks of a deleted render whose objects others refer to; null when somebody is about
-- to refer to more of them.
create or replace function loom.referred(p_render uuid) returns uuid[]
language plpgsql set search_path = '' as $$
begin
  if not pg_catalog.pg_try_advisory_xact_lock(loom.objects_lock(p_render)) then
    return null;
  end if;
  return array(select distinct f.source from loom.tasks f where f.source_render = p_render and f.source is not null and f.output_key is not null);
end
$$;

-- Returns how many of a plan's tasks were done with what others had made, by kind, for the report
-- of its video: {"reused": {"record": 3}}; {} when none was.
create or replace function loom.reused_of(p_plan uuid) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce((
    select pg_catalog.jsonb_build_object('reused', pg_catalog.jsonb_object_agg(k.kind, k.tasks))
      from (select t.kind, pg_catalog.count(*) as tasks from loom.tasks t
             where t.plan_id = p_plan and t.source is not null group by t.kind) k
    having pg_catalog.count(*) > 0), '{}')
$$;

-- Reports whether a job is to do a render again that has failed or was cancelled: it was queued
-- after that. One that was queued before ends as the render has. Who ended a render without a plan
-- of ours may have written no time of that, or one of another time zone, which may lie ahead. Then
-- a job that was queued after another, which has ended, does the render again.
create or replace function loom.is_retry(p_render uuid, p_job uuid) returns boolean
language sql stable as $$
  select coalesce((
    select j.queued_at > coalesce(
             (select pg_catalog.max(p.ended_at) from loom.plans p where p.render_id = r.id),
             case when r.completed_at::timestamptz <= pg_catalog.clock_timestamp() then r.completed_at::timestamptz end,
             (select pg_catalog.max(coalesce(o.queued_at, '-infinity')) from public.render_jobs o
               where o.render_id = r.id and o.id <> j.id and o.state::text not in ('queued', 'running')))
      from public.renders r join public.render_jobs j on j.render_id = r.id
     where r.id = p_render and j.id = p_job and r.status::text in ('failed', 'cancelled')), false)
$$;

revoke all on loom.tools from public;
revoke execute on function loom.note_tools(text, text), loom.tools_in_use(text, text), loom.objects_lock(uuid), loom.output_key(loom.tasks),
  loom.resolve(loom.tasks, uuid[]), loom.take_over(loom.tasks, loom.tasks), loom.renumbered(jsonb, text, text), loom.settle(uuid[], uuid[]),
  loom.settle_left(boolean, uuid[]), loom.begin_sweep(uuid), loom.referred(uuid),
  loom.is_retry(uuid, uuid), loom.reused_of(uuid),
  loom.forget_inputs(loom.tasks), loom.make_inputs_again(loom.tasks), loom.resolve_plan(uuid), loom.resolve_tasks(uuid[]) from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke all on loom.tools from %I', v_role);
      execute format('revoke execute on function loom.note_tools(text, text), loom.tools_in_use(text, text), loom.objects_lock(uuid), '
        'loom.output_key(loom.tasks), loom.resolve(loom.tasks, uuid[]), loom.take_over(loom.tasks, loom.tasks), loom.renumbered(jsonb, text, text), '
        'loom.settle(uuid[], uuid[]), loom.settle_left(boolean, uuid[]), loom.begin_sweep(uuid), loom.referred(uuid), loom.is_retry(uuid, uuid), loom.reused_of(uuid), loom.forget_inputs(loom.tasks), loom.make_inputs_again(loom.tasks), loom.resolve_plan(uuid), loom.resolve_tasks(uuid[]) from %I', v_role);
    end if;
  end loop;
end
$$;
