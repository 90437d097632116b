package main

import (
	"context"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/pkg/store/storetest"
	"github.com/loom-lite/loom-lite/services/console"
	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/access/accesstest"
	"github.com/loom-lite/loom-lite/services/console/tokens"
)

// served starts a console of the database in environ, with what else environ has, and returns an
// environment that has its API and no database.
func served(t *testing.T, environ map[string]string) map[string]string {
	t.Helper()
	settings := map[string]string{
		"S3_ENDPOINT": "http://127.0.0.1:1", "S3_ACCESS_KEY_ID": "key", "S3_SECRET_ACCESS_KEY": "secret", "PORT": "0", "LOG_LEVEL": "error",
		"EGRESS_ALLOW": "127.0.0.1",
	}
	maps.Copy(settings, environ)
	settings["NATS_URL"] = stagetest.StartNATS(t).URL()
	cfg, err := console.LoadConfig(settings)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.WebListener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- console.Run(ctx, cfg) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	db, err := pgxpool.New(t.Context(), environ["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, secret, err := tokens.Create(accesstest.Operator(t), db, tokens.Request{Name: "loom", Scope: access.Admin})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, secret+"\n")
	return map[string]string{apiURL: "http://" + cfg.WebListener.Addr().String(), apiTokenFile: file}
}

// bothWays runs a test with commands that use a database, and with commands that use its API.
func bothWays(t *testing.T, n int, test func(t *testing.T, db *pgxpool.Pool, environ map[string]string, ids []uuid.UUID)) {
	t.Helper()
	t.Run("on the database", func(t *testing.T) {
		db, environ, ids := controlled(t, n)
		test(t, db, environ, ids)
	})
	t.Run("over the API", func(t *testing.T) {
		db, environ, ids := controlled(t, n)
		test(t, db, served(t, environ), ids)
	})
}

// age is how long ago something was, with the spaces that align it.
var age = regexp.MustCompile(` *\b\d+[smh]\b`)

func TestCommandsPrintTheSameOverTheAPI(t *testing.T) {
	db, onDatabase, ids := controlled(t, 5)
	died(t, db, ids[0], "internal", "a.example")
	died(t, db, ids[1], "storage_unavailable", "b.example")
	execute(t, db, "update renders set status = 'done', progress = 100, completed_at = now(), report = '{\"frames\": 30, \"rate\": \"30/1\"}' where id = $1", ids[2])
	overAPI := served(t, onDatabase)
	execute(t, db, "select loom.pause_kinds('{record}')")
	var letter string
	if err := db.QueryRow(t.Context(), "select id::text from loom.dead_letters limit 1").Scan(&letter); err != nil {
		t.Fatal(err)
	}
	a, prefix := ids[0].String(), ids[0].String()[:10]
	for _, args := range [][]string{
		{"list"}, {"list", "--json"}, {"list", "--limit", "2"}, {"list", "--limit", "0"},
		{"status", a}, {"status", prefix, "--json"}, {"status", ids[2].String(), "--json"}, {"status", ids[4].String()},
		{"status", uuid.NewString()}, {"status", "xyz"}, {"status", "zz"},
		{"receipt", a}, {"receipt", prefix, "--json"}, {"receipt", uuid.NewString()},
		{"bundle", a}, {"bundle", uuid.NewString()},
		{"top", "--once"},
		{"dead", "list"}, {"dead", "list", "--json"}, {"dead", "list", "--code", "internal", "--since", "1h", "--limit", "1", "--json"},
		{"dead", "list", "--render", prefix, "--json"}, {"dead", "list", "--kind", "upload"}, {"dead", "list", "--user", uuid.NewString(), "--json"},
		{"dead", "show", letter, "--json"}, {"dead", "show", letter[28:]}, {"dead", "show", uuid.NewString()}, {"dead", "show", "ffffffffff"},
		{"dead", "replay"}, {"dead", "discard", uuid.NewString()},
		{"retry", "--all", "--code", "internal", "--dry-run"}, {"retry", "--all", "--code", "internal", "--dry-run", "--json"}, {"retry", "--all"},
		{"cancel", ids[3].String(), uuid.NewString()}, {"cancel", ids[2].String()}, {"retry", ids[2].String(), ids[3].String(), "--json"},
		{"pause", "nothing"}, {"pause", "record"},
		{"tokens", "revoke", uuid.NewString()}, {"tokens", "create", "x", "--scope", "admin", "--user", uuid.NewString()},
	} {
		// Time passes between the two: ages are left out, and what says when something will end is
		// asked for again.
		var status, status2 int
		var stdout, stdout2, stderr, stderr2 string
		same := func() bool {
			status, stdout, stderr = loom(t, onDatabase, args...)
			status2, stdout2, stderr2 = loom(t, overAPI, args...)
			return status == status2 && age.ReplaceAllString(stdout, "age") == age.ReplaceAllString(stdout2, "age")
		}
		equal := same()
		for tries := 1; !equal && tries < 5; tries++ {
			equal = same()
		}
		if !equal {
			t.Errorf("loom %s:\n%d %s%s\nover the API:\n%d %s%s", strings.Join(args, " "), status, stdout, stderr, status2, stdout2, stderr2)
		}
		if (stderr == "") != (stderr2 == "") {
			t.Errorf("loom %s says %q and, over the API, %q", strings.Join(args, " "), stderr, stderr2)
		}
	}
	// Its time differs.
	if first, second := printed[map[string]any](t, onDatabase, "top", "--json"), printed[map[string]any](t, overAPI, "top", "--json"); len(first) != len(second) || first["jobs_queued"] != second["jobs_queued"] {
		t.Errorf("%v\n%v", first, second)
	}
	// Last used is the API's doing.
	if list := printed[[]tokens.Token](t, overAPI, "tokens", "list", "--json"); len(list) != 1 || list[0].Name != "loom" {
		t.Errorf("%+v", list)
	}
}

func TestARenderOverTheAPIIsSubmittedAndFollowed(t *testing.T) {
	db, onDatabase, _ := controlled(t, 0)
	overAPI := served(t, onDatabase)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "c.yaml"), "name: Over there\noutput_rate: 29.97\noutput_options: {quality: high}\nmetadata: {a: b}\n"+
		"scenes: [{url: 'https://example.com', duration_sec: 1, options: {scroll: {to: bottom}}}]")
	write(t, filepath.Join(dir, "page.html"), "<p>")
	write(t, filepath.Join(dir, "local.yaml"), "scenes: [{url: page.html, duration_sec: 1}]")

	type result struct {
		status         int
		stdout, stderr string
	}
	ended := make(chan result, 1)
	go func() {
		status, stdout, stderr := loom(t, overAPI, "render", filepath.Join(dir, "c.yaml"), "-o", filepath.Join(dir, "o.mp4"), "--no-cache", "--json")
		ended <- result{status, stdout, stderr}
	}()
	var campaign string
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		err := db.QueryRow(t.Context(), `with ended as (update renders set status = 'failed', error_code = 'scene_timeout', error_message = 'Too late.'
			where status = 'queued' returning campaign_id) select c.name || ' ' || c.output_rate || ' ' || c.output_options::text || ' ' || c.metadata::text || s.options::text
			from ended join campaigns c on c.id = ended.campaign_id join scenes s on s.campaign_id = c.id`).Scan(&campaign)
		if err == nil || time.Now().After(deadline) {
			break
		}
	}
	got := <-ended
	if want := `Over there 29.97 {"cache": "off", "quality": "high"} {"a": "b"}{"scroll": {"to": "bottom"}}`; campaign != want {
		t.Errorf("the campaign is %s, want %s", campaign, want)
	}
	var o outcome
	if err := json.Unmarshal([]byte(got.stdout), &o); err != nil || got.status != statusFailed || o.Status != "failed" || *o.ErrorCode != "scene_timeout" {
		t.Errorf("%+v, %v", got, err)
	}
	if !strings.Contains(got.stderr, "in "+overAPI[apiURL]) {
		t.Errorf("it does not say where: %s", got.stderr)
	}
	for name, c := range map[string]struct{ args, says string }{
		"files":         {"render " + filepath.Join(dir, "local.yaml"), "names local files"},
		"pages":         {"preflight " + filepath.Join(dir, "local.yaml"), "names local files"},
		"two ways":      {"render " + filepath.Join(dir, "c.yaml") + " --local --api http://127.0.0.1:1", "leave one of them out"},
		"the server":    {"up --api http://127.0.0.1:1", "loom up needs the installation itself, and not its API"},
		"the link":      {"console link --token-file x", "loom console link needs the installation itself"},
		"no URL":        {"list --api example.com", "https://video.example.com"},
		"a token alone": {"list --token-file x", ""},
	} {
		environ := overAPI
		if name == "a token alone" {
			environ, c.says = nil, "name the API with --api"
		}
		args := append(strings.Fields(c.args), "--data", filepath.Join(dir, "none"))
		if strings.HasPrefix(c.args, "render") || strings.HasPrefix(c.args, "preflight") {
			args = append(args, "-o", filepath.Join(dir, "x.bin"))
		}
		if status, stdout, stderr := loom(t, environ, args...); status != statusUsage || stdout != "" || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: %d, %q, %q", name, status, stdout, stderr)
		}
	}
}

// The video and its thumbnail come from the store, by URLs that the API has signed.
func TestAFinishedVideoIsDownloadedOverTheAPI(t *testing.T) {
	db, environ, _ := controlled(t, 0)
	client, keys := storetest.Client(t), storetest.Server(t)
	bucket := storetest.Bucket(t, client)
	maps.Copy(environ, map[string]string{
		"S3_ENDPOINT": keys.Endpoint, "S3_REGION": keys.Region, "S3_ACCESS_KEY_ID": keys.AccessKeyID, "S3_SECRET_ACCESS_KEY": keys.SecretAccessKey,
		"STORAGE_BUCKET_VIDEOS": bucket, "STORAGE_BUCKET_THUMBNAILS": bucket,
	})
	overAPI := served(t, environ)
	defer http.DefaultClient.CloseIdleConnections()
	dir := t.TempDir()
	file := filepath.Join(dir, "c.yaml")
	write(t, file, "scenes: [{url: 'https://example.com', duration_sec: 1}]")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	// What is not stored is gone when the URL is used.
	render := func(stored ...string) (status int, stdout, stderr string, video, thumbnail string) {
		ended := make(chan error, 1)
		go func() { ended <- finish(ctx, db, client, bucket, stored) }()
		video, thumbnail = filepath.Join(dir, "o.mp4"), filepath.Join(dir, "o.jpg")
		status, stdout, stderr = loom(t, overAPI, "render", file, "-o", video, "--json")
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		return status, stdout, stderr, video, thumbnail
	}
	status, stdout, stderr, video, thumbnail := render(".mp4", ".jpg")
	var o outcome
	if err := json.Unmarshal([]byte(stdout), &o); err != nil || status != statusDone || o.Video == nil || *o.Video != video || o.Thumbnail == nil || *o.Thumbnail != thumbnail {
		t.Fatalf("status %d, %s, %s, %v", status, stdout, stderr, err)
	}
	if got := readFile(t, video) + " " + readFile(t, thumbnail); got != "the .mp4 the .jpg" {
		t.Errorf("the files have %q", got)
	}
	for _, path := range []string{video, thumbnail} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	status, _, stderr, video, _ = render(".jpg")
	if _, err := os.Stat(video); status != statusFailed || !strings.Contains(stderr, "download o.mp4: there is no such object any more") || err == nil {
		t.Errorf("status %d, %q, %v", status, stderr, err)
	}
	if strings.Contains(stderr, "X-Amz-Signature") {
		t.Errorf("it says a signed URL: %s", stderr)
	}
}

// finish stores files of the next render that is queued, and ends it as the uploader does.
func finish(ctx context.Context, db *pgxpool.Pool, client *store.Client, bucket string, stored []string) error {
	var render uuid.UUID
	for db.QueryRow(ctx, "select id from renders where status = 'queued'").Scan(&render) != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(20 * time.Millisecond)
	}
	task := uuid.New()
	for _, suffix := range stored {
		if err := client.Put(ctx, bucket, render.String()+"/"+task.String()+suffix, "application/octet-stream", []byte("the "+suffix)); err != nil {
			return err
		}
	}
	if _, err := db.Exec(ctx, "select loom.open_plan($1, $2, null, '{}', 0, $3)", uuid.New(), render, []map[string]any{{
		"id": task, "kind": "upload", "seq": 0, "weight": 1, "params": map[string]any{},
	}}); err != nil {
		return err
	}
	_, err := db.Exec(ctx, `with t as (update loom.tasks set state = 'done' where id = $2 returning render_id),
		p as (update loom.plans set outcome = 'done', ended_at = now() where render_id = $1), j as (update render_jobs set state = 'completed' where render_id = $1)
		update renders set status = 'done', progress = 100, completed_at = now(), report = '{"frames": 30, "rate": "30/1"}' where id in (select render_id from t)`, render, task)
	return err
}

func TestATokenIsSentNowhereElseAndSaidNowhere(t *testing.T) {
	dir := t.TempDir()
	secret, wide := "loom_"+strings.Repeat("A", 43), filepath.Join(dir, "wide")
	write(t, wide, secret)
	if err := os.Chmod(wide, 0o644); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "id_rsa")
	write(t, other, "hunter2")
	for name, c := range map[string]struct {
		environ map[string]string
		args    []string
		status  int
		says    string
	}{
		"wide":        {nil, []string{"--api", "http://127.0.0.1:1", "--token-file", wide}, statusFailed, "chmod 600 " + wide},
		"environment": {map[string]string{apiURL: "http://127.0.0.1:1", apiToken: secret}, nil, statusFailed, "the API cannot be reached"},
		"no token":    {map[string]string{apiURL: "http://127.0.0.1:1"}, nil, statusUsage, "the API's token is missing"},
		"other file":  {map[string]string{apiURL: "http://127.0.0.1:1"}, []string{"--token-file", other}, statusUsage, other + " has no token"},
		"no file":     {nil, []string{"--api", "http://127.0.0.1:1", "--token-file", dir + "/none"}, statusUsage, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := loom(t, c.environ, append([]string{"list", "--data", dir}, c.args...)...)
			if status != c.status || stdout != "" || !strings.Contains(stderr, c.says) {
				t.Errorf("%d, %q, %q", status, stdout, stderr)
			}
			if strings.Contains(stderr, secret) || strings.Contains(stderr, "hunter2") {
				t.Errorf("it says %q", stderr)
			}
		})
	}
	// A folder's .env chooses neither the API nor the token.
	dotenv := filepath.Join(dir, ".env")
	write(t, dotenv, "LOOM_API_URL=https://evil.example\nLOOM_API_TOKEN_FILE="+other+"\nLOOM_API_TOKEN="+secret+"\n")
	if got, err := environment(nil, dotenv); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	// A database that is named takes precedence.
	a := &app{environ: map[string]string{"DATABASE_URL": "postgres://db/a", apiURL: "http://127.0.0.1:1", apiToken: secret}}
	if d, err := a.overAPI(); d != nil || err != nil {
		t.Errorf("%v, %v", d, err)
	}
}
