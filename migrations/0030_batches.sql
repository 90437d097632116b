-- Batches: a campaign, a list of people, and a render for each of them.
--
--   batch   a list that somebody has sent. Its rows never change.
--   row     a line of the list: it has a render, or says why it has none
--   id      which render an external id of a campaign has. A second list with the same id makes
--           nothing: its row has that render, too.
--
-- Renders know nothing of batches. A trigger notes how each row's render has ended, and the one
-- that notes the last one completes the batch, in the transaction that ends the render. A render
-- that is done again opens its batches again.

create table if not exists loom.batches (
  id               uuid primary key,
  -- No reference: the app's deletes do not wait for rows of ours.
  campaign_id      uuid not null,
  -- The campaign's user.
  user_id          uuid,
  name             text not null,
  -- The names of the list's columns.
  columns          text[] not null default '{}',
  -- Of its jobs.
  priority         int not null,
  -- The campaign's when the batch was made, if it was sent along with the list: see batches.Create.
  campaign_version text,
  -- Who made it.
  created_by       text not null,
  created_at       timestamptz not null default clock_timestamp(),
  -- When the last of its renders had ended, and how often that was. Null: some have not.
  completed_at     timestamptz,
  completions      int not null default 0,
  -- Rows, and how they ended, when it was last completed.
  counts           jsonb not null default '{}'
);
create index if not exists batches_newest on loom.batches (created_at desc, id desc);
create index if not exists batches_user on loom.batches (user_id, created_at desc, id desc);
create index if not exists batches_campaign on loom.batches (campaign_id, created_at desc);
create index if not exists batches_open on loom.batches (created_at) where completed_at is null;

create table if not exists loom.batch_rows (
  batch_id      uuid not null references loom.batches (id) on delete cascade,
  -- From 1.
  place         int not null,
  -- Where it begins in the list.
  line          int not null,
  external_id   text,
  -- As they were sent, in the order of the batch's columns. Null: not given.
  cells         text[] not null,
  -- Null: the row has none, and error_code says why. No reference: renders may be deleted.
  render_id     uuid,
  -- An earlier batch has made the render.
  earlier       boolean not null default false,
  -- How the render has ended. Null: it has not.
  outcome       text check (outcome in ('done', 'failed', 'cancelled', 'deleted', 'invalid')),
  error_code    text,
  error_message text,
  primary key (batch_id, place)
);
create index if not exists batch_rows_render on loom.batch_rows (render_id) where render_id is not null;
create index if not exists batch_rows_open on loom.batch_rows (batch_id, place) where outcome is null;

create table if not exists loom.batch_ids (
  campaign_id uuid not null,
  external_id text not null,
  render_id   uuid not null,
  -- Of the values of its variables.
  hash        bytea not null,
  primary key (campaign_id, external_id)
);

do $$
declare
  v_name text;
begin
  foreach v_name in array array['batches', 'batch_rows', 'batch_ids'] loop
    if not (select c.relrowsecurity from pg_class c where c.oid = ('loom.' || v_name)::regclass) then
      execute format('alter table loom.%I enable row level security', v_name);
    end if;
  end loop;
end
$$;

-- Returns how a row's render has ended; null: it has not.
create or replace function loom.batch_outcome(p_status text, p_code text) returns text
language sql immutable parallel safe
return case when not loom.is_terminal(p_status) then null when p_status = 'failed' and p_code = 'cancelled' then 'cancelled' else p_status end;

-- Returns a batch's rows by how they ended, and the codes of those that failed:
-- {"rows": 60, "done": 58, "failed": 1, …, "error_codes": {"page_timeout": 1}}.
create or replace function loom.batch_counts(p_batch uuid) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  with counted as (
    select r.outcome, case when r.outcome = 'invalid' then r.error_code when r.outcome = 'failed' then coalesce(e.error_code, 'unknown') end as code, count(*) as n,
           count(*) filter (where r.earlier) as earlier
      from loom.batch_rows r left join public.renders e on r.outcome = 'failed' and e.id = r.render_id
     where r.batch_id = p_batch group by 1, 2
  )
  select jsonb_build_object(
    'rows', coalesce(sum(c.n), 0), 'open', coalesce(sum(c.n) filter (where c.outcome is null), 0),
    'done', coalesce(sum(c.n) filter (where c.outcome = 'done'), 0), 'failed', coalesce(sum(c.n) filter (where c.outcome = 'failed'), 0),
    'cancelled', coalesce(sum(c.n) filter (where c.outcome = 'cancelled'), 0), 'deleted', coalesce(sum(c.n) filter (where c.outcome = 'deleted'), 0),
    'invalid', coalesce(sum(c.n) filter (where c.outcome = 'invalid'), 0), 'earlier', coalesce(sum(c.earlier), 0),
    'error_codes', coalesce((
      select jsonb_object_agg(k.code, k.n) from (
        select l.code, sum(l.n) as n from counted l where l.code is not null group by l.code order by sum(l.n) desc, l.code limit 50) k), '{}'))
    from counted c
$$;

-- Completes a batch if all its renders have ended, and opens it again if one has begun again. It
-- waits for whoever else does that, as long as the caller's lock_timeout says. Returns whether it
-- has completed it.
create or replace function loom.settle_batch(p_batch uuid) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  b      loom.batches;
  v_open int;
begin
  select * into b from loom.batches k where k.id = p_batch for no key update;
  if not found then
    return false;
  end if;
  -- The last first: where one statement ends all rows, it mostly comes from the other side.
  select r.place into v_open from loom.batch_rows r where r.batch_id = p_batch and r.outcome is null order by r.place desc limit 1;
  if v_open is not null then
    if b.completed_at is not null then
      update loom.batches k set completed_at = null where k.id = p_batch;
    end if;
    return false;
  end if;
  if b.completed_at is not null then
    return false;
  end if;
  update loom.batches k set completed_at = clock_timestamp(), completions = k.completions + 1, counts = loom.batch_counts(p_batch)
   where k.id = p_batch returning * into b;
  if loom.is_wanted('batch.completed', b.user_id::text) then
    perform loom.write_event('batch.completed', jsonb_build_object(
      'batch_id', b.id, 'name', left(b.name, 200), 'campaign_id', b.campaign_id, 'user_id', b.user_id, 'completion', b.completions,
      'created_at', b.created_at, 'completed_at', b.completed_at,
      'metadata', (select case when octet_length(to_jsonb(c.metadata)::text) <= 8192 then to_jsonb(c.metadata) end from public.campaigns c where c.id = b.campaign_id)
    ) || b.counts, b.user_id::text, null, 'batch ' || b.id || ' ' || b.completions);
  end if;
  return true;
end
$$;

-- Notes how a render has ended, or that it has begun again, in the rows that have it, and completes
-- their batches. A batch that somebody else is completing for long is left to loom.recover_batches.
create or replace function loom.note_outcome(p_render uuid, p_outcome text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_batch uuid;
begin
  for v_batch in
    update loom.batch_rows r set outcome = p_outcome
     where r.render_id = p_render and r.outcome is distinct from p_outcome returning r.batch_id
  loop
    begin
      perform loom.settle_batch(v_batch);
    exception
      when lock_not_available or deadlock_detected or serialization_failure then null;
    end;
  end loop;
end
$$;

-- It runs as its owner, because the roles that change renders have no rights here. Whatever goes
-- wrong in it, the render is changed all the same, and nobody waits for long.
create or replace function loom.note_batch() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '100ms' as $$
begin
  if tg_op = 'DELETE' then
    perform loom.note_outcome(old.id, 'deleted');
  elsif new.status::text is distinct from old.status::text and (loom.is_terminal(new.status::text) or loom.is_terminal(old.status::text)) then
    perform loom.note_outcome(new.id, loom.batch_outcome(new.status::text, new.error_code));
  end if;
  return null;
exception when others then
  raise warning 'loom.note_batch: a change of render % is not noted: %', old.id, sqlerrm;
  return null;
end
$$;
-- Not "update of status": the app could not give that column another type any more.
create or replace trigger loom_note_batch
  after update or delete on public.renders for each row execute function loom.note_batch();

-- Notes the ends that a trigger could not note, and completes the batches that it did not. Returns
-- how many batches it has completed. It runs as its owner, as the trigger does. One call at a time
-- does anything.
create or replace function loom.recover_batches() returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '250ms' as $$
declare
  v_batch     uuid;
  v_completed int := 0;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('loom.recover_batches', 0)) then
    return 0;
  end if;
  with open as (
    select r.batch_id, r.place, r.render_id from loom.batches b join loom.batch_rows r on r.batch_id = b.id
     where b.completed_at is null and r.outcome is null and r.render_id is not null for update of r skip locked
  ), ended as (
    select o.batch_id, o.place, case when e.id is null then 'deleted' else loom.batch_outcome(e.status::text, e.error_code) end as outcome
      from open o left join public.renders e on e.id = o.render_id
  )
  update loom.batch_rows r set outcome = n.outcome from ended n
   where r.batch_id = n.batch_id and r.place = n.place and n.outcome is not null;
  for v_batch in
    select b.id from loom.batches b
     where b.completed_at is null and not exists (select from loom.batch_rows r where r.batch_id = b.id and r.outcome is null)
  loop
    begin
      if loom.settle_batch(v_batch) then
        v_completed := v_completed + 1;
      end if;
    exception
      when lock_not_available or deadlock_detected or serialization_failure then null;
    end;
  end loop;
  return v_completed;
end
$$;

-- Adds rows to a batch that is being made, and makes their renders and jobs. p_rows is an array of
-- {place, line, external_id, cells, variables, error_code, error_message}: one with an error gets
-- no render. p_trace is the trace that the renders are part of, if there is one. The caller holds
-- the lock of the campaign's external ids.
create or replace function loom.add_batch_rows(p_batch uuid, p_rows jsonb, p_trace text default null) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  b       loom.batches;
  v_first int;
  v_last  int;
begin
  select * into strict b from loom.batches k where k.id = p_batch;
  insert into loom.batch_rows (batch_id, place, line, external_id, cells, render_id, outcome, error_code, error_message)
  select p_batch, x.place, x.line, x.external_id, x.cells, case when x.error_code is null then gen_random_uuid() end,
         case when x.error_code is not null then 'invalid' end, x.error_code, x.error_message
    from jsonb_to_recordset(p_rows) as x (place int, line int, external_id text, cells text[], error_code text, error_message text);
  select min((x.row ->> 'place')::int), max((x.row ->> 'place')::int) into v_first, v_last from jsonb_array_elements(p_rows) as x (row);

  -- Ids whose render was deleted are free again.
  delete from loom.batch_ids i using loom.batch_rows r
   where r.batch_id = p_batch and r.place between v_first and v_last and r.render_id is not null
     and i.campaign_id = b.campaign_id and i.external_id = r.external_id
     and not exists (select from public.renders e where e.id = i.render_id);
  insert into loom.batch_ids (campaign_id, external_id, render_id, hash)
  select b.campaign_id, r.external_id, r.render_id, sha256(convert_to(coalesce(x.variables, '{}')::text, 'UTF8'))
    from jsonb_to_recordset(p_rows) as x (place int, variables jsonb)
    join loom.batch_rows r on r.batch_id = p_batch and r.place = x.place
   where r.render_id is not null and r.external_id is not null
      on conflict do nothing;
  update loom.batch_rows r
     set earlier = true, render_id = case when k.same then k.render_id end,
         outcome = case when k.same then loom.batch_outcome(k.status, k.error_code) else 'invalid' end,
         error_code = case when not k.same then 'external_id_taken' end,
         error_message = case when not k.same then 'This external id has a render with other values: give the row another one, or leave the values as they were.' end
    from (select i.external_id, e.id as render_id, e.status::text as status, e.error_code, i.hash = sha256(convert_to(coalesce(x.variables, '{}')::text, 'UTF8')) as same, x.place
            from jsonb_to_recordset(p_rows) as x (place int, external_id text, variables jsonb)
            join loom.batch_ids i on i.campaign_id = b.campaign_id and i.external_id = x.external_id
            join public.renders e on e.id = i.render_id) k
   where r.batch_id = p_batch and r.place = k.place and r.render_id <> k.render_id;

  insert into public.renders (id, campaign_id, status, progress, variables)
  select r.render_id, b.campaign_id, 'queued', 0, coalesce(x.variables, '{}')
    from jsonb_to_recordset(p_rows) as x (place int, variables jsonb)
    join loom.batch_rows r on r.batch_id = p_batch and r.place = x.place
   where r.render_id is not null and not r.earlier order by r.place;
  insert into public.render_jobs (id, render_id, state, priority)
  select gen_random_uuid(), r.render_id, 'queued', b.priority from loom.batch_rows r
   where r.batch_id = p_batch and r.place between v_first and v_last and r.render_id is not null and not r.earlier order by r.place;
  if p_trace is not null then
    insert into loom.traces (render_id, traceparent)
    select r.render_id, p_trace from loom.batch_rows r
     where r.batch_id = p_batch and r.place between v_first and v_last and r.render_id is not null and not r.earlier;
  end if;
end
$$;

-- Returns the scenes of a campaign for who counts what its renders share: their addresses,
-- the variables that stand in their options, and whether these make a recording one render's alone.
-- It runs as its owner: who asks does not read the options.
create or replace function loom.scenes_of(p_campaign uuid) returns table (url text, variables text[], alone boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select s.url::text,
         array(select distinct m.found[1] from regexp_matches(s.options::text, '\{\{[ \t]*([A-Za-z][A-Za-z0-9_]{0,62})', 'g') as m (found) order by 1),
         coalesce(s.options ->> 'cache' = 'off', false) or s.options ?| '{headers,cookies,basic_auth}'
           or coalesce(jsonb_path_exists(s.options, '$.actions[*].text'), false)
    from public.scenes s where s.campaign_id = p_campaign order by s.order_index, s.id
$$;

-- Returns how many of these external ids a campaign has renders of.
create or replace function loom.known_ids(p_campaign uuid, p_ids text[]) returns int
language sql stable set search_path = pg_catalog, pg_temp as $$
  select count(*)::int from loom.batch_ids i join public.renders e on e.id = i.render_id
   where i.campaign_id = p_campaign and i.external_id = any (p_ids)
$$;

revoke all on loom.batches, loom.batch_rows, loom.batch_ids from public;
revoke execute on function loom.batch_outcome(text, text), loom.batch_counts(uuid), loom.settle_batch(uuid), loom.note_outcome(uuid, text), loom.note_batch(),
  loom.recover_batches(), loom.add_batch_rows(uuid, jsonb, text), loom.known_ids(uuid, text[]), loom.scenes_of(uuid) from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke all on loom.batches, loom.batch_rows, loom.batch_ids from %I', v_role);
      execute format('revoke execute on function loom.batch_outcome(text, text), loom.batch_counts(uuid), loom.settle_batch(uuid), '
        'loom.note_outcome(uuid, text), loom.note_batch(), loom.recover_batches(), loom.add_batch_rows(uuid, jsonb, text), '
        'loom.known_ids(uuid, text[]), loom.scenes_of(uuid) from %I', v_role);
    end if;
  end loop;
end
$$;
