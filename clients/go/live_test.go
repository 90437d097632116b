//go:build live

package loom

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/clients/go/api"
)

// These tests want a console: LOOM_API_URL, and LOOM_API_TOKEN with the scope admin. The console's
// own tests start one for them.

func live(t *testing.T) *Client {
	t.Helper()
	c, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func campaign(name string) map[string]any {
	return map[string]any{"name": name, "scenes": []map[string]any{{"url": "https://example.com", "duration_sec": 1}}}
}

func body(t *testing.T, value any) io.Reader {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(text)
}

func TestLiveTheSameKeyMakesOneRender(t *testing.T) {
	c := live(t)
	key := IdempotencyKey(uuid.NewString())
	first, err := c.Submit(t.Context(), campaign("Once"), key)
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Submit(t.Context(), campaign("Once"), key)
	if err != nil || second != first {
		t.Errorf("%s, then %s, %v", first, second, err)
	}
	_, err = c.Submit(t.Context(), campaign("Another"), key)
	var p *Problem
	if !errors.As(err, &p) || p.Code != "idempotency_key_reused" || p.Status != http.StatusUnprocessableEntity {
		t.Errorf("%v", err)
	}
}

// losing loses the first answers to POSTs, after the API has done what they ask for.
type losing struct {
	lose int
	// keys of the requests that were sent.
	keys []string
}

func (l *losing) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || r.Method != http.MethodPost {
		return answer, err
	}
	if l.keys = append(l.keys, r.Header.Get(keyHeader)); len(l.keys) > l.lose {
		return answer, nil
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return nil, io.ErrUnexpectedEOF
}

// The connection breaks when the API has made the render already: the next tries are answered with
// that one, because their key is that of the first.
func TestLiveAnAnswerThatIsLostMakesNoSecondRender(t *testing.T) {
	transport := &losing{lose: 2}
	c, err := New(Options{HTTP: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	name := "Lost " + uuid.NewString()
	id, err := c.Submit(t.Context(), campaign(name))
	if err != nil {
		t.Fatal(err)
	}
	if keys := slices.Compact(slices.Clone(transport.keys)); len(transport.keys) != 3 || len(keys) != 1 || keys[0] == "" {
		t.Errorf("the keys of the tries are %q", transport.keys)
	}
	var made []string
	for r, err := range c.Renders(t.Context(), api.ListRendersParams{Q: &name}) {
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, r.ID)
	}
	if !slices.Equal(made, []string{id}) {
		t.Errorf("the renders %q were made, and %s is the answer", made, id)
	}
	if _, err := c.Submit(t.Context(), campaign(name)); err != nil || transport.keys[3] == transport.keys[0] {
		t.Errorf("the next request has the key %q of the one before: %v", transport.keys[3], err)
	}
}

func TestLiveAFaultOfTheCampaignHasItsPlace(t *testing.T) {
	bad := campaign("Bad")
	bad["scenes"] = []map[string]any{{"url": "file:///etc/passwd", "duration_sec": 1}}
	_, err := live(t).Submit(t.Context(), bad)
	var p *Problem
	if !errors.As(err, &p) || p.Code != "invalid" || len(p.Errors) != 1 || *p.Errors[0].Pointer != "#/campaign/scenes/0/url" {
		t.Errorf("%v", err)
	}
}

func TestLiveARenderIsWatchedToItsEnd(t *testing.T) {
	c := live(t)
	id, err := c.Submit(t.Context(), campaign("Watched"))
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for e, err := range c.Events(t.Context(), id, "") {
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, e.Type+" "+e.Status)
		if e.Type == EventStatus && e.Status == "queued" {
			if _, err := c.CancelRenderWithResponse(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
	}
	if want := []string{"status queued", "status cancelled", "end cancelled"}; !slices.Equal(seen, want) {
		t.Errorf("events are %q, want %q", seen, want)
	}
	if r, err := c.Wait(t.Context(), id); err != nil || r.Status != "cancelled" || *r.Campaign != "Watched" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := c.Wait(t.Context(), uuid.NewString()); !errors.As(err, new(*Problem)) {
		t.Errorf("a render that is not there: %v", err)
	}
}

func TestLiveAListOfSeveralPagesHasEverythingOnce(t *testing.T) {
	c := live(t)
	var want, got []string
	for n := range 5 {
		id, err := c.Submit(t.Context(), campaign(fmt.Sprint("Listed ", n)))
		if err != nil {
			t.Fatal(err)
		}
		want = append([]string{id}, want...)
	}
	for r, err := range c.Renders(t.Context(), api.ListRendersParams{Q: new("Listed"), Limit: new(2)}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLiveATokenAndACampaignThatHasNotChanged(t *testing.T) {
	c := live(t)
	made, err := c.CreateTokenWithResponse(t.Context(), api.CreateTokenInputBody{Name: "live", Scope: "read"})
	if err != nil || made.JSON201 == nil || made.JSON201.Token == "" {
		t.Fatalf("%+v, %v", made, err)
	}
	kept, err := c.CreateCampaignWithBodyWithResponse(t.Context(), "application/json", body(t, map[string]any{"campaign": campaign("Kept")}))
	if err != nil || kept.JSON201 == nil {
		t.Fatalf("%+v, %v", kept, err)
	}
	tag := kept.HTTPResponse.Header.Get("ETag")
	same, err := c.GetCampaignWithResponse(t.Context(), kept.JSON201.ID, &api.GetCampaignParams{IfNoneMatch: &tag})
	if err != nil || same.StatusCode() != http.StatusNotModified {
		t.Errorf("%v, %v", same, err)
	}
}
