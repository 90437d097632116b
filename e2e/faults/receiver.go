package faults

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/google/uuid"
)

// api is how callers reach the consoles.
type api struct {
	urls   []string
	client *http.Client
	token  uuid.UUID
	secret string
}

// newAPI makes a token.
func (r *Run) newAPI(ctx context.Context) (*api, error) {
	a := &api{client: &http.Client{Timeout: 30 * time.Second}, secret: "loom_faults-" + uuid.NewString()}
	for _, p := range r.of("console") {
		a.urls = append(a.urls, p.api)
	}
	hash := sha256.Sum256([]byte(a.secret))
	err := r.db.QueryRow(ctx, `insert into loom.api_tokens (name, hash, scope, created_by) values ('faults', $1, 'admin', 'faults') returning id`,
		hash[:]).Scan(&a.token)
	if err != nil {
		return nil, fmt.Errorf("make a token: %w", err)
	}
	return a, nil
}

// post has something made, by any of the consoles. It sends the request until it is answered, each
// time with the same idempotency key, so that the thing is made once.
func (a *api) post(ctx context.Context, rng *rand.Rand, path string, body, made any) error {
	key := uuid.NewString()
	return until(ctx, deliveredWithin, path+" is answered", func() (bool, error) {
		status, err := a.send(ctx, a.urls[rng.IntN(len(a.urls))]+path, key, body, made)
		if err == nil && status < 300 {
			return true, nil
		}
		if status == 0 || status == http.StatusConflict || status >= 500 {
			err = nil // it was killed; or it may have been, and the key is kept for it
		}
		return false, err
	})
}

// send posts once. made takes an answer that is a success.
func (a *api) send(ctx context.Context, url, key string, body, made any) (status int, err error) {
	data, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(data))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+a.secret)
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return 0, err
	}
	answer, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return 0, err
	}
	if response.StatusCode < 300 {
		err = json.Unmarshal(answer, made)
	} else {
		err = fmt.Errorf("%s answers %d: %s", request.URL.Path, response.StatusCode, answer)
	}
	return response.StatusCode, err
}

// receivers are endpoints of webhooks: one that is well, one that answers every third request with
// 500, and one that does not answer every fifteenth in time.
type receivers struct {
	server *httptest.Server
	mu     sync.Mutex
	list   []*receiver
}

// receiver is what came to one of them.
type receiver struct {
	name     string
	requests int
	refused  int
	// taken is how often it has taken each message, and of is the render that a message is about.
	taken map[string]int
	of    map[string]string
}

func newReceivers(ctx context.Context, a *api) (*receivers, error) {
	r := &receivers{}
	mux := http.NewServeMux()
	r.server = httptest.NewServer(mux)
	for _, one := range []struct {
		name string
		// every is which of its requests it does not take.
		every  int
		refuse func(http.ResponseWriter, *http.Request)
	}{
		{"a receiver that is well", 0, nil},
		{"a receiver that fails", 3, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }},
		{"a receiver that hangs", 15, func(_ http.ResponseWriter, q *http.Request) { <-q.Context().Done() }},
	} {
		got := &receiver{name: one.name, taken: map[string]int{}, of: map[string]string{}}
		r.list = append(r.list, got)
		path := fmt.Sprintf("/%d", len(r.list))
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, q *http.Request) {
			if r.takes(got, q, one.every) {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			one.refuse(w, q)
		})
		var made struct{ ID uuid.UUID }
		wanted := map[string]any{"url": r.server.URL + path, "events": []string{"render.completed", "render.failed", "render.cancelled"}}
		if status, err := a.send(ctx, a.urls[0]+"/v1/webhook-endpoints", "", wanted, &made); err != nil || status != http.StatusCreated {
			r.close()
			return nil, fmt.Errorf("make an endpoint: status %d: %w", status, err)
		}
	}
	return r, nil
}

// takes notes a request, and reports whether it is taken.
func (r *receivers) takes(got *receiver, q *http.Request, every int) bool {
	var message struct {
		Data struct {
			Render string `json:"render_id"`
		}
	}
	err := json.NewDecoder(q.Body).Decode(&message)
	_, _ = io.Copy(io.Discard, q.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	got.requests++
	if err != nil || every > 0 && got.requests%every == 0 {
		got.refused++
		return false
	}
	id := q.Header.Get("Webhook-Id")
	got.taken[id]++
	got.of[id] = message.Data.Render
	return true
}

func (r *receivers) close() {
	r.server.CloseClientConnections()
	r.server.Close()
}

// check: each receiver has taken a message.
func (r *receivers) check(run *Run, id, render uuid.UUID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, got := range r.list {
		if got.of[id.String()] != render.String() {
			run.found(Lost, "%s was not told of the end of render %s", got.name, render)
		}
	}
}

// report counts what was sent.
func (r *receivers) report(run *Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, got := range r.list {
		twice := 0
		for _, times := range got.taken {
			twice += times - 1
		}
		run.count("webhooks taken", len(got.taken))
		run.count("webhooks taken again, with the same id", twice)
		run.count("webhooks not taken, and sent again", got.refused)
	}
}
