-- claim_render_job(): claims the queued job whose turn it is, atomically, and returns it; no row
-- when there is none. This file can be pasted into Supabase's SQL editor as it is, any number of
-- times.
--
-- SKIP LOCKED lets any number of workers claim at once. They do not wait for each other, and no two
-- of them get the same job. It also skips a render whose row is held. A second job for a render
-- that is being worked on stays queued until the first has ended. It is never claimed before an
-- older one: otherwise two workers that claim at the same time could get one each.
--
-- Jobs of a higher priority come first. Among those of one priority, each owner of jobs has a turn
-- before anybody has the next (0008_turns.sql). Without that, the oldest job comes first.
--
-- It sets no search_path: the app's triggers and checks run in it, and find what they find
-- everywhere else.

-- An earlier version may have another result type, which "create or replace" cannot change. Only
-- then is it dropped; its grants are kept for below.
do $$
declare
  v_old regprocedure := to_regprocedure('public.claim_render_job()');
begin
  perform set_config('loom.claim_grantees', '', false);
  if exists (select from pg_proc p where p.oid = v_old
              and (p.prorettype <> 'public.render_jobs'::regtype or not p.proretset or p.prokind <> 'f')) then
    perform set_config('loom.claim_grantees', coalesce((
      select string_agg(quote_ident(r.rolname), ', ')
        from pg_proc p, aclexplode(p.proacl) a join pg_roles r on r.oid = a.grantee
       where p.oid = v_old and a.privilege_type = 'EXECUTE'), ''), false);
    execute format('drop routine %s', v_old);
  end if;
end
$$;

alter table public.render_jobs add column if not exists priority int not null default 0;
alter table public.render_jobs add column if not exists queue_turn bigint not null default 0;

create or replace function public.claim_render_job()
returns setof public.render_jobs
language sql
volatile
as $$
  update public.render_jobs
     set state = 'running', started_at = pg_catalog.now(), updated_at = pg_catalog.now()
   where id = (
     select j.id
       from public.render_jobs j
       join public.renders r on r.id = j.render_id
      where j.state = 'queued'
        and not exists (
          select from public.render_jobs o
           where o.render_id = j.render_id and o.id <> j.id
             and (o.state = 'running' or (o.state = 'queued' and (o.created_at, o.id) < (j.created_at, j.id))))
      order by j.priority desc, j.queue_turn, j.created_at, j.id
      limit 1
        for update of j skip locked
        for no key update of r skip locked)
  returning *;
$$;

comment on function public.claim_render_job() is 'loom-lite: claims the queued render job whose turn it is';

-- Any role may execute a new function by default, and Supabase grants it to the roles that browsers
-- use.
revoke execute on function public.claim_render_job() from public;
do $$
begin
  if current_setting('loom.claim_grantees', true) <> '' then
    execute 'grant execute on function public.claim_render_job() to ' || current_setting('loom.claim_grantees');
  end if;
  if exists (select from pg_roles where rolname = 'anon') then
    revoke execute on function public.claim_render_job() from anon;
  end if;
  if exists (select from pg_roles where rolname = 'authenticated') then
    revoke execute on function public.claim_render_job() from authenticated;
  end if;
  if exists (select from pg_roles where rolname = 'service_role') then
    grant execute on function public.claim_render_job() to service_role;
  end if;
end
$$;
