-- What ingest calls when this database's clock has moved back: an operator has set it, or a standby
-- whose clock is behind has taken over.

-- Brings forward what the clock's step has put off: leases, pauses before a retry, rests and ends
-- that were dated by the clock as it was before. Each is put off from now by no more than it may be
-- anyway, so it does no harm where nothing was put off, and may be called again: it leaves out rows
-- that others hold. It returns how many rows it has changed.
create or replace function loom.clock_moved_back(p_lease interval) returns int
language plpgsql set search_path = '' set lock_timeout = '250ms'
  set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  v_now   timestamptz := pg_catalog.clock_timestamp();
  v_total int := 0;
  v_rows  int;
begin
  if not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('loom.clock_moved_back', 0)) then
    return 0;
  end if;
  update loom.tasks k
     set not_before = case when k.state = 'due' then least(k.not_before, o.retry_by) else k.not_before end,
         lease_until = least(k.lease_until, v_now + p_lease), began_at = least(k.began_at, v_now)
    from (select t.id, v_now + least(60, pg_catalog.power(2, least(t.failures, 10))) * 1.25 * interval '1 second' as retry_by
            from loom.plans p join loom.tasks t on t.plan_id = p.id
           where p.ended_at is null and t.state in ('due', 'running')
             for update of t skip locked) o
   where k.id = o.id and (k.state = 'due' and k.not_before > o.retry_by or k.lease_until > v_now + p_lease or k.began_at > v_now);
  get diagnostics v_rows = row_count;
  v_total := v_total + v_rows;
  update loom.heard set lease_until = v_now + p_lease
   where task_id in (select h.task_id from loom.heard h where h.lease_until > v_now + p_lease for update skip locked);
  get diagnostics v_rows = row_count;
  v_total := v_total + v_rows;
  -- A recording that seems to begin later than a render was queued would be fresh for it.
  update loom.tasks set began_at = v_now
   where id in (select t.id from loom.tasks t
                 where t.kind = 'record' and t.state = 'done' and t.output_key is not null and t.source is null and t.began_at > v_now
                   for update skip locked);
  get diagnostics v_rows = row_count;
  v_total := v_total + v_rows;
  -- Objects are kept, and ends are looked back at, from a plan's end on.
  update loom.plans set ended_at = v_now
   where id in (select p.id from loom.plans p where p.ended_at > v_now for update skip locked);
  get diagnostics v_rows = row_count;
  v_total := v_total + v_rows;
  update loom.leftovers set deleted_at = v_now
   where render_id in (select l.render_id from loom.leftovers l where l.deleted_at > v_now for update skip locked);
  get diagnostics v_rows = row_count;
  v_total := v_total + v_rows;
  update loom.set_aside a set not_before = o.until
    from (select s.job_id, v_now + least(300, pg_catalog.power(2, least(s.tries, 10))) * interval '1 second' as until
            from loom.set_aside s where s.not_before > v_now for update skip locked) o
   where a.job_id = o.job_id and a.not_before > o.until;
  get diagnostics v_rows = row_count;
  v_total := v_total + v_rows;
  -- A worker that was heard in the future would count as one that lives.
  update loom.workers w set heard_at = least(w.heard_at, v_now), rest_until = least(w.rest_until, f.until)
    from (select o.worker, o.stage,
                 v_now + least(30, pg_catalog.power(2, greatest(0, least(o.rests - 1, 10)))) * interval '1 minute' as until
            from loom.workers o where o.heard_at > v_now or o.rest_until > v_now for update skip locked) f
   where w.worker = f.worker and w.stage = f.stage and (w.heard_at > v_now or w.rest_until > f.until);
  get diagnostics v_rows = row_count;
  v_total := v_total + v_rows;
  update loom.preflight_pages g
     set not_before = case when g.state = 'due' then least(g.not_before, v_now + interval '2 seconds') else g.not_before end,
         lease_until = least(g.lease_until, v_now + p_lease)
   where g.id in (select p.id from loom.preflight_pages p
                   where p.state = 'due' and p.not_before > v_now + interval '2 seconds' or p.state = 'running' and p.lease_until > v_now + p_lease
                     for update skip locked);
  get diagnostics v_rows = row_count;
  v_total := v_total + v_rows;
  -- Another replica may lead when this one has ended.
  update loom.leader set lease_until = v_now + p_lease
   where one in (select l.one from loom.leader l where l.lease_until > v_now + p_lease for update skip locked);
  get diagnostics v_rows = row_count;
  return v_total + v_rows;
end
$$;

revoke execute on function loom.clock_moved_back(interval) from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke execute on function loom.clock_moved_back(interval) from %I', v_role);
    end if;
  end loop;
end
$$;
