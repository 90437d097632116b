package web_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/webhooks"
)

// deliver has webhooks delivered, as the console does.
func (d *dashboard) deliver() {
	d.t.Helper()
	policy, err := egress.Parse("127.0.0.1")
	if err != nil {
		d.t.Fatal(err)
	}
	metrics, err := webhooks.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		d.t.Fatal(err)
	}
	courier := &webhooks.Courier{DB: d.db, Policy: policy, Keeper: new(webhooks.Keeper), Metrics: metrics, Log: zerolog.Nop(), Keep: 30 * 24 * time.Hour, Timeout: webhooks.Timeout}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		courier.Run(ctx)
	}()
	d.t.Cleanup(func() {
		stop()
		<-ended
	})
}

// inbox keeps what a receiver of webhooks gets.
type inbox struct {
	sync.Mutex
	headers []http.Header
	bodies  [][]byte
}

func (b *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	b.Lock()
	defer b.Unlock()
	b.headers, b.bodies = append(b.headers, r.Header), append(b.bodies, body)
	_, _ = io.WriteString(w, "thank <you>")
}

func (b *inbox) count() int {
	b.Lock()
	defer b.Unlock()
	return len(b.bodies)
}

// Somebody makes an endpoint, sends it a test, reads what it answered, and sends that again: one,
// and all that match. The secret that the page shows verifies each, and all have one id.
func TestAWebhookIsSentAgainInTheBrowser(t *testing.T) {
	d := start(t, "/console")
	d.deliver()
	var got inbox
	receiver := httptest.NewServer(&got)
	defer receiver.Close()
	page := d.window(t, access.Write, 1280)
	visit(t, page, d.url+"/webhooks/new")
	page.MustElement("#e-url").MustInput(receiver.URL + "/hook")
	press(t, page, ".make button.main")
	secret, err := webhooks.ParseSecret(page.MustElement(".copy code").MustText())
	if err != nil {
		t.Fatal(err)
	}
	press(t, page, `form[action$="/test"] button`)
	await(t, "the test arrives", func() bool { return got.count() == 1 })
	d.await("it is delivered", "select state = 'delivered' from loom.webhook_deliveries")
	visit(t, page, d.url+"/deliveries")
	shoot(t, page, "deliveries")
	press(t, page, "tr[data-row] a.open")
	shoot(t, page, "delivery")
	if text := page.MustElement("main").MustText(); !strings.Contains(text, "thank <you>") || !strings.Contains(text, `"type": "endpoint.test"`) {
		t.Errorf("the delivery's page is %s", text)
	}
	press(t, page, `form[action$="/resend"] button`)
	await(t, "it arrives again", func() bool { return got.count() == 2 })
	d.await("it is delivered again", "select state = 'delivered' and attempt = 2 from loom.webhook_deliveries")
	visit(t, page, d.url+"/deliveries?type=endpoint.test")
	point(t, page, "button[popovertarget=resend]")
	press(t, page, "#resend form button")
	await(t, "it arrives a third time", func() bool { return got.count() == 3 })
	got.Lock()
	defer got.Unlock()
	for i, header := range got.headers {
		received, err := webhooks.Verify(secret, header, got.bodies[i])
		if err != nil || received.ID != got.headers[0].Get("webhook-id") {
			t.Errorf("message %d is %+v: %v", i, received, err)
		}
	}
}

// An endpoint is edited, switched off and on, given a new secret and deleted, by who may.
func TestAnEndpointIsChangedByItsPage(t *testing.T) {
	t.Parallel()
	d := start(t, "")
	p, reader := d.signedIn(access.Write, nil), d.signedIn(access.Read, nil)
	id := uuid.NewString()
	form := url.Values{"id": {id}, "url": {"https://hooks.example.com/path-that-is-secret"}, "events": {"render.failed"}}
	status, _, body := p.post("/webhooks", form)
	if status != http.StatusOK || !strings.Contains(body, "whsec_") {
		t.Fatalf("making answers %d: %s", status, body)
	}
	// The form that is sent twice makes one.
	if status, _, _ := p.post("/webhooks", form); status != http.StatusOK {
		t.Errorf("making it again answers %d", status)
	}
	d.await("there is one", "select count(*) = 1 from loom.webhook_endpoints")
	for _, path := range []string{"/webhooks", "/webhooks/" + id} {
		if _, _, body := p.get(path); !strings.Contains(body, "path-that-is-secret") || strings.Contains(body, "whsec_") {
			t.Errorf("%s shows an operator %s", path, body)
		}
		if _, _, body := reader.get(path); strings.Contains(body, "path-that-is-secret") || !strings.Contains(body, "hooks.example.com") {
			t.Errorf("%s shows a reader %s", path, body)
		}
	}
	for name, form := range map[string]url.Values{
		"no events": {"url": {"https://example.com"}}, "no address": {"url": {"ftp://example.com"}, "events": {"render.failed"}},
		"an unknown event": {"url": {"https://example.com"}, "events": {"render.lost"}},
	} {
		form.Set("id", uuid.NewString())
		status, _, body := p.post("/webhooks", form)
		if status != http.StatusUnprocessableEntity || !strings.Contains(body, `role="alert"`) || !strings.Contains(body, form.Get("url")) {
			t.Errorf("%s: the answer is %d: %s", name, status, body)
		}
	}
	_, _, body = p.get("/webhooks/" + id)
	version := ""
	for _, field := range hidden.FindAllStringSubmatch(body, -1) {
		if field[1] == "version" {
			version = field[2]
		}
	}
	edit := url.Values{"version": {version}, "url": {"https://hooks.example.com/other"}, "description": {"Shop"}, "events": {"render.completed", "render.failed"}}
	if status, _, _ := p.post("/webhooks/"+id, edit); status != http.StatusSeeOther {
		t.Errorf("editing answers %d", status)
	}
	d.await("it is changed", "select url like '%/other' and events = '{render.completed,render.failed}' from loom.webhook_endpoints")
	edit.Set("description", "Kept")
	if status, _, body := p.post("/webhooks/"+id, edit); status != http.StatusConflict || !strings.Contains(body, `value="Kept"`) {
		t.Errorf("editing what somebody else has edited answers %d: %s", status, body)
	}
	for path, sql := range map[string]string{
		"/disable": "select disabled_at is not null from loom.webhook_endpoints", "/enable": "select disabled_at is null from loom.webhook_endpoints",
	} {
		if status, _, _ := p.post("/webhooks/"+id+path, nil); status != http.StatusSeeOther {
			t.Errorf("%s answers %d", path, status)
		}
		d.await(path, sql)
	}
	status, _, body = p.post("/webhooks/"+id+"/rotate", url.Values{"hours": {"24"}})
	if status != http.StatusOK || !strings.Contains(body, "whsec_") || !strings.Contains(body, "is used too") {
		t.Errorf("a new secret answers %d: %s", status, body)
	}
	user := uuid.New()
	other := d.signedIn(access.Admin, &user)
	for _, path := range []string{"", "/enable", "/rotate", "/test", "/delete"} {
		if status, _, _ := other.post("/webhooks/"+id+path, url.Values{"version": {"2"}, "hours": {"0"}}); status != http.StatusNotFound {
			t.Errorf("%s of somebody else's endpoint answers %d", path, status)
		}
	}
	// An id that is somebody else's is refused, and theirs stays as it is.
	taken := url.Values{"id": {id}, "url": {"https://hooks.example.com/mine"}, "events": {"render.failed"}}
	if status, _, body := other.post("/webhooks", taken); status != http.StatusConflict || strings.Contains(body, "whsec_") {
		t.Errorf("an endpoint with somebody else's id answers %d: %s", status, body)
	}
	d.await("theirs is as it was", "select count(*) = 1 and bool_and(url like '%/other') from loom.webhook_endpoints")
	for name, form := range map[string]url.Values{"an empty filter": {}, "only its end": {"before": {time.Now().Format(time.RFC3339)}}, "no such state": {"state": {"lost"}}} {
		if status, _, _ := p.post("/deliveries/resend", form); status != http.StatusUnprocessableEntity {
			t.Errorf("sending %s again answers %d", name, status)
		}
	}
	if status, _, _ := p.post("/webhooks/"+id+"/delete", nil); status != http.StatusSeeOther {
		t.Errorf("deleting answers %d", status)
	}
	d.await("it is gone", "select count(*) = 0 from loom.webhook_endpoints")
}

// The filter is in the address, all of it: what is sent again is what the list shows.
func TestTheFilterOfDeliveriesIsInTheAddress(t *testing.T) {
	t.Parallel()
	d := startOn(t, "", seeded.Database(t))
	p := d.signedIn(access.Write, nil)
	for query, want := range map[string]int{
		"": 3, "state=dead": 2, "state=delivered&type=endpoint.test": 1, "type=render.failed": 0, "render=" + uuid.NewString(): 0, "endpoint=" + someEndpoint: 3,
		"before=2020-01-01T00:00:00Z": 0, "from=2020-01-01T00:00:00Z": 3, "from=2120-01-01T00:00:00Z": 0, "from=2120-01-01T00:00:00Z&within=1h": 0,
	} {
		if status, _, body := p.get("/deliveries?" + query); status != http.StatusOK || strings.Count(body, "<tr data-row") != want {
			t.Errorf("%q answers %d with %d rows, not %d", query, status, strings.Count(body, "<tr data-row"), want)
		}
	}
	for _, query := range []string{"state=lost", "type=x", "render=x", "from=noon", "within=x", "after=x"} {
		if status, _, _ := p.get("/deliveries?" + query); status != http.StatusUnprocessableEntity {
			t.Errorf("%q answers %d", query, status)
		}
	}
	// The form of the filter keeps what it has no field for.
	if _, _, body := p.get("/deliveries?from=2020-01-01T00:00:00Z"); !strings.Contains(body, `<input type="hidden" name="from" value="2020-01-01T00:00:00Z">`) {
		t.Error("the form of the filter loses the time that it begins at")
	}
	for _, step := range []struct {
		form url.Values
		want int
	}{
		{url.Values{"state": {"dead"}, "from": {"2120-01-01T00:00:00Z"}}, 0},
		{url.Values{"state": {"dead"}, "before": {"2020-01-01T00:00:00Z"}}, 0},
		{url.Values{"id": {someDelivery}}, 1},
		{url.Values{"state": {"dead"}, "from": {"2020-01-01T00:00:00Z"}}, 2},
	} {
		if status, _, body := p.post("/deliveries/resend", step.form); status != http.StatusSeeOther {
			t.Fatalf("%v answers %d: %s", step.form, status, body)
		}
		var n int
		if err := d.db.QueryRow(t.Context(), "select count(*) from loom.webhook_deliveries where state = 'pending'").Scan(&n); err != nil || n != step.want {
			t.Errorf("after %v, %d are sent again, not %d: %v", step.form, n, step.want, err)
		}
	}
}

// Who may only read sees what was sent and answered, no more of a URL than its host, and no
// buttons. Others' deliveries do not exist.
func TestAReaderOfWebhooksChangesNothing(t *testing.T) {
	t.Parallel()
	d := startOn(t, "", seeded.Database(t))
	reader, user := d.signedIn(access.Read, nil), uuid.New()
	other := d.signedIn(access.Write, &user)
	for _, path := range []string{"/webhooks", "/webhooks/" + someEndpoint, "/deliveries?state=dead", "/deliveries/" + someDelivery} {
		status, _, body := reader.get(path)
		_, shown, _ := strings.Cut(body, "<main")
		if status != http.StatusOK || strings.Contains(shown, "path-that-is-secret") || strings.Contains(shown, `method="post"`) || !strings.Contains(shown, "app.example.com") {
			t.Errorf("%s answers a reader with %d: %s", path, status, shown)
		}
		if _, _, body := other.get(path); strings.Contains(body, "app.example.com") {
			t.Errorf("%s shows a person of one user what is everybody's", path)
		}
	}
	if _, _, body := reader.get("/deliveries/" + someDelivery); !strings.Contains(body, "&lt;b&gt;Sorry&lt;/b&gt;") || !strings.Contains(body, "This is a &lt;test&gt;.") {
		t.Errorf("what was answered and sent is shown as %s", body)
	}
	if status, _, _ := other.post("/deliveries/resend", url.Values{"id": {someDelivery}}); status != http.StatusNotFound {
		t.Errorf("sending somebody else's delivery again answers %d", status)
	}
	if status, _, _ := other.post("/deliveries/resend", url.Values{"state": {"dead"}}); status != http.StatusSeeOther {
		t.Errorf("sending one's own again answers %d", status)
	}
	d.await("others' stay", "select count(*) = 0 from loom.webhook_deliveries where state = 'pending'")
}
