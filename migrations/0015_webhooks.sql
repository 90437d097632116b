-- Webhooks: what happens to renders is told to addresses that operators and users name.
--
--   event      what happened, written in the transaction in which it happens
--   delivery   an event that an endpoint is to get: pending → delivered, or dead
--   attempt    one request of a delivery, and its answer
--
-- The console makes deliveries of events and carries them out. No other service has a part in it,
-- and no event is written that no endpoint wants.

-- Passed on in events, for whoever reads them.
alter table public.campaigns add column if not exists metadata jsonb not null default '{}';
do $$
begin
  if (select col_description(a.attrelid, a.attnum) from pg_attribute a
       where a.attrelid = 'public.campaigns'::regclass and a.attname = 'metadata') is null then
    comment on column public.campaigns.metadata is 'loom-lite';
  end if;
end
$$;

create table if not exists loom.webhook_endpoints (
  id            uuid primary key,
  -- It may hold what gives access.
  url           text not null,
  description   text not null default '',
  -- The types of events that it gets.
  events        text[] not null,
  -- Whose renders it gets events of. Null: everybody's.
  user_id       uuid,
  created_at    timestamptz not null default clock_timestamp(),
  -- When somebody last changed it, and how often it has changed.
  updated_at    timestamptz not null default clock_timestamp(),
  version       int not null default 1,
  -- It gets what happens from then on: it was created then, or enabled again.
  enabled_at    timestamptz not null default clock_timestamp(),
  disabled_at   timestamptz,
  -- gone (its answer was 410) or asked
  disabled_why  text check (disabled_why in ('gone', 'asked')),
  -- Attempts that have failed since the last one that did not, and when it may be tried again.
  failing       int not null default 0,
  not_before    timestamptz not null default '-infinity'
);
create index if not exists webhook_endpoints_user on loom.webhook_endpoints (user_id) where disabled_at is null;

-- What signatures are made with. There are two of an endpoint while its secret is being replaced.
create table if not exists loom.webhook_secrets (
  endpoint_id uuid not null references loom.webhook_endpoints (id) on delete cascade,
  -- 0 and the bytes, or 1 and the bytes sealed with the console's key.
  secret      bytea not null,
  created_at  timestamptz not null default clock_timestamp(),
  expires_at  timestamptz,
  primary key (endpoint_id, created_at)
);

create table if not exists loom.webhook_events (
  id          uuid primary key default gen_random_uuid(),
  type        text not null,
  -- No references: events outlive what they are about.
  render_id   uuid,
  -- The jobs that ended with it.
  jobs        uuid[] not null default '{}',
  -- The campaign's.
  user_id     text,
  -- Which happening it is: there is one event of it.
  once        text,
  -- The only endpoint that gets it. Null: all that want it.
  endpoint_id uuid,
  data        jsonb not null,
  created_at  timestamptz not null default clock_timestamp(),
  -- When its deliveries were made.
  fanned_at   timestamptz
);
create unique index if not exists webhook_events_once on loom.webhook_events (once) where once is not null;
create index if not exists webhook_events_new on loom.webhook_events (created_at) where fanned_at is null;
create index if not exists webhook_events_render on loom.webhook_events (render_id, created_at);
create index if not exists webhook_events_created on loom.webhook_events (created_at);

create table if not exists loom.webhook_deliveries (
  id          uuid primary key default gen_random_uuid(),
  event_id    uuid not null references loom.webhook_events (id) on delete cascade,
  endpoint_id uuid not null references loom.webhook_endpoints (id) on delete cascade,
  state       text not null default 'pending' check (state in ('pending', 'delivered', 'dead')),
  -- Attempts so far, and how many of them have failed since it was last sent again by hand.
  attempt     int not null default 0,
  failures    int not null default 0,
  next_at     timestamptz not null default clock_timestamp(),
  -- Until when the present attempt is somebody's.
  lease_until timestamptz,
  -- The last answer's status, or why there was none.
  status      int,
  error       text,
  created_at  timestamptz not null default clock_timestamp(),
  ended_at    timestamptz
);
create unique index if not exists webhook_deliveries_one on loom.webhook_deliveries (event_id, endpoint_id);
create index if not exists webhook_deliveries_pending on loom.webhook_deliveries (endpoint_id, next_at) where state = 'pending';
create index if not exists webhook_deliveries_created on loom.webhook_deliveries (created_at, id);
create index if not exists webhook_deliveries_endpoint on loom.webhook_deliveries (endpoint_id, created_at, id);

create table if not exists loom.webhook_attempts (
  delivery_id uuid not null references loom.webhook_deliveries (id) on delete cascade,
  attempt     int not null,
  began_at    timestamptz not null default clock_timestamp(),
  ended_at    timestamptz,
  status      int,
  error       text,
  -- The beginning of the answer's body.
  response    text,
  primary key (delivery_id, attempt)
);

-- Taking these locks again at each upgrade would have the app's transactions wait.
do $$
declare
  v_name text;
begin
  foreach v_name in array array['webhook_endpoints', 'webhook_secrets', 'webhook_events', 'webhook_deliveries', 'webhook_attempts'] loop
    if not (select c.relrowsecurity from pg_class c where c.oid = ('loom.' || v_name)::regclass) then
      execute format('alter table loom.%I enable row level security', v_name);
    end if;
  end loop;
end
$$;

-- Reports whether an endpoint gets events of a type about a user's renders. Alerts about failed
-- renders are made of their events.
create or replace function loom.is_wanted(p_type text, p_user text) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return exists (
    select from loom.webhook_endpoints e
     where e.disabled_at is null
       and (p_type = any (e.events) and (e.user_id is null or e.user_id::text = p_user)
            or p_type = 'render.failed' and 'alert.opened' = any (e.events)));
end
$$;

-- Writes the event of a render, unless nobody wants it or it is written already. r is the render's
-- row as JSON, with the status that is told. p_plan is the plan that has ended, p_job a job that
-- has ended without one; null: the plan that is open, or the job that is. An event of an end is
-- about all jobs that end with it. Returns whether it was written.
--
-- Its key names the plan, or the job and when it was queued: a job that is queued again ends again.
create or replace function loom.write_render_event(r jsonb, p_job uuid default null, p_deleted boolean default false,
                                                   p_plan uuid default null, p_at timestamptz default clock_timestamp()) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_render uuid := (r ->> 'id')::uuid;
  v_type   text := case when r ->> 'status' = 'done' then 'render.completed'
                        when r ->> 'status' = 'cancelled' or r ->> 'error_code' = 'cancelled' then 'render.cancelled'
                        when r ->> 'status' = 'failed' then 'render.failed'
                        else 'render.started' end;
  v_open   uuid[];
  v_job    record;
  v_plan   record;
  v_told   record;
  v_user   text;
  v_meta   jsonb;
  v_data   jsonb;
begin
  if not exists (select from loom.webhook_endpoints e where e.disabled_at is null) then
    return false;
  end if;
  select c.user_id::text, to_jsonb(c.metadata) into v_user, v_meta from public.campaigns c where c.id = (r ->> 'campaign_id')::uuid;
  select j.id, j.queued_at, j.queue_owner into v_job from public.render_jobs j
   where j.render_id = v_render and (p_job is null or j.id = p_job)
   order by (j.state::text in ('queued', 'running')) desc, (j.state::text = 'running') desc, j.queued_at desc nulls last limit 1;
  if p_deleted and v_meta is null then
    -- Its campaign was deleted with it.
    select e.user_id, e.data -> 'metadata' as metadata into v_told from loom.webhook_events e
     where e.render_id = v_render order by e.created_at desc limit 1;
    v_user := coalesce(v_told.user_id, nullif(v_job.queue_owner, ''));
    v_meta := v_told.metadata;
  end if;
  if not loom.is_wanted(v_type, v_user) then
    return false;
  end if;
  select p.id, p.job_id into v_plan from loom.plans p
   where p.render_id = v_render and p_job is null and case when p_plan is null then p.ended_at is null else p.id = p_plan end;
  if v_type <> 'render.started' and p_job is null and p_plan is null then
    v_open := array(select j.id from public.render_jobs j where j.render_id = v_render and j.state::text in ('queued', 'running'));
  end if;
  v_data := jsonb_build_object(
    'render_id', v_render, 'campaign_id', r -> 'campaign_id', 'job_id', coalesce(v_plan.job_id, v_job.id), 'user_id', v_user,
    'status', case v_type when 'render.cancelled' then 'cancelled' else r ->> 'status' end,
    'final_video_url', case when octet_length(r ->> 'final_video_url') <= 2048 then r -> 'final_video_url' end,
    'thumb_url', case when octet_length(r ->> 'thumb_url') <= 2048 then r -> 'thumb_url' end,
    'thumb_small_url', case when octet_length(r ->> 'thumb_small_url') <= 2048 then r -> 'thumb_small_url' end,
    'preview_url', case when octet_length(r ->> 'preview_url') <= 1024 then r -> 'preview_url' end,
    'error_code', left(r ->> 'error_code', 100), 'error_message', left(r ->> 'error_message', 500),
    'deleted', p_deleted);
  -- The whole is less than 20 kB.
  v_data := v_data || case when octet_length(v_meta::text) <= 8192 then jsonb_build_object('metadata', v_meta)
                           else jsonb_build_object('metadata', '{}'::jsonb, 'metadata_omitted', v_meta is not null) end;
  insert into loom.webhook_events (type, render_id, jobs, user_id, once, data, created_at)
  values (v_type, v_render, coalesce(v_open || v_plan.job_id || v_job.id, '{}'), v_user,
          case when v_type = 'render.started' then 'began ' else 'ended ' end
            || coalesce('plan ' || v_plan.id, 'job ' || v_job.id || ' ' || coalesce(extract(epoch from v_job.queued_at)::text, ''), 'render ' || v_render),
          v_data, p_at)
  on conflict (once) where once is not null do nothing;
  return found;
end
$$;

-- Tells that a render has begun or ended. It and the next two run as their owner, because the roles
-- that change renders have no rights here. Whatever goes wrong in them, the render is changed all
-- the same, and nobody waits: loom.recover_events finds the end of a render that was not told.
create or replace function loom.tell_render() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '100ms' as $$
begin
  if new.status::text is distinct from old.status::text
     and (loom.is_terminal(new.status::text) and not loom.is_terminal(old.status::text)
          or loom.status_rank(new.status::text) between 1 and 5 and loom.status_rank(old.status::text) not between 1 and 5) then
    perform loom.write_render_event(to_jsonb(new) - '{report,warnings}'::text[]);
  end if;
  return null;
exception when others then
  raise warning 'loom.tell_render: a change of render % is not told: %', new.id, sqlerrm;
  return null;
end
$$;

-- Tells that a job has ended whose render had ended before: it was queued for that one again, and
-- was cancelled, or could not be planned.
create or replace function loom.tell_job() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '100ms' as $$
declare
  v_render jsonb;
begin
  if new.state::text is distinct from old.state::text and old.state::text in ('queued', 'running')
     and new.state::text in ('completed', 'failed', 'cancelled')
     and exists (select from loom.webhook_endpoints e where e.disabled_at is null) then
    select to_jsonb(r) - '{report,warnings}'::text[] into v_render from public.renders r where r.id = new.render_id and loom.is_terminal(r.status::text);
    if v_render is not null and not exists (
         select from loom.webhook_events e
          where e.render_id = new.render_id and new.id = any (e.jobs) and e.type <> 'render.started'
            and e.created_at >= coalesce(new.queued_at, '-infinity')) then
      if new.state::text <> 'completed' then
        v_render := v_render || jsonb_build_object('status', new.state::text, 'error_message', new.error_message::text,
          'error_code', case when new.state::text = 'cancelled' then 'cancelled' else nullif(v_render ->> 'error_code', 'cancelled') end);
      end if;
      perform loom.write_render_event(v_render, new.id);
    end if;
  end if;
  return null;
exception when others then
  raise warning 'loom.tell_job: the end of job % is not told: %', new.id, sqlerrm;
  return null;
end
$$;

-- Tells that a render was deleted before it had ended.
create or replace function loom.tell_deleted() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '100ms' as $$
begin
  if not loom.is_terminal(old.status::text)
     or exists (select from public.render_jobs j where j.render_id = old.id and j.state::text in ('queued', 'running')) then
    perform loom.write_render_event((to_jsonb(old) - '{report,warnings}'::text[])
      || '{"status": "cancelled", "error_code": "cancelled", "error_message": null}', p_deleted => true);
  end if;
  return null;
exception when others then
  raise warning 'loom.tell_deleted: the end of render % is not told: %', old.id, sqlerrm;
  return null;
end
$$;

-- Not "update of status": the app could not give that column another type any more.
create or replace trigger loom_tell_render
  after update on public.renders for each row execute function loom.tell_render();
create or replace trigger loom_tell_job
  after update on public.render_jobs for each row execute function loom.tell_job();
-- Its name comes before those of foreign keys' triggers (RI_…), which delete jobs and plans.
create or replace trigger "LOOM_tell_deleted"
  after delete on public.renders for each row execute function loom.tell_deleted();

-- Writes the events of renders whose plans ended without one within p_within: their trigger could
-- not write. Returns how many it has written. It runs as its owner, as the triggers do.
create or replace function loom.recover_events(p_within interval) returns int
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select count(*)::int from (
    select loom.write_render_event(to_jsonb(r) - '{report,warnings}'::text[], p_plan => p.id, p_at => p.ended_at) as written
      from loom.plans p join public.renders r on r.id = p.render_id
     where p.ended_at > greatest(clock_timestamp() - p_within, (select min(e.updated_at) from loom.webhook_endpoints e where e.disabled_at is null))
       and p.ended_at < clock_timestamp() - interval '10 seconds' and loom.is_terminal(r.status::text)
       and not exists (select from loom.webhook_events e where e.once = 'ended plan ' || p.id)
       and not exists (select from loom.plans l where l.render_id = p.render_id and l.created_at > p.created_at)
    ) w where w.written
$$;

-- Writes an event that is not a render's. p_endpoint is the only one that gets it; null: all that
-- want it. Returns its id, and null if nobody wants it or it is written already.
create or replace function loom.write_event(p_type text, p_data jsonb, p_user text default null, p_endpoint uuid default null,
                                            p_once text default null) returns uuid
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_id uuid;
begin
  if p_endpoint is null and not loom.is_wanted(p_type, p_user) then
    return null;
  end if;
  insert into loom.webhook_events (type, user_id, endpoint_id, once, data) values (p_type, p_user, p_endpoint, p_once, p_data)
  on conflict (once) where once is not null do nothing returning id into v_id;
  return v_id;
end
$$;

-- Makes the deliveries of new events, the oldest first, p_most at once. Returns of how many events.
create or replace function loom.fan_out_events(p_most int) returns int
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_ids uuid[];
begin
  v_ids := array(select e.id from loom.webhook_events e where e.fanned_at is null order by e.created_at limit p_most for update skip locked);
  if v_ids = '{}' then
    return 0;
  end if;
  insert into loom.webhook_deliveries (event_id, endpoint_id)
  select v.id, e.id
    from loom.webhook_events v join loom.webhook_endpoints e
      on case when v.endpoint_id is not null then e.id = v.endpoint_id
              else v.type = any (e.events) and (e.user_id is null or e.user_id::text = v.user_id) and e.enabled_at <= v.created_at end
   where v.id = any (v_ids) and e.disabled_at is null
      on conflict do nothing;
  update loom.webhook_events set fanned_at = clock_timestamp() where id = any (v_ids);
  return cardinality(v_ids);
end
$$;

-- Leases deliveries that are due: p_most at once, of which no endpoint has more than p_each under
-- way, and one whose last attempt failed no more than one. So those that do not answer take little
-- of what the others need. An attempt whose lease has run out was interrupted, and is charged to
-- nobody.
create or replace function loom.lease_deliveries(p_most int, p_each int, p_lease interval)
returns table (delivery uuid, attempt int, failures int, event uuid, type text, created_at timestamptz, data jsonb, endpoint uuid, url text,
               secrets bytea[])
language plpgsql set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_ids uuid[];
begin
  -- Each endpoint that has something pending is found by one step in the index, however much it is.
  v_ids := array(
    with recursive waiting (endpoint_id) as (
      (select d.endpoint_id from loom.webhook_deliveries d where d.state = 'pending' order by d.endpoint_id limit 1)
      union all
      select (select d.endpoint_id from loom.webhook_deliveries d
               where d.state = 'pending' and d.endpoint_id > w.endpoint_id order by d.endpoint_id limit 1)
        from waiting w where w.endpoint_id is not null
    )
    select p.id
      from waiting w
      join loom.webhook_endpoints e on e.id = w.endpoint_id and e.disabled_at is null and e.not_before <= v_now
      cross join lateral (
        select d.id, d.next_at from loom.webhook_deliveries d
         where d.endpoint_id = e.id and d.state = 'pending' and d.next_at <= v_now and coalesce(d.lease_until < v_now, true)
         order by d.next_at
         limit greatest(0, case when e.failing > 0 then 1 else p_each end
                           - (select count(*) from loom.webhook_deliveries b
                               where b.endpoint_id = e.id and b.state = 'pending' and b.next_at <= v_now and b.lease_until >= v_now))
         for update skip locked) p
     order by p.next_at limit p_most);
  if v_ids = '{}' then
    return;
  end if;
  update loom.webhook_attempts a set ended_at = v_now, error = 'interrupted'
   where a.delivery_id = any (v_ids) and a.ended_at is null;
  update loom.webhook_deliveries d set attempt = d.attempt + 1, lease_until = v_now + p_lease where d.id = any (v_ids);
  insert into loom.webhook_attempts (delivery_id, attempt, began_at)
  select d.id, d.attempt, v_now from loom.webhook_deliveries d where d.id = any (v_ids);
  return query
    select d.id, d.attempt, d.failures, v.id, v.type, v.created_at, v.data, e.id, e.url,
           array(select s.secret from loom.webhook_secrets s
                  where s.endpoint_id = e.id and coalesce(s.expires_at > v_now, true) order by s.created_at desc)
      from loom.webhook_deliveries d join loom.webhook_events v on v.id = d.event_id join loom.webhook_endpoints e on e.id = d.endpoint_id
     where d.id = any (v_ids) order by d.next_at;
end
$$;

-- Notes what became of an attempt. p_retry is when to try again; null: never again. For p_slow its
-- endpoint is sent nothing. p_gone: it wants nothing any more. A success counts whenever it is
-- known, a failure only of the present attempt. Returns the delivery's state.
create or replace function loom.settle_delivery(p_delivery uuid, p_attempt int, p_delivered boolean, p_status int, p_error text, p_response text,
                                                p_retry interval, p_slow interval, p_gone boolean) returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  d     loom.webhook_deliveries;
  v_now timestamptz := clock_timestamp();
begin
  select * into d from loom.webhook_deliveries where id = p_delivery for update;
  update loom.webhook_attempts set ended_at = v_now, status = p_status, error = p_error, response = p_response
   where delivery_id = p_delivery and attempt = p_attempt;
  if d.id is null or d.state <> 'pending' or d.attempt <> p_attempt and not p_delivered then
    return coalesce(d.state, 'deleted');
  end if;
  update loom.webhook_deliveries
     set state = case when p_delivered then 'delivered' when p_retry is null then 'dead' else 'pending' end,
         failures = failures + (not p_delivered)::int, next_at = v_now + coalesce(p_retry, '0'), lease_until = null,
         status = p_status, error = p_error, ended_at = case when p_delivered or p_retry is null then v_now end
   where id = d.id returning * into d;
  if p_delivered then
    update loom.webhook_endpoints set failing = 0, not_before = '-infinity' where id = d.endpoint_id and failing > 0;
  else
    update loom.webhook_endpoints
       set failing = failing + 1, not_before = greatest(not_before, v_now + p_slow),
           disabled_at = case when p_gone then coalesce(disabled_at, v_now) else disabled_at end,
           disabled_why = case when p_gone then coalesce(disabled_why, 'gone') else disabled_why end,
           version = version + (p_gone and disabled_at is null)::int
     where id = d.endpoint_id;
  end if;
  return d.state;
end
$$;

-- Gives back a delivery that its console could not carry out since it stops. Nothing is charged.
create or replace function loom.hand_back_delivery(p_delivery uuid, p_attempt int) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  update loom.webhook_attempts set ended_at = clock_timestamp(), error = 'interrupted'
   where delivery_id = p_delivery and attempt = p_attempt and ended_at is null;
  update loom.webhook_deliveries set lease_until = null where id = p_delivery and attempt = p_attempt and state = 'pending';
$$;

-- Has deliveries sent again at once, with the ids of their events. Returns those that it has. One
-- that is under way is left, and so are those of an endpoint that is disabled.
create or replace function loom.resend_deliveries(p_ids uuid[]) returns setof uuid
language sql set search_path = pg_catalog, pg_temp as $$
  update loom.webhook_deliveries d
     set state = 'pending', failures = 0, next_at = clock_timestamp(), lease_until = null, ended_at = null
   where d.id in (select o.id from loom.webhook_deliveries o join loom.webhook_endpoints e on e.id = o.endpoint_id
                   where o.id = any (p_ids) and e.disabled_at is null and coalesce(o.lease_until < clock_timestamp(), true)
                     for update of o skip locked)
  returning d.id
$$;

create or replace function loom.add_endpoint(p_id uuid, p_url text, p_description text, p_events text[], p_user uuid, p_secret bytea) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  insert into loom.webhook_endpoints (id, url, description, events, user_id) values (p_id, p_url, p_description, p_events, p_user);
  insert into loom.webhook_secrets (endpoint_id, secret) values (p_id, p_secret);
$$;

-- Changes what is not null of an endpoint that has this version. Returns its new version; null:
-- it has another, or is gone.
create or replace function loom.change_endpoint(p_id uuid, p_version int, p_url text, p_description text, p_events text[], p_enabled boolean) returns int
language sql set search_path = pg_catalog, pg_temp as $$
  update loom.webhook_endpoints e
     set url = coalesce(p_url, e.url), description = coalesce(p_description, e.description), events = coalesce(p_events, e.events),
         disabled_at = case p_enabled when true then null when false then coalesce(e.disabled_at, clock_timestamp()) else e.disabled_at end,
         disabled_why = case p_enabled when true then null when false then coalesce(e.disabled_why, 'asked') else e.disabled_why end,
         enabled_at = case when p_enabled and e.disabled_at is not null then clock_timestamp() else e.enabled_at end,
         failing = case when p_enabled and e.disabled_at is not null or p_url is not null then 0 else e.failing end,
         not_before = case when p_enabled and e.disabled_at is not null or p_url is not null then '-infinity' else e.not_before end,
         updated_at = clock_timestamp(), version = e.version + 1
   where e.id = p_id and e.version = coalesce(p_version, e.version)
  returning e.version
$$;

-- Gives an endpoint a new secret. For p_overlap signatures are made with the last one too, and with
-- none before that. Returns false if there is no such endpoint.
create or replace function loom.rotate_secret(p_endpoint uuid, p_secret bytea, p_overlap interval) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  update loom.webhook_endpoints set version = version + 1, updated_at = v_now where id = p_endpoint;
  if not found then
    return false;
  end if;
  delete from loom.webhook_secrets where endpoint_id = p_endpoint and expires_at is not null;
  update loom.webhook_secrets set expires_at = v_now + p_overlap where endpoint_id = p_endpoint;
  insert into loom.webhook_secrets (endpoint_id, secret, created_at) values (p_endpoint, p_secret, v_now);
  return true;
end
$$;

create or replace function loom.delete_endpoint(p_id uuid) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  delete from loom.webhook_endpoints where id = p_id;
  return found;
end
$$;

-- Deletes events that are older than p_keep, with their deliveries, p_most at once, and secrets
-- that have expired. What waits longer than p_keep for an endpoint that is disabled goes too.
-- Returns how many events it has deleted.
create or replace function loom.forget_events(p_keep interval, p_most int) returns int
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_deleted int;
begin
  delete from loom.webhook_secrets where expires_at < clock_timestamp();
  delete from loom.webhook_events where id in (
    select v.id from loom.webhook_events v
     where v.created_at < clock_timestamp() - p_keep and v.fanned_at is not null
       and not exists (select from loom.webhook_deliveries d join loom.webhook_endpoints e on e.id = d.endpoint_id
                        where d.event_id = v.id and d.state = 'pending' and e.disabled_at is null)
       and not exists (select from loom.webhook_deliveries d
                        where d.event_id = v.id and greatest(d.next_at, d.ended_at) > clock_timestamp() - p_keep)
     order by v.created_at limit p_most for update skip locked);
  get diagnostics v_deleted = row_count;
  return v_deleted;
end
$$;

-- Incidents that people are told of: see services/console/alerts.
create table if not exists loom.alerts (
  id        uuid primary key default gen_random_uuid(),
  -- render_failed, queue_waits or stage_idle
  kind      text not null,
  -- The stage; empty for the others.
  about     text not null default '',
  opened_at timestamptz not null default clock_timestamp(),
  closed_at timestamptz,
  -- What was last seen of it.
  detail    jsonb not null default '{}'
);
create unique index if not exists alerts_open on loom.alerts (kind, about) where closed_at is null;
create index if not exists alerts_closed on loom.alerts (closed_at);
do $$
begin
  if not (select c.relrowsecurity from pg_class c where c.oid = 'loom.alerts'::regclass) then
    alter table loom.alerts enable row level security;
  end if;
end
$$;

-- Notes which incidents there are now, [{"kind": …, "about": …, "detail": {…}}], and tells of those
-- that have begun and of those that are over. Returns what it tells. One caller at a time does: it
-- returns nothing while another is at it. Nobody is told twice: an incident is one row.
create or replace function loom.note_alerts(p_now jsonb) returns table (id uuid, kind text, about text, opened boolean)
language plpgsql set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  a loom.alerts;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('loom.alerts', 0)) then
    return;
  end if;
  delete from loom.alerts where closed_at < clock_timestamp() - interval '30 days';
  update loom.alerts o set detail = n.detail
    from jsonb_to_recordset(p_now) as n (kind text, about text, detail jsonb)
   where o.kind = n.kind and o.about = n.about and o.closed_at is null and o.detail is distinct from n.detail;
  for a in
    insert into loom.alerts (kind, about, detail)
    select n.kind, n.about, n.detail from jsonb_to_recordset(p_now) as n (kind text, about text, detail jsonb)
    on conflict do nothing returning *
  loop
    perform loom.write_event('alert.opened', loom.alert_data(a), p_once => 'opened alert ' || a.id);
    return query select a.id, a.kind, a.about, true;
  end loop;
  for a in
    update loom.alerts o set closed_at = clock_timestamp()
     where o.closed_at is null
       and not exists (select from jsonb_to_recordset(p_now) as n (kind text, about text) where n.kind = o.kind and n.about = o.about)
    returning *
  loop
    perform loom.write_event('alert.closed', loom.alert_data(a), p_once => 'closed alert ' || a.id);
    return query select a.id, a.kind, a.about, false;
  end loop;
end
$$;

create or replace function loom.alert_data(a loom.alerts) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select a.detail || jsonb_build_object('alert_id', a.id, 'kind', a.kind, 'about', a.about, 'opened_at', a.opened_at, 'closed_at', a.closed_at,
    'text', case when a.closed_at is null then a.detail ->> 'text' else 'Over: ' || (a.detail ->> 'text') end)
$$;

-- Nobody may read the tables, or run what is here, but roles that are given the right.
do $$
declare
  v_role text;
  v_name text;
begin
  foreach v_role in array array['public', 'anon', 'authenticated'] loop
    continue when v_role <> 'public' and not exists (select from pg_roles where rolname = v_role);
    execute format('revoke all on loom.webhook_endpoints, loom.webhook_secrets, loom.webhook_events, loom.webhook_deliveries, '
      'loom.webhook_attempts, loom.alerts from %s', v_role);
    for v_name in
      select p.oid::regprocedure::text from pg_proc p
       where p.pronamespace = 'loom'::regnamespace
         and p.proname in ('is_wanted', 'write_render_event', 'tell_render', 'tell_job', 'tell_deleted', 'recover_events', 'write_event',
           'fan_out_events', 'lease_deliveries', 'settle_delivery', 'hand_back_delivery', 'resend_deliveries', 'add_endpoint', 'change_endpoint', 'rotate_secret',
           'delete_endpoint', 'forget_events', 'note_alerts', 'alert_data')
    loop
      execute format('revoke execute on function %s from %s', v_name, v_role);
    end loop;
  end loop;
end
$$;
