package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/cmd/loom/local"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
)

// apps is the database of an app that has nothing to do with loom-lite yet, and has a job.
var apps = postgrestest.NewTemplate(func(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `
		create table campaigns (id uuid primary key default gen_random_uuid(), name text not null, user_id uuid, facecam_url text,
			output_width int default 1920, output_height int default 1080, output_fps int default 60);
		create table scenes (id uuid primary key default gen_random_uuid(), campaign_id uuid not null references campaigns on delete cascade,
			url text not null, duration_sec int not null, order_index int not null);
		create table renders (id uuid primary key default gen_random_uuid(), campaign_id uuid not null references campaigns on delete cascade,
			status text not null default 'queued', progress int not null default 0, final_video_url text, thumb_url text, error_message text,
			created_at timestamptz not null default now(), updated_at timestamptz not null default now(), completed_at timestamptz);
		create table render_jobs (id uuid primary key default gen_random_uuid(), render_id uuid not null references renders on delete cascade,
			state text not null default 'queued', started_at timestamptz, completed_at timestamptz, error_message text,
			created_at timestamptz not null default now(), updated_at timestamptz not null default now());
		with c as (insert into campaigns (name) values ('theirs') returning id),
		     s as (insert into scenes (campaign_id, url, duration_sec, order_index) select id, 'http://127.0.0.1:1/', 1, 0 from c),
		     r as (insert into renders (campaign_id) select id from c returning id)
		insert into render_jobs (render_id) select id from r`)
	return err
})

// state tells all of an app's database that loom-lite could change.
func state(t *testing.T, url string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	var all string
	err = conn.QueryRow(t.Context(), `
		select concat_ws(' ', (select string_agg(nspname, ',' order by nspname) from pg_namespace),
		                      (select count(*) from pg_attribute), (select count(*) from pg_proc),
		                      (select string_agg(to_jsonb(r)::text, ',' order by id) from renders r),
		                      (select string_agg(to_jsonb(j)::text, ',' order by id) from render_jobs j))`).Scan(&all)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestNoCommandWritesIntoADatabaseThatItWasNotGiven(t *testing.T) {
	url := apps.Database(t)
	before := state(t, url)
	file := filepath.Join(t.TempDir(), "c.yaml")
	write(t, file, "scenes: [{url: 'http://127.0.0.1:1/', duration_sec: 1}]")
	out := filepath.Join(t.TempDir(), "o.mp4")
	for name, c := range map[string]struct {
		args []string
		says []string
	}{
		"up":     {[]string{"up"}, []string{"DATABASE_URL from .env", "claim its render jobs", "S3_ENDPOINT is not set", "127.0.0.1", "--adopt"}},
		"render": {[]string{"render", file, "-o", out}, []string{"DATABASE_URL from .env", "nothing was written", "loom migrate", "--local"}},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			a := &app{
				environ: map[string]string{"DATABASE_URL": url}, dotenv: map[string]bool{"DATABASE_URL": true}, stdout: &stdout, stderr: &stderr,
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			if status := a.run(ctx, append(c.args, "--data", dataFolder(t))); status != statusUsage {
				t.Errorf("status %d, want %d", status, statusUsage)
			}
			for _, words := range c.says {
				if !strings.Contains(stderr.String(), words) {
					t.Errorf("%q is not in %q", words, stderr.String())
				}
			}
			if after := state(t, url); after != before {
				t.Errorf("the database has changed from\n%s\nto\n%s", before, after)
			}
		})
	}
}

func TestServersOfOthersAreUsedOnlyWhenAdopted(t *testing.T) {
	for variable, url := range map[string]string{
		"DATABASE_URL": "postgres://u:hunter2@127.0.0.1:1/app", "NATS_URL": "nats://u:hunter2@127.0.0.1:1", "S3_ENDPOINT": "http://127.0.0.1:1",
	} {
		environ := map[string]string{variable: url, "S3_ACCESS_KEY_ID": "a", "S3_SECRET_ACCESS_KEY": "b"}
		data := dataFolder(t)
		status, _, stderr := loom(t, environ, "up", "--data", data)
		if status != statusUsage || !strings.Contains(stderr, variable) || !strings.Contains(stderr, "127.0.0.1:1") ||
			!strings.Contains(stderr, variable+"= loom up") || strings.Contains(stderr, "hunter2") {
			t.Errorf("%s: status %d, %s", variable, status, stderr)
		}
		if _, running := local.Running(data); running {
			t.Errorf("%s: something was started", variable)
		}
	}
	// Adopted, it is looked for.
	environ := map[string]string{"DATABASE_URL": "postgres://u:hunter2@127.0.0.1:1/app"}
	status, _, stderr := loom(t, environ, "up", "--adopt", "--data", dataFolder(t))
	if status != statusFailed || !strings.Contains(stderr, "connect to the database") {
		t.Errorf("adopted: status %d, %s", status, stderr)
	}
}

func TestALocalRenderIsNotMadeByALoomUpThatHasAdoptedADatabase(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	write(t, file, "scenes: [{url: 'https://example.com', duration_sec: 1}]")
	data := held(t, holderUp, "DATABASE_URL=postgres://127.0.0.1:1/app\nLOOM_EXTERNAL=Postgres\n")
	status, _, stderr := loom(t, nil, "render", file, "--local", "-o", filepath.Join(t.TempDir(), "o.mp4"), "--data", data)
	if status != statusUsage || !strings.Contains(stderr, "(Postgres)") || !strings.Contains(stderr, "--data") {
		t.Errorf("status %d, %s", status, stderr)
	}
}

func TestADatabaseThatCannotBeReachedIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	write(t, file, "scenes: [{url: 'https://example.com', duration_sec: 1}]")
	data := held(t, holderUp, "DATABASE_URL=postgres://127.0.0.1:2/own\n")
	for _, args := range [][]string{{"list"}, {"status", "ab"}, {"render", file, "-o", filepath.Join(t.TempDir(), "o.mp4")}} {
		var stdout, stderr bytes.Buffer
		a := &app{
			environ: map[string]string{"DATABASE_URL": "postgres://u:hunter2@127.0.0.1:1/app"}, dotenv: map[string]bool{"DATABASE_URL": true},
			stdout: &stdout, stderr: &stderr,
		}
		status := a.run(t.Context(), append(args, "--data", data))
		said := stderr.String()
		for _, words := range []string{"the database app at 127.0.0.1:1 (DATABASE_URL from .env) cannot be reached", "The loom up on " + data, "DATABASE_URL= loom"} {
			if status != statusFailed || !strings.Contains(said, words) || strings.Contains(said, "hunter2") {
				t.Errorf("%s: status %d, %q, want %q", args[0], status, said, words)
			}
		}
	}
}

func TestWhereASettingComesFromIsTold(t *testing.T) {
	got := fromDotenv(map[string]string{"A": "1", "B": "2"}, []string{"A=1", "C=3"})
	if len(got) != 1 || !got["B"] {
		t.Errorf("%v", got)
	}
}
