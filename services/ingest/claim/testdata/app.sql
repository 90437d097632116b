-- The tables of the app, as their owner has them: what loom-lite promises to work on.

create table campaigns (
  id            uuid primary key default gen_random_uuid(),
  name          text not null,
  user_id       uuid,
  facecam_url   text,
  output_width  int default 1920,
  output_height int default 1080,
  output_fps    int default 60
);
create table scenes (
  id           uuid primary key default gen_random_uuid(),
  campaign_id  uuid references campaigns (id) on delete cascade,
  url          text,
  duration_sec int,
  order_index  int
);
create table renders (
  id              uuid primary key default gen_random_uuid(),
  campaign_id     uuid references campaigns (id) on delete cascade,
  status          text default 'queued',
  progress        int default 0 check (progress between 0 and 100),
  final_video_url text,
  thumb_url       text,
  error_message   text,
  created_at      timestamptz default now(),
  updated_at      timestamptz default now(),
  completed_at    timestamptz
);
create table render_jobs (
  id            uuid primary key default gen_random_uuid(),
  render_id     uuid references renders (id) on delete cascade,
  state         text default 'queued',
  started_at    timestamptz,
  completed_at  timestamptz,
  error_message text,
  created_at    timestamptz default now(),
  updated_at    timestamptz default now()
);
