-- Maintenance: who does it.

-- The replica of ingest that maintains. It renews its lease. Another takes over when it has run
-- out.
create table if not exists loom.leader (
  -- There is one row at most.
  one         boolean primary key default true check (one),
  -- One run of a replica, and the replica's WORKER_ID.
  holder      uuid not null,
  name        text not null,
  since       timestamptz not null,
  lease_until timestamptz not null
);
alter table loom.leader enable row level security;

-- Takes or renews the lease. Returns false while another holds it.
create or replace function loom.lead(p_holder uuid, p_name text, p_lease interval) returns boolean
language plpgsql set search_path = '' set lock_timeout = '250ms' as $$
begin
  insert into loom.leader as l (holder, name, since, lease_until)
  values (p_holder, p_name, pg_catalog.clock_timestamp(), pg_catalog.clock_timestamp() + p_lease)
  on conflict (one) do update
    set holder = excluded.holder, name = excluded.name, lease_until = excluded.lease_until,
        since = case when l.holder = excluded.holder then l.since else excluded.since end
  where l.holder = excluded.holder or l.lease_until < pg_catalog.clock_timestamp();
  return found;
end
$$;

-- Ends the lease of a replica that stops, so that another takes over at once.
create or replace function loom.resign(p_holder uuid) returns void
language sql set search_path = '' set lock_timeout = '250ms' as $$
  update loom.leader set lease_until = '-infinity' where holder = p_holder
$$;

revoke all on loom.leader from public;
revoke execute on function loom.lead(uuid, text, interval), loom.resign(uuid) from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke all on loom.leader from %I', v_role);
      execute format('revoke execute on function loom.lead(uuid, text, interval), loom.resign(uuid) from %I', v_role);
    end if;
  end loop;
end
$$;
