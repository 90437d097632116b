package migrations

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Service is a service that uses the database.
type Service string

// The services that use the database. Each has rights of its own (0012_roles.sql).
const (
	Ingest   Service = "ingest"
	Uploader Service = "uploader"
	Console  Service = "console"
)

// What is the console's alone, as loom.console_tables and loom.console_functions have it: they are
// not there before the first migration.
var (
	consoleTables = []string{
		"api_tokens", "audit", "requests", "sign_in_links", "sessions", "webhook_endpoints", "webhook_secrets", "webhook_events",
		"webhook_deliveries", "webhook_attempts", "alerts", "bulk_actions", "bulk_items", "saved_views",
		"batches", "batch_rows", "batch_ids",
	}
	consoleFunctions = []string{
		"use_token", "revoke_token", "begin_request", "end_request", "drop_request", "campaign_version", "scenes_with_options",
		"set_priority", "add_batch_rows", "settle_batch", "recover_batches", "known_ids", "scenes_of", "batch_counts", "batch_outcome", "lease_bulk", "pause_kinds", "resume_kinds", "discard_dead", "replay_dead",
		"open_preflight", "open_campaign_preflight", "cancel_preflight",
		"sign_in", "session_of", "sign_out", "offer_sign_in", "drop_cached",
		"is_wanted", "write_render_event", "recover_events", "write_event", "fan_out_events", "lease_deliveries", "settle_delivery",
		"hand_back_delivery", "resend_deliveries", "add_endpoint", "change_endpoint", "rotate_secret", "delete_endpoint", "forget_events",
		"note_alerts", "alert_data",
	}
)

// Rights returns what the role of db lacks for some services, for ingest and the uploader if none
// is named: rights, and access to rows that row level security hides. It ignores tables that do not
// exist, and all of the console's in a database that has not been migrated. It changes nothing.
func Rights(ctx context.Context, db DB, of ...Service) ([]Problem, error) {
	if len(of) == 0 {
		of = []Service{Ingest, Uploader}
	}
	var names []string
	for _, s := range of {
		names = append(names, string(s))
	}
	barred, role, err := entering(ctx, db)
	if err != nil || barred != nil {
		return barred, err
	}
	problems, err := lacks(ctx, db, role, "grant %[1]s on %[2]s to %[3]s", lacking, names, consoleTables, consoleFunctions)
	if err != nil || !slices.Contains(of, Console) {
		return problems, err
	}
	var known, may bool
	err = db.QueryRow(ctx, `select f is not null, coalesce(has_function_privilege(f, 'execute'), false) from to_regprocedure('loom.table_rights()') f`).Scan(&known, &may)
	if err != nil {
		return nil, fmt.Errorf("look at rights: %w", err)
	}
	switch {
	case !known:
		return problems, nil
	case !may:
		return append(problems, Problem{"function loom.table_rights()", "does not grant execute to the role of DATABASE_URL", fmt.Sprintf(joinConsole, "execute", "function loom.table_rights()", role)}), nil
	}
	more, err := lacks(ctx, db, role, joinConsole, consoleLacking)
	for _, p := range more {
		if !slices.ContainsFunc(problems, func(o Problem) bool { return o.What == p.What && o.Found == p.Found }) {
			problems = append(problems, p)
		}
	}
	return problems, err
}

// joinConsole is how a role gets what the console needs.
const joinConsole = "grant loom_console to %[3]s, and run loom migrate if that group is not there or lacks it; or grant %[1]s on %[2]s to %[3]s"

// lacks asks for what a role lacks. mend says what to do about a privilege on something.
func lacks(ctx context.Context, db DB, role, mend, sql string, args ...any) (problems []Problem, err error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("look at rights: %w", err)
	}
	var what, privilege string
	var granted bool
	_, err = pgx.ForEachRow(rows, []any{&what, &privilege, &granted}, func() error {
		if !granted {
			problems = append(problems, Problem{what, "does not grant " + privilege + " to the role of DATABASE_URL",
				fmt.Sprintf(mend, privilege, what, role)})
			return nil
		}
		problems = append(problems, Problem{what, "hides its rows from the role of DATABASE_URL by row level security",
			fmt.Sprintf("alter role %s bypassrls; where that is not allowed, create policy loom_lite on %s to %s using (true) with check (true)", role, what, role)})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look at rights: %w", err)
	}
	return problems, nil
}

// ServicesOf returns the services whose groups (0012_roles.sql) the role of db is in. A superuser
// is in none.
func ServicesOf(ctx context.Context, db DB) (of []Service, err error) {
	rows, err := db.Query(ctx, `select s from unnest($1::text[]) s join pg_roles g on g.rolname = 'loom_' || s
		where pg_has_role(g.oid, 'usage') and not (select rolsuper from pg_roles where rolname = current_user)`,
		[]string{string(Ingest), string(Uploader), string(Console)})
	if err != nil {
		return nil, fmt.Errorf("look at groups: %w", err)
	}
	if of, err = pgx.CollectRows(rows, pgx.RowTo[Service]); err != nil {
		return nil, fmt.Errorf("look at groups: %w", err)
	}
	return of, nil
}

// entering returns the schemas that the role of db may not use: without them nothing else can be
// checked. role is the role's name, quoted for SQL.
func entering(ctx context.Context, db DB) (barred []Problem, role string, err error) {
	var schemas string
	err = db.QueryRow(ctx, `select quote_ident(current_user), coalesce((select string_agg(n.nspname, ', ') from pg_namespace n
		where n.nspname in ('public', 'loom') and not has_schema_privilege(n.oid, 'usage')), '')`).Scan(&role, &schemas)
	if err != nil {
		return nil, "", fmt.Errorf("look at rights: %w", err)
	}
	if schemas != "" {
		barred = []Problem{{"schema " + schemas, "may not be used by the role of DATABASE_URL",
			fmt.Sprintf("grant usage on schema %s to %s", schemas, role)}}
	}
	return barred, role, nil
}

// lacking returns the rights that the current role lacks, and the tables whose rows it does not
// see. An uploader needs rights on tables only where its functions do not run as their owner
// (0012_roles.sql). It assumes that a policy for this very role, or for a group that it is in,
// shows the rows, and one that shows all rows to everybody; it assumes so of no other.
const lacking = `
with fixed (service, schema, name, privileges) as (
  values ('ingest', 'public', 'campaigns', '{select}'::text[]), ('ingest', 'public', 'scenes', '{select}'),
         ('ingest', 'public', 'renders', '{select,update}'), ('ingest', 'public', 'render_jobs', '{select,update}'),
         ('ingest', 'loom', 'migrations', '{select}'), ('ingest', 'loom', 'shares', '{select}'),
         ('uploader', 'public', 'renders', '{select,update}'), ('uploader', 'public', 'render_jobs', '{select,update}'),
         ('uploader', 'loom', 'copies', '{select,insert,delete}'), ('uploader', 'loom', 'tools', '{select}'),
         ('uploader', 'loom', 'set_aside', '{select,insert,update,delete}'), ('uploader', 'loom', 'plans', '{select,update}'),
         ('uploader', 'loom', 'tasks', '{select,update}'), ('uploader', 'loom', 'attempts', '{select,update}'),
         ('uploader', 'loom', 'workers', '{select,insert,update,delete}'), ('uploader', 'loom', 'receipts', '{select,insert,update}')
), wanted (schema, name, privilege) as (
  select f.schema, f.name, p.privilege from fixed f, unnest(f.privileges) as p (privilege)
   where f.service = any ($1::text[])
     and (f.service <> 'uploader' or not exists (select from pg_proc o join pg_namespace n on n.oid = o.pronamespace
                                                  where n.nspname = 'loom' and o.proname = 'finish_render' and o.prosecdef))
  union
  select 'loom', t.relname, p.privilege
    from (select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where n.nspname = 'loom' and c.relkind in ('r', 'p') and c.relname not in ('migrations', 'shares')
             and c.relname <> all ($2::text[])) as t,
         unnest(array['select', 'insert', 'update', 'delete']) as p (privilege)
   where 'ingest' = any ($1::text[])
), looked as (
  select c.oid, format('%I.%I', w.schema, w.name) as what, w.privilege,
         case w.privilege when 'delete' then has_table_privilege(c.oid, 'delete')
                          else has_any_column_privilege(c.oid, w.privilege) end as granted,
         case w.privilege when 'select' then 'r' when 'insert' then 'a' when 'update' then 'w' else 'd' end as command
    from wanted w join pg_namespace n on n.nspname = w.schema join pg_class c on c.relnamespace = n.oid and c.relname = w.name
), policies as (
  select p.polrelid, p.polcmd, p.polpermissive, exists (select from unnest(p.polroles) as r (oid) join pg_roles g on g.oid = r.oid
                                                         where g.oid = current_user::regrole::oid
                                                            or g.rolname in ('loom_ingest', 'loom_uploader', 'loom_console') and pg_has_role(g.oid, 'usage')) as made_for_it,
         coalesce(pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid), 'true') = 'true' as shows_all
    from pg_policy p
   where exists (select from unnest(p.polroles) as r (oid) where case r.oid when 0 then true else pg_has_role(r.oid, 'usage') end)
), hidden as (
  select min(l.what) as what from looked l
   where l.granted and row_security_active(l.oid)
     and (not exists (select from policies p where p.polrelid = l.oid and p.polcmd in ('*', l.command) and p.polpermissive
                         and (p.made_for_it or p.shows_all))
          or exists (select from policies p where p.polrelid = l.oid and p.polcmd in ('*', l.command) and not p.polpermissive
                        and not p.made_for_it and not p.shows_all))
   group by l.oid
)
select what, string_agg(privilege, ', ' order by privilege), false from looked where not granted group by what
union all
select what, '', true from hidden
union all
select 'function ' || p.oid::regprocedure, 'execute', false
  from pg_proc p where p.pronamespace = (select oid from pg_namespace where nspname = 'loom')
   and p.prorettype <> 'trigger'::regtype and not has_function_privilege(p.oid, 'execute')
   and (p.proname in ('finish_render', 'begin_copies', 'copies_unwanted', 'schema_version') and 'uploader' = any ($1::text[])
        or p.proname not in ('finish_render', 'begin_copies', 'copies_unwanted', 'grant_groups', 'close_as_owner')
           and p.proname <> all ($3::text[]) and 'ingest' = any ($1::text[]))
order by 3, 1`

// consoleLacking is lacking for the console, whose rights loom.table_rights and loom.functions_of
// have. A right on some columns is one on each of them.
const consoleLacking = `
with wanted as (
  select r.on_table as oid, r.privilege, r.on_columns from loom.table_rights() r where r.to_group = 'loom_console'
), looked as (
  select w.oid, w.oid::regclass::text as what, w.privilege,
         case when w.on_columns is null then has_table_privilege(w.oid, w.privilege)
              else not exists (select from pg_attribute a where a.attrelid = w.oid and a.attname = any (w.on_columns)
                                  and not has_column_privilege(w.oid, a.attnum, w.privilege)) end as granted,
         case w.privilege when 'select' then 'r' when 'insert' then 'a' when 'update' then 'w' else 'd' end as command
    from wanted w
), hidden as (
  select distinct l.what from looked l
   where l.granted and row_security_active(l.oid)
     and not exists (select from pg_policy p, unnest(p.polroles) as r (oid)
                      where p.polrelid = l.oid and p.polpermissive and p.polcmd in ('*', l.command)
                        and case r.oid when 0 then coalesce(pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid), 'true') = 'true'
                                       else pg_has_role(r.oid, 'usage') end)
)
select case when position('.' in what) > 0 then what else 'public.' || what end, string_agg(distinct privilege, ', ' order by privilege), false
  from looked where not granted group by what
union all
select case when position('.' in what) > 0 then what else 'public.' || what end, '', true from hidden
union all
select 'function ' || f, 'execute', false from loom.functions_of('loom_console') f where not has_function_privilege(f, 'execute')
order by 3, 1`

// owning returns what the role of db lacks to migrate.
func owning(ctx context.Context, db DB) ([]Problem, error) {
	rows, err := db.Query(ctx, `
		select format('%I.%I', n.nspname, c.relname), pg_get_userbyid(c.relowner)::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
		 where (n.nspname = 'public' and c.relname in ('campaigns', 'scenes', 'renders', 'render_jobs')
		        or n.nspname = 'loom') and c.relkind in ('r', 'p') and not pg_has_role(c.relowner, 'usage')
		union all
		select p.oid::regprocedure::text, pg_get_userbyid(p.proowner)::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
		 where (n.nspname = 'public' and p.proname = 'claim_render_job' and p.pronargs = 0 or n.nspname = 'loom')
		   and not pg_has_role(p.proowner, 'usage')
		union all
		select 'schema ' || n.nspname, pg_get_userbyid(n.nspowner)::text from pg_namespace n
		 where n.nspname = 'public' and not has_schema_privilege(n.oid, 'create')
		    or n.nspname = 'loom' and not pg_has_role(n.nspowner, 'usage')
		union all
		select 'database ' || quote_ident(d.datname), pg_get_userbyid(d.datdba)::text from pg_database d
		 where d.datname = current_database() and not has_database_privilege(d.oid, 'create')
		   and not exists (select from pg_namespace where nspname = 'loom')
		 order by 1`)
	if err != nil {
		return nil, fmt.Errorf("look at rights: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Problem, error) {
		var what, owner string
		err := row.Scan(&what, &owner)
		return Problem{what, "cannot be changed by this role", "migrate as " + owner + ", which owns it"}, err
	})
}
