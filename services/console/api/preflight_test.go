package api

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/pkg/store/storetest"
	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/pictures"
)

// grey is a JPEG.
func grey(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, image.NewGray(image.Rect(0, 0, 480, 270)), nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func withPictures(t *testing.T) (*site, string) {
	t.Helper()
	client := storetest.Client(t)
	bucket := storetest.Bucket(t, client)
	return newSite(t, func(c *Config) { c.Store, c.Objects, c.Buckets.Work = signing{client}, client, bucket }), bucket
}

// signing signs URLs, as the console does.
type signing struct{ *store.Client }

func (s signing) Sign(ctx context.Context, bucket, key string, ttl time.Duration) (string, error) {
	url, err := s.PresignGet(ctx, bucket, key, ttl)
	return string(url), err
}

// opened ends a page, as ingest does.
func (s *site) opened(preflight any, page int, facts, key string) {
	s.t.Helper()
	s.exec(`select loom.finish_page(p.id, g.attempt, $3::text::jsonb, $4::text)
		from loom.preflight_pages p, lateral loom.grant_page(p.id, 'w', gen_random_uuid(), '1 minute', null) g
		where p.preflight_id = $1::text::uuid and p.seq = $2::int`, preflight, page, facts, key)
}

func TestAPreflightIsAskedForAndRead(t *testing.T) {
	t.Parallel()
	s, bucket := withPictures(t)
	write, read := s.token(access.Write), s.token(access.Read)
	a := s.must(http.StatusAccepted, write, "POST", "/v1/preflight", map[string]any{"campaign": map[string]any{"name": "Launch", "scenes": []any{
		map[string]any{"url": "https://example.com/a?token=secret", "duration_sec": 2, "options": map[string]any{"headers": map[string]any{"X-Key": "secret"}}},
		map[string]any{"url": "https://example.com/b", "duration_sec": 1},
	}}})
	id := a.field("id")
	at := a.Header.Get("Location")
	if at != "/v1/preflight/"+id.(string) || a.field("status") != "running" {
		t.Fatalf("%s, at %s", a.text, at)
	}
	key := "p/" + id.(string) + "/picture.jpg"
	if err := storetest.Client(t).Put(t.Context(), bucket, key, "image/jpeg", grey(t)); err != nil {
		t.Fatal(err)
	}
	s.opened(id, 0, `{"findings": [{"class": "redirect", "reason": "It leads elsewhere.", "advice": "Use that."}], "fails": false, "load_ms": 10, "picture": true}`, key)
	got := s.must(http.StatusOK, read, "GET", at, nil)
	if got.field("status") != "running" || strings.Contains(string(got.text), "secret") || strings.Contains(string(got.text), key+`"`) {
		t.Errorf("it is %s", got.text)
	}
	var p struct {
		Pages []struct {
			Class   string
			Reason  string
			Picture *string `json:"picture_url"`
		}
	}
	got.into(t, &p)
	if len(p.Pages) != 2 || p.Pages[0].Class != "redirect" || p.Pages[0].Picture == nil || p.Pages[1].Picture != nil {
		t.Fatalf("it is %s", got.text)
	}
	response, err := s.server.Client().Get(*p.Pages[0].Picture)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if data, err := io.ReadAll(response.Body); err != nil || !bytes.Equal(data, grey(t)) {
		t.Errorf("the signed URL answers %s, %v", response.Status, err)
	}
	sheet := s.must(http.StatusOK, read, "GET", at+"/sheet", nil)
	if _, err := jpeg.Decode(bytes.NewReader(sheet.text)); err != nil || sheet.Header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("the sheet is %s, %v", sheet.Header.Get("Content-Type"), err)
	}
	s.must(http.StatusNoContent, write, "POST", at+"/cancel", nil)
	if got := s.must(http.StatusOK, read, "GET", at, nil); got.field("status") != "cancelled" {
		t.Errorf("then it is %s", got.text)
	}
	if n := get[int](s, "select count(*)::int from loom.audit where action in ('preflight.create', 'preflight.cancel')"); n != 2 {
		t.Errorf("the audit log has %d entries", n)
	}
}

func TestAPreflightIsOfItsUser(t *testing.T) {
	t.Parallel()
	s, _ := withPictures(t)
	one, other := uuid.New(), uuid.New()
	ones, others, all := s.token(access.Write, one), s.token(access.Write, other), s.token(access.Write)
	body := map[string]any{"campaign": map[string]any{"scenes": []any{map[string]any{"url": "https://example.com/", "duration_sec": 1}}}}
	at := s.must(http.StatusAccepted, ones, "POST", "/v1/preflight", body).Header.Get("Location")
	nobodys := s.must(http.StatusAccepted, all, "POST", "/v1/preflight", body).Header.Get("Location")
	s.must(http.StatusOK, ones, "GET", at, nil)
	s.must(http.StatusOK, all, "GET", at, nil)
	for _, path := range []string{at, at + "/sheet", nobodys} {
		s.problem(404, CodeNotFound, others, "GET", path, nil)
	}
	s.problem(404, CodeNotFound, others, "POST", at+"/cancel", nil)
	s.problem(404, CodeNotFound, all, "GET", "/v1/preflight/"+uuid.NewString(), nil)

	campaign := get[string](s, "insert into campaigns (name, user_id) values ('theirs', $1) returning id::text", one)
	s.exec("insert into scenes (campaign_id, url, duration_sec, order_index) values ($1::text::uuid, 'https://example.com/', 1, 0)", campaign)
	s.must(http.StatusAccepted, ones, "POST", "/v1/preflight", map[string]any{"campaign_id": campaign})
	byAll := s.must(http.StatusAccepted, all, "POST", "/v1/preflight", map[string]any{"campaign_id": campaign}).Header.Get("Location")
	s.must(http.StatusOK, ones, "GET", byAll, nil)
	s.problem(404, CodeNotFound, others, "POST", "/v1/preflight", map[string]any{"campaign_id": campaign})
	s.problem(422, CodeInvalid, ones, "POST", "/v1/preflight", map[string]any{"campaign_id": campaign, "campaign": body["campaign"]})
	s.exec("delete from scenes where campaign_id = $1::text::uuid", campaign)
	s.problem(422, CodeInvalid, ones, "POST", "/v1/preflight", map[string]any{"campaign_id": campaign})
	s.problem(403, CodeScope, s.token(access.Read), "POST", "/v1/preflight", body)
}

// recording makes a render whose first scene is being recorded, and returns it and the task.
func (s *site) recording(user uuid.UUID) (render, task uuid.UUID) {
	s.t.Helper()
	campaign := get[uuid.UUID](s, "insert into campaigns (name, user_id) values ('c', $1) returning id", user)
	render, task = get[uuid.UUID](s, "insert into renders (campaign_id, status, progress) values ($1, 'recording', 0) returning id", campaign), uuid.New()
	plan := uuid.New()
	s.exec("insert into loom.plans (id, render_id, campaign, max_retries) values ($1, $2, '{}', 3)", plan, render)
	s.exec(`insert into loom.tasks (id, plan_id, render_id, kind, seq, params, weight, state, attempt)
		values ($1, $2, $3, 'record', 0, '{"scene": 1}', 1, 'running', 1)`, task, plan, render)
	return render, task
}

// The recorder is this test's own connection. It sends nothing before somebody asks.
func TestThePictureOfASceneIsAskedForAndSeenByItsUserAlone(t *testing.T) {
	t.Parallel()
	server := stagetest.StartNATS(t)
	recorder := server.Connect(t)
	asked, err := recorder.SubscribeSync(msg.AllWatches)
	if err != nil {
		t.Fatal(err)
	}
	if err := recorder.Flush(); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, func(c *Config) {
		c.Pictures = pictures.New(server.Connect(t), c.DB, zerolog.Nop())
		t.Cleanup(c.Pictures.Close)
	})
	one, other := uuid.New(), uuid.New()
	render, task := s.recording(one)
	path := "/v1/renders/" + render.String() + "/scenes/1/picture"

	s.problem(404, CodeNotFound, s.token(access.Read, other), "GET", path, nil)
	s.problem(404, CodeNotFound, s.token(access.Read, one), "GET", strings.Replace(path, "/1/", "/2/", 1), nil)
	s.problem(404, CodeNotFound, s.token(access.Read), "GET", "/v1/renders/"+uuid.NewString()+"/scenes/1/picture", nil)
	s.problem(401, CodeTokenMissing, "", "GET", path, nil)
	if n, _, err := asked.Pending(); err != nil || n != 0 {
		t.Errorf("recorders were asked %d times for those who may not look, %v", n, err)
	}

	sent := make(chan struct{})
	go func() {
		defer close(sent)
		m, err := asked.NextMsg(stagetest.Patience)
		if err != nil {
			t.Error(err)
			return
		}
		w, err := msg.Decode[msg.Watch](m.Data)
		if err != nil || w.RenderID != render || m.Subject != msg.WatchSubject(render) {
			t.Errorf("%s on %s: %v", m.Data, m.Subject, err)
		}
		for _, data := range [][]byte{[]byte("no picture"), make([]byte, msg.MaxPicture+1), grey(t)} {
			_ = recorder.Publish(msg.PictureSubject(render, task), data)
		}
		_ = recorder.PublishMsg(&nats.Msg{Subject: msg.PictureSubject(uuid.New(), task), Data: grey(t)})
	}()
	a := s.must(http.StatusOK, s.token(access.Read, one), "GET", path, nil)
	if !bytes.Equal(a.text, grey(t)) || a.Header.Get("Content-Type") != "image/jpeg" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the picture has %d bytes of %s", len(a.text), a.Header.Get("Content-Type"))
	}
	<-sent
	s.must(http.StatusOK, s.token(access.Read), "GET", path, nil)
	s.exec("update loom.tasks set state = 'done' where id = $1", task)
	s.problem(404, CodeNotFound, s.token(access.Read, one), "GET", path, nil)
}
