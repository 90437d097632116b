-- What happened to renders, for those who watch: each status that a render has had. A watcher that
-- was away goes on behind the last one that it has seen.
create table if not exists loom.render_events (
  -- Those of one render rise with time: its row is locked when its status changes.
  id            bigint generated always as identity primary key,
  render_id     uuid not null references public.renders (id) on delete cascade,
  at            timestamptz not null default clock_timestamp(),
  status        text not null,
  progress      int not null,
  error_code    text,
  error_message text
);
create index if not exists render_events_render on loom.render_events (render_id, id);
alter table loom.render_events enable row level security;

-- Notes the status of a render that is new or has changed. It runs as its owner, because whoever
-- changes a render has no rights here. Whatever goes wrong in it, the render changes all the same.
create or replace function loom.note_status() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'UPDATE' and new.status::text is not distinct from old.status::text then
    return null;
  end if;
  insert into loom.render_events (render_id, status, progress, error_code, error_message)
  values (new.id, coalesce(new.status::text, ''), coalesce(new.progress::int, 0), new.error_code, new.error_message::text);
  return null;
exception when others then
  raise warning 'loom.note_status: the status of render % is not noted: %', new.id, sqlerrm;
  return null;
end
$$;
-- Not "update of status": the app could not give that column another type any more.
create or replace trigger loom_note_status
  after insert or update on public.renders for each row execute function loom.note_status();

revoke all on loom.render_events from public;
revoke execute on function loom.note_status() from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke all on loom.render_events from %I', v_role);
      execute format('revoke execute on function loom.note_status() from %I', v_role);
    end if;
  end loop;
end
$$;
