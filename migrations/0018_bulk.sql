-- Actions on many renders: everything that a filter means is retried or cancelled, or gets another
-- priority.
--
--   running ──▶ done
--      └──────▶ aborted: somebody asked for that, and the rest stays as it is
--
-- Which renders those are is written down when the action is made, so it ends, and does nothing to
-- renders that match later. A console carries it out and holds a lease meanwhile; another goes on
-- when that has run out. Each render is changed in one transaction with its row here, so it is
-- changed once whatever is killed.

create table if not exists loom.bulk_actions (
  id              uuid primary key,
  action          text not null check (action in ('retry', 'cancel', 'priority')),
  priority        int check ((action = 'priority') = (priority is not null)),
  -- As the API has it.
  filter          jsonb not null,
  -- Who asked for it, as in loom.audit, and whose renders alone it may change; null: everybody's.
  kind            text not null,
  actor           text not null,
  name            text not null,
  address         text,
  scope           text not null,
  user_id         uuid,
  state           text not null default 'running' check (state in ('running', 'done', 'aborted')),
  abort_requested boolean not null default false,
  -- Renders that it is about, those that were changed, those that needed no change, and those that
  -- could not be changed.
  total           int not null,
  changed         int not null default 0,
  unchanged       int not null default 0,
  failed          int not null default 0,
  -- Why the last one could not be.
  last_error      text,
  created_at      timestamptz not null default clock_timestamp(),
  ended_at        timestamptz,
  -- Who carries it out, and until when that is certain.
  holder          uuid,
  lease_until     timestamptz
);
create index if not exists bulk_actions_running on loom.bulk_actions (created_at) where state = 'running';
create index if not exists bulk_actions_newest on loom.bulk_actions (created_at desc, id desc);

-- The renders that are left. No reference: a render that is deleted meanwhile is no error.
create table if not exists loom.bulk_items (
  action_id uuid not null references loom.bulk_actions (id) on delete cascade,
  place     int not null,
  render_id uuid not null,
  primary key (action_id, place)
);

-- Views of the list of renders that somebody has saved: a name and a filter.
create table if not exists loom.saved_views (
  id         uuid primary key,
  kind       text not null,
  actor      text not null,
  name       text not null check (length(name) between 1 and 100),
  filter     jsonb not null,
  created_at timestamptz not null default clock_timestamp(),
  unique (kind, actor, name)
);

alter table loom.bulk_actions enable row level security;
alter table loom.bulk_items enable row level security;
alter table loom.saved_views enable row level security;

-- Takes the lease of an action that goes on, or renews it: of p_action or, if that is null, of the
-- oldest one that nobody holds. Returns it; null if there is none. Actions that ended thirty days
-- ago are deleted.
create or replace function loom.lease_bulk(p_holder uuid, p_lease interval, p_action uuid default null) returns uuid
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_id uuid;
begin
  select b.id into v_id from loom.bulk_actions b
   where b.state = 'running' and (p_action is null or b.id = p_action)
     and (b.holder = p_holder or b.lease_until is null or b.lease_until < clock_timestamp())
   order by b.created_at limit 1 for no key update skip locked;
  if v_id is not null then
    update loom.bulk_actions b set holder = p_holder, lease_until = clock_timestamp() + p_lease where b.id = v_id;
  else
    delete from loom.bulk_actions b where b.id in (
      select o.id from loom.bulk_actions o where o.state <> 'running' and o.created_at < clock_timestamp() - interval '30 days'
       order by o.created_at limit 100 for update skip locked);
  end if;
  return v_id;
end
$$;

revoke all on loom.bulk_actions, loom.bulk_items, loom.saved_views from public;
revoke execute on function loom.lease_bulk(uuid, interval, uuid) from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke all on loom.bulk_actions, loom.bulk_items, loom.saved_views from %I', v_role);
      execute format('revoke execute on function loom.lease_bulk(uuid, interval, uuid) from %I', v_role);
    end if;
  end loop;
end
$$;
