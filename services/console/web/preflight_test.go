package web_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/access/accesstest"
	"github.com/loom-lite/loom-lite/services/console/preflight"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// grey is a picture of a page.
func grey(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, image.NewGray(image.Rect(0, 0, 480, 270)), nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// put has the work bucket hold a picture.
func (d *dashboard) put(key string, picture []byte) {
	d.t.Helper()
	if err := d.objects.Put(d.t.Context(), d.bucket, key, "image/jpeg", picture); err != nil {
		d.t.Fatal(err)
	}
}

// found ends a page, as ingest does.
func (d *dashboard) found(preflight string, page int, facts, key string) {
	d.t.Helper()
	var outcome string
	err := d.db.QueryRow(d.t.Context(), `select loom.finish_page(p.id, g.attempt, $3::text::jsonb, $4::text)
		from loom.preflight_pages p, lateral loom.grant_page(p.id, 'w', gen_random_uuid(), '1 minute', null) g
		where p.preflight_id = $1::uuid and p.seq = $2::int`, preflight, page, facts, key).Scan(&outcome)
	if err != nil || outcome != "accepted" {
		d.t.Fatalf("%s, %v", outcome, err)
	}
}

// of asks for the pages of a user's campaign to be opened.
func (d *dashboard) of(user *uuid.UUID) string {
	d.t.Helper()
	asked, err := preflight.Of(renders.Submission{Name: "Theirs", User: user, Scenes: []renders.Scene{{URL: "https://example.com/", Seconds: 1}}})
	if err != nil {
		d.t.Fatal(err)
	}
	id := uuid.New()
	if err := preflight.Open(accesstest.Operator(d.t), d.db, id, asked); err != nil {
		d.t.Fatal(err)
	}
	return id.String()
}

const aLogin = `{"findings": [{"class": "login", "reason": "It asks for a login.", "advice": "Use a public page."}], "fails": true, "load_ms": 1500, "picture": true}`

func TestPagesOfAFormAreCheckedSeenAndCancelled(t *testing.T) {
	t.Parallel()
	d := start(t, "/console")
	writer, reader := d.signedIn(access.Write, nil), d.signedIn(access.Read, nil)
	form := url.Values{"name": {"<Launch>"}, "url": {"https://example.com/a?token=secret", "example.com/b"}, "seconds": {"2", "2"}, "size": {"1280x720"}, "rate": {"30"}, "check": {"1"}}
	if status, _, _ := reader.post("/new", form); status != http.StatusForbidden {
		t.Errorf("a reader's is answered %d", status)
	}
	status, header, _ := writer.post("/new", form)
	path, ours := strings.CutPrefix(header.Get("Location"), "/console")
	id, preflights := strings.CutPrefix(path, "/preflights/")
	if status != http.StatusSeeOther || !ours || !preflights {
		t.Fatalf("checking answers %d, %s", status, path)
	}
	if status, _, body := writer.post("/new", url.Values{"url": {"nowhere in particular"}, "seconds": {"2"}, "size": {"1280x720"}, "rate": {"30"}, "check": {"1"}}); status != http.StatusUnprocessableEntity ||
		!strings.Contains(body, "Scene 1") {
		t.Errorf("what is no address answers %d", status)
	}

	_, _, body := reader.get(path)
	see(t, body, "0 of 2 pages", "&lt;Launch&gt;", "https://example.com/a", "not opened yet", `hx-trigger="changed`)
	unseen(t, body, "secret", "<Launch>", "/cancel", "/sheet")
	d.found(id, 0, aLogin, "p/picture.jpg")
	_, _, body = reader.get(path)
	see(t, body, "1 of 2 pages", `<span class="status fail">login</span>`, "It asks for a login.", "Use a public page.", "One page would fail", `src="/console`+path+`/pictures/1"`, "1.5 s", path+"/sheet")
	_, _, body = reader.get("/preflights")
	see(t, body, path, "&lt;Launch&gt;", "1 of 2")

	// The picture is not there yet: the one is missing, and the other says that it went wrong.
	if status, _, _ := reader.get(path + "/pictures/1"); status != http.StatusNotFound {
		t.Errorf("a picture that is lost answers %d", status)
	}
	if status, _, body := reader.get(path + "/sheet"); status < 500 || !strings.Contains(body, "could not be loaded") {
		t.Errorf("the sheet without it answers %d", status)
	}
	d.put("p/picture.jpg", grey(t))
	if status, header, body := reader.get(path + "/pictures/1"); status != http.StatusOK || body != string(grey(t)) || header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("the picture answers %d, %s", status, header.Get("Content-Type"))
	}
	for _, none := range []string{"2", "3", "0", "-1", "x"} {
		if status, _, _ := reader.get(path + "/pictures/" + none); status != http.StatusNotFound {
			t.Errorf("picture %s answers %d", none, status)
		}
	}
	status, header, body = reader.get(path + "/sheet")
	if _, err := jpeg.Decode(strings.NewReader(body)); err != nil || status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Disposition"), "attachment;") {
		t.Errorf("the sheet answers %d, %v, %v", status, header, err)
	}

	_, _, body = writer.get(path)
	see(t, body, path+"/cancel")
	if status, _, _ := reader.post(path+"/cancel", nil); status != http.StatusForbidden {
		t.Errorf("a reader cancels: %d", status)
	}
	if status, header, _ := writer.post(path+"/cancel", nil); status != http.StatusSeeOther || header.Get("Location") != "/console"+path {
		t.Errorf("cancelling answers %d", status)
	}
	_, _, body = writer.get(path)
	see(t, body, "No more pages are opened.", `<span class="status off">cancelled</span>`)
	unseen(t, body, path+"/cancel", `hx-trigger="changed`)
	var told int
	if err := d.db.QueryRow(t.Context(), `select count(distinct action)::int from loom.audit
		where kind = 'session' and target = 'preflight/' || $1::text and action in ('preflight.create', 'preflight.cancel')`, id).Scan(&told); err != nil || told != 2 {
		t.Errorf("the audit log has %d of it, %v", told, err)
	}
}

func TestOthersPreflightsAreNotThere(t *testing.T) {
	t.Parallel()
	d := start(t, "")
	mine, other := uuid.New(), uuid.New()
	p := d.signedIn(access.Write, &mine)
	own := d.of(&mine)
	_, _, list := p.get("/preflights")
	see(t, list, own)
	for _, theirs := range []string{d.of(&other), d.of(nil)} {
		d.found(theirs, 0, aLogin, "p/picture.jpg")
		d.put("p/picture.jpg", grey(t))
		_, _, list := p.get("/preflights")
		unseen(t, list, theirs)
		for _, below := range []string{"", "/pictures/1", "/sheet"} {
			if status, _, _ := p.get("/preflights/" + theirs + below); status != http.StatusNotFound {
				t.Errorf("%s of another's answers %d", below, status)
			}
		}
		if status, _, _ := p.post("/preflights/"+theirs+"/cancel", nil); status != http.StatusNotFound {
			t.Errorf("cancelling another's answers %d", status)
		}
	}
	if status, _, _ := p.get("/preflights/" + own); status != http.StatusOK {
		t.Errorf("one's own answers %d", status)
	}
}

func TestTheCampaignOfARenderIsChecked(t *testing.T) {
	t.Parallel()
	d := start(t, "")
	mine, other := uuid.New(), uuid.New()
	render := func(user uuid.UUID, scenes int) (id string) {
		t.Helper()
		err := d.db.QueryRow(t.Context(), `with c as (insert into public.campaigns (id, name, user_id) values (gen_random_uuid(), 'Launch', $1::uuid) returning id),
			s as (insert into public.scenes (campaign_id, url, duration_sec, order_index)
			      select c.id, 'https://example.com/' || n || '?key=secret', 2, n from c, generate_series(1, $2::int) n)
			insert into public.renders (id, campaign_id, status, progress) select gen_random_uuid(), c.id, 'done', 100 from c returning id::text`, user, scenes).Scan(&id)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	p, reader := d.signedIn(access.Write, &mine), d.signedIn(access.Read, &mine)
	own := render(mine, 2)
	_, _, body := p.get("/renders/" + own)
	see(t, body, "/renders/"+own+"/preflight")
	_, _, body = reader.get("/renders/" + own)
	unseen(t, body, "/renders/"+own+"/preflight")
	status, header, _ := p.post("/renders/"+own+"/preflight", nil)
	if status != http.StatusSeeOther {
		t.Fatalf("it answers %d", status)
	}
	_, _, body = reader.get(header.Get("Location"))
	see(t, body, "0 of 2 pages", "https://example.com/1", "https://example.com/2", "Launch")
	unseen(t, body, "secret")
	if status, _, body := p.post("/renders/"+render(mine, 0)+"/preflight", nil); status != http.StatusUnprocessableEntity || !strings.Contains(body, "no scenes") {
		t.Errorf("a campaign without scenes answers %d", status)
	}
	if status, _, _ := p.post("/renders/"+render(other, 1)+"/preflight", nil); status != http.StatusNotFound {
		t.Errorf("another's render answers %d", status)
	}
}

func see(t *testing.T, body string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q: %s", want, body[strings.Index(body, "<main")+1:])
		}
	}
}

func unseen(t *testing.T, body string, unwanted ...string) {
	t.Helper()
	for _, one := range unwanted {
		if strings.Contains(body, one) {
			t.Errorf("the page has %q", one)
		}
	}
}
