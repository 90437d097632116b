-- An app on Supabase before loom-lite: its roles, default privileges, tables and rows.

do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated', 'service_role'] loop
    if not exists (select from pg_roles where rolname = v_role) then
      execute format('create role %I nologin', v_role);
    end if;
  end loop;
  alter role service_role bypassrls;
exception when duplicate_object or unique_violation then
  null; -- another test was faster
end
$$;
grant usage on schema public to anon, authenticated, service_role;
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
-- Not Supabase's own, but somebody's: for every schema.
alter default privileges grant all on tables to anon, authenticated;
alter default privileges grant execute on functions to anon, authenticated;

create table campaigns (
  id            uuid primary key default gen_random_uuid(),
  name          text not null,
  user_id       uuid,
  facecam_url   text,
  output_width  int default 1920,
  output_height int default 1080,
  output_fps    int default 60,
  app_extra     jsonb default '{}'
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
  created_at      timestamp default now(),
  updated_at      timestamp default now(),
  completed_at    timestamp
);
create table render_jobs (
  id            uuid primary key default gen_random_uuid(),
  render_id     uuid references renders (id) on delete cascade,
  state         text default 'queued',
  started_at    timestamp,
  completed_at  timestamp,
  error_message text,
  created_at    timestamp default now(),
  updated_at    timestamp default now()
);
alter table campaigns enable row level security;
alter table renders enable row level security;
create policy own_campaigns on campaigns for all to authenticated using (true) with check (true);
create policy own_renders on renders for all to authenticated using (true) with check (true);

insert into campaigns (id, name, facecam_url, output_fps) values
  ('00000000-0000-0000-0000-0000000000c1', 'first', null, 30),
  ('00000000-0000-0000-0000-0000000000c2', 'second', 'https://example.com/face.mp4', null);
insert into scenes (campaign_id, url, duration_sec, order_index) values
  ('00000000-0000-0000-0000-0000000000c1', 'https://example.com/a', 3, 0),
  ('00000000-0000-0000-0000-0000000000c1', 'https://example.com/b', 4, 0);
insert into renders (id, campaign_id, status, progress, final_video_url, completed_at) values
  ('00000000-0000-0000-0000-0000000000f1', '00000000-0000-0000-0000-0000000000c1', 'done', 100, 'https://cdn/x.mp4', now()),
  ('00000000-0000-0000-0000-0000000000f2', '00000000-0000-0000-0000-0000000000c1', 'recording', 20, null, null),
  ('00000000-0000-0000-0000-0000000000f3', '00000000-0000-0000-0000-0000000000c2', 'queued', 0, null, null);
insert into render_jobs (render_id, state, started_at) values
  ('00000000-0000-0000-0000-0000000000f1', 'completed', now()),
  ('00000000-0000-0000-0000-0000000000f2', 'running', now()),
  ('00000000-0000-0000-0000-0000000000f3', 'queued', null);
