-- Jobs that could not be started because the database refused it. Each waits for its next try,
-- longer each time, and stops no other. A row is deleted when its job begins, ends or is deleted.
-- When somebody deletes a row by hand, its job is tried at once. A job that has begun is here while
-- the database refuses to change its render.
create table if not exists loom.set_aside (
  job_id     uuid primary key references public.render_jobs (id) on delete cascade,
  render_id  uuid not null,
  tries      int not null,
  not_before timestamptz not null,
  -- The database's last error message, and its SQLSTATE.
  code       text not null,
  reason     text not null,
  first_at   timestamptz not null default clock_timestamp(),
  last_at    timestamptz not null default clock_timestamp()
);
alter table loom.set_aside enable row level security;
-- Whether others could be started since then distinguishes a bad job from a bad database.
create index if not exists plans_created on loom.plans (created_at);

-- Returns the job that is to be started next, and its render, both locked; no row when there is
-- none that nobody holds. It chooses as public.claim_render_job() does, and skips what is set aside
-- and the jobs of the owners in p_full, who have as many renders in progress as they may. Nothing
-- of the app's runs in it: what is wrong with the job shows once it is known which job it is.
drop function if exists loom.next_job();
create or replace function loom.next_job(p_full text[] default '{}') returns table (job_id uuid, render_id uuid)
language plpgsql as $$
begin
  return query
    select j.id, r.id
      from public.render_jobs j
      join public.renders r on r.id = j.render_id
     where j.state = 'queued'
       and not exists (
         select from public.render_jobs o
          where o.render_id = j.render_id and o.id <> j.id
            and (o.state = 'running' or (o.state = 'queued' and (o.created_at, o.id) < (j.created_at, j.id))))
       and not loom.is_aside(j.id)
       and j.queue_owner <> all (p_full)
     order by j.priority desc, j.queue_turn, j.created_at, j.id
     limit 1
       for update of j skip locked
       for no key update of r skip locked;
end
$$;

-- Reports whether a job is set aside and its next try is not due.
create or replace function loom.is_aside(p_job uuid) returns boolean
language sql stable set search_path = '' as $$
  select exists (select from loom.set_aside a where a.job_id = p_job and a.not_before > pg_catalog.clock_timestamp())
$$;

-- Claims a job that the caller has locked.
create or replace function loom.claim_job(p_job uuid) returns void
language plpgsql as $$
begin
  update public.render_jobs set state = 'running', started_at = pg_catalog.now(), updated_at = pg_catalog.now() where id = p_job;
  delete from loom.set_aside where job_id = p_job;
end
$$;

-- Sets a job aside: it is tried again after 1, 2, 4, … seconds, finally every five minutes. Returns
-- how often it has been tried, and whether a render could be started since the first time: if so,
-- the job is wrong, and not the database.
create or replace function loom.set_job_aside(p_job uuid, p_render uuid, p_code text, p_reason text,
                                              out tries int, out others boolean)
language plpgsql as $$
declare
  a loom.set_aside;
begin
  if p_job is null then
    raise warning 'loom.set_job_aside: render % has no job: %', p_render, p_reason;
    return;
  end if;
  insert into loom.set_aside as s (job_id, render_id, tries, not_before, code, reason)
  values (p_job, p_render, 1, pg_catalog.clock_timestamp() + interval '1 second', p_code, p_reason)
  on conflict (job_id) do update
    set tries = s.tries + 1, code = p_code, reason = p_reason, last_at = pg_catalog.clock_timestamp(),
        not_before = pg_catalog.clock_timestamp() + least(300, pg_catalog.power(2, least(s.tries, 10))) * interval '1 second'
  returning * into a;
  tries := a.tries;
  others := exists (select from loom.plans p where p.created_at > a.first_at);
end
$$;

-- Records that the database refuses to change a running render: its job is listed with those that
-- are set aside. It waits for nothing, so the job can be ended.
create or replace function loom.note_refusal(p_render uuid, p_code text, p_reason text) returns void
language plpgsql as $$
declare
  v_job uuid := (select p.job_id from loom.plans p where p.render_id = p_render and p.ended_at is null);
begin
  if v_job is not null then
    perform loom.set_job_aside(v_job, p_render, p_code, p_reason);
    update loom.set_aside set not_before = pg_catalog.clock_timestamp() where job_id = v_job;
  end if;
end
$$;

revoke all on loom.set_aside from public;
revoke execute on function loom.next_job(text[]), loom.is_aside(uuid), loom.claim_job(uuid), loom.set_job_aside(uuid, uuid, text, text),
  loom.note_refusal(uuid, text, text) from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke all on loom.set_aside from %I', v_role);
      execute format('revoke execute on function loom.next_job(text[]), loom.is_aside(uuid), loom.claim_job(uuid), '
        'loom.set_job_aside(uuid, uuid, text, text), loom.note_refusal(uuid, text, text) from %I', v_role);
    end if;
  end loop;
end
$$;
