-- Forecasts: how long pages took before.

-- Returns what is known of the pages that are still to be recorded, in the p_open oldest renders in
-- progress and the first p_queued jobs: how many tasks of the last p_ended plans have recorded the
-- same page, how many frames, and how long that took. A page is an address without its query and
-- its fragment: what differs there differs little in time. Pages that nobody has recorded are left
-- out. scene counts from 1. It runs as its owner: readers have no right to addresses, of which it
-- shows none.
create or replace function loom.known_pages(p_open int, p_queued int, p_ended int)
returns table (render_id uuid, scene int, tasks bigint, frames bigint, seconds float8)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan set jit = off set enable_seqscan = off set enable_mergejoin = off as $$
#variable_conflict use_column
begin
  return query
    with recorded as materialized (
      select split_part(split_part(t.url, '#', 1), '?', 1) as page, count(*) as tasks, sum(t.frames)::bigint as frames, sum(t.seconds) as seconds
        from (select p.id from loom.plans p where p.ended_at is not null order by p.ended_at desc limit p_ended) p
        -- "offset 0" has each plan's tasks looked up by their index, whatever Postgres expects.
        cross join lateral (
          select k.params ->> 'url' as url, (k.params ->> 'frames')::bigint as frames, extract(epoch from k.ended_at - k.began_at)::float8 as seconds
            from loom.tasks k where k.plan_id = p.id and k.kind = 'record' and k.state = 'done' and k.source is null and k.ended_at > k.began_at offset 0) t
       where t.frames > 0
       group by 1),
    wanted as materialized (
      select p.render_id, t.scene, t.url
        from (select o.id, o.render_id from loom.plans o where o.ended_at is null order by o.created_at, o.id limit p_open) p
        cross join lateral (
          select (k.params ->> 'scene')::int as scene, k.params ->> 'url' as url
            from loom.tasks k where k.plan_id = p.id and k.kind = 'record' and k.state <> 'done' offset 0) t
      union all
      select j.render_id, s.scene, s.url
        from (select k.render_id from public.render_jobs k where k.state = 'queued' order by k.priority desc, k.queue_turn, k.created_at, k.id limit p_queued) j
        cross join lateral (select o.campaign_id from public.renders o where o.id = j.render_id limit 1) r
        cross join lateral (
          select row_number() over (order by k.order_index, k.id)::int as scene, k.url::text as url
            from public.scenes k where k.campaign_id = r.campaign_id offset 0) s)
    select w.render_id, w.scene, r.tasks, r.frames, r.seconds
      from wanted w join recorded r on r.page = split_part(split_part(w.url, '#', 1), '?', 1);
end
$$;

revoke execute on function loom.known_pages(int, int, int) from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke execute on function loom.known_pages(int, int, int) from %I', v_role);
    end if;
  end loop;
end
$$;
