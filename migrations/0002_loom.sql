-- Everything of ours: the plan of each render, its tasks, and every attempt at them.
--
--   plan      what one job became: a snapshot of the campaign and a small graph of tasks
--   task      waiting → due → running → done
--                      ▲        │
--                      └────────┤ retry, lapsed lease, handed back
--                               └→ failed (and every unfinished task of the plan: cancelled)
--             A task that works on what another has stored so far goes back to waiting when that
--             other's attempt ends otherwise than done.
--   attempt   one grant of a task, and how it ended
--
-- Deleting a render, a campaign or a job in the app's tables works as before.

create schema if not exists loom;

create table if not exists loom.plans (
  id          uuid primary key,
  render_id   uuid not null references public.renders (id) on delete cascade,
  job_id      uuid references public.render_jobs (id) on delete set null,
  -- The campaign as it was when the job was claimed: later edits do not change a render that runs.
  campaign    jsonb not null,
  -- Failures that a task may have before the render fails (WORKER_MAX_RETRIES).
  max_retries int not null check (max_retries >= 0),
  outcome     text check (outcome in ('done', 'failed', 'cancelled')),
  created_at  timestamptz not null default now(),
  ended_at    timestamptz,
  -- When its objects in the work bucket were deleted.
  swept_at    timestamptz
);
create unique index if not exists plans_one_open_per_render on loom.plans (render_id) where ended_at is null;
create index if not exists plans_render on loom.plans (render_id, created_at);
create index if not exists plans_job on loom.plans (job_id);
create index if not exists plans_unswept on loom.plans (ended_at) where swept_at is null;
-- Every second ingest reads those that ended just now.
create index if not exists plans_ended on loom.plans (ended_at);

create table if not exists loom.tasks (
  id          uuid primary key,
  plan_id     uuid not null references loom.plans (id) on delete cascade,
  render_id   uuid not null,
  kind        text not null check (kind in ('record', 'probe', 'normalize', 'concat', 'overlay', 'upload')),
  -- Place among the plan's tasks of this kind, from 0.
  seq         int not null,
  -- Tasks that must be done first, or have stored what inputs names (see keys).
  needs       uuid[] not null default '{}',
  params      jsonb not null,
  -- {"mezzanine": {"task": "<uuid>", "output": "mezzanine"}}
  inputs      jsonb not null default '{}',
  -- {"segment": {"file": "segment.mp4", "content_type": "video/mp4"}}
  outputs     jsonb not null default '{}',
  -- Share of the render's work, for its progress.
  weight      real not null check (weight > 0),
  state       text not null check (state in ('waiting', 'due', 'running', 'done', 'failed', 'cancelled')),
  -- Grants so far. The current number fences: a message that carries another is refused.
  attempt     int not null default 0,
  -- Attempts that were charged.
  failures    int not null default 0,
  not_before  timestamptz not null default now(),
  lease_until timestamptz,
  worker      text,
  -- A repeated grant request gets the same attempt.
  request_id  uuid,
  progress    real not null default 0 check (progress between 0 and 1),
  -- {"segment": "<object key>"}: of all outputs once done; of the outputs that are stored already
  -- while it runs
  keys        jsonb,
  facts       jsonb,
  created_at  timestamptz not null default now(),
  started_at  timestamptz,
  ended_at    timestamptz
);
create unique index if not exists tasks_place on loom.tasks (plan_id, kind, seq);
-- The tasks of a plan that are due, in order, and those that run. No index has those that wait or
-- are over.
drop index if exists loom.tasks_dispatch;
create index if not exists tasks_in_hand on loom.tasks (plan_id, kind, state, seq) where state in ('due', 'running');

create table if not exists loom.attempts (
  task_id       uuid not null references loom.tasks (id) on delete cascade,
  attempt       int not null,
  worker        text not null,
  granted_at    timestamptz not null default now(),
  ended_at      timestamptz,
  outcome       text check (outcome in ('done', 'failed', 'lapsed', 'handed_back', 'stopped')),
  error_code    text,
  error_message text,
  detail        text,
  primary key (task_id, attempt)
);

-- Leases that were renewed while a transaction held the task's own row, for example one that
-- deletes its render.
create table if not exists loom.heard (
  -- No reference: that would wait for the row.
  task_id     uuid primary key,
  attempt     int not null,
  lease_until timestamptz not null
);

-- Renders that were deleted with their plans: their objects in the work bucket are still to be
-- deleted.
create table if not exists loom.leftovers (
  render_id  uuid primary key,
  deleted_at timestamptz not null default now()
);

alter table loom.plans enable row level security;
alter table loom.tasks enable row level security;
alter table loom.attempts enable row level security;
alter table loom.leftovers enable row level security;
alter table loom.heard enable row level security;

-- It runs as its owner, because the role that deletes a render has no rights here.
create or replace function loom.keep_leftovers() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into loom.leftovers (render_id) values (old.render_id) on conflict (render_id) do nothing;
  return null;
end
$$;
create or replace trigger loom_keep_leftovers
  after delete on loom.plans for each row when (old.swept_at is null) execute function loom.keep_leftovers();

-- A new job wakes ingest at once. This is a hint: polling finds the job as well.
create or replace function loom.notify_job() returns trigger
language plpgsql set search_path = '' as $$
begin
  perform pg_catalog.pg_notify('loom_jobs', '');
  return null;
end
$$;
create or replace trigger loom_notify_job
  after insert on public.render_jobs for each statement execute function loom.notify_job();

-- Only the owner, and roles that the owner grants rights to, see or run anything of this.
-- Supabase's roles for browsers are named because default privileges may have given them rights.
revoke all on schema loom from public;
revoke all on all tables in schema loom from public;
revoke execute on all functions in schema loom from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke all on schema loom from %I', v_role);
      execute format('revoke all on all tables in schema loom from %I', v_role);
      execute format('revoke execute on all functions in schema loom from %I', v_role);
    end if;
  end loop;
end
$$;
