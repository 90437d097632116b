package claim_test

// Schemas that migrate refuses before it changes anything, with the reason and the repair; and
// schemas that look like them and are accepted.
var refusals = []variant{
	// Types.
	{app: "ids that are bigint", refused: "public.renders.id is of type bigint, and must be uuid … id of type uuid", sql: `
		drop table render_jobs, renders, scenes, campaigns;
		create table campaigns (id bigserial primary key, name text, user_id uuid, facecam_url text, output_width int, output_height int, output_fps int);
		create table scenes (id bigserial primary key, campaign_id bigint references campaigns, url text, duration_sec int, order_index int);
		create table renders (id bigserial primary key, campaign_id bigint references campaigns, status text, progress int, final_video_url text,
		  thumb_url text, error_message text, created_at timestamptz, updated_at timestamptz, completed_at timestamptz);
		create table render_jobs (id bigserial primary key, render_id bigint references renders, state text, started_at timestamptz,
		  completed_at timestamptz, error_message text, created_at timestamptz, updated_at timestamptz);`},
	{app: "ids that are texts", refused: "public.render_jobs.id is of type text … alter column id type uuid using id::uuid",
		sql: "alter table render_jobs alter id type text"},
	{app: "`renders.updated_at` in milliseconds", refused: "public.renders.updated_at is of type bigint, and must be a timestamp",
		sql: "alter table renders alter updated_at drop default, alter updated_at type bigint using 0"},
	{app: "`renders.status` a varchar(10)", refused: "public.renders.status … must hold 13 characters … type text",
		sql: "alter table renders alter status type varchar(10)"},
	{app: "`renders.status` an enum without `normalizing`", refused: "public.renders.status does not take 'normalizing' … renders_status",
		sql: enum("renders", "status", "'queued', 'recording', 'concatenating', 'overlaying', 'uploading', 'done', 'failed'", "queued")},
	{app: "a CHECK without `overlaying`", refused: "public.renders.status does not take 'overlaying' … the constraint known_status",
		sql: `alter table renders add constraint known_status check
			(status in ('queued', 'recording', 'normalizing', 'concatenating', 'uploading', 'done', 'failed'))`},
	{app: "a foreign key of `status` to a table without `uploading`", refused: "does not take 'uploading' … renders_status_fkey",
		sql: key("") + "; delete from statuses where status = 'uploading'"},

	// Columns.
	{app: "no `renders.updated_at`", refused: "public.renders.updated_at is missing … add column updated_at timestamptz",
		sql: "alter table renders drop updated_at"},
	{app: "`renders.progress` generated", refused: "public.renders.progress is generated … drop expression",
		sql: "alter table renders drop progress, add progress int generated always as (case status when 'done' then 100 else 0 end) stored"},
	{app: "a generated column of its own", sql: "alter table renders add finished boolean generated always as (status = 'done') stored"},
	{app: "`renders.final_video_url` not null", refused: "public.renders.final_video_url may not be null … drop not null",
		sql: "alter table renders alter final_video_url set default '', alter final_video_url set not null"},
	{app: "`renders.error_code` an int of its own", refused: "public.renders.error_code is of type integer … rename column error_code to app_error_code",
		sql: "alter table renders add error_code int"},
	{app: "`scenes.options` a text of its own", refused: "public.scenes.options is of type text, and must be jsonb … rename column options",
		sql: "alter table scenes add options text"},
	{app: "`scenes.options` with values of its own", refused: "public.scenes.options … holds values already … rename column options", sql: `
		alter table scenes add options jsonb; insert into scenes (options) values ('{"zoom": 2}')`},
	{app: "`scenes.options` with values that are meant for loom-lite", sql: `
		alter table scenes add options jsonb; insert into scenes (options) values ('{"color_scheme": "dark"}');
		comment on column scenes.options is 'loom-lite'`},
	{app: "columns with our names and types, empty and nullable", sql: `
		alter table scenes add options jsonb; alter table campaigns add output_rate varchar(20), add output_options jsonb, add facecam_options jsonb;
		alter table renders add warnings jsonb, add cancel_requested boolean, add error_code varchar(60), add report jsonb;`},

	// Tables.
	{app: "the tables in another schema", refused: "public.renders is missing, and the schema app has … alter table app.renders set schema public", sql: `
		create schema app; alter table campaigns set schema app; alter table scenes set schema app;
		alter table renders set schema app; alter table render_jobs set schema app;`},
	{app: "`renders` a view", refused: "public.renders is no table",
		sql: "alter table renders rename to all_renders; create view renders as select * from all_renders"},
	{app: "`renders` without a key", refused: "public.renders.id is not unique by itself … add unique (id)",
		sql: "alter table renders drop constraint renders_pkey cascade"},
	{app: "`renders` partitioned by time", refused: "public.renders.id is not unique by itself … partitioned by id", sql: partitioned("created_at", "range", "(id, created_at)", "default")},
	{app: "`renders` partitioned by id", sql: partitioned("id", "hash", "(id)", "for values with (modulus 1, remainder 0)")},
	{app: "no tables at all", sql: "drop table render_jobs, renders, scenes, campaigns"},

	// Functions.
	{app: "`claim_render_job(text)` with a default", refused: "public.claim_render_job(text) makes calls of claim_render_job() ambiguous … drop function public.claim_render_job(text)",
		sql: "create function claim_render_job(worker text default '') returns int language sql as 'select 1'"},
	{app: "the same, made after the migration: the Node worker cannot claim, ingest can",
		later: "create function claim_render_job(worker text default '') returns int language sql as 'select 1'"},
	{app: "`claim_render_job(text)`", sql: "create function claim_render_job(worker text) returns int language sql as 'select 1'"},
	{app: "`claim_render_job()` that returns something else", sql: "create function claim_render_job() returns json language sql as 'select null::json'"},
	{app: "the same, and a view that uses it", refused: "view next_job uses a claim_render_job() … make it again", sql: `
		create function claim_render_job() returns json language sql as 'select null::json'; create view next_job as select claim_render_job()`},
	{app: "an earlier `claim_render_job()`, and a view that uses it", sql: `
		create function claim_render_job() returns setof render_jobs language plpgsql security definer as 'begin return; end';
		create view next_job as select * from claim_render_job()`},
	{app: "functions with the names of built-in ones", sql: `
		create function jsonb_build_array(jsonb) returns jsonb language plpgsql as $$ begin raise 'not meant'; end $$;
		create function floor(real) returns int language plpgsql as $$ begin raise 'not meant'; end $$;
		create function power(int, int) returns int language plpgsql as $$ begin raise 'not meant'; end $$;`},
	{app: "row level security, with policies for browsers", sql: `
		alter table campaigns enable row level security; alter table renders enable row level security;
		alter table render_jobs enable row level security; create policy own on renders using (false)`},
}

// partitioned makes renders a partitioned table.
func partitioned(by, how, key, partition string) string {
	return `alter table render_jobs drop constraint render_jobs_render_id_fkey; drop table renders;
		create table renders (id uuid default gen_random_uuid(), campaign_id uuid references campaigns, status text default 'queued',
		  progress int default 0, final_video_url text, thumb_url text, error_message text, created_at timestamptz default now(),
		  updated_at timestamptz default now(), completed_at timestamptz, primary key ` + key + `) partition by ` + how + ` (` + by + `);
		create table renders_all partition of renders ` + partition
}
