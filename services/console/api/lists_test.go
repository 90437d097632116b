package api

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/loom-lite/loom-lite/services/console/access"
)

// Every list of the document: its pages have what was there when the first was read, once and in
// its order, whatever is made between them. Limits and cursors that are none are refused.
func TestEveryListIsReadPageByPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	admin := s.token(access.Admin)
	endpoint := s.must(201, admin, "POST", endpointsPath, map[string]any{"url": "https://example.com/"}).field("id").(string)
	list := func() string {
		return s.must(202, admin, "POST", "/v1/batches", map[string]any{"campaign": launch(), "rows": []any{map[string]any{"external_id": ""}}}).Header.Get("Location")
	}
	batch := list()
	makers := map[string]func(){
		"/v1/batches": func() { list() },
		"/v1/batches/{id}/rows": func() {
			s.exec(`insert into loom.batch_rows (batch_id, place, line, cells, outcome) select batch_id, max(place) + 1, 1, '{}', 'invalid'
				from loom.batch_rows where batch_id = $1::uuid group by 1`, strings.TrimPrefix(batch, "/v1/batches/"))
		},
		"/v1/audit":   func() { s.render(admin) },
		"/v1/renders": func() { s.render(admin) },
		"/v1/bulk-actions": func() {
			s.must(202, admin, "POST", "/v1/bulk-actions", map[string]any{"action": "cancel", "filter": map[string]any{"q": "nothing"}})
		},
		"/v1/campaigns": func() { s.must(201, admin, "POST", "/v1/campaigns", map[string]any{"campaign": launch()}) },
		"/v1/dead-letters": func() {
			s.exec("insert into loom.dead_letters (render_id, kind, error_code) values ($1, 'record', 'internal')", s.render(admin))
		},
		"/v1/tokens": func() { s.token(access.Read) },
		endpointsPath: func() {
			s.must(201, admin, "POST", endpointsPath, map[string]any{"url": "https://example.com/"})
		},
		deliveriesPath: func() {
			s.must(202, admin, "POST", endpointsPath+"/"+endpoint+"/test", nil)
			s.exec("select loom.fan_out_events(100)")
		},
	}
	lists := map[string]*huma.Operation{}
	for path, item := range s.api.Document().Paths {
		if item.Get != nil && slices.ContainsFunc(item.Get.Parameters, func(p *huma.Param) bool { return p.Name == "cursor" }) {
			lists[path] = item.Get
		}
	}
	if got, want := slices.Sorted(maps.Keys(lists)), slices.Sorted(maps.Keys(makers)); !slices.Equal(got, want) {
		t.Fatalf("the lists are\n%v, and the test makes things for\n%v", got, want)
	}
	type item struct {
		ID  any `json:"id"`
		Row int `json:"row"`
	}
	type page struct {
		Items      []item  `json:"items"`
		NextCursor *string `json:"next_cursor"`
	}
	for path, list := range lists {
		again := makers[path]
		path = strings.Replace(path, "/v1/batches/{id}", batch, 1)
		for range 5 {
			again()
		}
		var all page
		s.must(200, admin, "GET", path+"?limit=100", nil).into(t, &all)
		if len(all.Items) < 5 || all.NextCursor != nil {
			t.Errorf("%s has %d items, and the cursor %v", path, len(all.Items), all.NextCursor)
		}
		var one, paged page
		for query := path + "?limit=2"; ; query = path + "?limit=2&cursor=" + *one.NextCursor {
			one = page{}
			s.must(200, admin, "GET", query, nil).into(t, &one)
			paged.Items = append(paged.Items, one.Items...)
			if one.NextCursor == nil {
				break
			}
			if len(one.Items) != 2 || strings.Contains(*one.NextCursor, " ") {
				t.Fatalf("%s has %d items, and the cursor %q", query, len(one.Items), *one.NextCursor)
			}
			again()
		}
		if path == "/v1/campaigns" || strings.HasSuffix(path, "/rows") { // in their own order, so that a new one may be on a page that follows
			paged.Items = slices.DeleteFunc(paged.Items, func(item item) bool { return !slices.Contains(all.Items, item) })
		}
		if !slices.Equal(paged.Items, all.Items) {
			t.Errorf("the pages of %s have\n%v, and in one it is\n%v", path, paged.Items, all.Items)
		}
		for _, limit := range []string{"0", "-1", "101", "1e1"} {
			if a := s.problem(422, CodeInvalid, admin, "GET", path+"?limit="+limit, nil); !strings.Contains(string(a.text), `"parameter":"limit"`) {
				t.Errorf("%s: limit=%s: %s", path, limit, a.text)
			}
		}
		for _, cursor := range []string{"x", "e30", "e30x", "eyJvdGhlciI6MX0", "bnVsbA", strings.Repeat("A", 200)} {
			if a := s.problem(400, CodeMalformed, admin, "GET", path+"?cursor="+cursor, nil); !strings.Contains(string(a.text), `"parameter":"cursor"`) {
				t.Errorf("%s: cursor=%s: %s", path, cursor, a.text)
			}
		}
		for _, p := range list.Parameters {
			if p.Name == "limit" && (*p.Schema.Minimum != 1 || *p.Schema.Maximum != 100 || p.Schema.Default != 20) {
				t.Errorf("%s: the document says of limit %+v", path, p.Schema)
			}
		}
	}
}
