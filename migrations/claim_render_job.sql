-- claim_render_job(): claims the oldest queued job, atomically, and returns it; no row when there is none.
-- This file can be pasted into Supabase's SQL editor as it is, and as often as you like.
--
-- SKIP LOCKED lets any number of workers claim at once without waiting for each other, and without two of them getting
-- the same job, and passes over a render whose row somebody holds. A second job for a render that is being worked on stays queued until the first has ended; and it is
-- never claimed before an older one, or two workers that claim at the same time could get one each.

-- An earlier version may have another result type, which "create or replace" cannot change.
drop function if exists public.claim_render_job();

create function public.claim_render_job()
returns setof public.render_jobs
language sql
volatile
set search_path = ''
as $$
  update public.render_jobs
     set state = 'running', started_at = now(), updated_at = now()
   where id = (
     select j.id
       from public.render_jobs j
       join public.renders r on r.id = j.render_id
      where j.state = 'queued'
        and not exists (
          select from public.render_jobs o
           where o.render_id = j.render_id and o.id <> j.id
             and (o.state = 'running' or (o.state = 'queued' and (o.created_at, o.id) < (j.created_at, j.id))))
      order by j.created_at, j.id
      limit 1
        for update of j skip locked
        for no key update of r skip locked)
  returning *;
$$;

comment on function public.claim_render_job() is 'loom-lite: claims the oldest queued render job';

-- Any role may execute a new function by default, and Supabase grants it to the roles that browsers use.
revoke execute on function public.claim_render_job() from public;
do $$
begin
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
