-- The trace that a render is part of, for those who follow requests through several programs: who
-- submits a render over the API may send one (W3C Trace Context). It has no row otherwise.
create table if not exists loom.traces (
  render_id   uuid primary key references public.renders (id) on delete cascade,
  -- As the header traceparent has it, in version 00.
  traceparent text not null check (traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$')
);
alter table loom.traces enable row level security;

revoke all on loom.traces from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke all on loom.traces from %I', v_role);
    end if;
  end loop;
end
$$;
