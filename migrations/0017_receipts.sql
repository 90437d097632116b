-- What renders cost: what each attempt used, and the sums of each plan.
--
-- A worker says in its result what the attempt used: {"children_cpu_ms", "worker_cpu_ms",
-- "bytes_in", "bytes_out", "bytes_web"}. It is kept with the attempt, and in the plan's history. A
-- plan that ends gets a receipt, with sums by kind of task. Receipts stay when renders are deleted:
-- what somebody used does not become less by that.

alter table loom.attempts add column if not exists used jsonb;
-- A hash that names the snapshot of the campaign, options of scenes included.
alter table loom.plans add column if not exists campaign_hash bytea;
-- The name that its outputs had before they were swept.
alter table loom.tasks add column if not exists swept_key bytea;

create table if not exists loom.receipts (
  -- No references: they would be deleted with what they are about.
  plan_id     uuid primary key,
  render_id   uuid not null,
  campaign_id uuid,
  owner       text not null,
  -- done, failed, cancelled, or deleted: before it had ended.
  outcome     text not null check (outcome in ('done', 'failed', 'cancelled', 'deleted')),
  ended_at    timestamptz not null,
  -- Of the finished video; 0 when there is none.
  seconds     float8 not null,
  cpu_ms      bigint not null,
  bytes_in    bigint not null,
  bytes_out   bigint not null,
  bytes_web   bigint not null,
  -- {"record": {"tasks", "reused", "attempts", "unreported", "cpu_ms", "bytes_in", "bytes_out",
  -- "bytes_web", "made", "frames", "made_ms"}}. unreported are attempts of which nobody said what
  -- they used: they were stopped or lost, or their worker is older. made are tasks that a worker
  -- has done; frames are theirs, and made_ms is how long their last attempts took together.
  kinds       jsonb not null
);
create index if not exists receipts_ended on loom.receipts (ended_at);
create index if not exists receipts_owner on loom.receipts (owner, ended_at);
create index if not exists receipts_campaign on loom.receipts (campaign_id, ended_at);
alter table loom.receipts enable row level security;

-- Returns a field of what an attempt used; 0 when it does not say.
create or replace function loom.used_of(p_used jsonb, p_field text) returns bigint
language sql immutable parallel safe
return coalesce((p_used ->> p_field)::bigint, 0);

-- Returns how many frames a task is about.
create or replace function loom.frames_of(p_kind text, p_params jsonb) returns bigint
language sql immutable parallel safe
return case when p_kind = 'concat' then (select coalesce(pg_catalog.sum(f::bigint), 0) from pg_catalog.jsonb_array_elements_text(p_params -> 'frames') as f)
            else coalesce((p_params ->> 'frames')::bigint, 0) end::bigint;

-- Writes a plan's receipt, or writes it again. Whatever goes wrong here, the plan ends all the
-- same: it lacks a receipt then.
create or replace function loom.write_receipt(p_plan uuid, p_outcome text default null) returns void
language plpgsql as $$
begin
  insert into loom.receipts (plan_id, render_id, campaign_id, owner, outcome, ended_at, seconds, cpu_ms, bytes_in, bytes_out, bytes_web, kinds)
  select p.id, p.render_id, (select r.campaign_id from public.renders r where r.id = p.render_id), p.owner,
         coalesce(p_outcome, p.outcome), coalesce(p.ended_at, pg_catalog.clock_timestamp()),
         case when p.outcome = 'done' then coalesce((
           select (t.facts ->> 'frames')::float8 * pg_catalog.split_part(t.params ->> 'rate', '/', 2)::float8
                    / pg_catalog.split_part(t.params ->> 'rate', '/', 1)::float8
             from loom.tasks t where t.plan_id = p.id and t.kind in ('concat', 'overlay') and t.state = 'done' order by t.kind desc limit 1), 0) else 0 end,
         coalesce(s.cpu_ms, 0), coalesce(s.bytes_in, 0), coalesce(s.bytes_out, 0), coalesce(s.bytes_web, 0), coalesce(s.kinds, '{}')
    from loom.plans p cross join lateral (
      select pg_catalog.sum(k.cpu_ms)::bigint as cpu_ms, pg_catalog.sum(k.bytes_in)::bigint as bytes_in, pg_catalog.sum(k.bytes_out)::bigint as bytes_out,
             pg_catalog.sum(k.bytes_web)::bigint as bytes_web, pg_catalog.jsonb_object_agg(k.kind, pg_catalog.to_jsonb(k) - 'kind') as kinds
        from (select t.kind, pg_catalog.count(*) as tasks, pg_catalog.count(*) filter (where t.source is not null) as reused,
                     coalesce(pg_catalog.sum(a.attempts), 0)::bigint as attempts, coalesce(pg_catalog.sum(a.unreported), 0)::bigint as unreported,
                     coalesce(pg_catalog.sum(a.cpu_ms), 0)::bigint as cpu_ms, coalesce(pg_catalog.sum(a.bytes_in), 0)::bigint as bytes_in,
                     coalesce(pg_catalog.sum(a.bytes_out), 0)::bigint as bytes_out, coalesce(pg_catalog.sum(a.bytes_web), 0)::bigint as bytes_web,
                     pg_catalog.count(*) filter (where a.made_ms is not null) as made,
                     -- As loom.frames_of, which Postgres would plan for each task.
                     coalesce(pg_catalog.sum(case when t.kind = 'concat' then (
                         select coalesce(pg_catalog.sum(f::bigint), 0) from pg_catalog.jsonb_array_elements_text(t.params -> 'frames') as f)
                       else coalesce((t.params ->> 'frames')::bigint, 0) end) filter (where a.made_ms is not null), 0)::bigint as frames,
                     coalesce(pg_catalog.sum(a.made_ms), 0)::bigint as made_ms
                from loom.tasks t left join lateral (
                  select pg_catalog.count(*) as attempts, pg_catalog.count(*) filter (where a.used is null) as unreported,
                         pg_catalog.sum(loom.used_of(a.used, 'children_cpu_ms') + loom.used_of(a.used, 'worker_cpu_ms')) as cpu_ms,
                         pg_catalog.sum(loom.used_of(a.used, 'bytes_in')) as bytes_in, pg_catalog.sum(loom.used_of(a.used, 'bytes_out')) as bytes_out,
                         pg_catalog.sum(loom.used_of(a.used, 'bytes_web')) as bytes_web,
                         pg_catalog.max(extract(epoch from a.ended_at - a.granted_at) * 1000) filter (where a.outcome = 'done')::bigint as made_ms
                    from loom.attempts a where a.task_id = t.id) a on true
               where t.plan_id = p.id
               group by t.kind) k) s
   where p.id = p_plan and p.history is null
  on conflict (plan_id) do update
    set outcome = excluded.outcome, ended_at = excluded.ended_at, seconds = excluded.seconds, cpu_ms = excluded.cpu_ms, bytes_in = excluded.bytes_in,
        bytes_out = excluded.bytes_out, bytes_web = excluded.bytes_web, kinds = excluded.kinds;
exception when others then
  raise warning 'loom.write_receipt: plan % has no receipt: %', p_plan, sqlerrm;
end
$$;

-- Notes what an attempt used whose task has been closed otherwise than with its result: an
-- upload's, which closes its task itself, or that of an attempt that came too late. What is known
-- stays.
create or replace function loom.note_used(p_task uuid, p_attempt int, p_used jsonb) returns void
language plpgsql set lock_timeout = '250ms' as $$
declare
  v_plan uuid;
  v_kind text;
begin
  update loom.attempts a set used = p_used where a.task_id = p_task and a.attempt = p_attempt and a.used is null;
  if not found then
    return;
  end if;
  select p.id, t.kind into v_plan, v_kind from loom.tasks t join loom.plans p on p.id = t.plan_id where t.id = p_task and p.ended_at is not null;
  if not found then
    return;
  end if;
  -- Until now its receipt has had this attempt among those that nobody reported.
  update loom.receipts r
     set cpu_ms = r.cpu_ms + u.cpu_ms, bytes_in = r.bytes_in + u.bytes_in, bytes_out = r.bytes_out + u.bytes_out, bytes_web = r.bytes_web + u.bytes_web,
         kinds = pg_catalog.jsonb_set(r.kinds, array[v_kind], r.kinds -> v_kind || pg_catalog.jsonb_build_object(
           'unreported', loom.used_of(r.kinds -> v_kind, 'unreported') - 1,
           'cpu_ms', loom.used_of(r.kinds -> v_kind, 'cpu_ms') + u.cpu_ms, 'bytes_in', loom.used_of(r.kinds -> v_kind, 'bytes_in') + u.bytes_in,
           'bytes_out', loom.used_of(r.kinds -> v_kind, 'bytes_out') + u.bytes_out, 'bytes_web', loom.used_of(r.kinds -> v_kind, 'bytes_web') + u.bytes_web))
    from (select loom.used_of(p_used, 'children_cpu_ms') + loom.used_of(p_used, 'worker_cpu_ms') as cpu_ms, loom.used_of(p_used, 'bytes_in') as bytes_in,
                 loom.used_of(p_used, 'bytes_out') as bytes_out, loom.used_of(p_used, 'bytes_web') as bytes_web) u
   where r.plan_id = v_plan and loom.used_of(r.kinds -> v_kind, 'unreported') > 0;
  if not found then
    perform loom.write_receipt(v_plan);
  end if;
end
$$;

-- Writes the receipt of a plan that is deleted before it has ended. It runs as its owner, because
-- the role that deletes a render has no rights here.
create or replace function loom.keep_receipt() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform loom.write_receipt(old.id, 'deleted');
  return old;
exception when others then
  return old;
end
$$;
create or replace trigger loom_keep_receipt
  before delete on loom.plans for each row when (old.ended_at is null) execute function loom.keep_receipt();

revoke all on loom.receipts from public;
revoke execute on function loom.used_of(jsonb, text), loom.frames_of(text, jsonb), loom.write_receipt(uuid, text),
  loom.note_used(uuid, int, jsonb), loom.keep_receipt() from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke all on loom.receipts from %I', v_role);
      execute format('revoke execute on function loom.used_of(jsonb, text), loom.frames_of(text, jsonb), loom.write_receipt(uuid, text), '
        'loom.note_used(uuid, int, jsonb), loom.keep_receipt() from %I', v_role);
    end if;
  end loop;
end
$$;
