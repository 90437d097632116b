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

-- For how long kinds were paused while a plan was open: that does not count towards its deadline.
alter table loom.plans add column if not exists paused_for interval not null default '0';

-- Pauses kinds of tasks. Returns those that were not paused.
create or replace function loom.pause_kinds(p_kinds text[]) returns setof text
language sql set search_path = '' as $$
  insert into loom.paused (kind) select k.kind from pg_catalog.unnest(p_kinds) as k (kind)
  on conflict (kind) do nothing returning kind
$$;

-- Resumes kinds of tasks. Returns those that were paused.
create or replace function loom.resume_kinds(p_kinds text[]) returns setof text
language plpgsql set search_path = '' as $$
declare
  v_since timestamptz;
  v_kinds text[];
begin
  with resumed as (delete from loom.paused p where p.kind = any (p_kinds) returning p.kind, p.since)
  select pg_catalog.array_agg(kind order by kind), pg_catalog.min(since) into v_kinds, v_since from resumed;
  update loom.plans p set paused_for = p.paused_for + (pg_catalog.clock_timestamp() - greatest(v_since, p.created_at))
   where p.ended_at is null and v_since is not null;
  return query select pg_catalog.unnest(v_kinds);
end
$$;

-- The host of the page that a task records, in lower case. Null: the task records no page of a
-- host's.
alter table loom.tasks add column if not exists host text;
-- The hosts whose pages are being recorded.
create index if not exists tasks_hosts on loom.tasks (host) where state = 'running' and host is not null;

-- Reports whether one more page of a task's host may be recorded, p_most at once. Until the end of
-- the caller's transaction no other page of that host is granted, so the answer stays true.
create or replace function loom.host_admits(t loom.tasks, p_most int) returns boolean
language plpgsql set search_path = '' as $$
begin
  if t.host is null or p_most <= 0 then
    return true;
  end if;
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('loom.host ' || t.host, 0));
  return (select pg_catalog.count(*) < p_most from loom.tasks o where o.host = t.host and o.state = 'running' and o.id <> t.id);
end
$$;

revoke all on loom.paused from public;
revoke execute on function loom.pause_kinds(text[]), loom.resume_kinds(text[]), loom.host_admits(loom.tasks, int) from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke all on loom.paused from %I', v_role);
      execute format('revoke execute on function loom.pause_kinds(text[]), loom.resume_kinds(text[]), '
        'loom.host_admits(loom.tasks, int) from %I', v_role);
    end if;
  end loop;
end
$$;
