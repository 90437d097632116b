-- Forecasts: when a render will end. What they are made of is here; services/console/forecast makes
-- them.

-- What the installation can do at once, as ingest counts and knows it: record, transcode and upload
-- are slots of workers that are there; renders, renders_per_owner and pages_per_host are ingest's
-- bounds (0: none).
create table if not exists loom.capacity (
  name     text primary key,
  n        int not null,
  -- Rows that were noted long ago say nothing: no ingest is there.
  noted_at timestamptz not null default clock_timestamp()
);
alter table loom.capacity enable row level security;

-- Notes capacities. Replicas of ingest that count the same write seldom.
create or replace function loom.note_capacity(p_names text[], p_numbers int[]) returns void
language sql set search_path = '' as $$
  insert into loom.capacity as c (name, n)
  select k.name, k.n from rows from (pg_catalog.unnest(p_names), pg_catalog.unnest(p_numbers)) as k (name, n) order by k.name
  on conflict (name) do update set n = excluded.n, noted_at = excluded.noted_at
   where c.n <> excluded.n or c.noted_at < excluded.noted_at - interval '10 seconds'
$$;

-- The tasks of the p_plans oldest renders in progress. elapsed are the seconds that the present
-- attempt has taken, or that the last one took for a task that is done; null where no worker did
-- it. later are the seconds until it may be tried again. It runs as its owner: readers have no
-- right to parameters, of which it shows the frames and the scene.
create or replace function loom.open_work(p_plans int)
returns table (render_id uuid, owner text, priority int, task uuid, kind text, scene int, frames bigint, host text, state text,
               progress float8, elapsed float8, later float8, maker uuid)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
begin
  return query
    select p.render_id, p.owner, p.priority, t.id, t.kind, coalesce((t.params ->> 'scene')::int, 0), loom.frames_of(t.kind, t.params),
           coalesce(t.host, ''), t.state, t.progress::float8,
           case when t.source is null and t.state in ('running', 'done') then extract(epoch from coalesce(t.ended_at, clock_timestamp()) - t.began_at) end::float8,
           case when t.state = 'due' then greatest(0, extract(epoch from t.not_before - clock_timestamp())) else 0 end::float8,
           t.maker
      from (select o.* from loom.plans o where o.ended_at is null order by o.created_at, o.id limit p_plans) p
      join loom.tasks t on t.plan_id = p.id
     order by p.created_at, p.id, loom.stage_rank(t.kind), t.kind, t.seq;
end
$$;

-- The first p_limit queued jobs in the order in which they are started (see loom.next_job), and how
-- long their scenes are. place counts from 0. It runs as its owner: readers have no right to
-- scenes, of which it shows the hosts and the seconds.
create or replace function loom.queued_work(p_limit int)
returns table (place bigint, render_id uuid, owner text, priority int, rate text, seconds float8[], hosts text[], facecam boolean, aside boolean)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
begin
  return query
    select j.place - 1, j.render_id, j.queue_owner, j.priority, coalesce(c.output_rate, c.output_fps::text, '60'), s.seconds, s.hosts,
           coalesce(c.facecam_url::text, '') <> '', loom.is_aside(j.id)
      from (select row_number() over () as place, q.*
              from (select k.id, k.render_id, k.queue_owner, k.priority from public.render_jobs k where k.state = 'queued'
                     order by k.priority desc, k.queue_turn, k.created_at, k.id limit p_limit) q) j
     -- "limit 1" has each looked up by its index, whatever Postgres expects.
     cross join lateral (select o.campaign_id from public.renders o where o.id = j.render_id limit 1) r
     cross join lateral (select o.* from public.campaigns o where o.id = r.campaign_id limit 1) c
     cross join lateral (
       select array_agg(k.duration_sec::float8 order by k.order_index, k.id) as seconds,
              array_agg(coalesce(lower(substring(k.url::text from '^[A-Za-z]+://(?:[^/@]*@)?([^/:?#]+)')), '') order by k.order_index, k.id) as hosts
         from public.scenes k where k.campaign_id = r.campaign_id) s
     order by j.place;
end
$$;

-- Returns how many queued jobs are in front of those of renders. Renders that have none are left
-- out. Of a queue that is longer than 100,000 the rest is not looked at.
create or replace function loom.queue_places(p_renders uuid[]) returns table (render_id uuid, place bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
  j record;
begin
  if cardinality(p_renders) > 1 then
    return query
      select distinct on (q.render_id) q.render_id, q.place - 1
        from (select k.render_id, row_number() over (order by k.priority desc, k.queue_turn, k.created_at, k.id) as place
                from public.render_jobs k where k.state = 'queued' order by k.priority desc, k.queue_turn, k.created_at, k.id limit 100000) q
       where q.render_id = any (p_renders) order by q.render_id, q.place;
    return;
  end if;
  select k.render_id, k.priority, k.queue_turn, k.created_at, k.id into j
    from public.render_jobs k where k.render_id = p_renders[1] and k.state = 'queued' order by k.created_at, k.id limit 1;
  if found then
    return query
      select j.render_id, count(*) from (
        select from public.render_jobs k where k.state = 'queued' and k.priority > j.priority
         union all
        select from public.render_jobs k
         where k.state = 'queued' and k.priority = j.priority and (k.queue_turn, k.created_at, k.id) < (j.queue_turn, j.created_at, j.id)
         limit 100000) f;
  end if;
end
$$;

revoke all on loom.capacity from public;
revoke execute on function loom.note_capacity(text[], int[]), loom.open_work(int), loom.queued_work(int), loom.queue_places(uuid[]) from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke all on loom.capacity from %I', v_role);
      execute format('revoke execute on function loom.note_capacity(text[], int[]), loom.open_work(int), loom.queued_work(int), '
        'loom.queue_places(uuid[]) from %I', v_role);
    end if;
  end loop;
end
$$;
