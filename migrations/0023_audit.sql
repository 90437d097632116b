-- How long the audit log is kept.

-- Deletes entries of the audit log that are older than p_keep, p_most at once and the oldest first.
-- Returns how many. It runs as its owner: no service may delete entries otherwise, and none can
-- delete those of the last day.
create or replace function loom.forget_audit(p_keep interval, p_most int) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_deleted int;
begin
  delete from loom.audit where id in (
    select a.id from loom.audit a where a.at < clock_timestamp() - greatest(p_keep, interval '1 day')
     order by a.at limit p_most for update skip locked);
  get diagnostics v_deleted = row_count;
  return v_deleted;
end
$$;

revoke execute on function loom.forget_audit(interval, int) from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke execute on function loom.forget_audit(interval, int) from %I', v_role);
    end if;
  end loop;
end
$$;
