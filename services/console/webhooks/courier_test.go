package webhooks

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/services/console/access/accesstest"
)

func TestAReceiverGetsWhatItCanVerify(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	x := r.receive(nil)
	_, secret := r.endpoint(x.URL + "/hook?key=1")
	render := r.render("done")
	r.courier()
	got := r.await(x, 1)[0]
	verifier, err := standardwebhooks.NewWebhook(secret.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(got.body, got.Header); err != nil {
		t.Errorf("its verifier says %v", err)
	}
	if err := verifier.Verify(append(got.body, ' '), got.Header); err == nil {
		t.Error("another body is verified too")
	}
	var m struct {
		Type string
		Data RenderData
	}
	if err := json.Unmarshal(got.body, &m); err != nil {
		t.Fatal(err)
	}
	if m.Type != RenderCompleted || m.Data.RenderID != render || *m.Data.VideoURL != "https://video/?a=1&b=2" || string(m.Data.Metadata) != `{"a":"<&>"}` {
		t.Errorf("it got %s", got.body)
	}
	if got.Header.Get("Content-Type") != "application/json" || !strings.HasPrefix(got.Header.Get("User-Agent"), "loom-lite/") {
		t.Errorf("with %v", got.Header)
	}
	until(r, "delivered", "select state from loom.webhook_deliveries")
}

// Each status, and what becomes of the delivery and of the endpoint.
func TestWhatBecomesOfADeliveryFollowsFromTheAnswer(t *testing.T) {
	t.Parallel()
	const week = "604800"
	for status, want := range map[int]struct {
		state, header string
		// wait is how long it is at least and at most until the next attempt, slow how long the
		// endpoint gets nothing.
		least, most, slow time.Duration
		disabled          bool
	}{
		200: {state: Delivered}, 201: {state: Delivered}, 202: {state: Delivered}, 204: {state: Delivered}, 299: {state: Delivered},
		301: {state: Pending, least: 3 * time.Second, most: 6 * time.Second}, 302: {state: Pending, least: 3 * time.Second, most: 6 * time.Second},
		303: {state: Pending, most: 6 * time.Second}, 304: {state: Pending, most: 6 * time.Second},
		307: {state: Pending, most: 6 * time.Second}, 308: {state: Pending, most: 6 * time.Second},
		400: {state: Pending, most: 6 * time.Second}, 401: {state: Pending, most: 6 * time.Second}, 404: {state: Pending, most: 6 * time.Second},
		408: {state: Pending, most: 6 * time.Second}, 409: {state: Pending, most: 6 * time.Second},
		410: {state: Dead, disabled: true},
		429: {state: Pending, header: "120", least: 118 * time.Second, most: 120 * time.Second, slow: 118 * time.Second},
		500: {state: Pending, most: 6 * time.Second},
		502: {state: Pending, most: 6 * time.Second, slow: 2 * time.Second},
		503: {state: Pending, header: time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), least: 58 * time.Minute, most: time.Hour, slow: 58 * time.Minute},
		504: {state: Pending, header: week, least: 23 * time.Hour, most: 24 * time.Hour, slow: 23 * time.Hour},
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			elsewhere := r.receive(nil)
			x := r.receive(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", elsewhere.URL)
				w.Header().Set("Retry-After", want.header)
				w.WriteHeader(status)
				_, _ = w.Write([]byte("Said \x00\xff" + strings.Repeat("x", 5000)))
			})
			e, _ := r.endpoint(x.URL)
			r.render("failed")
			stop := r.courier()
			until(r, 1, "select count(*)::int from loom.webhook_attempts where ended_at is not null")
			stop()
			list, err := Deliveries(t.Context(), r.db, Filter{Endpoint: &e.ID}, nil, 10)
			if err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
			d, err := InFull(t.Context(), r.db, list[0].ID)
			if err != nil {
				t.Fatal(err)
			}
			if d.State != want.state || *d.Status != status || (d.Error == nil) != (want.state == Delivered) {
				t.Errorf("the delivery is %s, status %d, error %v", d.State, *d.Status, d.Error)
			}
			if want.state == Pending {
				wait := value[float64](r, "select extract(epoch from next_at - clock_timestamp())::float8 from loom.webhook_deliveries")
				if wait < want.least.Seconds()-2 || wait > want.most.Seconds() {
					t.Errorf("it is tried again in %.1f s, want %s to %s", wait, want.least, want.most)
				}
			}
			slow := value[float64](r, "select greatest(0, extract(epoch from nullif(not_before, '-infinity') - clock_timestamp()))::float8 from loom.webhook_endpoints")
			if slow < want.slow.Seconds()-2 || want.slow == 0 && slow > 0 {
				t.Errorf("the endpoint gets nothing for %.1f s, want %s", slow, want.slow)
			}
			if e, err = Get(t.Context(), r.db, e.ID); err != nil || (e.DisabledAt != nil) != want.disabled {
				t.Errorf("disabled: %v, %v", e.DisabledAt, err)
			}
			if body := *d.Tries[0].Response; status != 204 && status != 304 && (!strings.HasPrefix(body, "Said ��x") || len(body) > 2*kept) {
				t.Errorf("of the answer is kept %q", body)
			}
			if n := len(elsewhere.requests()); n > 0 {
				t.Error("a redirect was followed")
			}
		})
	}
}

func TestATargetThatHangsDelaysNoOther(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	release := make(chan struct{})
	var held, most atomic.Int32
	hangs := r.receive(func(_ http.ResponseWriter, q *http.Request) {
		now := held.Add(1)
		for old := most.Load(); now > old; old = most.Load() {
			if most.CompareAndSwap(old, now) {
				break
			}
		}
		select {
		case <-release:
		case <-q.Context().Done():
		}
		held.Add(-1)
	})
	t.Cleanup(func() { close(release) })
	well := r.receive(nil)
	const endpoints, events = 30, 20
	for i := range endpoints {
		r.endpoint(fmt.Sprintf("%s/%d", hangs.URL, i))
	}
	last, _ := r.endpoint(well.URL)
	for range events {
		r.render("done")
	}
	// None of those that hang fails for its time, however busy the machine is.
	stop := r.courier(func(c *Courier) { c.Timeout = time.Hour })
	// All are there, and none of the others has been answered.
	until(r, events, "select count(*)::int from loom.webhook_deliveries where state = 'delivered' and endpoint_id = $1", last.ID)
	if n := value[int](r, "select count(*)::int from loom.webhook_attempts a join loom.webhook_deliveries d on d.id = a.delivery_id where d.endpoint_id <> $1 and a.ended_at is not null", last.ID); n > 0 {
		t.Errorf("%d of those that hang have ended before", n)
	}
	until(r, endpoints*toEach, "select count(*)::int from loom.webhook_deliveries where lease_until > now()")
	if n := most.Load(); n > endpoints*toEach {
		t.Errorf("%d requests at once to the one that hangs", n)
	}
	stop()
	if n := value[int](r, "select count(*)::int from loom.webhook_deliveries where lease_until is not null and state = 'pending'"); n > 0 {
		t.Errorf("%d were not given back", n)
	}
	if n := value[int](r, "select sum(failures)::int from loom.webhook_deliveries"); n > 0 {
		t.Errorf("%d attempts are charged that the console broke off", n)
	}
}

func TestAnAttemptThatTakesTooLongHasFailedAndTheNextIsAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	x := r.receive(func(_ http.ResponseWriter, q *http.Request) { <-q.Context().Done() })
	r.endpoint(x.URL)
	for range 3 * toEach {
		r.render("done")
	}
	r.courier(func(c *Courier) { c.Timeout = 300 * time.Millisecond })
	until(r, "it did not answer in time", "select coalesce(max(error), '') from loom.webhook_deliveries")
	// Once it has failed it gets one request at a time.
	until(r, true, "select count(*) >= 10 from loom.webhook_attempts where ended_at is not null")
	at := value[int](r, `select max(n)::int from (select count(*) as n from loom.webhook_attempts a join loom.webhook_attempts b
		on b.began_at <= a.began_at and b.ended_at > a.began_at where a.began_at > (select min(ended_at) + interval '300 ms' from loom.webhook_attempts) group by a.delivery_id, a.attempt) x`)
	if at > 1 {
		t.Errorf("%d requests at once to an endpoint that fails", at)
	}
}

func TestAnAddressThatIsNotPublicIsNotReached(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.policy = egress.Policy{}
	x := r.receive(nil)
	for _, url := range []string{x.URL, strings.Replace(x.URL, "127.0.0.1", "localhost", 1), "http://169.254.169.254/latest/meta-data", "http://[::1]:80/"} {
		r.endpoint(url)
	}
	r.render("done")
	r.courier()
	until(r, 4, "select count(*)::int from loom.webhook_deliveries where error = 'its address is not public'")
	if n := len(x.requests()); n > 0 {
		t.Errorf("%d requests", n)
	}
}

func TestEndpointsGetWhatTheyAskForAndNoOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	x := r.receive(nil)
	user, other := uuid.New(), uuid.New()
	all, _ := r.endpoint(x.URL)
	failures, _ := r.endpoint(x.URL, func(n *NewEndpoint) { n.Events = []string{RenderFailed} })
	one, _ := r.endpoint(x.URL, func(n *NewEndpoint) { n.User = &user })
	another, _ := r.endpoint(x.URL, func(n *NewEndpoint) { n.User = &other })
	mine := value[uuid.UUID](r, `with c as (insert into campaigns (name, user_id) values ('x', $1) returning id)
		insert into renders (campaign_id, status) select id, 'queued' from c returning id`, user)
	r.exec("update renders set status = 'done' where id = $1", mine)
	r.render("failed")
	late, _ := r.endpoint(x.URL)
	r.courier()
	until(r, 4, "select count(*)::int from loom.webhook_deliveries where state = 'delivered'")
	for e, want := range map[uuid.UUID]string{all.ID: "render.completed,render.failed", failures.ID: "render.failed", one.ID: "render.completed", another.ID: "", late.ID: ""} {
		got := value[string](r, `select coalesce(string_agg(v.type, ',' order by v.created_at), '') from loom.webhook_deliveries d
			join loom.webhook_events v on v.id = d.event_id where d.endpoint_id = $1`, e)
		if got != want {
			t.Errorf("%s gets %q, want %q", e, got, want)
		}
	}
	ids := map[string]bool{}
	for _, q := range x.requests() {
		ids[q.id()] = true
	}
	if len(ids) != 2 {
		t.Errorf("two events have the ids %v", ids)
	}
}

func TestASecretIsReplacedWithoutAMessageThatCannotBeVerified(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	x := r.receive(nil)
	own, err := ParseSecret("whsec_" + strings.Repeat("QUFB", 8))
	if err != nil {
		t.Fatal(err)
	}
	e, first := r.endpoint(x.URL, func(n *NewEndpoint) { n.Secret = own })
	_, second, err := Rotate(accesstest.Operator(t), r.db, r.keeper, e.ID, nil, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	verifies := func(q request, s Secret) bool {
		verifier, err := standardwebhooks.NewWebhook(s.String())
		return err == nil && verifier.Verify(q.body, q.Header) == nil
	}
	r.render("done")
	r.courier()
	if q := r.await(x, 1)[0]; !verifies(q, first) || !verifies(q, second) || len(strings.Fields(q.Header.Get("webhook-signature"))) != 2 {
		t.Errorf("while it is replaced it has the signatures %s", q.Header.Get("webhook-signature"))
	}
	r.exec("update loom.webhook_secrets set expires_at = clock_timestamp() where expires_at is not null")
	r.render("done")
	if q := r.await(x, 2)[1]; verifies(q, first) || !verifies(q, second) {
		t.Error("the old secret still signs, or the new one does not")
	}
}

// An attempt has its own timestamp, and all of an event have one id and one body.
func TestAMessageIsTriedAgainUntilItIsGivenUpAndSentAgainByHand(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var well atomic.Bool
	x := r.receive(func(w http.ResponseWriter, _ *http.Request) {
		if !well.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	e, secret := r.endpoint(x.URL)
	r.render("done")
	r.courier()
	for attempt := 1; attempt <= len(pauses)+1; attempt++ {
		until(r, attempt, "select count(*)::int from loom.webhook_attempts where ended_at is not null")
		r.exec("update loom.webhook_deliveries set next_at = clock_timestamp()")
	}
	until(r, Dead, "select state from loom.webhook_deliveries")
	if _, err := Resend(accesstest.Operator(t), r.db, Filter{}); err == nil {
		t.Error("an empty filter is not refused")
	}
	well.Store(true)
	if n, err := Resend(accesstest.Operator(t), r.db, Filter{Endpoint: &e.ID, States: []string{Dead}, Before: time.Now().Add(time.Minute)}); err != nil || n != 1 {
		t.Errorf("%d are sent again, %v", n, err)
	}
	until(r, Delivered, "select state from loom.webhook_deliveries")
	got := x.requests()
	if len(got) != len(pauses)+2 {
		t.Errorf("%d requests, want %d", len(got), len(pauses)+2)
	}
	verifier, err := standardwebhooks.NewWebhook(secret.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range got {
		if q.id() != got[0].id() || string(q.body) != string(got[0].body) {
			t.Errorf("an attempt has the id %s and the body %s", q.id(), q.body)
		}
		if err := verifier.Verify(q.body, q.Header); err != nil {
			t.Error(err)
		}
	}
}

func TestTestsReachOneEndpointAndNoOther(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	x := r.receive(nil)
	e, _ := r.endpoint(x.URL + "/tested")
	r.endpoint(x.URL + "/other")
	id, err := Test(accesstest.Operator(t), r.db, e.ID)
	if err != nil {
		t.Fatal(err)
	}
	r.courier()
	if q := r.await(x, 1)[0]; q.id() != id.String() || !strings.Contains(string(q.body), `"type":"endpoint.test"`) {
		t.Errorf("it got %s: %s", q.id(), q.body)
	}
	until(r, 1, "select count(*)::int from loom.webhook_deliveries where state = 'delivered'")
}

func TestOldEventsAreDeletedAndNothingElse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	x := r.receive(nil)
	e, _ := r.endpoint(x.URL)
	r.render("done")
	stop := r.courier()
	until(r, 1, "select count(*)::int from loom.webhook_deliveries where state = 'delivered'")
	stop()
	r.exec("update loom.webhook_events set created_at = created_at - interval '8 days'")
	old := r.render("done")
	r.exec("update loom.webhook_events set created_at = created_at - interval '8 days' where render_id = $1", old)
	r.render("done")
	forget := func() int { return value[int](r, "select loom.forget_events('7 days', 10)") }
	if n := forget(); n != 0 {
		t.Errorf("%d events are deleted that ended lately, or were not sent", n)
	}
	r.exec("update loom.webhook_deliveries set next_at = next_at - interval '8 days', ended_at = ended_at - interval '8 days'")
	if n := forget(); n != 1 {
		t.Errorf("%d events are deleted, want the old one", n)
	}
	if n := value[int](r, "select count(*)::int from loom.webhook_events"); n != 2 {
		t.Errorf("%d are left", n)
	}
	if err := Delete(accesstest.Operator(t), r.db, e.ID); err != nil {
		t.Error(err)
	}
	if n := value[int](r, "select (select count(*) from loom.webhook_deliveries) + (select count(*) from loom.webhook_secrets)"); n != 0 {
		t.Errorf("%d rows of a deleted endpoint", n)
	}
}

func TestAMessageIsPartOfItsRendersTrace(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	x := r.receive(nil)
	r.endpoint(x.URL)
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	r.exec("insert into loom.traces (render_id, traceparent) values ($1::uuid, $2::text)", r.render("done"), trace)
	r.render("failed")
	r.courier()
	for _, got := range r.await(x, 2) {
		want := ""
		if strings.Contains(string(got.body), RenderCompleted) {
			want = trace
		}
		if header := got.Header.Get("Traceparent"); header != want {
			t.Errorf("%s has the trace %q, want %q", got.body, header, want)
		}
	}
}
