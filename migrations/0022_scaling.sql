-- What autoscalers read, and nothing else: members of loom_scaler may read these two views. No
-- function of ours is in them: a view's functions run with the rights of who reads it.

-- How much there is to do for each stage that runs in workers. Tasks of paused kinds are not due,
-- and neither are those that wait for their next attempt.
create or replace view loom.stage_load as
  select s.stage, coalesce(t.due, 0)::int as due, coalesce(t.running, 0)::int as running,
         (coalesce(t.due, 0) + coalesce(t.running, 0))::int as load
    from (values ('record'), ('transcode'), ('upload')) s (stage)
    left join (
      select case k.kind when 'record' then 'record' when 'upload' then 'upload' else 'transcode' end as stage, count(*) filter (where k.state = 'due') as due,
             count(*) filter (where k.state = 'running') as running
        from (select t.kind, t.state from loom.tasks t
               where t.state in ('due', 'running') and (t.state = 'running' or t.not_before <= now() and t.kind not in (select p.kind from loom.paused p))
              union all
              -- Recorders open the pages of preflights too.
              select 'record', g.state from loom.preflight_pages g
               where g.state in ('due', 'running') and (g.state = 'running' or g.not_before <= now())) k
       group by 1) t on t.stage = s.stage;

-- How many tasks each worker has, of those that have any: what a worker that is removed would hand
-- back or finish first.
create or replace view loom.worker_load as
  select k.worker, case k.kind when 'record' then 'record' when 'upload' then 'upload' else 'transcode' end as stage, count(*)::int as running
    from (select t.worker, t.kind from loom.tasks t where t.state = 'running' and t.worker is not null
          union all
          select g.worker, 'record' from loom.preflight_pages g where g.state = 'running' and g.worker is not null) k
   group by 1, 2;

revoke all on loom.stage_load, loom.worker_load from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke all on loom.stage_load, loom.worker_load from %I', v_role);
    end if;
  end loop;
end
$$;
