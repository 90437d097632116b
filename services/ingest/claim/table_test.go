package claim_test

// What apps have. docs/reference/databases.md shows it as a table.
var variants = []variant{
	{app: "the tables as `loom migrate` would create them"},

	// Types.
	{app: "`renders.status` an enum with `cancelled`", sql: enum("renders", "status", statuses+", 'cancelled'", "queued")},
	{app: "`renders.status` an enum without `cancelled`", sql: enum("renders", "status", statuses, "queued"), cancel: "failed"},
	{app: "`render_jobs.state` an enum", sql: enum("render_jobs", "state", states, "queued")},
	{app: "`status` and `state` changed from texts to enums after the migration",
		later: "drop index render_jobs_turns, render_jobs_owners;" + enum("renders", "status", statuses+", 'cancelled'", "queued") + enum("render_jobs", "state", states, "queued")},
	{app: "`status` and `state` domains with a CHECK", cancel: "failed", sql: `
		create domain render_status as text check (value in (` + statuses + `));
		create domain job_state as text check (value in (` + states + `));
		alter table renders alter status type render_status;
		alter table render_jobs alter state type job_state;`},
	{app: "`status` and `state` citext, in a schema that is on no path", sql: `
		create schema extensions; create extension citext schema extensions;
		alter table renders alter status type extensions.citext;
		alter table render_jobs alter state type extensions.citext;`},
	{app: "texts as varchar(255)", sql: `
		alter table renders alter status type varchar(255), alter final_video_url type varchar(255), alter thumb_url type varchar(255),
		  alter error_message type varchar(255);
		alter table render_jobs alter state type varchar(255), alter error_message type varchar(20);`},
	{app: "`user_id` a text", sql: "alter table campaigns alter user_id type text; alter table campaigns alter user_id set default 'auth0|1'"},
	{app: "`user_id` a bigint", sql: "alter table campaigns alter user_id type bigint using 7; alter table campaigns alter user_id set default 7"},
	{app: "numbers as bigint, smallint and numeric", sql: `
		alter table campaigns alter output_width type bigint, alter output_height type smallint, alter output_fps type numeric(6,2);
		alter table scenes alter duration_sec type numeric, alter order_index type double precision;
		alter table renders alter progress type real;`},
	{app: "times without a time zone, in another zone", sql: `
		alter table renders alter created_at type timestamp, alter completed_at type timestamp,
		  alter updated_at type timestamp, alter updated_at set default now() at time zone 'Pacific/Kiritimati';
		alter table render_jobs alter created_at type timestamp, alter started_at type timestamp;`},

	// What runs when rows change.
	{app: "a trigger that names a table without its schema", sql: history},
	{app: "a CHECK whose function names a table without its schema", sql: `
		create table known (status text); insert into known values ` + values + `, ('cancelled');
		create function is_known(s text) returns boolean language sql stable as 'select exists (select from known k where k.status = s)';
		alter table renders add check (is_known(status));`},
	{app: "a trigger that uses an extension of another schema on the path", sql: `
		create schema extensions; create extension citext schema extensions;
		do $$ begin execute format('alter database %I set search_path = "$user", public, extensions', current_database()); end $$;
		create function shout() returns trigger language plpgsql as $$ begin perform 'a'::citext; return new; end $$;
		create trigger shout before update on renders for each row execute function shout();
		create trigger shout before update on render_jobs for each row execute function shout();`},
	{app: "moddatetime on `updated_at`", sql: `
		create extension moddatetime;
		create trigger touch before update on renders for each row execute function moddatetime (updated_at);
		create trigger touch before update on render_jobs for each row execute function moddatetime (updated_at);`},
	{app: "a deferred trigger that writes an audit table", sql: `
		create table audit (render_id uuid, status text);
		create function audit() returns trigger language plpgsql as $$ begin insert into audit values (new.id, new.status); return null; end $$;
		create constraint trigger audit after update on renders deferrable initially deferred for each row execute function audit();`},

	// Constraints.
	{app: "a CHECK that knows `cancelled`", sql: "alter table renders add check (status in (" + statuses + ", 'cancelled'))"},
	{app: "CHECKs that do not know `cancelled`", cancel: "failed", sql: `
		alter table renders add check (status in (` + statuses + `));
		alter table render_jobs add check (state in (` + states + `));`},
	{app: "a foreign key of `status` to a table without `cancelled`", cancel: "failed", sql: key("")},
	{app: "the same, deferred", cancel: "failed", sql: key("deferrable initially deferred")},
	{app: "a trigger that refuses `cancelled`", cancel: "failed", sql: `
		create function guard() returns trigger language plpgsql as $$ begin
		  if new.status = 'cancelled' then raise exception 'no such status'; end if; return new; end $$;
		create trigger guard before update on renders for each row execute function guard();`},
	{app: "columns without a default that may not be null", submit: "insert into renders (campaign_id, tenant) values ($1, 't') returning id::text",
		sql: "alter table renders add tenant text not null"},

	// One bad job, or all of them.
	{app: "a trigger that fails for one job", render: "set aside", sql: bad("new.render_id = (select id from bad)"), one: "insert into bad values ($1)"},
	{app: "a trigger that refuses all jobs", render: "set aside", others: "set aside", ready: "jobs cannot be begun … no_such_table", sql: bad("true")},
	{app: "a deferred trigger that refuses one render", render: "set aside", one: "insert into bad values ($1)", sql: `
		create table bad (id uuid);
		create function fuss() returns trigger language plpgsql as $$ begin
		  if new.id in (select id from bad) then perform from no_such_table; end if; return null; end $$;
		create constraint trigger fuss after update on renders deferrable initially deferred for each row execute function fuss();`},
	{app: "a trigger that waits for a lock without end, for one job", render: "set aside", one: "insert into bad values ($1)", sql: `
		create table bad (id uuid); select pg_advisory_lock(1);
		create function hang() returns trigger language plpgsql as $$ begin
		  if new.render_id in (select id from bad) then perform pg_advisory_xact_lock(1); end if; return new; end $$;
		create trigger hang before update on render_jobs for each row execute function hang();`},
	{app: "a scene of five seconds and a half", render: "failed scene_duration_invalid", sql: "alter table scenes alter duration_sec type numeric",
		one: "update scenes s set duration_sec = 5.5 from renders r where r.campaign_id = s.campaign_id and r.id = $1"},
	{app: "a column of ours that was given another type after the migration", render: "set aside", others: "done 100 completed",
		later: "alter table renders alter error_code type int using null", ready: "public.renders.error_code is of type integer", cancel: "refused",
		one: "update scenes s set duration_sec = -1 from renders r where r.campaign_id = s.campaign_id and r.id = $1"},
}

const (
	statuses = "'queued', 'recording', 'normalizing', 'concatenating', 'overlaying', 'uploading', 'done', 'failed'"
	states   = "'queued', 'running', 'completed', 'failed'"
	values   = "('queued'), ('recording'), ('normalizing'), ('concatenating'), ('overlaying'), ('uploading'), ('done'), ('failed')"
	history  = `
		create table render_history (render_id uuid, status text);
		create function keep() returns trigger language plpgsql as $$ begin
		  insert into render_history values (new.id, new.status); return null; end $$;
		create trigger keep after insert or update on renders for each row execute function keep();
		create function keep_job() returns trigger language plpgsql as $$ begin
		  insert into render_history values (new.render_id, new.state); return null; end $$;
		create trigger keep_job after insert or update on render_jobs for each row execute function keep_job();`
)

// enum makes a text column of an enum type.
func enum(table, column, labels, standard string) string {
	name := table + "_" + column
	return "create type " + name + " as enum (" + labels + "); alter table " + table + " alter " + column + " drop default, alter " +
		column + " type " + name + " using " + column + "::" + name + ", alter " + column + " set default '" + standard + "';"
}

// key makes a foreign key of status.
func key(deferred string) string {
	return "create table statuses (status text primary key); insert into statuses values " + values +
		"; alter table renders add foreign key (status) references statuses " + deferred
}

// bad makes a trigger that fails where a condition holds.
func bad(where string) string {
	return `create table bad (id uuid);
		create function fuss() returns trigger language plpgsql as $$ begin
		  if ` + where + ` then perform from no_such_table; end if; return new; end $$;
		create trigger fuss before update on render_jobs for each row execute function fuss();`
}
