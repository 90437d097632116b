package api

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/campaigns"
)

func scene(url string, more ...any) map[string]any {
	s := map[string]any{"url": url, "duration_sec": 2}
	for i := 0; i+1 < len(more); i += 2 {
		s[more[i].(string)] = more[i+1]
	}
	return s
}

func TestACampaignIsMadeChangedAndDeleted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	write := s.token(access.Write)
	options := map[string]any{"headers": map[string]any{"X-Key": "secret"}}
	a := s.must(201, write, "POST", "/v1/campaigns", map[string]any{"campaign": map[string]any{
		"name": "Launch", "output_width": 640, "scenes": []any{scene("https://example.com/a", "options", options), scene("https://example.com/b")},
	}})
	at := a.Header.Get("Location")
	var c campaigns.Campaign
	a.into(t, &c)
	if at != "/v1/campaigns/"+c.ID.String() || strings.Contains(string(a.text), "secret") || !c.Scenes[0].Options || c.Scenes[1].Options || *c.Width != 640 || *c.FPS != 60 {
		t.Fatalf("%s: %s", at, a.text)
	}
	got := s.must(200, write, "GET", at, nil)
	etag := got.Header.Get("ETag")
	if etag == "" || etag != a.Header.Get("ETag") || string(got.text) != string(a.text) {
		t.Errorf("%s %s, and when it was made %s %s", etag, got.text, a.Header.Get("ETag"), a.text)
	}
	s.must(304, write, "GET", at, nil, "If-None-Match", etag)

	// The scenes change places. The first is kept with its options, one is new, and one goes.
	a = s.must(200, write, "PUT", at, map[string]any{"campaign": map[string]any{
		"name": "Launch 2", "scenes": []any{scene("https://example.com/c"), scene("https://example.com/a2", "id", c.Scenes[0].ID)},
	}}, "If-Match", etag)
	if a.Header.Get("ETag") == etag {
		t.Error("the version is the same")
	}
	if rows := get[string](s, `select c.name || ' ' || c.output_width || ' ' || string_agg(s.url || s.options::text, ' ' order by s.order_index)
		from campaigns c join scenes s on s.campaign_id = c.id group by c.id`); rows !=
		`Launch 2 1920 https://example.com/c{} https://example.com/a2{"headers": {"X-Key": "secret"}}` {
		t.Errorf("the rows are %s", rows)
	}
	s.problem(412, CodeChanged, write, "PUT", at, map[string]any{"campaign": launch()}, "If-Match", etag)
	s.problem(428, CodeConditionMissing, write, "PUT", at, map[string]any{"campaign": launch()})
	s.problem(422, CodeInvalid, write, "PUT", at, map[string]any{"campaign": map[string]any{"scenes": []any{scene("https://example.com", "id", uuid.New())}}}, "If-Match", "*")
	s.problem(422, CodeInvalid, write, "PUT", at, map[string]any{"campaign": map[string]any{"scenes": []any{scene("https://example.com", "id", "x")}}}, "If-Match", "*")
	s.problem(422, CodeInvalid, write, "PUT", at, map[string]any{"campaign": map[string]any{"scenes": []any{
		scene("https://example.com", "id", c.Scenes[0].ID), scene("https://example.com", "id", c.Scenes[0].ID),
	}}}, "If-Match", "*")
	s.problem(422, CodeInvalid, write, "PUT", at, map[string]any{"campaign": map[string]any{"scenes": []any{scene("page.html")}}}, "If-Match", "*")

	// Options that nobody sees are part of the version.
	etag = s.must(200, write, "GET", at, nil).Header.Get("ETag")
	s.exec("update scenes set options = '{}' where options <> '{}'")
	s.problem(412, CodeChanged, write, "DELETE", at, nil, "If-Match", etag)

	render := s.must(202, write, "POST", "/v1/renders", map[string]any{"campaign_id": c.ID}).field("id").(string)
	s.problem(409, CodeConflict, write, "DELETE", at, nil)
	s.must(200, write, "POST", "/v1/renders/"+render+"/cancel", nil)
	s.must(204, write, "DELETE", at, nil)
	s.problem(404, CodeNotFound, write, "GET", at, nil)
	if left := get[int](s, "select count(*)::int from renders"); left != 0 {
		t.Errorf("%d renders are left", left)
	}
	if got := get[string](s, "select string_agg(action, ' ' order by id) from loom.audit where target = $1", campaigns.Target(c.ID)); got !=
		"campaign.create campaign.update campaign.delete" {
		t.Errorf("the audit log has %s", got)
	}
}

// An app may hold its scenes to rules of its own: no two have the same place, and none a negative
// one.
func TestScenesChangePlacesWhereEachPlaceIsTakenOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.exec("alter table scenes add constraint one_place unique (campaign_id, order_index), add constraint place check (order_index >= 0), add constraint no_c check (url <> 'https://example.com/forbidden')")
	write := s.token(access.Write)
	var c campaigns.Campaign
	a := s.must(201, write, "POST", "/v1/campaigns", map[string]any{"campaign": map[string]any{
		"name": "Launch", "metadata": map[string]any{"customer": "0042"}, "scenes": []any{scene("https://example.com/a"), scene("https://example.com/b"), scene("https://example.com/c")},
	}})
	a.into(t, &c)
	if at := a.Header.Get("Location"); string(c.Metadata) != `{"customer":"0042"}` {
		t.Errorf("%s has the metadata %s", at, c.Metadata)
	}
	at := a.Header.Get("Location")
	put := func(status int, scenes ...any) answer {
		return s.must(status, write, "PUT", at, map[string]any{"campaign": map[string]any{"name": "Launch", "scenes": scenes}}, "If-Match", "*")
	}
	order := func(want string) {
		t.Helper()
		got := get[string](s, `select string_agg(right(url, 1), '' order by order_index) || ' ' || min(order_index) || max(order_index) from scenes`)
		if got != want {
			t.Errorf("the scenes are %s, want %s", got, want)
		}
	}
	ids := []uuid.UUID{c.Scenes[0].ID, c.Scenes[1].ID, c.Scenes[2].ID}
	put(200, scene("https://example.com/c", "id", ids[2]), scene("https://example.com/a", "id", ids[0]), scene("https://example.com/b", "id", ids[1]))
	order("cab 02")
	// A new one takes the place of one that is kept, and one goes.
	put(200, scene("https://example.com/d"), scene("https://example.com/b", "id", ids[1]), scene("https://example.com/c", "id", ids[2]))
	order("dbc 02")
	if got := get[string](s, "select metadata::text from campaigns"); got != "{}" {
		t.Errorf("what was left out is %s", got)
	}
	// A rule that cannot be kept is no failure of the console.
	if p := put(422, scene("https://example.com/forbidden", "id", ids[1])); p.field("code") != string(CodeInvalid) || !strings.Contains(p.field("detail").(string), "scenes no_c") {
		t.Errorf("%s", p.text)
	}
	order("dbc 02")
}

// Of two who got the same campaign and change it at once, one is told.
func TestOfTwoWhoChangeACampaignOneIsTold(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	write := s.token(access.Write)
	a := s.must(201, write, "POST", "/v1/campaigns", map[string]any{"campaign": launch()})
	at, etag := a.Header.Get("Location"), a.Header.Get("ETag")
	statuses := make([]int, 8)
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() {
			body := map[string]any{"campaign": map[string]any{"name": strings.Repeat("x", i+1), "scenes": launch()["scenes"]}}
			statuses[i] = s.send(write, "PUT", at, body, "If-Match", etag).StatusCode
		})
	}
	all.Wait()
	slices.Sort(statuses)
	if statuses[0] != http.StatusOK || statuses[1] != http.StatusPreconditionFailed || statuses[7] != http.StatusPreconditionFailed {
		t.Errorf("they are answered %v", statuses)
	}
}

func TestCampaignsAreListedByTheirNames(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	read := s.token(access.Read)
	for _, name := range []string{"b", "a", "a", "c"} {
		s.exec("insert into campaigns (name) values ($1)", name)
	}
	var got []string
	for path := "/v1/campaigns?limit=1"; path != ""; {
		var page struct {
			Items      []campaigns.Summary `json:"items"`
			NextCursor *string             `json:"next_cursor"`
		}
		s.must(200, read, "GET", path, nil).into(t, &page)
		got = append(got, page.Items[0].Name)
		path = ""
		if page.NextCursor != nil {
			path = "/v1/campaigns?limit=1&cursor=" + *page.NextCursor
		}
		s.exec("insert into campaigns (name) values ('A')") // before all others
	}
	if strings.Join(got, "") != "aabc" {
		t.Errorf("they are %v", got)
	}
	s.problem(400, CodeMalformed, read, "GET", "/v1/campaigns?cursor=e30", nil)
}
