package api

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/services/console/access"
)

func TestABodyThatDoesNotComeIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.api.bodyWithin = 500 * time.Millisecond
	write := s.token(access.Write)
	for _, key := range []string{"", "k"} {
		body, rest := io.Pipe()
		go func() { _, _ = io.WriteString(rest, `{"campaign": {`) }()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.server.URL+"/v1/renders", body)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+write)
		request.Header.Set("Content-Type", "application/json")
		if key != "" {
			request.Header.Set(keyHeader, key)
		}
		response, err := s.server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusRequestTimeout || !strings.Contains(string(text), `"code":"malformed"`) {
			t.Errorf("key %q: %s %s, %v", key, response.Status, text, err)
		}
		_ = response.Body.Close()
		_ = rest.Close()
	}
}

// Somebody holds what the request needs for longer than its body may take to come.
func TestARequestMayTakeLongerThanItsBody(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.api.bodyWithin = 4 * time.Second
	write := s.token(access.Write)
	s.render(write)
	tx, err := s.owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "lock table loom.bulk_actions in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	held := make(chan error, 1)
	go func() {
		_, err := tx.Exec(t.Context(), "select pg_sleep(5)")
		if err == nil {
			err = tx.Commit(t.Context())
		}
		held <- err
	}()
	a := s.send(write, "POST", "/v1/bulk-actions", map[string]any{"action": "priority", "priority": 1, "filter": map[string]any{"status": []string{"queued"}}})
	if err := <-held; err != nil || a.StatusCode != http.StatusAccepted {
		t.Errorf("%v, %s: %s", err, a.Status, a.text)
	}
}
