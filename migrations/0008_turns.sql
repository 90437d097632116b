-- Turns: in which order queued jobs are started, so that nobody waits for somebody else's backlog.
--
-- A job's owner is its campaign's user. Campaigns without a user have one owner, ''. When a job is
-- queued, it gets the turn behind its owner's last one, and none before the present turn: the one
-- of the job that was started last. So the first job of an owner who has none queued is about the
-- next to be started, and the hundredth has to wait until the others had a hundred turns, too. An
-- owner of weight 2 has two turns for each of the others'. This is start-time fair queueing: a
-- job's turn is known when it is queued, and an index has the order.

-- What differs from the settings for one owner. Operators write it; the app's role has no right to.
create table if not exists loom.shares (
  owner       text primary key,
  -- Turns for each of those that others have.
  weight      real not null default 1 check (weight between 0.001 and 1000),
  -- The most renders in progress at once. Null: INGEST_MAX_RENDERS_PER_USER.
  max_renders int check (max_renders >= 0)
);

-- The last turn of each owner of whom a job was started. Rows behind the present turn say nothing.
create table if not exists loom.last_turns (
  owner text primary key,
  turn  bigint not null
);

-- Its last value is the present turn. A sequence, so that jobs that are started at once do not wait
-- for one another.
create sequence if not exists loom.present_turn minvalue 0 start 0;

alter table loom.shares enable row level security;
alter table loom.last_turns enable row level security;

-- A plan's owner counts its renders in progress.
alter table loom.plans add column if not exists owner text not null default '';
-- Its job's.
alter table loom.plans add column if not exists priority int not null default 0;
create index if not exists plans_open_by_owner on loom.plans (owner) where ended_at is null;

-- Returns whose job a render's is.
create or replace function loom.owner_of(p_render uuid) returns text
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
begin
  return (select c.user_id::text from public.renders r join public.campaigns c on c.id = r.campaign_id where r.id = p_render);
end
$$;

-- Returns the turn of a job that is queued now. A turn is 1000 long for an owner of weight 1. Its
-- plan is kept and reads indexes: thousands of jobs may be queued in one transaction, in tables
-- that were empty before.
create or replace function loom.next_turn(p_owner text) returns bigint
language plpgsql volatile set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
begin
  return greatest(
    (select p.last_value from loom.present_turn p),
    1000 / coalesce((select s.weight from loom.shares s where s.owner = p_owner), 1)
      + greatest((select pg_catalog.max(j.queue_turn) from public.render_jobs j where j.queue_owner = p_owner and j.state = 'queued'),
                 (select l.turn from loom.last_turns l where l.owner = p_owner)))::bigint;
end
$$;

-- Notes that a job of an owner's is started in its turn. It waits for nobody: where another
-- transaction is starting a job of the same owner's, only that one's turn is noted.
create or replace function loom.take_turn(p_owner text, p_turn bigint) returns void
language plpgsql set search_path = '' as $$
begin
  if pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('loom.last_turns ' || p_owner, 0)) then
    insert into loom.last_turns as l (owner, turn) values (p_owner, p_turn)
    on conflict (owner) do update set turn = greatest(l.turn, excluded.turn);
  end if;
  perform pg_catalog.setval('loom.present_turn', p_turn) from loom.present_turn p where p.last_value < p_turn;
end
$$;

-- Gives a job that is queued its time and its turn, and takes the turn of a job that is started. It
-- runs as its owner, because the role that queues a job has no rights here. Whatever goes wrong in
-- it, the job is queued or started all the same: its order is wrong then, and nothing else.
create or replace function loom.keep_turns() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'UPDATE' and new.state::text is not distinct from old.state::text then
    return new;
  end if;
  if new.state::text = 'queued' then
    new.queued_at := pg_catalog.clock_timestamp();
    new.queue_owner := coalesce(loom.owner_of(new.render_id), '');
    new.queue_turn := loom.next_turn(new.queue_owner);
  elsif new.state::text = 'running' then
    perform loom.take_turn(new.queue_owner, new.queue_turn);
  end if;
  return new;
exception when others then
  raise warning 'loom.keep_turns: job % is started out of turn: %', new.id, sqlerrm;
  return new;
end
$$;
-- Not "update of state": the app could not give that column another type any more.
create or replace trigger loom_keep_turns
  before insert or update on public.render_jobs for each row execute function loom.keep_turns();

revoke all on loom.shares, loom.last_turns from public;
revoke all on sequence loom.present_turn from public;
revoke execute on function loom.owner_of(uuid), loom.next_turn(text), loom.take_turn(text, bigint), loom.keep_turns() from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke all on loom.shares, loom.last_turns from %I', v_role);
      execute format('revoke all on sequence loom.present_turn from %I', v_role);
      execute format('revoke execute on function loom.owner_of(uuid), loom.next_turn(text), loom.take_turn(text, bigint), '
        'loom.keep_turns() from %I', v_role);
    end if;
  end loop;
end
$$;
