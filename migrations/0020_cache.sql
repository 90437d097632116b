-- The scene cache, for people who look after it.

-- Recordings that other renders may take over, the newest first.
create index if not exists tasks_recordings on loom.tasks (began_at desc nulls last) where kind = 'record' and state = 'done' and output_key is not null and source is null;

-- Has recordings not taken over any more: those of the tasks, and those of a host's pages unless it
-- is ''. Renders that have taken them over keep them. Returns how many.
create or replace function loom.drop_cached(p_tasks uuid[], p_host text) returns int
language plpgsql set search_path = '' as $$
declare
  v_keys    bytea[];
  v_dropped int;
begin
  select pg_catalog.array_agg(distinct t.output_key), pg_catalog.count(*) into v_keys, v_dropped
    from loom.tasks t
   where t.kind = 'record' and t.state = 'done' and t.output_key is not null and t.source is null
     and (t.id = any (p_tasks) or t.host = nullif(p_host, ''));
  -- Those that took them over may be taken over in turn; while their render goes on, their key
  -- keeps the objects.
  update loom.tasks set output_key = null
   where id in (select d.id from loom.tasks d join loom.plans p on p.id = d.plan_id
                 where d.output_key = any (v_keys) and d.state = 'done' and (d.source is null or p.ended_at is not null) for update of d skip locked);
  return v_dropped;
end
$$;

revoke execute on function loom.drop_cached(uuid[], text) from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke execute on function loom.drop_cached(uuid[], text) from %I', v_role);
    end if;
  end loop;
end
$$;
