-- Only these functions change renders and render_jobs.
--
-- Each locks the render's row first, then the task, so two of them for one render follow one
-- another. Each checks that the task is running with the attempt that the caller has, so a worker
-- that was superseded changes nothing. None changes a render that has ended, and none lowers
-- progress or moves status back.
--
-- The app's triggers and checks run in them, and must find the same search_path as everywhere else.
-- So none of those that read or write the app's tables sets one, but for loom.finish_render, which
-- may run as its owner (0012_roles.sql) and keeps what can be trusted of its caller's. They name
-- the schema of everything that they use, built-in functions included, so no path leads them
-- elsewhere. Those that see our tables only, and others that run as their owner, have a path
-- without the caller's schemas.
--
-- Rows may be held, by an open transaction of the app's above all. A function whose render is held
-- ends with lock_not_available within a quarter of a second, and its caller tries again. Leases are
-- renewed all the same.
--
-- Those that are called for every task keep their plans: they are in plpgsql. In SQL are those that
-- Postgres puts in place of their calls ("return": their names were looked up when they were
-- created), and those that are called seldom.
--
-- status and state may be texts, enums, domains or citext. They are read as text, and written as
-- literals or through a variable that takes its fields' types from the app's table.

-- The place of a kind of task among a render's statuses.
create or replace function loom.stage_rank(kind text) returns int
language sql immutable parallel safe
return case kind when 'record' then 1 when 'probe' then 1 when 'draw' then 1 when 'normalize' then 2 when 'concat' then 3
                 when 'overlay' then 4 when 'upload' then 5 end;

create or replace function loom.status_rank(status text) returns int
language sql immutable parallel safe
return case status when 'queued' then 0 when 'recording' then 1 when 'normalizing' then 2 when 'concatenating' then 3
                   when 'overlaying' then 4 when 'uploading' then 5
                   when 'done' then 9 when 'failed' then 9 when 'cancelled' then 9 else 0 end;

create or replace function loom.is_terminal(status text) returns boolean
language sql immutable parallel safe
return coalesce(status in ('done', 'failed', 'cancelled'), false);

-- Locks a task's render, then the task. Null when either is gone.
create or replace function loom.lock_task(p_task uuid) returns loom.tasks
language plpgsql as $$
declare
  t loom.tasks;
begin
  perform from public.renders
    where id = (select k.render_id from loom.tasks k where k.id = p_task) for no key update;
  select * into t from loom.tasks where id = p_task for update;
  return t;
end
$$;

-- Writes status and progress of a plan's render. The status is from the plan's counts
-- (0013_counts.sql), so it takes no longer for a plan of many tasks. Progress alone is written at
-- most once a second, and only then are tasks looked at.
create or replace function loom.refresh_render(p_plan uuid) returns void
language plpgsql as $$
declare
  v_render   uuid;
  v_left     int[];
  v_weight   float8;
  v_done     float8;
  v_rank     int;
  v_progress int;
  v_status   text;
  v_at       timestamptz;
  w          public.renders;
begin
  select p.render_id, p.unfinished, p.weight, p.weight_done into v_render, v_left, v_weight, v_done from loom.plans p where p.id = p_plan;
  v_rank := case when v_left[1] > 0 then 1 when v_left[2] > 0 then 2 when v_left[3] > 0 then 3 when v_left[4] > 0 then 4 when v_left[5] > 0 then 5 end;
  if v_rank is null then
    return;
  end if;
  -- The app may write a time of another time zone: a time that lies ahead holds nothing back.
  select r.status::text, r.updated_at::timestamptz into v_status, v_at from public.renders r where r.id = v_render;
  if loom.is_terminal(v_status)
     or loom.status_rank(v_status) >= v_rank
        and v_at between pg_catalog.clock_timestamp() - interval '1 second' and pg_catalog.clock_timestamp() + interval '1 second' then
    return;
  end if;
  v_done := v_done + coalesce((select pg_catalog.sum(t.weight * t.progress) from loom.tasks t where t.plan_id = p_plan and t.state <> 'done'), 0);
  v_progress := pg_catalog.floor(99 * v_done / v_weight);
  w.status := (array['recording', 'normalizing', 'concatenating', 'overlaying', 'uploading'])
                [greatest(v_rank, loom.status_rank(v_status))];
  update public.renders r
     set status = w.status, progress = greatest(r.progress, v_progress), updated_at = pg_catalog.clock_timestamp()
   where r.id = v_render;
end
$$;

-- Ends a plan and all of its unfinished tasks, and the jobs of its render. What other plans' tasks
-- wait for is made by one of those. The caller holds the render's lock.
create or replace function loom.close_plan(p_plan uuid, p_outcome text, p_message text) returns void
language plpgsql as $$
declare
  p loom.plans;
begin
  update loom.plans set outcome = p_outcome, ended_at = pg_catalog.clock_timestamp()
   where id = p_plan and ended_at is null returning * into p;
  if not found then
    return;
  end if;
  update loom.attempts a set outcome = 'stopped', ended_at = pg_catalog.clock_timestamp()
    from loom.tasks t
   where t.plan_id = p_plan and t.state = 'running' and a.task_id = t.id and a.attempt = t.attempt and a.ended_at is null;
  update loom.tasks set state = 'cancelled', lease_until = null, maker = null, ended_at = pg_catalog.clock_timestamp()
   where plan_id = p_plan and state in ('waiting', 'due', 'running');
  perform loom.settle(array(select m.id from loom.tasks m where m.plan_id = p_plan and m.output_key is not null
                               and exists (select from loom.tasks f where f.maker = m.id and f.state = 'waiting')));
  perform loom.forget_options(p_plan);
  delete from loom.set_aside where render_id = p.render_id;
  perform loom.write_receipt(p_plan);
  perform loom.close_jobs(p.render_id, p.job_id, p_outcome, p_message);
end
$$;

-- Returns a URL without its query and fragment.
create or replace function loom.without_query(p_url text) returns text
language sql immutable set search_path = '' as $$
  select pg_catalog.regexp_replace(p_url, '[?#].*', '')
$$;

-- Removes from a plan that has ended what may give access or is of people, and what nobody needs
-- any more: the scenes' options, the queries of the URLs of the facecam and the watermark, and the
-- values of variables with all that was made of them.
create or replace function loom.forget_options(p_plan uuid) returns void
language plpgsql set search_path = '' as $$
begin
  -- Most scenes have none: {}.
  update loom.plans
     set campaign = pg_catalog.jsonb_set(campaign, '{scenes}', (
           select coalesce(pg_catalog.jsonb_agg(s.scene - 'options' order by s.place), '[]')
             from pg_catalog.jsonb_array_elements(campaign -> 'scenes') with ordinality as s (scene, place)))
   where id = p_plan and exists (select from pg_catalog.jsonb_array_elements(campaign -> 'scenes') s where coalesce(s.value -> 'options', '{}') not in ('{}', 'null'));
  update loom.plans
     set campaign = pg_catalog.jsonb_set(campaign, '{facecam_url}', pg_catalog.to_jsonb(loom.without_query(campaign ->> 'facecam_url')))
   where id = p_plan and campaign ->> 'facecam_url' ~ '[?#]';
  update loom.plans
     set campaign = pg_catalog.jsonb_set(campaign, '{output_options,watermark,url}',
                                         pg_catalog.to_jsonb(loom.without_query(campaign #>> '{output_options,watermark,url}')))
   where id = p_plan and campaign #>> '{output_options,watermark,url}' ~ '[?#]';
  update loom.tasks
     set params = case when kind in ('probe', 'draw') and params ->> 'url' ~ '[?#]'
                       then pg_catalog.jsonb_set(params - 'options', '{url}', pg_catalog.to_jsonb(loom.without_query(params ->> 'url')))
                       else params - 'options' end
   where plan_id = p_plan and (params ? 'options' or kind in ('probe', 'draw') and params ->> 'url' ~ '[?#]');
  if exists (select from loom.plans p where p.id = p_plan and p.campaign ?| '{values,variables}') then
    update loom.plans set campaign = campaign - 'values' where id = p_plan;
    update loom.tasks
       set params = params - '{private,captions}'::text[]
                    || case when params ? 'shown' then pg_catalog.jsonb_build_object('url', params -> 'shown')
                            when kind in ('probe', 'draw') then '{"url": ""}' else '{}' end
     where plan_id = p_plan and (params ?| '{private,captions,shown}' or kind in ('probe', 'draw'));
  end if;
end
$$;

-- Returns a text as a column of the app's takes it: cut where that is a varchar(n).
create or replace function loom.fitting(p_text text, p_table text, p_column text) returns text
language sql stable strict set search_path = '' as $$
  select coalesce(pg_catalog.left(p_text, (
           select c.character_maximum_length from information_schema.columns c
            where c.table_schema = 'public' and c.table_name = p_table and c.column_name = p_column)), p_text)
$$;

-- Checks now what the foreign keys of a table of the app's would check at commit, so an error is
-- found where something can be done about it. With p_triggers it also runs the triggers that would
-- run at commit.
drop function if exists loom.check_keys_now(text);
create or replace function loom.check_now(p_table text, p_triggers boolean default false) returns void
language plpgsql as $$
declare
  v record;
begin
  for v in
    select pg_catalog.format('public.%I', c.conname) as name, c.condeferred as deferred from pg_catalog.pg_constraint c
     where c.conrelid = pg_catalog.to_regclass('public.' || p_table)
       and (c.contype = 'f' and c.condeferred or p_triggers and c.contype = 't' and c.condeferrable)
  loop
    execute 'set constraints ' || v.name || ' immediate';
    if v.deferred then
      execute 'set constraints ' || v.name || ' deferred';
    end if;
  end loop;
end
$$;

-- Ends a plan's job and every job of the render that still waits, with the same outcome. A waiting
-- job that is held is skipped: it ends when it is claimed.
create or replace function loom.close_jobs(p_render uuid, p_job uuid, p_outcome text, p_message text) returns void
language plpgsql as $$
declare
  j         public.render_jobs;
  v_message text := loom.fitting(p_message, 'render_jobs', 'error_message');
  v_jobs    uuid[];
begin
  v_jobs := array(select o.id from public.render_jobs o
                   where o.render_id = p_render and o.id is distinct from p_job and o.state::text = 'queued'
                     for no key update skip locked) || p_job;
  begin
    j.state := case p_outcome when 'done' then 'completed' else p_outcome end;
    update public.render_jobs
       set state = j.state, completed_at = pg_catalog.clock_timestamp(), updated_at = pg_catalog.clock_timestamp(),
           error_message = v_message
     where render_id = p_render and id = any (v_jobs) and state::text in ('queued', 'running');
    perform loom.check_now('render_jobs');
  exception when check_violation or foreign_key_violation or invalid_text_representation or string_data_right_truncation
              or raise_exception then
    -- The app's own type, CHECK, key or trigger may not admit 'cancelled'.
    update public.render_jobs
       set state = 'failed', completed_at = pg_catalog.clock_timestamp(), updated_at = pg_catalog.clock_timestamp(),
           error_message = v_message
     where render_id = p_render and id = any (v_jobs) and state::text in ('queued', 'running');
  end;
end
$$;

-- Fails a render. The caller holds its lock. p_plan is null when the job was refused before it had
-- a plan.
create or replace function loom.fail_render(p_render uuid, p_plan uuid, p_job uuid, p_code text, p_message text)
returns void
language plpgsql as $$
begin
  update public.renders
     set status = 'failed', error_code = p_code, error_message = loom.fitting(p_message, 'renders', 'error_message'),
         updated_at = pg_catalog.clock_timestamp(), completed_at = pg_catalog.clock_timestamp()
   where id = p_render and not loom.is_terminal(status::text);
  if p_plan is not null then
    perform loom.close_plan(p_plan, 'failed', p_message);
  else
    perform loom.close_jobs(p_render, p_job, 'failed', p_message);
  end if;
end
$$;

-- Opens a plan for a claimed job: one row in plans, its tasks, and the render's first status. Runs
-- in the transaction that claimed the job, with the render's row locked. p_tasks is an array of
-- {id, kind, seq, needs, params, inputs, outputs, weight, host, recipe, max_age_sec}. What has
-- been made already is done at once (0009_reuse.sql). p_hash names the campaign's snapshot, as
-- hexadecimal digits; null: it has no name.
drop function if exists loom.open_plan(uuid, uuid, uuid, jsonb, int, jsonb);
create or replace function loom.open_plan(p_plan uuid, p_render uuid, p_job uuid, p_campaign jsonb, p_max_retries int,
                                          p_tasks jsonb, p_hash text default null) returns void
language plpgsql
  set plan_cache_mode = force_generic_plan set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  insert into loom.plans (id, render_id, job_id, owner, priority, campaign, campaign_hash, max_retries, fresh_from)
  select p_plan, p_render, p_job, coalesce(j.queue_owner, ''), coalesce(j.priority, 0), p_campaign, pg_catalog.decode(p_hash, 'hex'), p_max_retries,
         coalesce(case when l.outcome = 'failed' then l.fresh_from end, j.queued_at, pg_catalog.clock_timestamp())
    from (select 1) as always
    left join public.render_jobs j on j.id = p_job
    left join lateral (select p.outcome, p.fresh_from from loom.plans p where p.render_id = p_render
                        order by p.created_at desc limit 1) l on true;
  with x as materialized (
    select * from pg_catalog.jsonb_to_recordset(p_tasks)
      as x (id uuid, kind text, seq int, needs uuid[], params jsonb, inputs jsonb, outputs jsonb, weight real, host text,
            recipe text, max_age_sec float8)),
       f as (select n.task, pg_catalog.array_agg(x.id) as feeds from x cross join pg_catalog.unnest(x.needs) as n (task) group by n.task),
       k as (select x.*, pg_catalog.decode(x.recipe, 'hex') as made_by, coalesce(x.needs, '{}') = '{}' and coalesce(x.inputs, '{}') = '{}' as first,
                    pg_catalog.count(*) over (partition by x.recipe) as same from x),
       -- Those that need nothing, and whose outputs nobody makes or has made, are due: see
       -- loom.resolve_tasks.
       d as (select k.id, pg_catalog.sha256(k.made_by) as key
               from k
              where k.first and (k.made_by is null or k.same = 1
                and not exists (select from loom.tasks o where o.output_key = pg_catalog.sha256(k.made_by) and o.state = 'done')
                and not exists (select from loom.tasks o where o.output_key = pg_catalog.sha256(k.made_by) and o.state in ('due', 'running'))))
  insert into loom.tasks (id, plan_id, render_id, kind, seq, needs, feeds, params, inputs, outputs, weight, host, state, recipe,
                          max_age, output_key, not_before)
  select k.id, p_plan, p_render, k.kind, k.seq, coalesce(k.needs, '{}'), coalesce(f.feeds, '{}'), k.params, coalesce(k.inputs, '{}'),
         coalesce(k.outputs, '{}'), k.weight, k.host, case when d.id is null then 'waiting' else 'due' end,
         k.made_by, pg_catalog.make_interval(secs => k.max_age_sec), d.key, pg_catalog.clock_timestamp()
    from k left join f on f.task = k.id left join d on d.id = k.id;
  -- Its dead letters are about what is done again now.
  update loom.dead_letters d set settled = 'replayed', settled_at = pg_catalog.clock_timestamp()
   where d.render_id = p_render and d.task_id is not null and d.settled is null;
  update public.renders
     set status = 'recording', progress = 0, error_message = null, error_code = null, warnings = '[]', final_video_url = null,
         thumb_url = null, thumb_small_url = null, preview_url = null, preview_webp_url = null, share_url = null, report = null, completed_at = null, updated_at = pg_catalog.clock_timestamp()
   where id = p_render;
  -- Only what needs nothing can be there already, and what waits for that.
  if exists (select from loom.tasks k where k.plan_id = p_plan and k.state = 'waiting' and k.needs = '{}') then
    perform loom.resolve_plan(p_plan);
    if exists (select from loom.tasks k where k.plan_id = p_plan and k.state = 'done') then
      perform loom.refresh_render(p_plan);
    end if;
  end if;
end
$$;

-- Gives a claimed job to the plan that its render already has, so it ends with that plan's outcome:
-- the plan's own job was deleted, or ended by hand. Returns false when the render has no open plan.
-- The caller holds the render's lock.
create or replace function loom.attach_job(p_render uuid, p_job uuid) returns boolean
language plpgsql set search_path = '' as $$
begin
  update loom.plans set job_id = p_job where render_id = p_render and ended_at is null;
  return found;
end
$$;

-- Reports whether a lease that has run out has lapsed. p_heard is when heartbeats could last
-- arrive, in this database's time; null: they cannot. When that was long ago, the lease's holder
-- may be well.
create or replace function loom.may_lapse(p_heard timestamptz, p_lease interval) returns boolean
language sql volatile set search_path = '' as $$
  select coalesce(p_heard > pg_catalog.clock_timestamp() - p_lease / 2, false)
$$;

-- Reports whether a running task's lease has not run out. Where the task's own row was held when it
-- was renewed, loom.heard has the lease.
create or replace function loom.is_leased(t loom.tasks) returns boolean
language sql volatile set search_path = '' as $$
  select t.lease_until > pg_catalog.clock_timestamp()
      or exists (select from loom.heard h where h.task_id = t.id and h.attempt = t.attempt and h.lease_until > pg_catalog.clock_timestamp())
$$;

-- Renews a lease whose task's row is held. Returns false when the attempt is no longer wanted, as
-- far as can be seen.
create or replace function loom.note_heard(p_task uuid, p_attempt int, p_lease interval) returns boolean
language plpgsql set search_path = '' as $$
begin
  -- Nothing else removes those of tasks that are gone.
  delete from loom.heard where task_id in (
    select h.task_id from loom.heard h where h.lease_until < pg_catalog.clock_timestamp() - interval '1 hour' for update skip locked);
  insert into loom.heard (task_id, attempt, lease_until)
  select t.id, t.attempt, pg_catalog.clock_timestamp() + p_lease
    from loom.tasks t where t.id = p_task and t.attempt = p_attempt and t.state = 'running'
  on conflict (task_id) do update set attempt = excluded.attempt, lease_until = excluded.lease_until;
  return found;
end
$$;

-- Grants a task to a worker: adds one to attempt and sets the lease. verdict is granted, drop
-- (reason says why), later (retry_after says when) or rest (later, and the worker asks for nothing
-- until then). A running task whose lease has lapsed is granted again, and the attempt that never
-- reported is charged, if heartbeats could arrive: p_heard is when they last could. A repeated
-- request with the same p_request gets the same attempt. No more than p_per_host pages of a host
-- are recorded at once; 0: any number. p_tools is what the worker works with; null: it does not
-- say.
drop function if exists loom.grant_task(uuid, text, uuid, interval);
drop function if exists loom.grant_task(uuid, text, uuid, interval, timestamptz);
drop function if exists loom.grant_task(uuid, text, uuid, interval, timestamptz, int);
create or replace function loom.grant_task(p_task uuid, p_worker text, p_request uuid, p_lease interval,
                                           p_heard timestamptz default 'infinity', p_per_host int default 0,
                                           p_tools text default null)
returns table (verdict text, reason text, retry_after interval, attempt int, params jsonb, inputs jsonb, outputs jsonb)
language plpgsql set lock_timeout = '250ms' as $$
#variable_conflict use_column
declare
  t      loom.tasks;
  p      loom.plans;
  v_over boolean;
  v_now  timestamptz;
  v_held record;
  v_admitted boolean;
begin
  t := loom.lock_task(p_task);
  v_now := pg_catalog.clock_timestamp();
  if t.id is null then
    return query select 'drop', 'no such task', null::interval, 0, null::jsonb, null::jsonb, null::jsonb;
    return;
  end if;
  select loom.is_terminal(r.status::text) into v_over from public.renders r where r.id = t.render_id;
  if v_over or t.state in ('done', 'failed', 'cancelled') then
    return query select 'drop', 'the task is over', null::interval, t.attempt, null::jsonb, null::jsonb, null::jsonb;
    return;
  end if;
  if t.state = 'waiting' then
    return query select 'drop', 'the task waits for others', null::interval, t.attempt, null::jsonb, null::jsonb, null::jsonb;
    return;
  end if;
  if t.state = 'due' and t.not_before > v_now then
    return query select 'later', 'the task waits before it is tried again', t.not_before - v_now, t.attempt,
                        null::jsonb, null::jsonb, null::jsonb;
    return;
  end if;
  if t.state = 'running' and t.request_id is distinct from p_request and loom.is_leased(t) then
    return query select 'drop', 'another worker has the task', null::interval, t.attempt, null::jsonb, null::jsonb, null::jsonb;
    return;
  end if;

  if t.state = 'running' and t.request_id is distinct from p_request and not loom.may_lapse(p_heard, p_lease) then
    return query select 'later', 'its worker may not have been heard', interval '1 second', t.attempt,
                        null::jsonb, null::jsonb, null::jsonb;
    return;
  end if;

  if t.state <> 'running' or t.request_id is distinct from p_request then
    if exists (select from loom.paused s where s.kind = t.kind) then
      return query select 'drop', 'its stage is paused', null::interval, t.attempt, null::jsonb, null::jsonb, null::jsonb;
      return;
    end if;
    select * into v_held from loom.hold_back(t, p_worker);
    if v_held.verdict is not null then
      return query select v_held.verdict, v_held.reason, v_held.after, t.attempt, null::jsonb, null::jsonb, null::jsonb;
      return;
    end if;
    v_admitted := loom.host_admits(t, p_per_host, p_heard, p_lease);
    if v_admitted is distinct from true then
      return query select 'later', 'as many pages of its host are being recorded as may be',
                          case when v_admitted is null then interval '100 milliseconds' else interval '1 second' end,
                          t.attempt, null::jsonb, null::jsonb, null::jsonb;
      return;
    end if;
  end if;

  if t.state = 'running' and t.request_id is distinct from p_request then
    update loom.attempts a set outcome = 'lapsed', ended_at = v_now, error_code = 'worker_lost',
           error_message = 'The worker stopped reporting.'
     where a.task_id = t.id and a.attempt = t.attempt and a.ended_at is null;
    perform loom.take_back_outputs(t);
    perform loom.note_failure(t, 'worker_lost');
    update loom.tasks k set failures = k.failures + 1 where k.id = t.id returning * into t;
    select * into p from loom.plans where id = t.plan_id;
    if t.failures > p.max_retries then
      update loom.tasks k set state = 'failed', ended_at = v_now, lease_until = null where k.id = t.id;
      perform loom.bury(t, 'worker_lost', 'The workers stopped reporting.', null);
      perform loom.fail_render(t.render_id, t.plan_id, p.job_id, 'worker_lost',
        'This render failed because the machines working on it kept stopping. Please try again.');
      return query select 'drop', 'the task was lost too often', null::interval, t.attempt, null::jsonb, null::jsonb, null::jsonb;
      return;
    end if;
  end if;

  if t.state <> 'running' or t.request_id is distinct from p_request then
    update loom.tasks k
       set state = 'running', attempt = k.attempt + 1, worker = p_worker, request_id = p_request, progress = 0,
           started_at = coalesce(k.started_at, v_now), lease_until = v_now + p_lease, began_at = v_now, tools = p_tools
     where k.id = t.id returning * into t;
    if p_tools is not null then
      perform loom.note_tools(t.kind, p_tools);
    end if;
    insert into loom.attempts (task_id, attempt, worker, granted_at) values (t.id, t.attempt, p_worker, v_now);
  else
    update loom.tasks k set lease_until = v_now + p_lease where k.id = t.id;
  end if;

  return query
    select 'granted', null::text, null::interval, t.attempt, t.params,
           -- {name: {"key": …, "facts": …}}
           (select coalesce(pg_catalog.jsonb_object_agg(i.key, pg_catalog.jsonb_build_object('key', d.keys ->> (i.value ->> 'output'), 'facts', d.facts)), '{}')
              from pg_catalog.jsonb_each(t.inputs) i cross join lateral (select k.keys, k.facts from loom.tasks k where k.id = (i.value ->> 'task')::uuid limit 1) d),
           t.outputs;
end
$$;

-- Reports whether everything that a waiting task needs is there. Each task that it needs is done,
-- or has stored what this one reads of it. A needed task of which it reads nothing must be done.
create or replace function loom.is_ready(t loom.tasks) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  -- Tasks end in about their order. While the last one has stored nothing, the others need not be
  -- looked at: there may be hundreds.
  if exists (select from loom.tasks d where d.id = t.needs[pg_catalog.cardinality(t.needs)] and d.state <> 'done' and d.keys is null) then
    return false;
  end if;
  return not exists (
    select from loom.tasks d
     where d.id = any (t.needs) and d.state <> 'done'
       and not coalesce((select d.keys ?& pg_catalog.array_agg(i.value ->> 'output') from pg_catalog.jsonb_each(t.inputs) i
                          where i.value ->> 'task' = d.id::text), false));
end
$$;

-- Resolves the tasks that waited for this task and for nothing else: they are due, as a rule.
create or replace function loom.release_waiting(t loom.tasks) returns void
language plpgsql as $$
declare
  w      loom.tasks;
  v_feeds uuid[] := t.feeds;
begin
  if v_feeds is null then -- it was planned before 0013_counts.sql
    v_feeds := array(select k.id from loom.tasks k where k.plan_id = t.plan_id and k.state = 'waiting' and t.id = any (k.needs));
  end if;
  if v_feeds = '{}' then
    return;
  end if;
  for w in
    select * from loom.tasks k
     where k.id = any (v_feeds) and k.state = 'waiting' and k.maker is null
       and (t.state = 'done' and k.needs = array[t.id] or loom.is_ready(k))
     order by k.seq
  loop
    if loom.resolve(w) = 'done' then
      perform loom.release_waiting(w);
    end if;
  end loop;
end
$$;

-- Takes back what an attempt stored before it ended otherwise than done: the next attempt's outputs
-- may differ, and a video is not made of both. Tasks that began with it wait again, uncharged, and
-- their current work is not wanted. Nobody has read their own results yet: a task that needs those
-- also needs this task's last output, which comes with its result.
create or replace function loom.take_back_outputs(t loom.tasks) returns void
language plpgsql set search_path = '' as $$
begin
  if t.keys is null then
    return;
  end if;
  update loom.attempts a set outcome = 'stopped', ended_at = pg_catalog.clock_timestamp()
    from loom.tasks w
   where w.plan_id = t.plan_id and t.id = any (w.needs) and w.state = 'running'
     and a.task_id = w.id and a.attempt = w.attempt and a.ended_at is null;
  update loom.tasks w
     set state = 'waiting', progress = 0, keys = null, facts = null, lease_until = null, ended_at = null,
         output_key = null, maker = null, source = null, source_render = null
   where w.plan_id = t.plan_id and t.id = any (w.needs) and (w.state in ('due', 'running', 'done') or w.maker is not null);
  update loom.tasks set keys = null where id = t.id;
end
$$;

-- Renews a lease and records progress. p_stored names outputs that are stored while the attempt
-- goes on, in the folder p_folder: tasks that wait only for them are due at once. Returns false
-- when the attempt is no longer wanted.
--
-- While the render's row is held, only the lease is renewed; the next heartbeat names what is
-- stored again. While the task's row is held too, the lease is renewed in loom.heard.
drop function if exists loom.heartbeat_task(uuid, int, real, interval);
create or replace function loom.heartbeat_task(p_task uuid, p_attempt int, p_progress real, p_lease interval,
                                               p_stored text[] default '{}', p_folder text default '')
returns boolean
language plpgsql set lock_timeout = '100ms' as $$
declare
  t      loom.tasks;
  v_keys jsonb;
  v_free boolean;
begin
  select * into t from loom.tasks where id = p_task;
  perform from public.renders where id = t.render_id for no key update skip locked;
  v_free := found;
  if not v_free and exists (select from pg_catalog.unnest(p_stored) as o (name) where not coalesce(t.keys ? o.name, false)) then
    begin
      perform from public.renders where id = t.render_id for no key update;
      v_free := found;
    exception when lock_not_available then
      v_free := false;
    end;
  end if;
  begin
    update loom.tasks k
       set lease_until = pg_catalog.clock_timestamp() + p_lease, progress = greatest(k.progress, p_progress)
     where k.id = p_task and k.state = 'running' and k.attempt = p_attempt
       and not exists (select from public.renders r where r.id = k.render_id and loom.is_terminal(r.status::text))
    returning * into t;
    if not found then
      return false;
    end if;
  exception when lock_not_available then
    return loom.note_heard(p_task, p_attempt, p_lease);
  end;
  if not v_free then
    return true;
  end if;
  select pg_catalog.jsonb_object_agg(o.key, p_folder || (o.value ->> 'file')) into v_keys
    from pg_catalog.jsonb_each(t.outputs) o
   where o.key = any (p_stored) and not coalesce(t.keys ? o.key, false);
  if v_keys is not null then
    update loom.tasks set keys = coalesce(keys, '{}') || v_keys where id = t.id;
    perform loom.release_waiting(t);
  end if;
  perform loom.refresh_render(t.plan_id);
  return true;
end
$$;

-- Returns why a result of attempt p_attempt does not count; null when it does. The caller holds the
-- render's lock.
--   already: this very attempt has been counted
--   stale:   another attempt, or the task or its render is over
create or replace function loom.refuse(t loom.tasks, p_attempt int) returns text
language plpgsql stable as $$
begin
  return case
    when t.id is null then 'stale'
    when t.state = 'done' and t.attempt = p_attempt then 'already'
    when t.state <> 'running' or t.attempt <> p_attempt then 'stale'
    when (select loom.is_terminal(r.status::text) from public.renders r where r.id = t.render_id) then 'stale'
  end;
end
$$;

-- Closes a task whose outputs are stored, and makes the tasks due that waited for it. p_used is
-- what the attempt used (0017_receipts.sql); null: its worker does not say. Returns accepted,
-- already or stale.
drop function if exists loom.finish_task(uuid, int, jsonb, jsonb);
create or replace function loom.finish_task(p_task uuid, p_attempt int, p_keys jsonb, p_facts jsonb, p_used jsonb default null) returns text
language plpgsql set lock_timeout = '250ms' as $$
declare
  t loom.tasks;
  v_refused text;
begin
  t := loom.lock_task(p_task);
  v_refused := loom.refuse(t, p_attempt);
  if v_refused is not null then
    return v_refused;
  end if;
  if t.kind = 'upload' then
    raise exception 'loom.finish_task: task % is an upload, which loom.finish_render closes', t.id;
  end if;
  perform loom.close_task(t, p_keys, p_facts, p_used);
  t.state := 'done';
  perform loom.release_waiting(t);
  perform loom.refresh_render(t.plan_id);
  perform loom.settle(array[t.id]);
  return 'accepted';
end
$$;

drop function if exists loom.close_task(loom.tasks, jsonb, jsonb);
create or replace function loom.close_task(t loom.tasks, p_keys jsonb, p_facts jsonb, p_used jsonb default null) returns void
language plpgsql as $$
begin
  update loom.tasks
     set state = 'done', progress = 1, keys = p_keys, facts = p_facts, lease_until = null, ended_at = pg_catalog.clock_timestamp()
   where id = t.id;
  update loom.attempts set outcome = 'done', ended_at = pg_catalog.clock_timestamp(), used = p_used where task_id = t.id and attempt = t.attempt;
  perform loom.note_done(t);
  if p_facts ? 'warnings' then
    perform loom.add_warnings(t.render_id, p_facts -> 'warnings');
  end if;
end
$$;

-- Appends warnings, an array or null, to a render's. A warning that is there already is not added
-- again: tasks of a scene may report the same, and a task may be done a second time.
create or replace function loom.add_warnings(p_render uuid, p_warnings jsonb) returns void
language plpgsql as $$
declare
  v_warning jsonb;
begin
  if p_warnings is null or pg_catalog.jsonb_typeof(p_warnings) <> 'array' then
    return;
  end if;
  for v_warning in select w from pg_catalog.jsonb_array_elements(p_warnings) as w loop
    update public.renders set warnings = coalesce(warnings, '[]') || pg_catalog.jsonb_build_array(v_warning)
     where id = p_render and not coalesce(warnings, '[]') @> pg_catalog.jsonb_build_array(v_warning);
  end loop;
end
$$;

-- Charges a failed attempt. p_bundle is the key of its failure bundle, if it has one, and p_used
-- what it used. Returns retry, stale, or failed. The render has then failed too: the failure is
-- permanent (p_permanent), or the retries are used up. Where objects that the task reads are gone,
-- they are made again first.
drop function if exists loom.fail_task(uuid, int, text, text, text, boolean);
drop function if exists loom.fail_task(uuid, int, text, text, text, boolean, text);
create or replace function loom.fail_task(p_task uuid, p_attempt int, p_code text, p_message text, p_detail text,
                                          p_permanent boolean, p_bundle text default null, p_used jsonb default null) returns text
language plpgsql set lock_timeout = '250ms' as $$
declare
  t loom.tasks;
  p loom.plans;
begin
  t := loom.lock_task(p_task);
  if loom.refuse(t, p_attempt) is not null then
    return 'stale';
  end if;
  update loom.attempts
     set outcome = 'failed', ended_at = pg_catalog.clock_timestamp(), error_code = p_code, error_message = p_message, detail = p_detail,
         bundle_key = p_bundle, used = p_used
   where task_id = t.id and attempt = t.attempt;
  -- That an object is gone is not the worker's fault.
  if not p_permanent and p_code <> 'storage_object_missing' then
    perform loom.note_failure(t, p_code);
  end if;
  select * into p from loom.plans where id = t.plan_id;
  if p_permanent or t.failures >= p.max_retries then
    if p_code = 'storage_object_missing' then
      perform loom.forget_inputs(t);
    end if;
    update loom.tasks
       set state = 'failed', failures = failures + 1, lease_until = null, ended_at = pg_catalog.clock_timestamp()
     where id = t.id;
    perform loom.bury(t, p_code, p_message, p_detail);
    perform loom.fail_render(t.render_id, t.plan_id, p.job_id, p_code, p_message);
    return 'failed';
  end if;
  perform loom.take_back_outputs(t);
  -- 1, 2, 4, … seconds, at most a minute, spread by half, so tasks that failed together are not
  -- retried together.
  update loom.tasks
     set state = 'due', failures = failures + 1, lease_until = null,
         not_before = pg_catalog.clock_timestamp() + least(60, pg_catalog.power(2, t.failures)) * (0.75 + pg_catalog.random() / 2) * interval '1 second'
   where id = t.id;
  if p_code = 'storage_object_missing' then
    perform loom.make_inputs_again(t);
  end if;
  return 'retry';
end
$$;

-- Takes a task back from a worker that could not go on, through no fault of the task. Nothing is
-- charged. The first times, the task is due again at once. A task that is handed back again and
-- again waits longer each time, at most 30 seconds, and fails the render the fiftieth time: every
-- render ends. Returns accepted, failed or stale.
drop function if exists loom.hand_back_task(uuid, int, text);
create or replace function loom.hand_back_task(p_task uuid, p_attempt int, p_reason text, p_used jsonb default null) returns text
language plpgsql set lock_timeout = '250ms' as $$
declare
  t       loom.tasks;
  v_times bigint;
begin
  t := loom.lock_task(p_task);
  if loom.refuse(t, p_attempt) is not null then
    return 'stale';
  end if;
  update loom.attempts set outcome = 'handed_back', ended_at = pg_catalog.clock_timestamp(), detail = p_reason, used = p_used
   where task_id = t.id and attempt = t.attempt;
  select pg_catalog.count(*) into v_times from loom.attempts where task_id = t.id and outcome = 'handed_back';
  if v_times >= 50 then
    update loom.tasks set state = 'failed', lease_until = null, ended_at = pg_catalog.clock_timestamp() where id = t.id;
    perform loom.bury(t, 'internal', 'It was handed back again and again.', p_reason);
    perform loom.fail_render(t.render_id, t.plan_id, (select p.job_id from loom.plans p where p.id = t.plan_id), 'internal',
      'Something went wrong on our side while making this video. Please try again.');
    return 'failed';
  end if;
  perform loom.take_back_outputs(t);
  update loom.tasks
     set state = 'due', lease_until = null,
         not_before = pg_catalog.clock_timestamp()
           + case when v_times <= 3 then 0 else least(30, pg_catalog.power(2, least(v_times, 10) - 4)) end * interval '1 second'
   where id = t.id;
  return 'accepted';
end
$$;

-- Records what an upload is about to copy to the buckets of finished files, so it is deleted again
-- if the render ends otherwise than done. p_copies is an array of {bucket, key}. Returns false when
-- the attempt is no longer wanted. An attempt that has closed its render already may copy the same
-- again.
create or replace function loom.begin_copies(p_task uuid, p_attempt int, p_copies jsonb) returns boolean
language plpgsql set lock_timeout = '250ms' as $$
begin
  insert into loom.copies (bucket, key, task_id)
  select c.bucket, c.key, p_task
    from pg_catalog.jsonb_to_recordset(p_copies) as c (bucket text, key text)
   where exists (select from loom.tasks t join public.renders r on r.id = t.render_id
                  where t.id = p_task and t.state = 'running' and t.attempt = p_attempt and not loom.is_terminal(r.status::text))
  on conflict (bucket, key) do update set task_id = p_task, deleted_at = null;
  return found or exists (select from loom.tasks t where t.id = p_task and t.state = 'done' and t.attempt = p_attempt);
end
$$;

-- Reports whether an upload's copies belong to nobody: its task has ended otherwise than done, or
-- will, or is gone.
create or replace function loom.copies_unwanted(p_task uuid) returns boolean
language sql stable as $$
  select coalesce((select t.state in ('failed', 'cancelled') or t.state <> 'done' and loom.is_terminal(r.status::text)
                     from loom.tasks t join public.renders r on r.id = t.render_id where t.id = p_task), true)
$$;

-- Returns the path of a caller, from pg_catalog.current_schemas, as a function that runs as its
-- owner can trust it: the caller's temporary schema is the last, and schemas in which the caller
-- may create something are left out, but for those in which everybody may.
create or replace function loom.safe_path(p_schemas name[]) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select concat_ws(', ', string_agg(quote_ident(n.nspname), ', ' order by s.place), 'pg_temp')
    from unnest(p_schemas) with ordinality as s (name, place) join pg_namespace n on n.nspname = s.name
   where n.nspname !~ '^pg_'
     and (pg_has_role(session_user, current_user, 'usage') or not has_schema_privilege(session_user, n.oid, 'create')
          or has_schema_privilege('public', n.oid, 'create'))
$$;

-- Closes the upload task, the render and its job together. Returns accepted, already or stale.
drop function if exists loom.finish_render(uuid, int, text, text, jsonb);
drop function if exists loom.finish_render(uuid, int, text, text, jsonb, text);
drop function if exists loom.finish_render(uuid, int, text, text, jsonb, text, text, text);
create or replace function loom.finish_render(p_task uuid, p_attempt int, p_video_url text, p_thumb_url text, p_facts jsonb,
                                              p_thumb_small_url text default null, p_preview_url text default null,
                                              p_preview_webp_url text default null, p_share_url text default null)
returns text
language plpgsql set lock_timeout = '250ms'
  set plan_cache_mode = force_generic_plan set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  t loom.tasks;
  -- Until the path is set, no name is looked up in it.
  v_refused pg_catalog.text;
begin
  perform pg_catalog.set_config('search_path', loom.safe_path(pg_catalog.current_schemas(false)), true);
  t := loom.lock_task(p_task);
  v_refused := loom.refuse(t, p_attempt);
  if v_refused is not null then
    return v_refused;
  end if;
  if t.kind <> 'upload' then
    raise exception 'loom.finish_render: task % is of kind %, not upload', t.id, t.kind;
  end if;
  perform loom.close_task(t, '{}', p_facts);
  delete from loom.copies where task_id = t.id;
  update public.renders
     set status = 'done', progress = 100, final_video_url = p_video_url, thumb_url = p_thumb_url,
         thumb_small_url = p_thumb_small_url, preview_url = p_preview_url, preview_webp_url = p_preview_webp_url,
         share_url = p_share_url,
         report = (select d.facts -> 'report' from loom.tasks d where d.id = (t.inputs -> 'video' ->> 'task')::uuid) || loom.reused_of(t.plan_id),
         error_message = null, error_code = null, updated_at = pg_catalog.clock_timestamp(), completed_at = pg_catalog.clock_timestamp()
   where id = t.render_id;
  perform loom.close_plan(t.plan_id, 'done', null);
  -- At commit the app's deferred triggers would have other rights, or another path.
  perform loom.check_now('renders', true), loom.check_now('render_jobs', true);
  return 'accepted';
end
$$;

-- Closes plans whose render the app has ended itself, for example with status cancelled. Returns
-- those renders. A render whose rows are held is left for the next time. One that a trigger of the
-- app's refuses to close is set aside, and tried again less and less often: it stops no other.
create or replace function loom.close_ended_plans() returns setof uuid
language plpgsql set lock_timeout = '500ms' as $$
begin
  -- Jobs that were set aside and that the app has ended since.
  delete from loom.set_aside a using public.render_jobs j where j.id = a.job_id and j.state::text not in ('queued', 'running');
  return query
    select c from loom.close_plans_of(array(
      select p.render_id from loom.plans p join public.renders r on r.id = p.render_id
       where p.ended_at is null and loom.is_terminal(r.status::text))) c;
end
$$;

-- The same for some renders.
create or replace function loom.close_plans_of(p_renders uuid[]) returns setof uuid
language plpgsql set lock_timeout = '500ms' as $$
declare
  v record;
begin
  for v in
    select p.id, p.job_id, r.id as render_id, r.status::text as status
      from (select distinct c.id from pg_catalog.unnest(p_renders) as c (id)) c
     -- One after the other, however many are open.
     cross join lateral (select o.id, o.job_id, o.ended_at from loom.plans o where o.render_id = c.id offset 0) p
      join public.renders r on r.id = c.id
     where p.ended_at is null and loom.is_terminal(r.status::text) and not loom.is_aside(p.job_id)
       for no key update of r skip locked
  loop
    perform from public.render_jobs where id = v.job_id for no key update skip locked;
    continue when not found and exists (select from public.render_jobs where id = v.job_id);
    begin
      perform loom.close_plan(v.id, v.status, null);
      return next v.render_id;
    exception when others then
      perform loom.set_job_aside(v.job_id, v.render_id, sqlstate, sqlerrm);
    end;
  end loop;
end
$$;

-- Cancels the renders whose renders.cancel_requested the app has set, and sets it to false again,
-- also for a render that has ended already. Returns those that it cancelled. It leaves rows as
-- loom.close_ended_plans does.
create or replace function loom.cancel_requested() returns setof uuid
language plpgsql set lock_timeout = '500ms' as $$
declare
  v record;
begin
  for v in
    select r.id, loom.is_terminal(r.status::text) as over,
           (select j.id from public.render_jobs j where j.render_id = r.id and j.state::text in ('queued', 'running') order by j.created_at limit 1) as job_id
      from public.renders r
     where r.cancel_requested
       and not exists (select from public.render_jobs j where j.render_id = r.id and loom.is_aside(j.id))
       for no key update of r skip locked
  loop
    perform from public.render_jobs where id = v.job_id for no key update skip locked;
    continue when not found and exists (select from public.render_jobs where id = v.job_id);
    begin
      perform loom.cancel_render(v.id);
      if v.over then
        update public.renders set cancel_requested = false where id = v.id;
      else
        return next v.id;
      end if;
    exception when others then
      perform loom.set_job_aside(v.job_id, v.id, sqlstate, sqlerrm);
    end;
  end loop;
end
$$;

-- Cancels a render that has not ended, with its plan and its jobs. Where the app's own type, CHECK,
-- foreign key or trigger does not admit the status cancelled, the render is failed with the error
-- code cancelled.
create or replace function loom.cancel_render(p_render uuid) returns void
language plpgsql as $$
declare
  v_plan uuid;
begin
  perform from public.renders where id = p_render and not loom.is_terminal(status::text) for no key update;
  if not found then
    return;
  end if;
  begin
    update public.renders
       set status = 'cancelled', error_code = 'cancelled', cancel_requested = false, updated_at = pg_catalog.clock_timestamp(), completed_at = pg_catalog.clock_timestamp()
     where id = p_render;
    perform loom.check_now('renders');
  exception when check_violation or foreign_key_violation or invalid_text_representation or string_data_right_truncation
              or raise_exception then
    update public.renders
       set status = 'failed', error_code = 'cancelled', error_message = loom.fitting('The render was cancelled.', 'renders', 'error_message'),
           cancel_requested = false,
           updated_at = pg_catalog.clock_timestamp(), completed_at = pg_catalog.clock_timestamp()
     where id = p_render;
  end;
  select id into v_plan from loom.plans where render_id = p_render and ended_at is null;
  if v_plan is not null then
    perform loom.close_plan(v_plan, 'cancelled', null);
  else
    perform loom.close_jobs(p_render, null, 'cancelled', null);
  end if;
  -- ingest tells the workers at once. This is a hint, as that of a new job is.
  perform pg_catalog.pg_notify('loom_jobs', '');
end
$$;

-- Until this revoke, anybody may run the functions created above.
revoke execute on all functions in schema loom from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute pg_catalog.format('revoke execute on all functions in schema loom from %I', v_role);
    end if;
  end loop;
end
$$;
