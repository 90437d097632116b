-- The app's tables, as its owner has them. They are created only where they are missing, so an
-- empty database can be used. Existing tables stay exactly as they are.

create table if not exists public.campaigns (
  id            uuid primary key default gen_random_uuid(),
  name          text not null,
  user_id       uuid,
  facecam_url   text,
  output_width  int default 1920,
  output_height int default 1080,
  output_fps    int default 60
);

create table if not exists public.scenes (
  id           uuid primary key default gen_random_uuid(),
  campaign_id  uuid not null references public.campaigns (id) on delete cascade,
  url          text not null,
  duration_sec int not null,
  order_index  int not null
);

create table if not exists public.renders (
  id              uuid primary key default gen_random_uuid(),
  campaign_id     uuid not null references public.campaigns (id) on delete cascade,
  status          text not null default 'queued',
  progress        int not null default 0,
  final_video_url text,
  thumb_url       text,
  error_message   text,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  completed_at    timestamptz
);

create table if not exists public.render_jobs (
  id            uuid primary key default gen_random_uuid(),
  render_id     uuid not null references public.renders (id) on delete cascade,
  state         text not null default 'queued',
  started_at    timestamptz,
  completed_at  timestamptz,
  error_message text,
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now()
);

-- Our columns in the app's tables. Each has a default, so the app need not know of them.

-- Why a render failed, for programs. docs/reference/errors.md lists the codes.
alter table public.renders add column if not exists error_code text;

-- What differs from what was requested, in a render that goes on all the same: [{"code": …,
-- "scene": 2, "message": …}]. A message can be shown to the product's user as it is.
alter table public.renders add column if not exists warnings jsonb not null default '[]';

-- A thumbnail that is 640 pixels wide. That of thumb_url has the video's size.
alter table public.renders add column if not exists thumb_small_url text;

-- A few seconds of the video for mails, where the campaign asks for it: an animated GIF and WebP.
alter table public.renders add column if not exists preview_url text;
alter table public.renders add column if not exists preview_webp_url text;

-- A page with the video, where the campaign asks for it.
alter table public.renders add column if not exists share_url text;

-- What was measured on the finished video before the render was done: docs/reference/report.md.
alter table public.renders add column if not exists report jsonb;

-- The app sets it to cancel a render, whatever values its status may take. It becomes false again
-- once that is done.
alter table public.renders add column if not exists cancel_requested boolean not null default false;
create index if not exists renders_cancel_requested on public.renders (id) where cancel_requested;

-- How a scene's page is shown: docs/reference/scene-options.md. It may hold secrets.
alter table public.scenes add column if not exists options jsonb not null default '{}';

-- Frames per second where a whole number is not enough: '30000/1001', '29.97'. It takes precedence
-- over output_fps.
alter table public.campaigns add column if not exists output_rate text;

-- How the video is made: docs/reference/output-options.md.
alter table public.campaigns add column if not exists output_options jsonb not null default '{}';

-- How the presenter is shown: docs/reference/facecam.md.
alter table public.campaigns add column if not exists facecam_options jsonb not null default '{}';

-- Which queued job is started next: docs/reference/queue.md. The app may set priority: a job of a
-- higher one is started first. The turn is set when the job is queued (0008_turns.sql), and who it
-- belongs to.
alter table public.render_jobs add column if not exists priority int not null default 0;
alter table public.render_jobs add column if not exists queue_turn bigint not null default 0;
alter table public.render_jobs add column if not exists queue_owner text not null default '';

-- When a job was queued, by this database's clock: recordings of its render began no earlier,
-- unless older ones may be used. It is set as the turn is.
alter table public.render_jobs add column if not exists queued_at timestamptz;

-- Marks them as ours. Where this mark is missing and a column of such a name holds values, loom
-- migrate takes it for the app's own.
do $$
declare
  v_column text;
begin
  foreach v_column in array array['renders.error_code', 'renders.warnings', 'renders.thumb_small_url', 'renders.preview_url', 'renders.preview_webp_url', 'renders.share_url', 'renders.report', 'renders.cancel_requested', 'scenes.options',
                                  'campaigns.output_rate', 'campaigns.output_options', 'campaigns.facecam_options',
                                  'render_jobs.priority', 'render_jobs.queue_turn', 'render_jobs.queue_owner', 'render_jobs.queued_at'] loop
    if (select col_description(a.attrelid, a.attnum) from pg_attribute a
         where a.attrelid = ('public.' || split_part(v_column, '.', 1))::regclass and a.attname = split_part(v_column, '.', 2)) is null then
      execute format('comment on column public.%s is %L', v_column, 'loom-lite');
    end if;
  end loop;
end
$$;

-- Queued jobs in the order in which they are started, and those of each owner.
drop index if exists public.render_jobs_queued;
create index if not exists render_jobs_turns on public.render_jobs (priority desc, queue_turn, created_at, id) where state = 'queued';
create index if not exists render_jobs_owners on public.render_jobs (queue_owner, queue_turn) where state = 'queued';
-- Claiming also looks for a render's other jobs and for a campaign's scenes, and deleting a
-- campaign looks for what belongs to it. Foreign keys bring no index.
do $$
declare
  v record;
begin
  for v in
    select * from (values ('render_jobs', 'render_id', 'render_jobs_render'), ('scenes', 'campaign_id', 'scenes_campaign'),
                          ('renders', 'campaign_id', 'renders_campaign')) as x (tab, col, name)
  loop
    if not exists (select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
                    where i.indrelid = ('public.' || v.tab)::regclass and a.attname = v.col and i.indisvalid and i.indpred is null) then
      execute format('create index %I on public.%I (%I)', v.name, v.tab, v.col);
    end if;
  end loop;
end
$$;
