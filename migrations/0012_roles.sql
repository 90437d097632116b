-- Groups of rights: what ingest, the uploader and readers may do, and no more.
--
--   loom_ingest    claims, plans and closes renders
--   loom_uploader  closes renders whose video it has copied: it may call the functions for that,
--                  and neither reads nor writes a table
--   loom_reader    loom status, list, top and dashboards: changes nothing, and reads no options of
--                  scenes, which may be secret, and no values of renders, which are of people
--   loom_console   the console: reads what readers do, submits and controls renders, and edits
--                  campaigns; it writes options of scenes and values of renders, and does not read
--                  them
--   loom_scaler    autoscalers: reads how much there is to do for each stage, and which workers are
--                  busy, in the two views of 0022_scaling.sql
--
-- A group cannot log in and has no password. An operator makes a role for each service and puts it
-- into the service's group: create role … login password '…' in role loom_ingest.
--
-- Roles are the server's and not the database's. Where this role may not create roles, the groups
-- are left out: somebody who may creates them, and the owner runs loom.grant_groups().
do $$
declare
  v_group text;
begin
  foreach v_group in array array['loom_ingest', 'loom_uploader', 'loom_reader', 'loom_console', 'loom_scaler'] loop
    if not exists (select from pg_roles where rolname = v_group) then
      begin
        execute format('create role %I nologin', v_group);
      exception
        when duplicate_object or unique_violation then null; -- another database's migration was first
        when insufficient_privilege then
          raise notice 'loom-lite: % may not create the role %; see docs/operations.md', current_user, v_group;
      end;
    end if;
  end loop;
end
$$;

-- Returns a task's parameters without the scene's options and what else may be of people: an
-- address of a page as it may be shown, none of a file, and no captions. It runs as its owner:
-- readers have no right to the column.
create or replace function loom.params_of(p_task uuid) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select t.params - '{options,private,captions}'::text[] - case when t.kind in ('probe', 'draw') then 'url' else '' end
         || case when t.params ? 'shown' then jsonb_build_object('url', t.params -> 'shown') else '{}' end
    from loom.tasks t where t.id = p_task
$$;

-- Reports whether uploads are closed with the rights of the functions' owner.
create or replace function loom.closes_as_owner() returns boolean
language sql stable set search_path = '' as $$
  select exists (select from pg_catalog.pg_proc p
                  where p.pronamespace = 'loom'::pg_catalog.regnamespace and p.proname = 'finish_render' and p.prosecdef)
$$;

-- Lets the functions that an upload calls run with the rights of their owner, so that the uploader
-- needs none on tables; and the console's cancel, which touches what it may not read.
--
-- They and the app's triggers must not be led astray by who calls. Unless a path says otherwise,
-- the caller's temporary schema is the first in which tables and types are looked up, even where
-- the path is empty: what has the name of a table of the app's, or of a type like text, would run
-- its own triggers and checks as the owner. So loom.finish_render and loom.stop_render, in which
-- the app's triggers run, begin by setting loom.safe_path, and run triggers that are deferred
-- before they return. The others have a path of their own, and so have those that had an empty one.
--
-- An owner whom the app's row level security hides rows from would close nothing. There the
-- functions run as who calls them, and the groups have the rights that they need.
create or replace function loom.close_as_owner() returns void
language plpgsql set search_path = '' as $$
declare
  v record;
begin
  for v in
    select p.oid::pg_catalog.regprocedure as name, p.proname in ('finish_render', 'stop_render') as runs_triggers,
           o.rolsuper or o.rolbypassrls or not exists (
             select from pg_catalog.pg_class c
              where c.oid in ('public.renders'::pg_catalog.regclass, 'public.render_jobs'::pg_catalog.regclass) and c.relrowsecurity
                and (c.relforcerowsecurity or not pg_catalog.pg_has_role(o.oid, c.relowner, 'usage'))) as sees_all
      from pg_catalog.pg_proc p join pg_catalog.pg_roles o on o.oid = p.proowner
     where p.pronamespace = 'loom'::pg_catalog.regnamespace and p.proname in ('finish_render', 'stop_render', 'begin_copies', 'copies_unwanted')
  loop
    execute pg_catalog.format('alter function %s %s', v.name, case
      when not v.sees_all then 'security invoker reset search_path'
      when v.runs_triggers then 'security definer'
      else 'security definer set search_path = pg_catalog, pg_temp' end);
  end loop;
  for v in
    select p.oid::pg_catalog.regprocedure as name from pg_catalog.pg_proc p
     where p.pronamespace = 'loom'::pg_catalog.regnamespace and 'search_path=""' = any (p.proconfig)
  loop
    execute pg_catalog.format('alter function %s set search_path = pg_catalog, pg_temp', v.name);
  end loop;
end
$$;

-- Returns functions of ours by their names, and all that they call in turn. Each function is
-- searched once, for all names: one search for each pair of functions would take seconds.
create or replace function loom.called_from(p_names text[]) returns setof regprocedure
language sql stable set search_path = '' as $$
  with recursive ours as materialized (
    select p.oid, p.proname::text as name, p.prosrc from pg_catalog.pg_proc p where p.pronamespace = 'loom'::pg_catalog.regnamespace
  ), calls as materialized (
    select distinct o.oid, m.found[1] as name from ours o cross join lateral pg_catalog.regexp_matches(o.prosrc, '\mloom\.(\w+)\(', 'g') as m (found)
  ), reached as (
    select o.oid from ours o where o.name = any (p_names)
    union
    select o.oid from reached r join calls c on c.oid = r.oid join ours o on o.name = c.name
  )
  select oid::pg_catalog.regprocedure from reached
$$;

-- The tables and the functions that are the console's alone. What is added here is granted to its
-- group, and to no other: readers read its tables, but for what loom.secret_columns has.
create or replace function loom.console_tables() returns text[]
language sql immutable parallel safe set search_path = '' as $$
  select array['api_tokens', 'audit', 'requests', 'sign_in_links', 'sessions', 'webhook_endpoints', 'webhook_secrets', 'webhook_events',
               'webhook_deliveries', 'webhook_attempts', 'alerts', 'bulk_actions', 'bulk_items', 'saved_views', 'batches', 'batch_rows', 'batch_ids']
$$;

create or replace function loom.console_functions() returns text[]
language sql immutable parallel safe set search_path = '' as $$
  select array['use_token', 'revoke_token', 'begin_request', 'end_request', 'drop_request', 'campaign_version', 'scenes_with_options',
               'set_priority', 'lease_bulk', 'pause_kinds', 'resume_kinds', 'discard_dead', 'replay_dead', 'sign_in', 'session_of', 'sign_out',
               'drop_cached', 'open_preflight',
               'open_campaign_preflight', 'cancel_preflight',
               'is_wanted', 'write_render_event', 'recover_events', 'write_event', 'fan_out_events', 'lease_deliveries', 'settle_delivery',
               'hand_back_delivery', 'resend_deliveries', 'add_endpoint', 'change_endpoint', 'rotate_secret', 'delete_endpoint', 'forget_events',
               'note_alerts', 'alert_data', 'add_batch_rows', 'settle_batch', 'recover_batches', 'known_ids', 'scenes_of', 'batch_counts', 'batch_outcome']
$$;

-- Columns of our tables that readers do not read, nor the console those that are not its own.
create or replace function loom.secret_columns() returns table (name text, col text)
language sql immutable parallel safe set search_path = '' as $$
  values ('tasks', 'params'), ('plans', 'campaign'), ('preflight_pages', 'params'), ('api_tokens', 'hash'), ('requests', 'request'), ('requests', 'headers'), ('requests', 'body'),
         ('sign_in_links', 'secret'), ('sessions', 'secret'),
         ('webhook_endpoints', 'url'), ('webhook_secrets', 'secret'), ('webhook_events', 'data'), ('webhook_attempts', 'response'), ('batch_rows', 'cells'), ('batch_ids', 'hash')
$$;

-- The functions of ours that a group may run.
create or replace function loom.functions_of(p_group text) returns setof regprocedure
language sql stable set search_path = '' as $$
  -- ingest all but those of the uploader, the console and operators; the others what their work
  -- calls.
  select p.oid::pg_catalog.regprocedure from pg_catalog.pg_proc p
   where p_group = 'loom_ingest' and p.pronamespace = 'loom'::pg_catalog.regnamespace
     and p.proname not in ('finish_render', 'begin_copies', 'copies_unwanted', 'grant_groups', 'close_as_owner', 'offer_sign_in')
     and p.proname <> all (loom.console_functions())
  union all
  select p.oid::pg_catalog.regprocedure from pg_catalog.pg_proc p
   where p_group = 'loom_uploader' and p.pronamespace = 'loom'::pg_catalog.regnamespace
     and p.proname in ('finish_render', 'begin_copies', 'copies_unwanted', 'schema_version')
  union
  select f from loom.called_from(array['finish_render', 'begin_copies', 'copies_unwanted', 'count_done']) f
   where p_group = 'loom_uploader' and not loom.closes_as_owner()
  union all
  select f from loom.called_from(array['params_of', 'history_of', 'open_work', 'queued_work', 'queue_places', 'known_pages', 'stage_rank', 'stage_of', 'is_terminal', 'schema_version']) f
   where p_group in ('loom_reader', 'loom_console')
  union
  -- The console asks what it should be granted, to say what it lacks.
  select f from loom.called_from(loom.console_functions() || 'table_rights'::text) f where p_group = 'loom_console'
  union
  select p.oid::pg_catalog.regprocedure from pg_catalog.pg_proc p
   where p_group = 'loom_console' and p.pronamespace = 'loom'::pg_catalog.regnamespace and p.proname = 'stop_render'
  union
  select f from loom.called_from(array['stop_render', 'count_done']) f where p_group = 'loom_console' and not loom.closes_as_owner()
$$;

-- The rights of the groups on tables, those of the app and ours. No columns: on all of them.
create or replace function loom.table_rights()
returns table (to_group text, on_table regclass, privilege text, on_columns text[])
language sql stable set search_path = '' as $$
  with ours as (
    select c.oid, c.relname::text as name from pg_catalog.pg_class c
     where c.relnamespace = 'loom'::pg_catalog.regnamespace and c.relkind in ('r', 'p')
  ), called as materialized (
    -- Once, and not for each table and right: it takes a while.
    select g.name as to_group, p.prosrc
      from pg_catalog.unnest('{loom_uploader,loom_console}'::text[]) as g (name), loom.functions_of(g.name) f join pg_catalog.pg_proc p on p.oid = f
     where not loom.closes_as_owner()
  ), shown as (
    -- All but a render's values, which are for ingest alone.
    select pg_catalog.array_agg(a.attname::text order by a.attnum) as columns from pg_catalog.pg_attribute a
     where a.attrelid = pg_catalog.to_regclass('public.renders') and a.attnum > 0 and not a.attisdropped and a.attname <> 'variables'
  ), named (to_group, name, privileges, columns) as (
    values
      ('loom_ingest', 'public.campaigns', '{select}'::text[], null::text[]),
      ('loom_ingest', 'public.scenes', '{select}', null),
      ('loom_ingest', 'public.renders', '{select}', null),
      ('loom_ingest', 'public.renders', '{update}',
       '{status,progress,final_video_url,thumb_url,thumb_small_url,preview_url,preview_webp_url,share_url,report,warnings,error_message,error_code,cancel_requested,updated_at,completed_at}'),
      ('loom_ingest', 'public.render_jobs', '{select}', null),
      ('loom_ingest', 'public.render_jobs', '{update}', '{state,started_at,completed_at,error_message,updated_at}'),
      -- Operators write shares, and migrations the owner.
      ('loom_ingest', 'loom.shares', '{select}', null),
      ('loom_ingest', 'loom.migrations', '{select}', null),
      -- The uploader's only where loom.closes_as_owner() is false.
      ('loom_uploader', 'public.renders', '{select}', (select columns from shown)),
      ('loom_uploader', 'public.renders', '{update}',
       '{status,progress,final_video_url,thumb_url,thumb_small_url,preview_url,preview_webp_url,share_url,report,warnings,error_message,error_code,updated_at,completed_at}'),
      ('loom_uploader', 'public.render_jobs', '{select}', null),
      ('loom_uploader', 'public.render_jobs', '{update}', '{state,completed_at,error_message,updated_at}'),
      ('loom_console', 'public.campaigns', '{select,insert,update,delete}', null),
      ('loom_console', 'public.scenes', '{select}', '{id,campaign_id,url,duration_sec,order_index}'),
      ('loom_console', 'public.scenes', '{insert,delete}', null),
      ('loom_console', 'public.scenes', '{update}', '{url,duration_sec,order_index,options}'),
      ('loom_console', 'public.renders', '{select}',
       '{id,campaign_id,status,progress,final_video_url,thumb_url,thumb_small_url,preview_url,preview_webp_url,share_url,report,warnings,error_message,error_code,cancel_requested,created_at,updated_at,completed_at}'),
      ('loom_console', 'public.renders', '{insert}', null),
      -- With a right to update one column, rows may be locked.
      ('loom_console', 'public.renders', '{update}', '{cancel_requested}'),
      ('loom_console', 'public.render_jobs', '{select,insert}', null),
      ('loom_console', 'public.render_jobs', '{update}', '{priority}'),
      ('loom_console', 'loom.plans', '{update}', '{priority}'),
      ('loom_console', 'loom.traces', '{insert,update}', null),
      ('loom_console', 'loom.paused', '{insert,delete}', null),
      ('loom_console', 'loom.pauses', '{insert,delete}', null),
      ('loom_console', 'loom.dead_letters', '{update}', '{settled,settled_at}'),
      -- It uses links up, and makes none.
      ('loom_console', 'loom.sign_in_links', '{select,update}', null),
      ('loom_console', 'loom.tasks', '{update}', '{output_key}'),
      -- What was done stays written.
      ('loom_console', 'loom.audit', '{select,insert}', null),
      ('loom_reader', 'public.campaigns', '{select}', '{id,name,user_id}'),
      ('loom_reader', 'public.renders', '{select}', (select columns from shown)),
      ('loom_reader', 'public.render_jobs', '{select}', null),
      ('loom_scaler', 'loom.stage_load', '{select}', null),
      ('loom_scaler', 'loom.worker_load', '{select}', null)
  )
  select n.to_group, pg_catalog.to_regclass(n.name), p, n.columns from named n, pg_catalog.unnest(n.privileges) p
   where pg_catalog.to_regclass(n.name) is not null and (n.to_group <> 'loom_uploader' or not loom.closes_as_owner())
  union all
  select 'loom_ingest', o.oid, p, null from ours o, pg_catalog.unnest('{select,insert,update,delete}'::text[]) p
   where o.name not in ('shares', 'migrations') and o.name <> all (loom.console_tables())
  union all
  select 'loom_console', o.oid, p, null from ours o, pg_catalog.unnest('{select,insert,update,delete}'::text[]) p
   where o.name = any (loom.console_tables()) and o.name not in ('audit', 'sign_in_links')
  union all
  -- What the functions of the uploader and the console do with a table of ours, where they do it as
  -- these.
  select g.name, o.oid, d.privilege, null
    from pg_catalog.unnest('{loom_uploader,loom_console}'::text[]) as g (name), ours o, (values ('select', '\mloom\.NAME\M'), ('insert', '\minsert\s+into\s+loom\.NAME\M'), ('delete', '\mdelete\s+from\s+loom\.NAME\M'),
                         ('update', '\mupdate\s+loom\.NAME\M|\minsert\s+into\s+loom\.NAME\M.*\mon\s+conflict\M')) as d (privilege, statement)
   where not loom.closes_as_owner()
     and exists (select from called p where p.to_group = g.name and p.prosrc ~* pg_catalog.replace(d.statement, 'NAME', o.name))
  union all
  select g.name, o.oid, 'select', (
      select pg_catalog.array_agg(a.attname::text order by a.attnum) from pg_catalog.pg_attribute a
       where a.attrelid = o.oid and a.attnum > 0 and not a.attisdropped
         and not exists (select from loom.secret_columns() s where s.name = o.name and s.col = a.attname))
    from pg_catalog.unnest('{loom_reader,loom_console}'::text[]) as g (name), ours o
$$;

-- Gives each group that exists the rights that it needs, and takes all others on these objects.
-- schema_version.sql calls it, so what a later version adds is granted too.
create or replace function loom.grant_groups() returns void
language plpgsql set search_path = '' as $$
declare
  v_group text;
  v       record;
  v_line  text;
begin
  perform loom.close_as_owner();
  foreach v_group in array array['loom_ingest', 'loom_uploader', 'loom_reader', 'loom_console', 'loom_scaler'] loop
    continue when not exists (select from pg_catalog.pg_roles where rolname = v_group);
    execute pg_catalog.format('revoke all on all tables in schema loom from %I', v_group);
    execute pg_catalog.format('revoke all on all sequences in schema loom from %I', v_group);
    execute pg_catalog.format('revoke all on all functions in schema loom from %I', v_group);
    execute pg_catalog.format('revoke all on public.campaigns, public.scenes, public.renders, public.render_jobs from %I', v_group);
    execute pg_catalog.format('grant usage on schema loom to %I', v_group);
    if not pg_catalog.has_schema_privilege(v_group, 'public', 'usage') then
      execute pg_catalog.format('grant usage on schema public to %I', v_group);
    end if;
    for v_line in
      select pg_catalog.format('grant %s%s on %s to %I', r.privilege, ' (' || c.list || ')', r.on_table, v_group)
        from loom.table_rights() r, lateral (
          select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ') as list from pg_catalog.pg_attribute a
           where a.attrelid = r.on_table and a.attname = any (r.on_columns)) c
       where r.to_group = v_group and (r.on_columns is null or c.list is not null)
      union all
      select pg_catalog.format('grant execute on function %s to %I', f, v_group) from loom.functions_of(v_group) f
      union all
      select 'grant select on all sequences in schema loom to loom_ingest' where v_group = 'loom_ingest'
    loop
      execute v_line;
    end loop;
    -- Row level security hides all rows from a role without a policy. On the app's tables a policy
    -- is made only where the app has it on.
    for v in
      select distinct c.oid::pg_catalog.regclass as name from loom.table_rights() r join pg_catalog.pg_class c on c.oid = r.on_table
       where r.to_group = v_group and c.relrowsecurity
         and not exists (select from pg_catalog.pg_policy p where p.polrelid = c.oid and p.polname = v_group)
    loop
      if v_group = 'loom_reader' then
        execute pg_catalog.format('create policy %I on %s for select to %1$I using (true)', v_group, v.name);
      else
        execute pg_catalog.format('create policy %I on %s to %1$I using (true) with check (true)', v_group, v.name);
      end if;
    end loop;
  end loop;
end
$$;

revoke execute on function loom.params_of(uuid), loom.closes_as_owner(), loom.close_as_owner(), loom.called_from(text[]), loom.functions_of(text),
  loom.console_tables(), loom.console_functions(), loom.secret_columns(), loom.table_rights(), loom.grant_groups() from public;
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_roles where rolname = v_role) then
      execute format('revoke execute on function loom.params_of(uuid), loom.closes_as_owner(), loom.close_as_owner(), loom.called_from(text[]), loom.functions_of(text), '
        'loom.console_tables(), loom.console_functions(), loom.secret_columns(), loom.table_rights(), loom.grant_groups() from %I', v_role);
    end if;
  end loop;
end
$$;
