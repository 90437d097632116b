package ingest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/pkg/store/storetest"
	"github.com/loom-lite/loom-lite/services/ingest"
)

func TestWorkObjectsAreSweptWhenTheirRenderHasEnded(t *testing.T) {
	r := newRig(t)
	objects := storetest.Client(t)
	r.store = storetest.Server(t)
	bucket := "loom-work-" + uuid.NewString()[:8]
	r.ingest(func(c *ingest.Config) { c.Retention, c.WorkBucket = time.Second, bucket })
	r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
		for name, out := range g.Outputs {
			put(t, ctx, out, name)
		}
		return msg.Result{Outcome: msg.Done}
	})
	render := r.submit(small)
	var key string
	r.until("a scene is recorded", "select exists (select from loom.tasks where render_id = $1 and kind = 'record' and state = 'done')", render)
	r.scan(&key, "select keys ->> 'mezzanine-0000' from loom.tasks where render_id = $1 and kind = 'record' and state = 'done' limit 1", render)
	if _, err := objects.Size(t.Context(), bucket, key); err != nil {
		t.Errorf("the grant's URL did not store %s: %v", key, err)
	}
	deleted := r.submit(small)
	if o := r.ended(render); o.status != "done" {
		t.Fatalf("the render ended as %+v", o)
	}
	r.ended(deleted)
	r.exec("delete from renders where id = $1", deleted)
	r.until("the render is swept", "select swept_at is not null from loom.plans where render_id = $1", render)
	r.until("the deleted one too", "select not exists (select from loom.leftovers)")
	if _, err := objects.Size(t.Context(), bucket, key); err == nil {
		t.Errorf("%s is still there", key)
	}
}

func put(t *testing.T, ctx context.Context, out msg.Output, body string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, string(out.URL), strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	request.Header.Set("Content-Type", out.ContentType)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		if ctx.Err() == nil {
			t.Error(err)
		}
		return
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("PUT %s: %s", out.Key, response.Status)
	}
}

// Sweeps are minutes apart, so one sweep deletes everything that is due.
func TestASweepGoesOnUntilNothingIsDue(t *testing.T) {
	r := newRig(t)
	r.store = storetest.Server(t)
	bucket := storetest.Bucket(t, storetest.Client(t))
	r.exec(`with c as (insert into campaigns (name) values ('old') returning id),
		r as (insert into renders (campaign_id, status) select c.id, 'done' from c, generate_series(1, 250) returning id)
		insert into loom.plans (id, render_id, campaign, max_retries, outcome, ended_at)
		select gen_random_uuid(), id, '{}', 3, 'done', now() - interval '2 days' from r`)
	r.exec("insert into loom.leftovers (render_id, deleted_at) select gen_random_uuid(), now() - interval '2 days' from generate_series(1, 150)")
	// A row that is locked does not keep others from being swept.
	tx, err := r.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), "select from loom.plans order by ended_at, id limit 1 for update"); err != nil {
		t.Fatal(err)
	}
	r.ingest(func(c *ingest.Config) { c.WorkBucket = bucket })
	r.until("all are swept", `select (select count(*) from loom.plans where swept_at is null) = 1 and not exists (select from loom.leftovers)`)
}

// A render that is made again has another plan, whose objects stay, even if they are made while
// those of the old plan are listed.
func TestASweepLeavesTheObjectsOfARendersOtherPlan(t *testing.T) {
	r := newRig(t)
	server := storetest.Server(t)
	r.store = server
	objects := storetest.Client(t)
	bucket := storetest.Bucket(t, objects)
	render := uuid.New()
	r.exec(`with c as (insert into campaigns (name) values ('twice') returning id)
		insert into renders (id, campaign_id, status) select $1, id, 'failed' from c`, render)
	object := func(task uuid.UUID) string { return render.String() + "/" + task.String() + "/a1/mezzanine-0000.mov" }
	plan := func(ended any) (task uuid.UUID) {
		task = uuid.New()
		r.exec(`with p as (insert into loom.plans (id, render_id, campaign, max_retries, outcome, ended_at)
				values (gen_random_uuid(), $1, '{}', 3, case when $3::text is null then null else 'failed' end, now() - $3::text::interval) returning id)
			insert into loom.tasks (id, plan_id, render_id, kind, seq, params, weight, state)
			select $2, id, $1, 'record', 0, '{}', 1, case when $3::text is null then 'waiting' else 'failed' end from p`, render, task, ended)
		r.object(bucket, object(task))
		return task
	}
	old := plan("2 days")
	var again sync.Once
	var fresh uuid.UUID
	r.store.Endpoint = r.before(server.Endpoint, func(request *http.Request) {
		if request.URL.Query().Get("prefix") == render.String()+"/" {
			again.Do(func() { fresh = plan(nil) })
		}
	})
	r.ingest(func(c *ingest.Config) { c.WorkBucket = bucket })
	r.until("the old one is swept", "select exists (select from loom.plans where swept_at is not null)")
	if _, err := objects.Size(t.Context(), bucket, object(old)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the old plan's object: %v", err)
	}
	if _, err := objects.Size(t.Context(), bucket, object(fresh)); err != nil {
		t.Errorf("the new plan's object: %v", err)
	}
}

// before returns the URL of a proxy for url. It calls do with each request first.
func (r *rig) before(endpoint string, do func(*http.Request)) (url string) {
	r.t.Helper()
	to, err := neturl.Parse(endpoint)
	if err != nil {
		r.t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		do(p.In)
		p.SetURL(to)
		p.Out.Host = p.In.Host // which is signed
	}}
	server := httptest.NewServer(proxy)
	r.t.Cleanup(server.Close)
	return server.URL
}

// An uploader may be killed while it copies, or between the copies and the end of its render.
func TestCopiesOfARenderThatEndedOtherwiseAreDeleted(t *testing.T) {
	for name, test := range map[string]struct {
		end  string
		kept bool
	}{
		"cancelled": {"update renders set status = 'cancelled' where id = $1", false},
		"deleted":   {"delete from renders where id = $1", false},
		"done":      {"select loom.finish_render(id, attempt, 'v', 't', '{}') from loom.tasks where render_id = $1 and kind = 'upload'", true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.store = storetest.Server(t)
			objects := storetest.Client(t)
			videos, work := storetest.Bucket(t, objects), storetest.Bucket(t, objects)
			r.ingest(func(c *ingest.Config) { c.Retention, c.WorkBucket = 4*time.Second, work })
			uploading := make(chan msg.Grant, 1)
			r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
				if g.Kind != msg.Upload {
					return msg.Result{Outcome: msg.Done}
				}
				uploading <- g
				<-ctx.Done()
				return msg.Result{}
			})
			render := r.submit(one)
			g := <-uploading
			key := render.String() + "/" + g.TaskID.String() + ".mp4"
			gone := func() (bool, string) {
				_, err := objects.Size(t.Context(), videos, key)
				return errors.Is(err, store.ErrNotFound), ""
			}
			var wanted bool
			r.scan(&wanted, "select loom.begin_copies($1, $2, jsonb_build_array(jsonb_build_object('bucket', $3::text, 'key', $4::text)))",
				g.TaskID, g.Attempt, videos, key)
			r.object(videos, key)
			r.exec(test.end, render)
			if test.kept {
				r.until("its copies are looked after no more", "select not exists (select from loom.copies)")
				if ok, _ := gone(); ok || !wanted {
					t.Errorf("the copy of a render that is done is gone; wanted: %v", wanted)
				}
				return
			}
			r.eventually("the copy is gone", gone)
			r.until("it is looked after still", "select exists (select from loom.copies where deleted_at is not null)")
			// The store finished the copy later.
			r.object(videos, key)
			r.exec("update loom.copies set deleted_at = now() - interval '1 hour'")
			r.eventually("what came after is gone", gone)
			r.until("it is looked after no more", "select not exists (select from loom.copies)")
		})
	}
}

// object puts an object into a bucket.
func (r *rig) object(bucket, key string) {
	r.t.Helper()
	url, err := storetest.Client(r.t).PresignPut(r.t.Context(), bucket, key, "application/octet-stream", time.Minute)
	if err != nil {
		r.t.Fatal(err)
	}
	put(r.t, r.t.Context(), msg.Output{Key: key, URL: url, ContentType: "application/octet-stream"}, "x")
}
