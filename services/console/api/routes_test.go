package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
)

// route is what an operation takes, and a body that it reads.
type route struct {
	scope        access.Scope
	installation bool
	body         any
}

// routes are all operations but those that take no token. What is here is what is promised: a new
// operation fails the test until it is.
var routes = map[string]route{
	"POST /v1/campaigns":                          {access.Write, false, map[string]any{"campaign": launch()}},
	"GET /v1/campaigns":                           {access.Read, false, nil},
	"GET /v1/campaigns/{id}":                      {access.Read, false, nil},
	"PUT /v1/campaigns/{id}":                      {access.Write, false, map[string]any{"campaign": launch()}},
	"DELETE /v1/campaigns/{id}":                   {access.Write, false, nil},
	"POST /v1/renders":                            {access.Write, false, map[string]any{"campaign": launch()}},
	"GET /v1/renders":                             {access.Read, false, nil},
	"GET /v1/renders/{id}":                        {access.Read, false, nil},
	"GET /v1/renders/{id}/events":                 {access.Read, false, nil},
	"GET /v1/renders/{id}/tasks":                  {access.Read, false, nil},
	"GET /v1/renders/{id}/artifacts":              {access.Read, false, nil},
	"GET /v1/renders/{id}/bundle":                 {access.Read, false, nil},
	"POST /v1/renders/{id}/cancel":                {access.Write, false, nil},
	"POST /v1/renders/{id}/retry":                 {access.Write, false, nil},
	"PUT /v1/renders/{id}/priority":               {access.Write, true, map[string]any{"priority": 1}},
	"POST /v1/preflight":                          {access.Write, false, map[string]any{"campaign": launch()}},
	"GET /v1/preflight/{id}":                      {access.Read, false, nil},
	"GET /v1/preflight/{id}/sheet":                {access.Read, false, nil},
	"POST /v1/preflight/{id}/cancel":              {access.Write, false, nil},
	"GET /v1/renders/{id}/scenes/{scene}/picture": {access.Read, false, nil},
	"GET /v1/snapshot":                            {access.Read, true, nil},
	"GET /v1/stages":                              {access.Read, true, nil},
	"GET /v1/workers":                             {access.Read, true, nil},
	"POST /v1/stages/{stage}/pause":               {access.Write, true, nil},
	"POST /v1/stages/{stage}/resume":              {access.Write, true, nil},
	"GET /v1/dead-letters":                        {access.Read, true, nil},
	"GET /v1/dead-letters/{id}":                   {access.Read, true, nil},
	"POST /v1/dead-letters/replay":                {access.Write, true, map[string]any{"all": true}},
	"POST /v1/dead-letters/discard":               {access.Write, true, map[string]any{"all": true}},
	"POST /v1/tokens":                             {access.Admin, true, map[string]any{"name": "x", "scope": "read"}},
	"GET /v1/tokens":                              {access.Admin, true, nil},
	"GET /v1/tokens/{id}":                         {access.Admin, true, nil},
	"DELETE /v1/tokens/{id}":                      {access.Admin, true, nil},
	"GET /v1/audit":                               {access.Admin, true, nil},

	"POST /v1/webhook-endpoints":              {access.Write, false, map[string]any{"url": "https://example.com/hook"}},
	"GET /v1/webhook-endpoints":               {access.Read, false, nil},
	"GET /v1/webhook-endpoints/{id}":          {access.Read, false, nil},
	"PATCH /v1/webhook-endpoints/{id}":        {access.Write, false, map[string]any{"description": "x"}},
	"DELETE /v1/webhook-endpoints/{id}":       {access.Write, false, nil},
	"POST /v1/webhook-endpoints/{id}/rotate":  {access.Write, false, map[string]any{}},
	"POST /v1/webhook-endpoints/{id}/test":    {access.Write, false, nil},
	"GET /v1/webhook-deliveries":              {access.Read, false, nil},
	"GET /v1/webhook-deliveries/{id}":         {access.Read, false, nil},
	"POST /v1/webhook-deliveries/{id}/resend": {access.Write, false, nil},
	"POST /v1/webhook-deliveries/resend":      {access.Write, false, map[string]any{"state": []string{"dead"}}},
	"GET /v1/renders/{id}/receipt":            {access.Read, false, nil},
	"GET /v1/usage":                           {access.Read, false, nil},
	"POST /v1/bulk-actions": {access.Write, false,
		map[string]any{"action": "cancel", "dry_run": true, "filter": map[string]any{"status": []string{"queued"}}}},
	"GET /v1/bulk-actions":             {access.Read, false, nil},
	"GET /v1/bulk-actions/{id}":        {access.Read, false, nil},
	"POST /v1/bulk-actions/{id}/abort": {access.Write, false, nil},
	"POST /v1/batches": {access.Write, false,
		map[string]any{"campaign": launch(), "csv": "external_id\na\n"}},
	"GET /v1/batches":              {access.Read, false, nil},
	"GET /v1/batches/{id}":         {access.Read, false, nil},
	"GET /v1/batches/{id}/rows":    {access.Read, false, nil},
	"GET /v1/batches/{id}/result":  {access.Read, false, nil},
	"POST /v1/batches/{id}/retry":  {access.Write, false, nil},
	"POST /v1/batches/{id}/cancel": {access.Write, false, nil},
	"GET /v1/saved-views":          {access.Read, false, nil},
	"POST /v1/saved-views":         {access.Read, false, map[string]any{"name": "mine", "filter": map[string]any{}}},
	"DELETE /v1/saved-views/{id}":  {access.Read, false, nil},
}

// public are the operations that take no token.
var public = []string{"GET /v1/version"}

// operations are those of the document.
func operations(doc *huma.OpenAPI) (list []string) {
	for path, item := range doc.Paths {
		for method, op := range map[string]*huma.Operation{
			"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete,
		} {
			if op != nil {
				list = append(list, method+" "+path)
			}
		}
	}
	slices.Sort(list)
	return list
}

// Every operation × every kind of caller. What a caller may not do is refused, before anything is
// looked at, and what it may do is not.
func TestWhatATokenMayNotDoIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	user := uuid.New()
	revoked := s.token(access.Admin)
	s.exec("update loom.api_tokens set revoked_at = now()")
	expired := s.token(access.Admin)
	s.exec("update loom.api_tokens set expires_at = now() where revoked_at is null")
	callers := map[string]struct {
		token string
		scope access.Scope
		user  bool
	}{
		"nobody":         {"", "", false},
		"read":           {s.token(access.Read), access.Read, false},
		"write":          {s.token(access.Write), access.Write, false},
		"admin":          {s.token(access.Admin), access.Admin, false},
		"a user's read":  {s.token(access.Read, user), access.Read, true},
		"a user's write": {s.token(access.Write, user), access.Write, true},
		"revoked":        {revoked, "", false},
		"expired":        {expired, "", false},
	}
	ops := operations(New(Config{}).Document())
	if want := slices.Sorted(maps.Keys(routes)); !slices.Equal(slices.DeleteFunc(slices.Clone(ops), func(o string) bool { return slices.Contains(public, o) }), want) {
		t.Errorf("the operations are\n%v, and the table has\n%v", ops, want)
	}
	refused := map[string]string{}
	for name, caller := range callers {
		for _, op := range ops {
			s.api.strangers = access.Strangers{} // what is tried too often is another test's
			need, takes := routes[op]
			method, path, _ := strings.Cut(op, " ")
			path = strings.NewReplacer("{id}", uuid.NewString(), "{stage}", "draw", "{scene}", "1").Replace(path)
			s.api.strangers = access.Strangers{} // a revoked token is used more often than an address may
			a := s.send(caller.token, method, path, need.body)
			want := 0 // it is not refused
			switch {
			case !takes && (name == "revoked" || name == "expired"):
				want = http.StatusUnauthorized
			case !takes:
			case caller.scope == "":
				want = http.StatusUnauthorized
			case !caller.scope.Covers(need.scope), need.installation && caller.user:
				want = http.StatusForbidden
			}
			got := a.StatusCode
			if got != http.StatusUnauthorized && got != http.StatusForbidden {
				got = 0
			}
			if got != want {
				t.Errorf("%s: %s is answered %s, want %d (0: not refused): %s", name, op, a.Status, want, a.text)
			}
			if want > 0 {
				refused[name] += "x"
			}
		}
	}
	if refused["admin"] != "" || len(refused["nobody"]) != len(routes) {
		t.Errorf("refused were %v", refused)
	}
	// Those that were refused have changed nothing.
	if n := get[int](s, "select count(*)::int from loom.audit where name in ('read', 'a user''s read') and kind = 'token'"); n != 0 {
		t.Errorf("readers have changed %d things", n)
	}
}

// To a token of one user, what is others' is not there.
func TestATokenOfOneUserSeesAndChangesThatUsersThingsOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	mine, theirs := uuid.New(), uuid.New()
	all, me := s.token(access.Admin), s.token(access.Write, mine)
	type thing struct{ campaign, render string }
	create := func(token string, user any) thing {
		body := map[string]any{"campaign": launch()}
		if user != nil {
			body["user_id"] = user
		}
		id := s.must(202, token, "POST", "/v1/renders", body).field("id").(string)
		return thing{get[string](s, "select campaign_id::text from renders where id = $1", id), id}
	}
	own, other, nobodys := create(me, nil), create(all, theirs), create(all, nil)
	if user := get[uuid.UUID](s, "select user_id from campaigns where id = $1", own.campaign); user != mine {
		t.Errorf("the user's campaign is %s's", user)
	}
	s.problem(403, CodeOneUser, me, "POST", "/v1/renders", map[string]any{"campaign": launch(), "user_id": theirs})
	s.problem(403, CodeOneUser, me, "POST", "/v1/campaigns", map[string]any{"campaign": launch(), "user_id": theirs})
	before := get[string](s, "select string_agg(r::text || j::text || c::text, ' ' order by r.id) from renders r join render_jobs j on j.render_id = r.id join campaigns c on c.id = r.campaign_id where c.user_id is distinct from $1", mine)
	for op, need := range routes {
		if need.installation || !strings.Contains(op, "{id}") {
			continue
		}
		method, path, _ := strings.Cut(op, " ")
		for _, foreign := range []thing{other, nobodys} {
			id := foreign.render
			if strings.Contains(path, "/campaigns/") {
				id = foreign.campaign
			}
			s.problem(404, CodeNotFound, me, method, strings.NewReplacer("{id}", id, "{scene}", "1").Replace(path), need.body, "If-Match", "*")
		}
	}
	for _, foreign := range []thing{other, nobodys} {
		s.problem(404, CodeNotFound, me, "POST", "/v1/renders", map[string]any{"campaign_id": foreign.campaign})
	}
	if after := get[string](s, "select string_agg(r::text || j::text || c::text, ' ' order by r.id) from renders r join render_jobs j on j.render_id = r.id join campaigns c on c.id = r.campaign_id where c.user_id is distinct from $1", mine); after != before {
		t.Errorf("others' rows have changed from\n%s to\n%s", before, after)
	}
	for path, want := range map[string]string{"/v1/renders": own.render, "/v1/campaigns": own.campaign} {
		var page struct {
			Items []struct {
				ID string `json:"id"`
			} `json:"items"`
		}
		for _, query := range []string{"", "?user_id=" + mine.String(), "?q=Launch"} {
			s.must(200, me, "GET", path+query, nil).into(t, &page)
			if len(page.Items) != 1 || page.Items[0].ID != want {
				t.Errorf("%s%s has %v, want %s", path, query, page.Items, want)
			}
		}
		s.must(200, me, "GET", path+"?user_id="+theirs.String(), nil).into(t, &page)
		if len(page.Items) != 0 {
			t.Errorf("%s has %v of another user's", path, page.Items)
		}
	}
	s.must(200, me, "GET", "/v1/renders/"+own.render, nil)
	s.must(200, me, "GET", "/v1/renders/"+own.render+"/tasks", nil)
	s.must(202, me, "POST", "/v1/renders", map[string]any{"campaign_id": own.campaign})
	s.must(200, me, "POST", "/v1/renders/"+own.render+"/cancel", nil)
	s.must(202, me, "POST", "/v1/renders/"+own.render+"/retry", nil)
	etag := s.must(200, me, "GET", "/v1/campaigns/"+own.campaign, nil).Header.Get("ETag")
	s.must(200, me, "PUT", "/v1/campaigns/"+own.campaign, map[string]any{"campaign": launch()}, "If-Match", etag)
}

// What the operations promise about themselves is in the document.
func TestTheDocumentSaysWhatEachOperationTakes(t *testing.T) {
	doc := New(Config{}).Document()
	for op, need := range routes {
		method, path, _ := strings.Cut(op, " ")
		item := doc.Paths[path]
		o := map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete}[method]
		if o.Extensions["x-scope"] != need.scope || o.Extensions["x-installation"] != need.installation || len(o.Security) != 1 || o.Summary == "" || len(o.Tags) != 1 {
			t.Errorf("%s: %v, %v, %q, %v", op, o.Extensions, o.Security, o.Summary, o.Tags)
		}
		for status, response := range o.Responses {
			if status[0] == '4' || status[0] == '5' {
				if response.Content["application/problem+json"] == nil {
					t.Errorf("%s: %s is no problem: %v", op, status, fmt.Sprint(response.Content))
				}
			}
		}
	}
}
