package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/access/accesstest"
	"github.com/loom-lite/loom-lite/services/console/tokens"
)

func TestARequestWithAKeyIsDoneOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	write, other := s.token(access.Write), s.token(access.Write)
	body := map[string]any{"campaign": launch()}
	first := s.must(202, write, "POST", "/v1/renders", body, keyHeader, "k1")
	again := s.must(202, write, "POST", "/v1/renders", body, keyHeader, "k1")
	if string(first.text) != string(again.text) || again.Header.Get("Location") != first.Header.Get("Location") || again.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("first %s, again %s %v", first.text, again.text, again.Header)
	}
	if n := get[int](s, "select count(*)::int from renders"); n != 1 {
		t.Errorf("there are %d renders", n)
	}
	// The key is another one for another body, and for another token.
	s.problem(422, CodeKeyReused, write, "POST", "/v1/renders", map[string]any{"campaign_id": first.field("id")}, keyHeader, "k1")
	s.problem(422, CodeKeyReused, write, "POST", "/v1/campaigns", body, keyHeader, "k1")
	if a := s.must(202, other, "POST", "/v1/renders", body, keyHeader, "k1"); a.field("id") == first.field("id") {
		t.Error("two tokens with the same key got the same render")
	}
	// Errors are kept too.
	wrong := map[string]any{"campaign": map[string]any{"scenes": []any{}}}
	a := s.problem(422, CodeInvalid, write, "POST", "/v1/renders", wrong, keyHeader, "k2")
	if b := s.problem(422, CodeInvalid, write, "POST", "/v1/renders", wrong, keyHeader, "k2"); b.Header.Get("Idempotency-Replayed") != "true" || string(a.text) != string(b.text) {
		t.Errorf("first %s, again %s", a.text, b.text)
	}
	for _, key := range []string{strings.Repeat("k", 256), "a\tb", "é"} {
		s.problem(400, CodeMalformed, write, "POST", "/v1/renders", body, keyHeader, key)
	}
	s.problem(400, CodeMalformed, s.token(access.Admin), "POST", "/v1/tokens", map[string]any{"name": "x", "scope": "read"}, keyHeader, "k3")
	// Its time is over.
	s.exec("update loom.requests set expires_at = now() - interval '1 second'")
	if a := s.must(202, write, "POST", "/v1/renders", map[string]any{"campaign": launch(), "user_id": nil}, keyHeader, "k1"); a.Header.Get("Idempotency-Replayed") != "" {
		t.Error("a key whose time was over got its old answer")
	}
	if n := get[int](s, "select count(*)::int from loom.requests"); n != 1 {
		t.Errorf("%d requests are kept", n)
	}
}

// Many at once with one key: one is done, and the others are told to wait or get its answer.
func TestOfManyAtOnceWithOneKeyOneIsDone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	write := s.token(access.Write)
	ids := make([]string, 12)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			a := s.send(write, "POST", "/v1/renders", map[string]any{"campaign": launch()}, keyHeader, "k")
			ids[i] = fmt.Sprint(a.StatusCode, " ", a.field("id"))
			if a.StatusCode == http.StatusConflict && (a.field("code") != string(CodeRunning) || a.Header.Get("Retry-After") == "") {
				t.Errorf("%s", a.text)
			}
		})
	}
	all.Wait()
	slices.Sort(ids)
	if ids = slices.Compact(ids); !strings.HasPrefix(ids[0], "202 ") || len(ids) > 2 || len(ids) == 2 && !strings.HasPrefix(ids[1], "409 ") {
		t.Errorf("they are answered %v", ids)
	}
	if n := get[int](s, "select count(*)::int from renders"); n != 1 {
		t.Errorf("there are %d renders", n)
	}
}

// A console that was killed in the middle of a request left it running. While it may still run,
// others with its key are told; then the next one does it, and makes nothing twice.
func TestARequestThatWasLostIsDoneByTheNextWithItsKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	write := s.token(access.Write)
	body := map[string]any{"campaign": launch()}
	first := s.must(202, write, "POST", "/v1/renders", body, keyHeader, "k")
	s.exec("update loom.requests set status = null, headers = null, body = null")
	s.problem(409, CodeRunning, write, "POST", "/v1/renders", body, keyHeader, "k")
	s.exec("update loom.requests set running_until = now() - interval '1 second'")
	again := s.must(202, write, "POST", "/v1/renders", body, keyHeader, "k")
	if again.field("id") != first.field("id") || again.Header.Get("Idempotency-Replayed") != "" {
		t.Errorf("first %s, again %s", first.text, again.text)
	}
	if n := get[int](s, "select count(*)::int from renders"); n != 1 {
		t.Errorf("there are %d renders", n)
	}
}

// So it is with an action on many renders: a second one would do again what the first has done.
func TestAnActionThatWasLostIsTheNextsWithItsKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	write := s.token(access.Write)
	s.render(write)
	body := map[string]any{"action": "priority", "priority": 7, "filter": map[string]any{"status": []string{"queued"}}}
	first := s.must(202, write, "POST", "/v1/bulk-actions", body, keyHeader, "k")
	s.exec("update loom.requests set status = null, headers = null, body = null, running_until = now() - interval '1 second'")
	again := s.must(202, write, "POST", "/v1/bulk-actions", body, keyHeader, "k")
	if again.Header.Get("Location") != first.Header.Get("Location") || again.Header.Get("Idempotency-Replayed") != "" {
		t.Errorf("first %s, again %s", first.text, again.text)
	}
	if n := get[string](s, "select (select count(*) from loom.bulk_actions) || ' ' || (select count(*) from loom.bulk_items) || ' ' || (select count(*) from loom.audit where action = 'bulk.priority')"); n != "1 1 1" {
		t.Errorf("actions, renders and entries of the audit log are %s", n)
	}
	s.must(202, write, "POST", "/v1/bulk-actions", body, keyHeader, "l")
	if n := get[int](s, "select count(*)::int from loom.bulk_actions"); n != 2 {
		t.Errorf("with another key there are %d", n)
	}
}

func TestRequestsThatComeTooFastAreToldWhenToComeAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.Rate = 1 })
	fast, other := s.token(access.Read), s.token(access.Read)
	refused := 0
	for range 20 {
		if a := s.send(fast, "GET", "/v1/renders", nil); a.StatusCode == http.StatusTooManyRequests {
			refused++
			if a.Header.Get("Retry-After") != "1" || a.field("code") != string(CodeTooMany) {
				t.Errorf("Retry-After %q: %s", a.Header.Get("Retry-After"), a.text)
			}
		}
	}
	if refused == 0 {
		t.Error("none of 20 was refused")
	}
	s.must(200, other, "GET", "/v1/renders", nil)
}

// The database is not asked about each unknown token of somebody who sends many. Others who come
// from the same address, by the same proxy perhaps, are served all the same.
func TestUnknownTokensAreLookedUpAFewTimesOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	known := s.token(access.Read)
	s.must(200, known, "GET", "/v1/renders", nil)
	_, other, err := tokens.Create(accesstest.Operator(t), s.owner, tokens.Request{Name: "revoked", Scope: access.Read})
	if err != nil {
		t.Fatal(err)
	}
	s.exec("update loom.api_tokens set revoked_at = now() where name = 'revoked'")
	refused := func() answer {
		for range 1000 {
			if a := s.send(other, "GET", "/v1/renders", nil); a.StatusCode != http.StatusUnauthorized {
				return a
			}
		}
		t.Fatal("1000 unknown tokens in a row are looked up")
		return answer{}
	}
	if a := refused(); a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") != "1" || a.field("code") != string(CodeTooMany) {
		t.Errorf("%s, Retry-After %q: %s", a.Status, a.Header.Get("Retry-After"), a.text)
	}
	s.must(200, known, "GET", "/v1/renders", nil)
}
