package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/migrations/migrationstest"
	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/access/accesstest"
	"github.com/loom-lite/loom-lite/services/console/tokens"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is an API on a database of its own, on which it has the rights of loom_console and no more.
type site struct {
	t *testing.T
	// owner sees and changes everything.
	owner  *pgxpool.Pool
	api    *API
	server *httptest.Server
	log    bytes.Buffer
}

func newSite(t *testing.T, change ...func(*Config)) *site {
	t.Helper()
	role := migrationstest.LeastRole(t)
	s := &site{t: t, owner: open(t, role.AdminURL)}
	cfg := Config{DB: open(t, role.Member("loom_console")), Log: zerolog.New(zerolog.SyncWriter(&s.log))}
	for _, c := range change {
		c(&cfg)
	}
	s.api = New(cfg)
	s.server = httptest.NewServer(s.api)
	t.Cleanup(func() {
		s.api.Close()
		s.server.CloseClientConnections()
		s.server.Close()
		if t.Failed() {
			t.Logf("the console's log: %s", s.log.String())
		}
	})
	return s
}

func open(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	db, err := pgxpool.New(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// token makes a token, for a user if one is given.
func (s *site) token(scope access.Scope, user ...uuid.UUID) string {
	s.t.Helper()
	request := tokens.Request{Name: string(scope), Scope: scope}
	if len(user) > 0 {
		request.User = &user[0]
	}
	_, secret, err := tokens.Create(accesstest.Operator(s.t), s.owner, request)
	if err != nil {
		s.t.Fatal(err)
	}
	return secret
}

// answer is what the API answers.
type answer struct {
	*http.Response

	text []byte
}

// field returns a field of the answer's object.
func (a answer) field(name string) any {
	var fields map[string]any
	_ = json.Unmarshal(a.text, &fields)
	return fields[name]
}

// into unmarshals the answer.
func (a answer) into(t *testing.T, value any) {
	t.Helper()
	if err := json.Unmarshal(a.text, value); err != nil {
		t.Fatalf("%s: %v", a.text, err)
	}
}

// send sends a request; a body that is no string is sent as JSON. headers are pairs.
func (s *site) send(token, method, path string, body any, headers ...string) answer {
	s.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		data, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		reader = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.server.URL+path, reader)
	if err != nil {
		s.t.Fatal(err)
	}
	if reader != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.server.Client().Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{response, text}
}

// must is send for a request that gets a status.
func (s *site) must(status int, token, method, path string, body any, headers ...string) answer {
	s.t.Helper()
	a := s.send(token, method, path, body, headers...)
	if a.StatusCode != status {
		s.t.Fatalf("%s %s: %s, want %d: %s", method, path, a.Status, status, a.text)
	}
	return a
}

// problem is send for a request that is refused with a status and a code.
func (s *site) problem(status int, code Code, token, method, path string, body any, headers ...string) answer {
	s.t.Helper()
	a := s.must(status, token, method, path, body, headers...)
	if a.Header.Get("Content-Type") != "application/problem+json" || a.field("code") != string(code) || a.field("status") != float64(status) {
		s.t.Fatalf("%s %s: %s %s, want the code %s", method, path, a.Header.Get("Content-Type"), a.text, code)
	}
	return a
}

// exec changes something as the app or an operator does.
func (s *site) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.owner.Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

// get reads one value.
func get[T any](s *site, sql string, args ...any) (value T) {
	s.t.Helper()
	if err := s.owner.QueryRow(s.t.Context(), sql, args...).Scan(&value); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// render makes a render through the API, and returns its id.
func (s *site) render(token string) string {
	s.t.Helper()
	a := s.must(http.StatusAccepted, token, "POST", "/v1/renders", map[string]any{"campaign": launch()})
	return a.field("id").(string)
}

// launch is a campaign.
func launch() map[string]any {
	return map[string]any{"name": "Launch", "scenes": []any{map[string]any{"url": "https://example.com", "duration_sec": 2}}}
}
