package web_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// seed fills a database with renders of ten tasks each, of the last days: most done, some failed or
// cancelled, some that run and some that wait. It is as an installation leaves them, but that
// nobody works on them.
func seed(t testing.TB, database string, renders int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if err := fill(t.Context(), conn, renders); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"public.campaigns", "public.scenes", "public.renders", "public.render_jobs", "loom.plans", "loom.tasks", "loom.attempts", "loom.dead_letters"} {
		if _, err := conn.Exec(t.Context(), "vacuum analyze "+table); err != nil {
			t.Fatal(err)
		}
	}
}

func fill(ctx context.Context, conn *pgx.Conn, renders int) error {
	for _, sql := range seeds {
		if _, err := conn.Exec(ctx, strings.ReplaceAll(sql, "$1", strconv.Itoa(renders))); err != nil {
			return fmt.Errorf("%w in %.80s", err, sql)
		}
	}
	return nil
}

// somePreflight is the id of a preflight that still runs, and pictureKey where its pictures are.
const (
	somePreflight = "00000000-0000-4000-8000-0000000000aa"
	pictureKey    = "preflights/picture.jpg"
)

// seeds make n renders: the first is the oldest.
var seeds = []string{
	// What each render is: the newest 3 run, and the 12 before them wait.
	`create temp table seeds as
	 select n, gen_random_uuid() as campaign, gen_random_uuid() as render, gen_random_uuid() as job, gen_random_uuid() as plan,
	        now() - ($1 - n) * interval '37 seconds' - interval '20 seconds' as created,
	        case when n > $1 - 12 then 'queued' when n > $1 - 15 then (array['recording', 'normalizing', 'uploading'])[1 + n % 3]
	             when n % 29 = 0 then 'failed' when n % 97 = 0 then 'cancelled' else 'done' end as status,
	        interval '21 seconds' + (n * 7919 % 40) * interval '1 second' as took,
	        (array['Spring launch', 'Onboarding tour', 'Weekly recap', 'Pricing walk-through', 'Release notes', 'Customer story', 'Demo for Acme', 'Quarterly review'])[1 + n * 31 % 8] || ' ' || (n % 500 + 1) as name,
	        ('00000000-0000-4000-8000-' || lpad((n % 9)::text, 12, '0'))::uuid as owner,
	        (array['scene_unreachable', 'scene_timeout', 'scene_login_wall', 'scene_http_error', 'worker_lost'])[1 + n / 29 % 5] as code
	   from generate_series(1, $1) n`,
	`insert into public.campaigns (id, name, user_id) select campaign, name, owner from seeds`,
	`insert into public.scenes (campaign_id, url, duration_sec, order_index)
	 select campaign, 'https://' || (array['app.example.com', 'www.example.org', 'shop.example.net', 'docs.example.io'])[1 + (n + s) % 4] || '/tour/' || s, 4 + s, s
	   from seeds, generate_series(0, 2) s`,
	`insert into public.renders (id, campaign_id, status, progress, error_code, error_message, created_at, updated_at, completed_at)
	 select render, campaign, status, case status when 'done' then 100 when 'queued' then 0 else 20 + n % 60 end,
	        case when status = 'failed' then code end, case when status = 'failed' then 'Scene 2 could not be shown: ' || replace(code, '_', ' ') || '.' end,
	        created, created + took, case when status in ('done', 'failed', 'cancelled') then created + took end
	   from seeds`,
	`insert into public.render_jobs (id, render_id, state, created_at, updated_at, started_at, completed_at, error_message)
	 select job, render, case status when 'done' then 'completed' when 'queued' then 'queued' when 'failed' then 'failed' when 'cancelled' then 'cancelled' else 'running' end,
	        created, created + took, case when status <> 'queued' then created + interval '1 second' end,
	        case when status in ('done', 'failed', 'cancelled') then created + took end, null
	   from seeds`,
	`insert into loom.plans (id, render_id, job_id, campaign, max_retries, outcome, created_at, ended_at, owner)
	 select plan, render, job, '{"scenes": []}', 3, case when status in ('done', 'failed', 'cancelled') then status end, created + interval '1 second',
	        case when status in ('done', 'failed', 'cancelled') then created + took end, owner::text
	   from seeds where status <> 'queued'`,
	`create temp table seed_tasks as
	 select gen_random_uuid() as id, s.*, k.kind, k.seq, k.place,
	        created + took * k.share as begins, created + took * (k.share + k.lasts) as ends,
	        case when status = 'done' then 'done'
	             when status = 'failed' then case when k.place < 2 then 'done' when k.place = 2 then 'failed' else 'cancelled' end
	             when status = 'cancelled' then case when k.place < 3 then 'done' else 'cancelled' end
	             when k.place < 3 then 'done' when k.place < 5 then 'running' when k.place < 7 then 'due' else 'waiting' end as state
	   from seeds s, (values ('record', 0, 1, .05, .3), ('record', 1, 2, .06, .35), ('record', 2, 3, .1, .4), ('probe', 0, 0, .04, .03),
	                         ('normalize', 0, 4, .36, .2), ('normalize', 1, 5, .42, .2), ('normalize', 2, 6, .51, .2),
	                         ('concat', 0, 7, .72, .06), ('overlay', 0, 8, .79, .1), ('upload', 0, 9, .9, .09)) as k (kind, seq, place, share, lasts)
	  where status <> 'queued'`,
	`insert into loom.tasks (id, plan_id, render_id, kind, seq, params, weight, state, attempt, failures, worker, progress, created_at, started_at, ended_at, lease_until, host, facts, output_key, began_at)
	 select id, plan, render, kind, seq,
	        case when kind in ('record', 'normalize') then jsonb_build_object('scene', seq + 1, 'url', 'https://app.example.com/tour/' || seq, 'frames', (4 + seq) * 30, 'rate', '30/1') else '{}' end,
	        1, state, case when state in ('done', 'failed', 'running') then 1 else 0 end, (state = 'failed')::int,
	        case when state in ('done', 'failed', 'running') then (case kind when 'record' then 'recorder-' when 'upload' then 'uploader-' else 'transcoder-' end) || (n % 3 + 1) end,
	        case state when 'done' then 1 when 'running' then .4 else 0 end, created + interval '1 second',
	        case when state in ('done', 'failed', 'running') then begins end, case when state in ('done', 'failed', 'cancelled') then ends end,
	        case when state = 'running' then now() + interval '1 hour' end, case when kind = 'record' then (array['app.example.com', 'www.example.org', 'shop.example.net'])[1 + (n + seq) % 3] end,
	        case when state = 'done' then case when kind in ('concat', 'overlay') then '{"frames": 450, "bytes": 4200000}'::jsonb when kind = 'record' then jsonb_build_object('frames', (4 + seq) * 30, 'bytes', 300000 + n * 41) end end,
	        case when state = 'done' and kind = 'record' and n > $1 - 2000 then decode(md5(id::text), 'hex') end, case when state = 'done' then begins end
	   from seed_tasks`,
	`insert into loom.attempts (task_id, attempt, worker, granted_at, ended_at, outcome, error_code, error_message)
	 select id, 1, (case kind when 'record' then 'recorder-' when 'upload' then 'uploader-' else 'transcoder-' end) || (n % 3 + 1), begins,
	        case when state <> 'running' then ends end, case state when 'done' then 'done' when 'failed' then 'failed' end,
	        case when state = 'failed' then code end, case when state = 'failed' then 'Scene 2 could not be shown.' end
	   from seed_tasks where state in ('done', 'failed', 'running')`,
	`insert into loom.dead_letters (id, task_id, render_id, kind, error_code, error_message, worker, died_at)
	 select id, id, render, kind, code, 'Scene 2 could not be shown: ' || replace(code, '_', ' ') || '.', 'recorder-1', ends from seed_tasks where state = 'failed'`,
	`select loom.open_preflight('` + somePreflight + `', null, null, 'Spring launch', jsonb_agg(jsonb_build_object(
	          'id', gen_random_uuid(), 'url', 'https://app.example.com/tour/' || s, 'params', '{}'::jsonb) order by s)) from generate_series(0, 4) s`,
	`select loom.finish_page(p.id, g.attempt, f.facts::jsonb, '` + pictureKey + `')
	   from (values (0, '{"findings": [{"class": "ok", "reason": "The page is shown."}], "load_ms": 700, "picture": false}'),
	                (1, '{"findings": [{"class": "login", "code": "scene_login_wall", "reason": "It asks for a login.", "advice": "Use a public page."}], "fails": true, "load_ms": 1500, "picture": true}'),
	                (2, '{"findings": [{"class": "missing_fonts", "reason": "Some text is shown as boxes.", "advice": "Install fonts."}, {"class": "slow", "reason": "It took 9 s."}], "load_ms": 9000, "picture": true}')) as f (seq, facts)
	   join loom.preflight_pages p on p.seq = f.seq, lateral loom.grant_page(p.id, 'recorder-1', gen_random_uuid(), '1 minute', null) g`,
	`select loom.fail_page(p.id, g.attempt, 'internal', 'Something went wrong on our side. Please try again.', 'why', true)
	   from loom.preflight_pages p, lateral loom.grant_page(p.id, 'recorder-1', gen_random_uuid(), '1 minute', null) g where p.seq = 3`,
	`insert into loom.workers (worker, stage, heard_at, done_at)
	 select v.stage_name || '-' || i, v.stage, now() - case when i = 3 and v.stage = 'record' then interval '9 minutes' else interval '5 seconds' end, now()
	   from (values ('recorder', 'record'), ('transcoder', 'transcode'), ('uploader', 'upload')) as v (stage_name, stage), generate_series(1, 3) i`,
	// An endpoint of webhooks, with two deliveries that are dead and one that arrived.
	`select loom.add_endpoint('` + someEndpoint + `', 'https://app.example.com/path-that-is-secret', 'The app', '{render.failed}', null, '\x00')`,
	`insert into loom.webhook_events (id, type, data, endpoint_id, fanned_at)
	 select ('00000000-0000-4000-8000-00000000e10' || n)::uuid, 'endpoint.test', '{"endpoint_id": "` + someEndpoint + `", "text": "This is a <test>."}', '` + someEndpoint + `', now()
	   from generate_series(1, 3) n`,
	`insert into loom.webhook_deliveries (id, event_id, endpoint_id, state, attempt, failures, status, error, ended_at)
	 select ('00000000-0000-4000-8000-00000000e20' || right(id::text, 1))::uuid, id, endpoint_id, case right(id::text, 1) when '3' then 'delivered' else 'dead' end, 1, 1, 500, 'it answered 500', now()
	   from loom.webhook_events where endpoint_id is not null`,
	`insert into loom.webhook_attempts (delivery_id, attempt, began_at, ended_at, status, error, response)
	 select id, 1, now() - interval '1 second', now(), 500, 'it answered 500', '<b>Sorry</b>' from loom.webhook_deliveries`,
}

// someEndpoint is the endpoint of webhooks, and someDelivery one of its deliveries, which is dead.
const (
	someEndpoint = "00000000-0000-4000-8000-00000000e000"
	someDelivery = "00000000-0000-4000-8000-00000000e201"
)
