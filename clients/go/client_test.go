package loom

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/clients/go/api"
)

// answering serves one answer of a list to each request, the last one again and again, and keeps
// the requests.
type answering struct {
	mu       sync.Mutex
	answers  []http.HandlerFunc
	requests []*http.Request
}

func (a *answering) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.requests = append(a.requests, r)
	answer := a.answers[min(len(a.requests), len(a.answers))-1]
	a.mu.Unlock()
	answer(w, r)
}

// headers are those of the requests so far.
func (a *answering) headers(name string) (values []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.requests {
		values = append(values, r.Header.Get(name))
	}
	return values
}

const token = "loom_secret-of-the-test"

func client(t *testing.T, answers ...http.HandlerFunc) (*Client, *answering) {
	t.Helper()
	a := &answering{answers: answers}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	c, err := New(Options{URL: server.URL + "/below", Token: token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, a
}

func answer(status int, contentType, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func problem(status int, code string, headers ...string) http.HandlerFunc {
	return answer(status, "application/problem+json", fmt.Sprintf(
		`{"type": "t", "title": "Title", "status": %d, "code": %q, "detail": "Detail.", "errors": [{"pointer": "#/campaign/name", "detail": "too long"}]}`,
		status, code), headers...)
}

// broken ends the connection in the middle of an answer.
func broken(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = w.Write([]byte(`{"id": `))
}

var accepted = answer(http.StatusAccepted, "application/json", `{"id": "a", "status": "queued"}`)

func TestAPostIsSentAgainWithTheSameKey(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]http.HandlerFunc{
		"429":         problem(http.StatusTooManyRequests, "too_many_requests", "Retry-After", "1"),
		"503":         problem(http.StatusServiceUnavailable, "unavailable", "Retry-After", "1"),
		"502":         answer(http.StatusBadGateway, "text/html", "<h1>"),
		"in progress": problem(http.StatusConflict, "request_in_progress"),
		"broken":      broken,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, seen := client(t, first, accepted)
			begun := time.Now()
			id, err := c.Submit(t.Context(), map[string]any{"name": "x"})
			if err != nil || id != "a" {
				t.Fatalf("%q, %v", id, err)
			}
			if name == "429" && time.Since(begun) < time.Second {
				t.Error("it did not wait for as long as Retry-After says")
			}
			keys := seen.headers("Idempotency-Key")
			if len(keys) != 2 || keys[0] == "" || keys[0] != keys[1] {
				t.Errorf("keys are %q", keys)
			}
			if _, err := c.Submit(t.Context(), nil, IdempotencyKey("mine")); err != nil || seen.headers("Idempotency-Key")[2] != "mine" {
				t.Errorf("%v, %q", err, seen.headers("Idempotency-Key"))
			}
		})
	}
}

func TestWhatAnotherTryDoesNotHelpIsSentOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		send   func(*Client) error
	}{
		"a fault of the caller's": {problem(http.StatusUnprocessableEntity, "invalid"), func(c *Client) error {
			_, err := c.Submit(t.Context(), nil)
			return err
		}},
		"a Retry-After of an hour": {problem(http.StatusTooManyRequests, "too_many_requests", "Retry-After", "3600"), func(c *Client) error {
			_, err := c.GetRenderWithResponse(t.Context(), "x")
			return err
		}},
		"a redirect, which would get the token": {answer(http.StatusFound, "", "", "Location", "/elsewhere"), func(c *Client) error {
			_, err := c.GetRenderWithResponse(t.Context(), "x")
			return err
		}},
		"a secret, whose request takes no key": {problem(http.StatusServiceUnavailable, "unavailable"), func(c *Client) error {
			_, err := c.CreateTokenWithResponse(t.Context(), api.CreateTokenInputBody{})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, seen := client(t, c.answer)
			err := c.send(client)
			if got := new(Problem); !errors.As(err, &got) || strings.Contains(err.Error(), token) {
				t.Errorf("the error is %v", err)
			}
			if keys := seen.headers("Idempotency-Key"); len(keys) != 1 || (keys[0] != "") != (name == "a fault of the caller's") {
				t.Errorf("it was sent %d times, with the keys %q", len(keys), keys)
			}
		})
	}
}

func TestAProblemHasCodeAndPointers(t *testing.T) {
	t.Parallel()
	c, seen := client(t, problem(http.StatusUnprocessableEntity, "invalid"))
	_, err := c.Submit(t.Context(), nil)
	var p *Problem
	if !errors.As(err, &p) || p.Code != "invalid" || p.Status != 422 || *p.Errors[0].Pointer != "#/campaign/name" {
		t.Fatalf("%#v", err)
	}
	if want := "invalid: Detail.; #/campaign/name: too long"; p.Error() != want {
		t.Errorf("%q, want %q", p, want)
	}
	if got := seen.headers("Authorization")[0]; got != "Bearer "+token {
		t.Errorf("the token is sent as %q", got)
	}
	if got := seen.requests[0].URL.Path; got != "/below/v1/renders" {
		t.Errorf("the path is %s", got)
	}
}

func TestListsAreIteratedPageByPage(t *testing.T) {
	t.Parallel()
	page := func(next string, ids ...string) http.HandlerFunc {
		var items []string
		for _, id := range ids {
			items = append(items, fmt.Sprintf(`{"id": %q}`, id))
		}
		return answer(http.StatusOK, "application/json", fmt.Sprintf(`{"items": [%s], "next_cursor": %s}`, strings.Join(items, ","), next))
	}
	c, seen := client(t, page(`"c/1"`, "a", "b"), page(`null`, "c"), problem(http.StatusBadRequest, "malformed"))
	var got []string
	for r, err := range c.Renders(t.Context(), api.ListRendersParams{Status: []api.ListRendersParamsStatus{"failed", "done"}}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.ID)
	}
	if !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("got %v", got)
	}
	if first, second := seen.requests[0].URL.RawQuery, seen.requests[1].URL.Query(); first != "status=failed,done" || second.Get("cursor") != "c/1" {
		t.Errorf("the queries are %q and %v", first, second)
	}
	for _, err := range c.Tokens(t.Context(), api.ListTokensParams{}) {
		if got := new(Problem); !errors.As(err, &got) {
			t.Errorf("%v", err)
		}
	}
}

func TestEventsGoOnBehindTheLastOneOverBrokenStreams(t *testing.T) {
	t.Parallel()
	const events = "text/event-stream; charset=utf-8"
	c, seen := client(t,
		answer(http.StatusOK, events, "retry: 2000\n\nevent: status\nid: 7\ndata: {\"render_id\": \"r\", \"status\": \"queued\", \"progress\": 0}\n\n: \n\n"+
			"event: progress\ndata: {\"render_id\": \"r\", \"status\": \"recording\", \"progress\": 3}\n\nevent: status\nid: 8\ndata: {\"sta"),
		answer(http.StatusOK, events, "event: status\nid: 8\ndata: {\"render_id\": \"r\", \"status\": \"uploading\", \"progress\": 90}\n\n"+
			"event: end\nid: 9\ndata: {\"id\": \"r\", \"status\": \"done\", \"progress\": 100, \"final_video_url\": \"https://v\"}\n\n"))
	var got []string
	for e, err := range c.Events(t.Context(), "r", "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(e.Type, " ", e.ID, " ", e.RenderID, " ", e.Status, " ", e.Progress, " ", e.Render != nil))
	}
	want := []string{"status 7 r queued 0 false", "progress 7 r recording 3 false", "status 8 r uploading 90 false", "end 9 r done 100 true"}
	if !slices.Equal(got, want) {
		t.Errorf("events are %q, want %q", got, want)
	}
	if last := seen.headers("Last-Event-ID"); !slices.Equal(last, []string{"", "7"}) {
		t.Errorf("Last-Event-ID was %q", last)
	}
}

func TestWaitTellsOfARenderThatWasDeletedAndOfOneThatIsNotThere(t *testing.T) {
	t.Parallel()
	c, _ := client(t, answer(http.StatusOK, "text/event-stream", "event: end\ndata: {\"id\": \"r\", \"status\": \"deleted\"}\n\n"),
		problem(http.StatusNotFound, "not_found"))
	if _, err := c.Wait(t.Context(), "r"); !errors.Is(err, ErrDeleted) {
		t.Errorf("%v", err)
	}
	if _, err := c.Wait(t.Context(), "r"); !errors.As(err, new(*Problem)) {
		t.Errorf("%v", err)
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c, _ := client(t, problem(http.StatusServiceUnavailable, "unavailable", "Retry-After", "50"))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := c.GetRenderWithResponse(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestAnAddressIsCheckedAndNotQuoted(t *testing.T) {
	for _, address := range []string{"", "video.example.com", "ftp://video.example.com", "https://user:hunter2@video.example.com", "https://%zz:hunter2"} {
		t.Setenv("LOOM_API_URL", "")
		if _, err := New(Options{URL: address, Token: token}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
