package uploader

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/pkg/store/storetest"
	"github.com/loom-lite/loom-lite/services/uploader/internal/share"
)

// rig is a handler on a real Postgres and a real S3, and one render whose upload task is due.
type rig struct {
	*handler
	t            *testing.T
	databaseURL  string
	pool         *pgxpool.Pool
	render, task uuid.UUID
	job          uuid.UUID
}

// arrange returns a rig for t, and runs t in parallel with other tests.
func arrange(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	return arrangeOn(t, migrated.Database(t))
}

// arrangeOn arranges a render on a database that has been migrated.
func arrangeOn(t *testing.T, url string) *rig {
	t.Helper()
	pool, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	client := storetest.Client(t)
	page, err := share.Load("")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, pool: pool, databaseURL: url, task: uuid.New(), handler: &handler{
		cfg: Config{
			Store: storetest.Server(t), PublicURLs: urlsPath, PublicURLBase: "https://cdn.example/files",
			WorkBucket: storetest.Bucket(t, client), VideoBucket: storetest.Bucket(t, client), ThumbnailBucket: storetest.Bucket(t, client),
		},
		store: client, renders: renders{pool}, page: page, patience: 2 * time.Second,
	}}
	r.put(r.key("video.mp4"), "pictures and sound")
	r.put(r.key("thumbnail.jpg"), "picture")
	r.put(r.key("thumbnail-small.jpg"), "small picture")

	// The app's rows, and a plan whose other tasks are done.
	const rows = `
with c as (insert into campaigns (name) values ('test') returning id),
     r as (insert into renders (campaign_id) select id from c returning id),
     j as (insert into render_jobs (render_id, state) select id, 'running' from r returning id, render_id)
select render_id, id from j`
	if err := pool.QueryRow(t.Context(), rows).Scan(&r.render, &r.job); err != nil {
		t.Fatal(err)
	}
	tasks, err := json.Marshal([]any{map[string]any{"id": r.task, "kind": "upload", "seq": 0, "params": map[string]any{}, "weight": 1}})
	if err != nil {
		t.Fatal(err)
	}
	r.exec("select loom.open_plan($1, $2, $3, '{}', 3, $4)", uuid.New(), r.render, r.job, string(tasks))
	return r
}

func (r *rig) key(file string) string { return r.task.String() + "/a1/" + file }

// put writes an object to the work bucket, as a worker does.
func (r *rig) put(key, content string) {
	r.t.Helper()
	url, err := r.store.PresignPut(r.t.Context(), r.cfg.WorkBucket, key, "application/octet-stream", time.Minute)
	if err != nil {
		r.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPut, string(url), bytes.NewReader([]byte(content)))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/octet-stream")
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		r.t.Fatalf("PUT: %s", response.Status)
	}
}

func (r *rig) exec(sql string, args ...any) {
	r.t.Helper()
	if _, err := r.pool.Exec(context.Background(), sql, args...); err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
}

// grant grants the task to worker in Postgres, and returns the Task of the attempt.
func (r *rig) grant(worker string) *stage.Task {
	r.t.Helper()
	var verdict string
	var attempt int
	err := r.pool.QueryRow(r.t.Context(), "select verdict, attempt from loom.grant_task($1, $2, $3, interval '30 seconds')",
		r.task, worker, uuid.New()).Scan(&verdict, &attempt)
	if err != nil || verdict != "granted" {
		r.t.Fatalf("%s, %v", verdict, err)
	}
	return stage.NewTask(r.grantOf(attempt), r.t.TempDir(), zerolog.New(zerolog.NewTestWriter(r.t)))
}

func (r *rig) grantOf(attempt int) msg.Grant {
	facts, err := json.Marshal(msg.VideoFacts{Frames: 60, Bytes: int64(len("pictures and sound")), Sound: true})
	if err != nil {
		r.t.Fatal(err)
	}
	return msg.Grant{
		Ref: msg.NewRef(msg.Upload, r.render, r.task), Attempt: attempt,
		Lease: msg.Duration(30 * time.Second), HeartbeatEvery: msg.Duration(time.Second), Params: []byte("{}"),
		Inputs: map[string]msg.Input{
			msg.Video:     {Key: r.key("video.mp4"), Facts: facts},
			msg.Thumbnail: {Key: r.key("thumbnail.jpg"), Facts: facts},

			msg.ThumbnailSmall: {Key: r.key("thumbnail-small.jpg"), Facts: facts},
		},
	}
}

// row is the render and its job as the app sees them.
type row struct {
	Status, JobState          string
	Progress                  int
	Video, Thumbnail, Message *string
	Small, GIF, WebP, Share   *string
	Completed                 *time.Time
}

func (r *rig) row() row {
	r.t.Helper()
	rows, err := r.pool.Query(context.Background(), `
select r.status, r.progress, r.final_video_url as video, r.thumb_url as thumbnail, r.thumb_small_url as small, r.preview_url as gif, r.preview_webp_url as web_p, r.share_url as share, r.error_message as message,
       r.completed_at as completed, j.state as job_state
  from renders r join render_jobs j on j.render_id = r.id where r.id = $1`, r.render)
	if err != nil {
		r.t.Fatal(err)
	}
	found, err := pgx.CollectOneRow(rows, pgx.RowToStructByName[row])
	if err != nil {
		r.t.Fatal(err)
	}
	return found
}

// size returns the size of a finished object, and -1 if there is none.
func (r *rig) size(bucket, extension string) int64 {
	r.t.Helper()
	n, err := r.store.Size(context.Background(), bucket, r.render.String()+"/"+r.task.String()+extension)
	if err != nil {
		return -1
	}
	return n
}

// read returns a copy and its type.
func (r *rig) read(bucket, extension string) (content, kind string) {
	r.t.Helper()
	url, err := r.store.PresignGet(r.t.Context(), bucket, r.render.String()+"/"+r.task.String()+extension, time.Minute)
	if err != nil {
		r.t.Fatal(err)
	}
	response, err := http.Get(string(url))
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: %v", response.Status, err)
	}
	return string(body), response.Header.Get("Content-Type")
}

// copies returns how many copies are recorded.
func (r *rig) copies() (n int) {
	r.t.Helper()
	if err := r.pool.QueryRow(context.Background(), "select count(*) from loom.copies").Scan(&n); err != nil {
		r.t.Fatal(err)
	}
	return n
}

// onceCopied calls do after each copy to bucket, before the handler knows that it was made.
func (r *rig) onceCopied(bucket string, do func()) {
	r.t.Helper()
	cfg := r.cfg.Store
	target, err := url.Parse(cfg.Endpoint)
	if err != nil {
		r.t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	through := &httputil.ReverseProxy{Transport: transport, Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(target)
		p.Out.Host = p.In.Host // which is signed
	}, ModifyResponse: func(response *http.Response) error {
		if response.Request.Method == http.MethodPut && strings.HasPrefix(response.Request.URL.Path, "/"+bucket+"/") {
			do()
		}
		return nil
	}}
	proxy := httptest.NewServer(through)
	r.cfg.Store.Endpoint = proxy.URL
	client, err := store.New(r.cfg.Store)
	if err != nil {
		r.t.Fatal(err)
	}
	r.store = client
	r.t.Cleanup(func() {
		client.Close()
		proxy.Close()
	})
}
