-- Preflights: pages that are opened once, before anything is rendered.
--
--   preflight  the pages of a campaign, which somebody asked about
--   page       due → running → done
--               ▲       │
--               └───────┤ retry, lapsed lease, handed back
--                       └→ failed, cancelled
--
-- A page is granted and fenced as a task is: a grant adds one to attempt, and what carries another
-- attempt is refused. It is no row of loom.tasks, since those belong to renders, and nobody has
-- asked for one yet. What a page was found to be is its facts. That a page cannot be recorded is a
-- finding, too: a page has failed only when the recorders could not tell.

create table if not exists loom.preflights (
  id         uuid primary key,
  -- Whose it is. Null: nobody's in particular.
  user_id    uuid,
  -- The campaign whose scenes the pages are, if it is one of the app's. No reference: the app's
  -- deletes do not wait for rows of ours.
  campaign_id uuid,
  name       text not null default '',
  created_at timestamptz not null default clock_timestamp()
);
create index if not exists preflights_age on loom.preflights (created_at);
create index if not exists preflights_user on loom.preflights (user_id, created_at);

create table if not exists loom.preflight_pages (
  id           uuid primary key,
  preflight_id uuid not null references loom.preflights (id) on delete cascade,
  -- Place among the preflight's pages, from 0.
  seq          int not null,
  -- The page's address without what may be secret: its query, its user and its fragment.
  url          text not null,
  -- {"scene": 3, "campaign": …}: the scene's number, and a campaign of this scene alone, as
  -- loom.plans has it. It may hold secrets, and is {} once the page is over.
  params       jsonb not null,
  state        text not null default 'due' check (state in ('due', 'running', 'done', 'failed', 'cancelled')),
  attempt      int not null default 0,
  failures     int not null default 0,
  handed_back  int not null default 0,
  not_before   timestamptz not null default clock_timestamp(),
  lease_until  timestamptz,
  worker       text,
  request_id   uuid,
  -- msg.PreflightFacts
  facts        jsonb,
  -- The picture's key in the work bucket.
  picture_key  text,
  error_code   text,
  error_message text,
  -- For the operator.
  detail       text,
  started_at   timestamptz,
  ended_at     timestamptz,
  unique (preflight_id, seq)
);
-- There are few of them at any time.
create index if not exists preflight_pages_in_hand on loom.preflight_pages (seq) where state in ('due', 'running');

alter table loom.preflights enable row level security;
alter table loom.preflight_pages enable row level security;

-- Opens a preflight. p_pages is an array of {id, url, params}. Returns false when that user, or all
-- together, have as many pages waiting as may be. It runs as its owner: who asks for a preflight
-- has no rights on the tables.
create or replace function loom.open_preflight(p_id uuid, p_user uuid, p_campaign uuid, p_name text, p_pages jsonb) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_own int;
  v_all int;
begin
  select count(*) filter (where f.user_id is not distinct from p_user), count(*) into v_own, v_all
    from loom.preflight_pages p join loom.preflights f on f.id = p.preflight_id where p.state in ('due', 'running');
  if v_own + jsonb_array_length(p_pages) > 1000 or v_all + jsonb_array_length(p_pages) > 5000 then
    return false;
  end if;
  insert into loom.preflights (id, user_id, campaign_id, name) values (p_id, p_user, p_campaign, p_name);
  insert into loom.preflight_pages (id, preflight_id, seq, url, params)
  select (p.page ->> 'id')::uuid, p_id, p.place - 1, p.page ->> 'url', p.page -> 'params'
    from jsonb_array_elements(p_pages) with ordinality as p (page, place);
  -- ingest looks at once. This is a hint, as that of a new job is.
  perform pg_notify('loom_jobs', '');
  return true;
end
$$;

-- Opens a preflight of a campaign of the app's, if it is p_owner's; null: whoever's it is. Returns
-- opened, busy, empty or missing. It runs as its owner: who asks for a preflight does not read the
-- options of scenes.
create or replace function loom.open_campaign_preflight(p_id uuid, p_campaign uuid, p_owner text) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  c       record;
  v_pages jsonb;
begin
  select k.name::text, k.user_id::text as owner, k.output_width, k.output_height, k.variables into c
    from public.campaigns k where k.id = p_campaign and (p_owner is null or k.user_id::text = p_owner);
  if not found then
    return 'missing';
  end if;
  select jsonb_agg(jsonb_build_object(
           'id', gen_random_uuid(),
           'url', regexp_replace(coalesce(loom.without_query(s.url::text), ''), '^([a-z]+://)[^/@]*@', '\1', 'i'),
           'params', jsonb_build_object('scene', s.place, 'campaign', jsonb_build_object(
             'variables', c.variables, 'output_width', trim_scale(c.output_width::numeric), 'output_height', trim_scale(c.output_height::numeric),
             'scenes', jsonb_build_array(jsonb_build_object(
               'url', s.url::text, 'duration_sec', trim_scale(s.duration_sec::numeric), 'options', s.options))))) order by s.place)
    into v_pages
    from (select k.*, row_number() over (order by k.order_index, k.id) as place from public.scenes k where k.campaign_id = p_campaign) s;
  if v_pages is null then
    return 'empty';
  end if;
  return case when loom.open_preflight(p_id, case when c.owner ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then c.owner::uuid end,
                                       p_campaign, coalesce(c.name, ''), v_pages) then 'opened' else 'busy' end;
end
$$;

-- Ends the pages of a preflight that are not over. Workers learn it with their next heartbeat.
create or replace function loom.cancel_preflight(p_id uuid) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_ended int;
begin
  update loom.preflight_pages
     set state = 'cancelled', params = '{}', lease_until = null, ended_at = clock_timestamp()
   where preflight_id = p_id and state in ('due', 'running');
  get diagnostics v_ended = row_count;
  return v_ended;
end
$$;

-- The pages that can be granted: the first of every preflight before the second of any. None while
-- recorders are paused. p_heard is as in loom.grant_task.
create or replace function loom.due_pages(p_heard timestamptz, p_lease interval, p_limit int)
returns table (preflight_id uuid, id uuid, attempt int, idle float8)
language plpgsql stable set search_path = '' as $$
#variable_conflict use_column
begin
  if exists (select from loom.paused s where s.kind = 'record') then
    return;
  end if;
  return query
    select p.preflight_id, p.id, p.attempt,
           coalesce(extract(epoch from pg_catalog.clock_timestamp() - case p.state when 'due' then p.not_before else p.lease_until end), 0)::float8
      from loom.preflight_pages p
     where p.state in ('due', 'running')
       and (p.state = 'due' and p.not_before <= pg_catalog.clock_timestamp()
            or p.state = 'running' and p.lease_until < pg_catalog.clock_timestamp() and loom.may_lapse(p_heard, p_lease))
     order by p.seq, p.not_before, p.id limit p_limit;
end
$$;

-- Grants a page to a worker, as loom.grant_task does a task. An attempt whose worker was lost is
-- charged.
create or replace function loom.grant_page(p_page uuid, p_worker text, p_request uuid, p_lease interval, p_heard timestamptz)
returns table (verdict text, reason text, retry_after interval, attempt int, params jsonb)
language plpgsql set search_path = '' set lock_timeout = '250ms' as $$
#variable_conflict use_column
declare
  p     loom.preflight_pages;
  v_now timestamptz;
begin
  select * into p from loom.preflight_pages k where k.id = p_page for update;
  v_now := pg_catalog.clock_timestamp();
  if p.id is null or p.state not in ('due', 'running') then
    return query select 'drop', 'the page is over', null::interval, coalesce(p.attempt, 0), null::jsonb;
    return;
  end if;
  if p.state = 'due' and p.not_before > v_now then
    return query select 'later', 'the page waits before it is tried again', p.not_before - v_now, p.attempt, null::jsonb;
    return;
  end if;
  if p.state = 'running' and p.request_id is distinct from p_request then
    if p.lease_until > v_now then
      return query select 'drop', 'another worker has the page', null::interval, p.attempt, null::jsonb;
      return;
    elsif not loom.may_lapse(p_heard, p_lease) then
      return query select 'later', 'its worker may not have been heard', interval '1 second', p.attempt, null::jsonb;
      return;
    end if;
    if p.failures >= 2 then
      perform loom.end_page(p, 'worker_lost', 'The machines that open pages kept stopping. Please try again.', null);
      return query select 'drop', 'the page was lost too often', null::interval, p.attempt, null::jsonb;
      return;
    end if;
    update loom.preflight_pages k set failures = k.failures + 1 where k.id = p.id;
  end if;
  if (p.state = 'due' or p.request_id is distinct from p_request) then
    if exists (select from loom.paused s where s.kind = 'record') then
      return query select 'drop', 'its stage is paused', null::interval, p.attempt, null::jsonb;
      return;
    end if;
    update loom.preflight_pages k
       set state = 'running', attempt = k.attempt + 1, worker = p_worker, request_id = p_request, lease_until = v_now + p_lease,
           started_at = coalesce(k.started_at, v_now)
     where k.id = p.id returning * into p;
  else
    update loom.preflight_pages k set lease_until = v_now + p_lease where k.id = p.id;
  end if;
  return query select 'granted', null::text, null::interval, p.attempt, p.params;
end
$$;

-- Renews a page's lease. Returns false when the attempt is no longer wanted.
create or replace function loom.heartbeat_page(p_page uuid, p_attempt int, p_lease interval) returns boolean
language plpgsql set search_path = '' set lock_timeout = '250ms' as $$
begin
  update loom.preflight_pages p set lease_until = pg_catalog.clock_timestamp() + p_lease
   where p.id = p_page and p.state = 'running' and p.attempt = p_attempt;
  return found;
end
$$;

-- Ends a page that the recorders could not tell anything of.
create or replace function loom.end_page(p loom.preflight_pages, p_code text, p_message text, p_detail text) returns void
language sql set search_path = '' as $$
  update loom.preflight_pages k
     set state = 'failed', params = '{}', lease_until = null, failures = k.failures + 1, error_code = p_code, error_message = p_message,
         detail = p_detail, ended_at = pg_catalog.clock_timestamp()
   where k.id = p.id
$$;

-- Locks a page for the result of an attempt, and returns why it does not count, as loom.refuse
-- does; null when it does.
create or replace function loom.lock_page(p_page uuid, p_attempt int, out p loom.preflight_pages, out refused text)
language plpgsql set search_path = '' as $$
begin
  select * into p from loom.preflight_pages k where k.id = p_page for update;
  refused := case when p.id is null then 'stale'
                  when p.state = 'done' and p.attempt = p_attempt then 'already'
                  when p.state <> 'running' or p.attempt <> p_attempt then 'stale' end;
end
$$;

-- Closes a page with what was found. p_picture is the picture's key if there is one. Returns
-- accepted, already or stale.
create or replace function loom.finish_page(p_page uuid, p_attempt int, p_facts jsonb, p_picture text) returns text
language plpgsql set search_path = '' set lock_timeout = '250ms' as $$
declare
  v_refused text := (select l.refused from loom.lock_page(p_page, p_attempt) l);
begin
  if v_refused is not null then
    return v_refused;
  end if;
  update loom.preflight_pages k
     set state = 'done', params = '{}', lease_until = null, facts = p_facts, ended_at = pg_catalog.clock_timestamp(),
         picture_key = case when (p_facts ->> 'picture')::boolean then p_picture end
   where k.id = p_page;
  return 'accepted';
end
$$;

-- Charges a failed attempt. Returns retry, failed or stale.
create or replace function loom.fail_page(p_page uuid, p_attempt int, p_code text, p_message text, p_detail text, p_permanent boolean)
returns text
language plpgsql set search_path = '' set lock_timeout = '250ms' as $$
declare
  l record;
begin
  select * into l from loom.lock_page(p_page, p_attempt);
  if l.refused is not null then
    return 'stale';
  end if;
  if p_permanent or (l.p).failures >= 2 then
    perform loom.end_page(l.p, p_code, p_message, p_detail);
    return 'failed';
  end if;
  update loom.preflight_pages k
     set state = 'due', failures = k.failures + 1, lease_until = null, not_before = pg_catalog.clock_timestamp() + interval '1 second'
   where k.id = p_page;
  return 'retry';
end
$$;

-- Takes a page back from a worker that could not go on. Nothing is charged, but the twentieth time
-- ends it. Returns accepted, failed or stale.
create or replace function loom.hand_back_page(p_page uuid, p_attempt int, p_reason text) returns text
language plpgsql set search_path = '' set lock_timeout = '250ms' as $$
declare
  l record;
begin
  select * into l from loom.lock_page(p_page, p_attempt);
  if l.refused is not null then
    return 'stale';
  end if;
  if (l.p).handed_back >= 19 then
    perform loom.end_page(l.p, 'internal', 'Something went wrong on our side while opening this page. Please try again.', p_reason);
    return 'failed';
  end if;
  update loom.preflight_pages k
     set state = 'due', handed_back = k.handed_back + 1, lease_until = null,
         not_before = pg_catalog.clock_timestamp() + case when k.handed_back < 3 then 0 else 2 end * interval '1 second'
   where k.id = p_page;
  return 'accepted';
end
$$;

revoke all on loom.preflights, loom.preflight_pages from public;
revoke execute on function loom.open_preflight(uuid, uuid, uuid, text, jsonb), loom.open_campaign_preflight(uuid, uuid, text),
  loom.cancel_preflight(uuid), loom.due_pages(timestamptz, interval, int), loom.grant_page(uuid, text, uuid, interval, timestamptz),
  loom.heartbeat_page(uuid, int, interval), loom.end_page(loom.preflight_pages, text, text, text), loom.lock_page(uuid, int),
  loom.finish_page(uuid, int, jsonb, text), loom.fail_page(uuid, int, text, text, text, boolean),
  loom.hand_back_page(uuid, int, text) from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke all on loom.preflights, loom.preflight_pages from %I', v_role);
      execute format('revoke execute on function loom.open_preflight(uuid, uuid, uuid, text, jsonb), loom.cancel_preflight(uuid), '
        'loom.open_campaign_preflight(uuid, uuid, text), loom.due_pages(timestamptz, interval, int), loom.grant_page(uuid, text, uuid, interval, timestamptz), '
        'loom.heartbeat_page(uuid, int, interval), loom.end_page(loom.preflight_pages, text, text, text), loom.lock_page(uuid, int), '
        'loom.finish_page(uuid, int, jsonb, text), loom.fail_page(uuid, int, text, text, text, boolean), '
        'loom.hand_back_page(uuid, int, text) from %I', v_role);
    end if;
  end loop;
end
$$;
