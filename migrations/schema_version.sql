-- The version of this schema, which programs compare with the one they were built for. This file is
-- the last to be applied: a database that has it has all the files before it, in the form that they
-- had then. The number rises whenever one of them changes.
create or replace function loom.schema_version() returns int
language sql immutable parallel safe set search_path = '' as $$
  select 61
$$;

revoke execute on function loom.schema_version() from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke execute on function loom.schema_version() from %I', v_role);
    end if;
  end loop;
end
$$;

-- What the files before have made is there now.
do $$
begin
  if to_regprocedure('loom.grant_groups()') is not null then
    perform loom.grant_groups();
  end if;
end
$$;
