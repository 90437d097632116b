package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
	"github.com/loom-lite/loom-lite/pkg/store/storetest"
	"github.com/loom-lite/loom-lite/services/console/access/accesstest"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

var migrated = postgrestest.NewTemplate(func(ctx context.Context, conn *pgx.Conn) error {
	_, err := migrations.Apply(ctx, conn)
	return err
})

// failed is a render whose one scene failed; key is its bundle's, or empty.
func failed(t *testing.T, db *pgxpool.Pool, key string) uuid.UUID {
	t.Helper()
	render, err := renders.Submit(accesstest.Operator(t), db, renders.Submission{Name: "x", Scenes: []renders.Scene{{URL: "https://example.com", Seconds: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	task := uuid.New()
	for _, q := range []struct {
		sql  string
		args []any
	}{
		{"select loom.open_plan($1, $2, null, '{}', 0, $3)", []any{uuid.New(), render, []map[string]any{{
			"id": task, "kind": "record", "seq": 0, "weight": 1, "params": map[string]any{"scene": 1, "rate": "30/1"},
		}}}},
		{"select loom.grant_task($1, 'w', $2, '1 minute')", []any{task, uuid.New()}},
		{"select loom.fail_task($1, 1, 'scene_timeout', 'It did not load.', 'detail', true, nullif($2, ''))", []any{task, key}},
	} {
		if _, err := db.Exec(t.Context(), q.sql, q.args...); err != nil {
			t.Fatal(err)
		}
	}
	return render
}

func TestTheFailureBundleIsFetched(t *testing.T) {
	url := migrated.Database(t)
	db, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	client, keys := storetest.Client(t), storetest.Server(t)
	bucket := storetest.Bucket(t, client)
	put, err := client.PresignPut(t.Context(), bucket, "r/t/a1/failure.zip", "application/zip", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, string(put), strings.NewReader("PK"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/zip")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	if _ = response.Body.Close(); response.StatusCode != http.StatusOK {
		t.Fatal(response.Status)
	}

	environ := map[string]string{
		"DATABASE_URL": url, "S3_ENDPOINT": keys.Endpoint, "S3_REGION": keys.Region, "S3_ACCESS_KEY_ID": keys.AccessKeyID,
		"S3_SECRET_ACCESS_KEY": keys.SecretAccessKey, "STORAGE_BUCKET_WORK": bucket,
	}
	stored, swept, none := failed(t, db, "r/t/a1/failure.zip"), failed(t, db, "r/t/a2/failure.zip"), failed(t, db, "")
	out := filepath.Join(t.TempDir(), "out.zip")
	status, stdout, stderr := loom(t, environ, "bundle", stored.String(), "-o", out)
	if data, err := os.ReadFile(out); status != statusDone || stdout != out+"\n" || err != nil || string(data) != "PK" ||
		!strings.Contains(stderr, "scene 1, attempt 1: failed (scene_timeout)") {
		t.Errorf("status %d, %q, %q: %q, %v", status, stdout, stderr, data, err)
	}
	if _, shown, _ := loom(t, environ, "status", stored.String()); !strings.Contains(shown, "loom bundle "+short(stored)) {
		t.Errorf("its status does not show it:\n%s", shown)
	}
	for name, c := range map[string]struct {
		render uuid.UUID
		status int
		says   string
	}{
		"gone": {swept, statusFailed, "WORK_RETENTION"}, "none": {none, statusFailed, "no failure bundle"},
		"unknown": {uuid.New(), statusUsage, "no such render"},
	} {
		other := filepath.Join(t.TempDir(), "out.zip")
		status, stdout, stderr := loom(t, environ, "bundle", c.render.String(), "-o", other)
		if _, err := os.Stat(other); status != c.status || stdout != "" || !strings.Contains(stderr, c.says) || err == nil {
			t.Errorf("%s: status %d, %q, %q, %v", name, status, stdout, stderr, err)
		}
	}
	overAPI := served(t, environ)
	over := filepath.Join(t.TempDir(), "over.zip")
	if status, stdout, stderr := loom(t, overAPI, "bundle", stored.String(), "-o", over); status != statusDone || stdout != over+"\n" || readFile(t, over) != "PK" {
		t.Errorf("over the API: status %d, %q, %q", status, stdout, stderr)
	}
	if status, _, stderr := loom(t, overAPI, "bundle", swept.String(), "-o", over); status != statusFailed || !strings.Contains(stderr, "WORK_RETENTION") {
		t.Errorf("over the API, gone: status %d, %q", status, stderr)
	}
	http.DefaultClient.CloseIdleConnections()
	delete(environ, "S3_ENDPOINT")
	if status, _, stderr := loom(t, environ, "bundle", stored.String(), "-o", out); status != statusUsage || !strings.Contains(stderr, "S3_ENDPOINT") {
		t.Errorf("without keys: status %d, %q", status, stderr)
	}
}
