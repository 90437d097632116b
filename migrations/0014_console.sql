-- The console: who may use its API, what was done through it and with loom, and requests that may
-- be sent again.

-- Tokens of the API. A token itself is shown once, when it is made.
create table if not exists loom.api_tokens (
  id           uuid primary key default pg_catalog.gen_random_uuid(),
  name         text not null check (pg_catalog.length(name) between 1 and 200),
  -- The SHA-256 of the token, which is 32 random bytes: nothing is gained by guessing.
  hash         bytea not null unique check (pg_catalog.octet_length(hash) = 32),
  scope        text not null check (scope in ('read', 'write', 'admin')),
  -- Whose campaigns it is for (campaigns.user_id). Null: for all.
  user_id      uuid,
  created_by   text not null,
  created_at   timestamptz not null default clock_timestamp(),
  -- Null: never.
  expires_at   timestamptz,
  -- Within a minute.
  last_used_at timestamptz,
  revoked_at   timestamptz,
  -- What an admin does is about the installation.
  check (user_id is null or scope <> 'admin')
);
alter table loom.api_tokens enable row level security;

-- Returns the token that has this hash, if it may be used, and notes that it was.
create or replace function loom.use_token(p_hash bytea) returns table (id uuid, name text, scope text, user_id uuid)
language plpgsql set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  t loom.api_tokens;
begin
  select * into t from loom.api_tokens k
   where k.hash = p_hash and k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp());
  if not found then
    return;
  end if;
  if t.last_used_at is null or t.last_used_at < clock_timestamp() - interval '1 minute' then
    -- Nobody waits for this: whoever holds the row is noting the same.
    perform from loom.api_tokens k where k.id = t.id for no key update skip locked;
    if found then
      update loom.api_tokens k set last_used_at = clock_timestamp() where k.id = t.id;
    end if;
  end if;
  return query select t.id, t.name, t.scope, t.user_id;
end
$$;

-- Revokes a token. Returns false if there is none, or it was revoked before.
create or replace function loom.revoke_token(p_id uuid) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  update loom.api_tokens k set revoked_at = clock_timestamp() where k.id = p_id and k.revoked_at is null;
  return found;
end
$$;

-- What people and programs have changed: a row is written in the transaction that makes the change.
create table if not exists loom.audit (
  id      bigint generated always as identity primary key,
  at      timestamptz not null default clock_timestamp(),
  -- A token, a session of the dashboard, or an operator with loom: its id and its name.
  kind    text not null check (kind in ('token', 'session', 'operator')),
  actor   text not null,
  name    text not null,
  -- Where it came from; null: from this machine, with loom.
  address text,
  -- Such as render.cancel, and what it was done to: render/<id>.
  action  text not null,
  target  text not null,
  -- No secret, and no options of scenes.
  detail  jsonb not null default '{}'
);
create index if not exists audit_at on loom.audit (at);
create index if not exists audit_target on loom.audit (target, id);
create index if not exists audit_actor on loom.audit (actor, id);
alter table loom.audit enable row level security;

-- Requests with an Idempotency-Key, and their answers.
create table if not exists loom.requests (
  actor         text not null,
  key           text not null,
  -- The SHA-256 of method, path and body.
  request       bytea not null,
  -- While it runs. A request that has not ended then was lost with its console.
  running_until timestamptz not null,
  expires_at    timestamptz not null,
  -- The answer; null while it runs.
  status        int,
  headers       jsonb,
  body          bytea,
  primary key (actor, key)
);
create index if not exists requests_expire on loom.requests (expires_at);
alter table loom.requests enable row level security;

-- Begins a request with a key. The verdict is run, stored (with the answer), running (of another
-- one that has the key), or other (the key was used for another request).
create or replace function loom.begin_request(p_actor text, p_key text, p_request bytea, p_within interval, p_keep interval)
returns table (verdict text, status int, headers jsonb, body bytea)
language plpgsql set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  q loom.requests;
begin
  delete from loom.requests r where (r.actor, r.key) in (
    select o.actor, o.key from loom.requests o where o.expires_at < clock_timestamp() order by o.expires_at limit 100 for update skip locked);
  insert into loom.requests (actor, key, request, running_until, expires_at)
  values (p_actor, p_key, p_request, clock_timestamp() + p_within, clock_timestamp() + p_keep) on conflict do nothing;
  if found then
    return query select 'run', null::int, null::jsonb, null::bytea;
    return;
  end if;
  select * into q from loom.requests r where r.actor = p_actor and r.key = p_key for update;
  if not found then -- it was given up just now
    return query select 'running', null::int, null::jsonb, null::bytea;
  elsif q.expires_at < clock_timestamp() or q.request = p_request and q.status is null and q.running_until < clock_timestamp() then
    update loom.requests r set request = p_request, running_until = clock_timestamp() + p_within, expires_at = clock_timestamp() + p_keep,
           status = null, headers = null, body = null
     where r.actor = p_actor and r.key = p_key;
    return query select 'run', null::int, null::jsonb, null::bytea;
  elsif q.request <> p_request then
    return query select 'other', null::int, null::jsonb, null::bytea;
  elsif q.status is null then
    return query select 'running', null::int, null::jsonb, null::bytea;
  else
    return query select 'stored', q.status, q.headers, q.body;
  end if;
end
$$;

-- Stores the answer of a request.
create or replace function loom.end_request(p_actor text, p_key text, p_request bytea, p_status int, p_headers jsonb, p_body bytea) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  update loom.requests r set status = p_status, headers = p_headers, body = p_body
   where r.actor = p_actor and r.key = p_key and r.request = p_request and r.status is null
$$;

-- Gives up a request that was not done: the next one with its key runs.
create or replace function loom.drop_request(p_actor text, p_key text, p_request bytea) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  delete from loom.requests r where r.actor = p_actor and r.key = p_key and r.request = p_request and r.status is null
$$;

-- Returns what a campaign and its scenes are, as a text that differs whenever they do. It runs as
-- its owner: the console does not read the options of scenes.
create or replace function loom.campaign_version(p_campaign uuid) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select encode(sha256(convert_to(to_jsonb(c)::text || coalesce(
           (select jsonb_agg(to_jsonb(s) order by s.order_index, s.id)::text from public.scenes s where s.campaign_id = c.id), ''), 'UTF8')), 'hex')
    from public.campaigns c where c.id = p_campaign
$$;

-- Returns which scenes of a campaign have options.
create or replace function loom.scenes_with_options(p_campaign uuid) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select s.id from public.scenes s where s.campaign_id = p_campaign and s.options <> '{}'
$$;

-- Cancels a render for somebody who asks, and returns whether it had not ended, and its status
-- then. It returns no row if there is no such render. It waits for held rows as long as the
-- caller's lock_timeout says.
--
-- It may run as its owner (0012_roles.sql): what a cancel touches is more than the console may
-- read. The app's triggers run in it, as in loom.finish_render.
create or replace function loom.stop_render(p_render uuid) returns table (cancelled boolean, status text)
language plpgsql as $$
#variable_conflict use_column
declare
  -- Until the path is set, no name is looked up in it.
  v_cancelled pg_catalog.bool;
begin
  perform pg_catalog.set_config('search_path', loom.safe_path(pg_catalog.current_schemas(false)), true);
  select not loom.is_terminal(r.status::text) into v_cancelled from public.renders r where r.id = p_render for no key update;
  if not found then
    return;
  end if;
  perform loom.cancel_render(p_render);
  perform loom.check_now('renders', true), loom.check_now('render_jobs', true);
  return query select v_cancelled, r.status::text from public.renders r where r.id = p_render;
end
$$;

-- Gives a render and its queued jobs another priority. Returns false if there is no such render.
create or replace function loom.set_priority(p_render uuid, p_priority int) returns boolean
language plpgsql as $$
begin
  perform from public.renders r where r.id = p_render for no key update;
  if not found then
    return false;
  end if;
  update public.render_jobs j set priority = p_priority
   where j.render_id = p_render and j.state::text = 'queued' and j.priority <> p_priority;
  update loom.plans p set priority = p_priority where p.render_id = p_render and p.ended_at is null and p.priority <> p_priority;
  return true;
end
$$;

-- Renders in the order in which they are listed.
create index if not exists renders_listed on public.renders (created_at desc, id desc);

revoke all on loom.api_tokens, loom.audit, loom.requests from public;
revoke execute on function loom.use_token(bytea), loom.revoke_token(uuid), loom.begin_request(text, text, bytea, interval, interval),
  loom.end_request(text, text, bytea, int, jsonb, bytea), loom.drop_request(text, text, bytea), loom.campaign_version(uuid),
  loom.scenes_with_options(uuid), loom.stop_render(uuid), loom.set_priority(uuid, int) from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke all on loom.api_tokens, loom.audit, loom.requests from %I', v_role);
      execute format('revoke execute on function loom.use_token(bytea), loom.revoke_token(uuid), '
        'loom.begin_request(text, text, bytea, interval, interval), loom.end_request(text, text, bytea, int, jsonb, bytea), '
        'loom.drop_request(text, text, bytea), loom.campaign_version(uuid), loom.scenes_with_options(uuid), loom.stop_render(uuid), '
        'loom.set_priority(uuid, int) from %I', v_role);
    end if;
  end loop;
end
$$;
