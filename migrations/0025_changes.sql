-- Which renders have changed lately, so that ingest need not look at all that are being made.
--
-- Each replica of ingest reads all changes. A row has the transaction that wrote it. Who has read
-- what a snapshot shows goes on with the transactions that had not ended in it: every row that
-- becomes visible later is of one of those, or of a later one. That needs no session, so it works
-- through a transaction pooler, where LISTEN does not.
--
-- The rows are a hint. They are removed after a minute and are gone after a crash of the database:
-- once in a while ingest looks at all renders that are being made.

create unlogged table if not exists loom.changes (
  xid       xid8 not null default pg_current_xact_id(),
  render_id uuid not null,
  at        timestamptz not null default clock_timestamp()
);
create index if not exists changes_xid on loom.changes (xid);
alter table loom.changes enable row level security;

-- Of the plans that are open, the oldest first.
create index if not exists plans_open_since on loom.plans (created_at) where ended_at is null;

-- Notes that a render has changed in what people see of it, or is to be cancelled. It and the next
-- one run as their owner, because the roles that change renders have no rights here. Whatever goes
-- wrong in them, the render changes all the same.
create or replace function loom.note_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if new.status::text is distinct from old.status::text or new.progress::text is distinct from old.progress::text
     or new.cancel_requested is distinct from old.cancel_requested then
    insert into loom.changes (render_id) values (new.id);
  end if;
  return null;
exception when others then
  raise warning 'loom.note_change: a change of render % is not noted: %', new.id, sqlerrm;
  return null;
end
$$;
-- Not "update of status": the app could not give that column another type any more.
create or replace trigger loom_note_change
  after update on public.renders for each row execute function loom.note_change();

-- Notes that a plan which was open was deleted, with its render as a rule.
create or replace function loom.note_deleted() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into loom.changes (render_id) values (old.render_id);
  return null;
exception when others then
  raise warning 'loom.note_deleted: the end of render % is not noted: %', old.render_id, sqlerrm;
  return null;
end
$$;
create or replace trigger loom_note_deleted
  after delete on loom.plans for each row when (old.ended_at is null) execute function loom.note_deleted();

-- Returns the renders that have changed since a call that returned p_horizon, and the next call's
-- horizon; no renders where p_horizon is null.
create or replace function loom.changed_since(p_horizon text) returns table (horizon text, renders uuid[])
language plpgsql stable set search_path = ''
  set plan_cache_mode = force_generic_plan set jit = off set enable_seqscan = off as $$
declare
  v_from pg_catalog.xid8 := p_horizon::pg_catalog.xid8;
begin
  return query
    select pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text,
           array(select distinct c.render_id from loom.changes c where c.xid >= v_from);
end
$$;

-- Removes changes that every replica has read. One call at a time does anything.
create or replace function loom.forget_changes() returns void
language plpgsql set search_path = '' set lock_timeout = '250ms' as $$
begin
  if pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('loom.forget_changes', 0)) then
    delete from loom.changes c where c.at < pg_catalog.clock_timestamp() - interval '1 minute';
  end if;
end
$$;

revoke all on loom.changes from public;
revoke execute on function loom.note_change(), loom.note_deleted(), loom.changed_since(text), loom.forget_changes() from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke all on loom.changes from %I', v_role);
      execute format('revoke execute on function loom.note_change(), loom.note_deleted(), loom.changed_since(text), loom.forget_changes() from %I', v_role);
    end if;
  end loop;
end
$$;
