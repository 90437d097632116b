-- Sessions: people who are signed in to the dashboard, and the links by which they came.
--
-- A link is made by who holds the database (`loom up`, `loom console link`). It is good once, and
-- for a while. Neither a link's secret nor that of a session is here: only their SHA-256.
create table if not exists loom.sign_in_links (
  secret     bytea primary key,
  -- What the session may do, and whose campaigns it sees. Null: everybody's.
  scope      text not null check (scope in ('read', 'write', 'admin')),
  user_id    uuid,
  -- Whom audit names.
  name       text not null,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  used_at    timestamptz
);

create table if not exists loom.sessions (
  id         uuid primary key default pg_catalog.gen_random_uuid(),
  secret     bytea not null unique,
  scope      text not null check (scope in ('read', 'write', 'admin')),
  user_id    uuid,
  name       text not null,
  created_at timestamptz not null default clock_timestamp(),
  -- When it was last used, within a minute.
  seen_at    timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null
);
alter table loom.sign_in_links enable row level security;
alter table loom.sessions enable row level security;

-- Makes a link. The console may not: it would give its users more than they have.
create or replace function loom.offer_sign_in(p_secret bytea, p_scope text, p_user uuid, p_name text, p_valid interval) returns void
language plpgsql set search_path = '' as $$
begin
  delete from loom.sign_in_links where expires_at < pg_catalog.clock_timestamp() - interval '1 day';
  insert into loom.sign_in_links (secret, scope, user_id, name, expires_at)
  values (p_secret, p_scope, p_user, p_name, pg_catalog.clock_timestamp() + p_valid);
end
$$;

-- Begins a session by a link, which is used up. Returns the session's id; null where the link is
-- unknown, used or too old.
create or replace function loom.sign_in(p_link bytea, p_session bytea, p_lasts interval) returns uuid
language plpgsql set search_path = '' as $$
declare
  l    loom.sign_in_links;
  v_id uuid;
begin
  delete from loom.sessions where expires_at < pg_catalog.clock_timestamp();
  update loom.sign_in_links set used_at = pg_catalog.clock_timestamp()
   where secret = p_link and used_at is null and expires_at > pg_catalog.clock_timestamp() returning * into l;
  if not found then
    return null;
  end if;
  insert into loom.sessions (secret, scope, user_id, name, expires_at)
  values (p_session, l.scope, l.user_id, l.name, pg_catalog.clock_timestamp() + p_lasts) returning id into v_id;
  return v_id;
end
$$;

-- Returns the session of a secret: no row where it is unknown, has ended, or was not used for
-- p_idle.
create or replace function loom.session_of(p_secret bytea, p_idle interval) returns table (id uuid, name text, scope text, user_id uuid)
language plpgsql set search_path = '' as $$
#variable_conflict use_column
declare
  s     loom.sessions;
  v_now timestamptz := pg_catalog.clock_timestamp();
begin
  select * into s from loom.sessions where secret = p_secret and expires_at > v_now and seen_at > v_now - p_idle;
  if not found then
    return;
  end if;
  if s.seen_at < v_now - interval '1 minute' then
    update loom.sessions set seen_at = v_now where id in (select o.id from loom.sessions o where o.id = s.id for no key update skip locked);
  end if;
  return query select s.id, s.name, s.scope, s.user_id;
end
$$;

-- Ends a session. Returns false if there was none.
create or replace function loom.sign_out(p_session uuid) returns boolean
language plpgsql set search_path = '' as $$
begin
  delete from loom.sessions where id = p_session;
  return found;
end
$$;

revoke all on loom.sign_in_links, loom.sessions from public;
revoke execute on function loom.offer_sign_in(bytea, text, uuid, text, interval), loom.sign_in(bytea, bytea, interval),
  loom.session_of(bytea, interval), loom.sign_out(uuid) from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke all on loom.sign_in_links, loom.sessions from %I', v_role);
      execute format('revoke execute on function loom.offer_sign_in(bytea, text, uuid, text, interval), loom.sign_in(bytea, bytea, interval), '
        'loom.session_of(bytea, interval), loom.sign_out(uuid) from %I', v_role);
    end if;
  end loop;
end
$$;
