-- Control: what operators decide while renders run.
--
-- Kinds of tasks that are paused. No task of such a kind is granted until it is resumed. Those that
-- run go on, and the others stay as they are. The rows are here, so a restart of anything changes
-- nothing.
create table if not exists loom.paused (
  kind  text primary key,
  since timestamptz not null default clock_timestamp()
);
alter table loom.paused enable row level security;

-- Pauses that have ended, kept for longer than a render may take. While a stage was paused, no
-- render's time went on.
create table if not exists loom.pauses (
  kind     text not null,
  since    timestamptz not null,
  ended_at timestamptz not null
);
create index if not exists pauses_ended on loom.pauses (ended_at);
alter table loom.pauses enable row level security;

-- Pauses kinds of tasks. Returns those that were not paused.
create or replace function loom.pause_kinds(p_kinds text[]) returns setof text
language sql set search_path = '' as $$
  insert into loom.paused (kind) select k.kind from pg_catalog.unnest(p_kinds) as k (kind)
  on conflict (kind) do nothing returning kind
$$;

-- Resumes kinds of tasks. Returns those that were paused. It touches no plan, so it waits for no
-- render's rows.
create or replace function loom.resume_kinds(p_kinds text[]) returns setof text
language sql set search_path = '' as $$
  delete from loom.pauses where ended_at < pg_catalog.clock_timestamp() - interval '2 years';
  with resumed as (
    delete from loom.paused p where p.kind = any (p_kinds) returning p.kind, p.since
  ), ended as (
    insert into loom.pauses (kind, since, ended_at)
    select r.kind, r.since, greatest(r.since, pg_catalog.clock_timestamp()) from resumed r)
  select r.kind from resumed r order by r.kind
$$;

-- Returns for how long kinds of tasks were paused since then. Time in which several were is counted
-- once. Pauses that have not ended do not count yet.
create or replace function loom.paused_after(p_then timestamptz) returns interval
language sql stable set search_path = '' as $$
  select coalesce(pg_catalog.sum(pg_catalog.upper(w.pause) - pg_catalog.lower(w.pause)), '0')
    from (select pg_catalog.range_agg(pg_catalog.tstzrange(greatest(p.since, p_then), p.ended_at)) as pauses
            from loom.pauses p where p.ended_at > p_then) a, pg_catalog.unnest(a.pauses) as w (pause)
$$;

-- The host of the page that a task records, in lower case. Null: the task records no page of a
-- host's.
alter table loom.tasks add column if not exists host text;
-- The hosts whose pages are being recorded.
create index if not exists tasks_hosts on loom.tasks (host) where state = 'running' and host is not null;

-- Reports whether one more page of a task's host may be recorded, p_most at once. Until the end of
-- the caller's transaction no other page of that host is granted, so the answer stays true. Null:
-- another transaction is granting one. It waits for nobody.
--
-- A page whose lease has lapsed is not being recorded. If it counted, as many as p_most of them
-- would keep their host for ever: they wait for their turn behind others, which are not granted.
-- p_heard and p_lease are loom.grant_task's.
drop function if exists loom.host_admits(loom.tasks, int);
create or replace function loom.host_admits(t loom.tasks, p_most int, p_heard timestamptz, p_lease interval) returns boolean
language plpgsql set search_path = '' as $$
begin
  if t.host is null or p_most <= 0 then
    return true;
  elsif not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('loom.host ' || t.host, 0)) then
    return null;
  end if;
  return (select pg_catalog.count(*) < p_most from loom.tasks o
           where o.host = t.host and o.state = 'running' and o.id <> t.id and (loom.is_leased(o) or not loom.may_lapse(p_heard, p_lease)));
end
$$;

-- Dead letters: tasks that failed for good, and messages that nobody could read. They wait for an
-- operator, who has them done again (replayed) or puts them away (discarded). They are deleted with
-- their task's row.
create table if not exists loom.dead_letters (
  -- A task's own id.
  id            uuid primary key default pg_catalog.gen_random_uuid(),
  -- Null: a message that nobody could read.
  task_id       uuid references loom.tasks (id) on delete cascade,
  render_id     uuid,
  kind          text,
  error_code    text not null,
  error_message text,
  -- For the operator.
  detail        text,
  worker        text,
  died_at       timestamptz not null default clock_timestamp(),
  -- The message's subject, and what it was.
  subject       text,
  body          bytea,
  settled       text check (settled in ('replayed', 'discarded')),
  settled_at    timestamptz
);
create index if not exists dead_letters_open on loom.dead_letters (died_at) where settled is null;
create index if not exists dead_letters_render on loom.dead_letters (render_id);
create unique index if not exists dead_letters_task on loom.dead_letters (task_id) where task_id is not null;
create index if not exists dead_letters_unreadable on loom.dead_letters (died_at) where task_id is null;
alter table loom.dead_letters enable row level security;

-- Makes a dead letter of a task that has failed for good.
create or replace function loom.bury(t loom.tasks, p_code text, p_message text, p_detail text) returns void
language sql set search_path = '' as $$
  insert into loom.dead_letters (id, task_id, render_id, kind, error_code, error_message, detail, worker)
  values (t.id, t.id, t.render_id, t.kind, p_code, p_message, p_detail, t.worker)
  on conflict do nothing
$$;

-- Keeps a message that nobody could read: the newest thousand, for thirty days. One that is for
-- another release stays in its stream, and is passed on again and again: it is kept once.
create or replace function loom.keep_unreadable(p_subject text, p_body bytea, p_reason text, p_worker text) returns void
language plpgsql set search_path = '' as $$
declare
  v_tokens text[] := pg_catalog.string_to_array(p_subject, '.');
begin
  if exists (select from loom.dead_letters d
              where d.task_id is null and d.subject = p_subject and d.body = p_body
                and (d.settled is null or d.settled_at > pg_catalog.clock_timestamp() - interval '1 day')) then
    return;
  end if;
  insert into loom.dead_letters (render_id, kind, error_code, error_message, detail, worker, subject, body)
  values (case when v_tokens[3] ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then v_tokens[3]::uuid end, v_tokens[2],
          'unreadable', 'A message could not be read.', p_reason, p_worker, p_subject, p_body);
  delete from loom.dead_letters d
   where d.task_id is null
     and (d.died_at < pg_catalog.clock_timestamp() - interval '30 days'
          or d.died_at < (select k.died_at from loom.dead_letters k where k.task_id is null order by k.died_at desc offset 1000 limit 1));
end
$$;

-- Discards dead letters. Returns those that were open. One that somebody holds is left: the app may
-- be deleting its render.
create or replace function loom.discard_dead(p_ids uuid[]) returns setof uuid
language sql set search_path = '' as $$
  update loom.dead_letters d set settled = 'discarded', settled_at = pg_catalog.clock_timestamp()
   where d.id in (select o.id from loom.dead_letters o where o.id = any (p_ids) and o.settled is null for no key update skip locked)
  returning d.id
$$;

-- Has the renders of dead letters made again: each gets a new job, unless it has one already.
-- Returns the letters and their jobs. A letter whose render somebody holds is left. A message that
-- nobody could read cannot be replayed: its task went on without it.
create or replace function loom.replay_dead(p_ids uuid[]) returns table (id uuid, render_id uuid, job_id uuid)
language plpgsql as $$
#variable_conflict use_column
declare
  v_render uuid;
  v_job    uuid;
begin
  for v_render in
    select distinct d.render_id from loom.dead_letters d
     where d.id = any (p_ids) and d.settled is null and d.task_id is not null order by d.render_id
  loop
    perform from public.renders r where r.id = v_render for no key update skip locked;
    continue when not found or not exists (select from loom.dead_letters d where d.render_id = v_render and d.id = any (p_ids) and d.settled is null);
    select j.id into v_job from public.render_jobs j
     where j.render_id = v_render and j.state::text in ('queued', 'running') order by j.created_at limit 1;
    if not found then
      v_job := pg_catalog.gen_random_uuid();
      insert into public.render_jobs (id, render_id, state) values (v_job, v_render, 'queued');
    end if;
    return query
      update loom.dead_letters d set settled = 'replayed', settled_at = pg_catalog.clock_timestamp()
       where d.render_id = v_render and d.task_id is not null and d.settled is null
      returning d.id, d.render_id, v_job;
  end loop;
end
$$;

-- Fails the renders that were planned longer ago than p_limit, pauses not counted, and that have
-- not ended. None while a stage is paused. Returns them, and the kinds of the tasks at which they
-- ended. It leaves rows as loom.close_ended_plans does.
create or replace function loom.fail_overdue(p_limit interval, p_code text, p_message text)
returns table (render_id uuid, kind text)
language plpgsql set lock_timeout = '500ms' as $$
#variable_conflict use_column
declare
  v record;
  t loom.tasks;
  v_before timestamptz := pg_catalog.clock_timestamp() - p_limit;
begin
  if exists (select from loom.paused) then
    return;
  end if;
  for v in
    select p.id, p.job_id, r.id as render_id
      from loom.plans p join public.renders r on r.id = p.render_id
     where p.ended_at is null and p.created_at < v_before and p.created_at + loom.paused_after(p.created_at) < v_before
       and not loom.is_terminal(r.status::text) and not loom.is_aside(p.job_id)
       for no key update of r skip locked
  loop
    perform from public.render_jobs where id = v.job_id for no key update skip locked;
    continue when not found and exists (select from public.render_jobs where id = v.job_id);
    begin
      select * into t from loom.tasks k
       where k.plan_id = v.id and k.state in ('running', 'due') order by loom.stage_rank(k.kind), k.seq limit 1 for update;
      update loom.attempts a set outcome = 'stopped', ended_at = pg_catalog.clock_timestamp()
       where a.task_id = t.id and a.attempt = t.attempt and a.ended_at is null;
      update loom.tasks k set state = 'failed', lease_until = null, ended_at = pg_catalog.clock_timestamp() where k.id = t.id;
      if t.id is not null then
        perform loom.bury(t, p_code, p_message, 'the render had not ended after ' || p_limit);
      end if;
      perform loom.fail_render(v.render_id, v.id, v.job_id, p_code, p_message);
      return query select v.render_id, t.kind;
    exception when others then
      perform loom.set_job_aside(v.job_id, v.render_id, sqlstate, sqlerrm);
    end;
  end loop;
end
$$;

-- Workers, and how they do. A worker that keeps failing what others can do rests: its disk, its
-- Chrome or its machine is to blame, and not the tasks. A task that two workers have failed is to
-- blame itself.
create table if not exists loom.workers (
  worker        text not null,
  -- record, transcode or upload
  stage         text not null,
  -- When it last asked for a task, within a minute, and when it last finished one.
  heard_at      timestamptz not null default clock_timestamp(),
  done_at       timestamptz,
  -- Tasks that it has failed, or was lost with, since it last finished one, and that no other
  -- worker has failed: the newest three at most.
  failed        uuid[] not null default '{}',
  failing_since timestamptz,
  -- The code of its last failure.
  error_code    text,
  -- Rests since it last finished a task, and when the last one ends.
  rests         int not null default 0,
  rest_until    timestamptz,
  primary key (worker, stage)
);
alter table loom.workers enable row level security;
-- The tasks for whose failures it was last told to rest.
alter table loom.workers add column if not exists rests_for uuid[] not null default '{}';

create or replace function loom.stage_of(p_kind text) returns text
language sql immutable parallel safe
return case p_kind when 'record' then 'record' when 'upload' then 'upload' else 'transcode' end;

-- Locks a worker's row, which is made if it is missing. Returns false if somebody holds it: nobody
-- waits for it, since what is noted in it is worth no delay.
create or replace function loom.lock_worker(p_worker text, p_stage text) returns boolean
language plpgsql set search_path = '' as $$
begin
  perform from loom.workers w where w.worker = p_worker and w.stage = p_stage for no key update skip locked;
  if found then
    return true;
  elsif exists (select from loom.workers w where w.worker = p_worker and w.stage = p_stage) then
    return false;
  elsif not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('loom.worker ' || p_worker || ' ' || p_stage, 0)) then
    return false; -- it is being made
  end if;
  delete from loom.workers w where (w.worker, w.stage) in (
    select o.worker, o.stage from loom.workers o where o.heard_at < pg_catalog.clock_timestamp() - interval '7 days' for update skip locked);
  insert into loom.workers (worker, stage) values (p_worker, p_stage) on conflict do nothing;
  return found;
end
$$;

-- Notes that a worker has finished a task: whatever it failed before, it is well.
create or replace function loom.note_done(t loom.tasks) returns void
language plpgsql set search_path = '' as $$
declare
  v_stage text := loom.stage_of(t.kind);
begin
  if exists (select from loom.workers w where w.worker = t.worker and w.stage = v_stage and w.failed = '{}' and w.rests = 0
                                          and w.done_at > pg_catalog.clock_timestamp() - interval '1 second') then
    return;
  end if;
  if loom.lock_worker(t.worker, v_stage) then
    update loom.workers w
       set heard_at = pg_catalog.clock_timestamp(), done_at = pg_catalog.clock_timestamp(), failed = '{}', failing_since = null,
           error_code = null, rests = 0, rest_until = null, rests_for = '{}'
     where w.worker = t.worker and w.stage = v_stage;
  end if;
end
$$;

-- Notes that a worker has failed a task, or was lost with it. When another worker has failed the
-- same task, neither is to blame: a rest for that task's sake ends, and does not make the next one
-- longer.
create or replace function loom.note_failure(t loom.tasks, p_code text) returns void
language plpgsql set search_path = '' as $$
declare
  v_stage text := loom.stage_of(t.kind);
begin
  if exists (select from loom.attempts a where a.task_id = t.id and a.worker <> t.worker and a.outcome in ('failed', 'lapsed')) then
    update loom.workers w
       set failed = f.failed, failing_since = case when f.failed <> '{}' then w.failing_since end,
           rests = w.rests - f.wrong::int, rest_until = case when not f.wrong then w.rest_until end,
           rests_for = case when f.wrong then '{}' else w.rests_for end
      from (select o.worker, o.stage, t.id = any (o.rests_for) as wrong,
                   pg_catalog.array_remove(case when t.id = any (o.rests_for) then o.rests_for else o.failed end, t.id) as failed
              from loom.workers o
             where o.stage = v_stage and (t.id = any (o.failed) or t.id = any (o.rests_for)) for no key update skip locked) f
     where w.worker = f.worker and w.stage = f.stage;
  elsif loom.lock_worker(t.worker, v_stage) then
    update loom.workers w
       set failed = w.failed || t.id, failing_since = coalesce(w.failing_since, pg_catalog.clock_timestamp()), error_code = p_code
     where w.worker = t.worker and w.stage = v_stage and t.id <> all (w.failed);
    perform loom.judge(t.worker, v_stage);
  end if;
end
$$;

-- Has a worker rest if it has failed three tasks one after the other while others have finished
-- some: for 1, 2, 4, … minutes, 30 at most. After a rest one more failure is enough.
create or replace function loom.judge(p_worker text, p_stage text) returns void
language sql set search_path = '' as $$
  update loom.workers w
     set failed = w.failed[pg_catalog.cardinality(w.failed) - 1:], rests = w.rests + 1, rests_for = w.failed,
         rest_until = pg_catalog.clock_timestamp() + least(30, pg_catalog.power(2, least(w.rests, 10))) * interval '1 minute'
   where w.worker = p_worker and w.stage = p_stage and pg_catalog.cardinality(w.failed) >= 3
     and coalesce(w.rest_until < pg_catalog.clock_timestamp(), true)
     and exists (select from loom.workers o where o.stage = p_stage and o.worker <> p_worker and o.done_at > w.failing_since)
$$;

-- Decides whether a worker is to have a task now. verdict is null if it is; rest, until after is
-- over, if the worker rests and others work; later, if it has failed this very task and another
-- worker may try it first.
create or replace function loom.hold_back(t loom.tasks, p_worker text, out verdict text, out reason text, out after interval)
language plpgsql set search_path = '' as $$
declare
  w       loom.workers;
  v_stage text := loom.stage_of(t.kind);
  v_now   timestamptz := pg_catalog.clock_timestamp();
begin
  select * into w from loom.workers k where k.worker = p_worker and k.stage = v_stage;
  if not found or w.heard_at < v_now - interval '1 minute' or pg_catalog.cardinality(w.failed) >= 3 then
    if loom.lock_worker(p_worker, v_stage) then
      update loom.workers k set heard_at = v_now where k.worker = p_worker and k.stage = v_stage;
      perform loom.judge(p_worker, v_stage);
      select * into w from loom.workers k where k.worker = p_worker and k.stage = v_stage;
    end if;
  end if;
  if w.rest_until > v_now and exists (
       select from loom.workers o
        where o.stage = v_stage and o.worker <> p_worker and coalesce(o.rest_until < v_now, true)
          and (o.heard_at > v_now - interval '2 minutes'
               or exists (select from loom.tasks k where k.state = 'running' and k.worker = o.worker and k.lease_until > v_now)))
  then
    verdict := 'rest';
    reason := 'the worker keeps failing what others can do, and rests';
    after := w.rest_until - v_now;
  elsif t.state = 'due' and t.failures > 0 and v_now < t.not_before + interval '3 seconds'
    and exists (select from loom.attempts a where a.task_id = t.id and a.worker = p_worker and a.outcome in ('failed', 'lapsed'))
    and exists (
       select from loom.workers o
        where o.stage = v_stage and o.worker <> p_worker and coalesce(o.rest_until < v_now, true) and o.heard_at > v_now - interval '1 day'
          and not exists (select from loom.attempts a where a.task_id = t.id and a.worker = o.worker and a.outcome in ('failed', 'lapsed')))
  then
    verdict := 'later';
    reason := 'the worker has failed this task, and another one may try it';
    after := interval '1 second';
  end if;
end
$$;

revoke all on loom.paused, loom.pauses, loom.dead_letters, loom.workers from public;
revoke execute on function loom.pause_kinds(text[]), loom.resume_kinds(text[]), loom.paused_after(timestamptz), loom.host_admits(loom.tasks, int, timestamptz, interval), loom.bury(loom.tasks,
  text, text, text), loom.keep_unreadable(text, bytea, text, text), loom.discard_dead(uuid[]),
  loom.replay_dead(uuid[]), loom.fail_overdue(interval, text, text), loom.stage_of(text), loom.lock_worker(text,
  text), loom.note_done(loom.tasks), loom.note_failure(loom.tasks, text), loom.judge(text, text),
  loom.hold_back(loom.tasks, text) from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke all on loom.paused, loom.pauses, loom.dead_letters, loom.workers from %I', v_role);
      execute format('revoke execute on function '
        'loom.pause_kinds(text[]), loom.resume_kinds(text[]), loom.paused_after(timestamptz), loom.host_admits(loom.tasks, int, timestamptz, interval), loom.bury(loom.tasks, '
        'text, text, text), loom.keep_unreadable(text, bytea, text, text), loom.discard_dead(uuid[]), '
        'loom.replay_dead(uuid[]), loom.fail_overdue(interval, text, text), loom.stage_of(text), loom.lock_worker(text, '
        'text), loom.note_done(loom.tasks), loom.note_failure(loom.tasks, text), loom.judge(text, text), '
        'loom.hold_back(loom.tasks, text) '
        ' from %I', v_role);
    end if;
  end loop;
end
$$;
