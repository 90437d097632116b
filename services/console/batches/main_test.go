package batches

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/migrations/migrationstest"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
	"github.com/loom-lite/loom-lite/services/console/access/accesstest"
	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/console/sheet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, stagetest.Ours()...) }

// site is a database, as its owner and as a console see it.
type site struct {
	*testing.T

	owner, console *pgxpool.Pool
	ctx            context.Context
}

func newSite(t *testing.T) *site {
	t.Helper()
	role := migrationstest.LeastRole(t)
	return &site{t, open(t, role.AdminURL), open(t, role.Member("loom_console")), accesstest.Operator(t)}
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

// exec changes something as the app or a service does.
func (s *site) exec(sql string, args ...any) {
	s.Helper()
	if _, err := s.owner.Exec(s.ctx, sql, args...); err != nil {
		s.Fatalf("%s: %v", sql, err)
	}
}

// get reads one value.
func get[T any](s *site, sql string, args ...any) (value T) {
	s.Helper()
	if err := s.owner.QueryRow(s.ctx, sql, args...).Scan(&value); err != nil {
		s.Fatalf("%s: %v", sql, err)
	}
	return value
}

// csv is a list.
func csv(text string) Source {
	return func() (sheet.Reader, io.Closer, error) {
		r, err := sheet.CSV(strings.NewReader(text))
		return r, io.NopCloser(nil), err
	}
}

// people is a list of n people.
func people(n int) string {
	var b strings.Builder
	b.WriteString("external_id,first_name\n")
	for i := range n {
		fmt.Fprintf(&b, "p%d,Person %d\n", i, i)
	}
	return b.String()
}

// campaign makes a campaign, and returns its id.
func (s *site) campaign() uuid.UUID {
	s.Helper()
	return get[uuid.UUID](s, `with c as (insert into public.campaigns (name, variables) values ('Launch', '{"first_name": {}, "age": {"type": "number"}}') returning id),
		p as (insert into public.scenes (campaign_id, url, duration_sec, order_index, options) select id, v.* from c, (values
		  ('https://example.com/{{first_name}}', 2, 0, '{}'::jsonb), ('https://example.com/all', 2, 1, '{}'), ('https://example.com', 2, 2, '{"css": "a { width: {{age|1}}px }"}')) v
		) select id from c`)
}

// submission is a campaign that is sent along.
func submission() *renders.Submission {
	return &renders.Submission{
		Name: "Launch", Variables: json.RawMessage(`{"first_name": {}}`),
		Scenes: []renders.Scene{{URL: "https://example.com/{{first_name}}", Seconds: 2}, {URL: "https://example.com", Seconds: 2}},
	}
}

// create makes a batch.
func (s *site) create(r Request) (Batch, Preview) {
	s.Helper()
	b, p, err := Create(s.ctx, s.console, r)
	if err != nil {
		s.Fatal(err)
	}
	return b, p
}

// endpoint makes an endpoint of webhooks that gets batch.completed.
func (s *site) endpoint() {
	s.Helper()
	s.exec(`select loom.add_endpoint($1, 'https://example.com/hook', '', '{batch.completed}', null, '\x00aa')`, uuid.NewString())
}

// result returns the result of a batch, as a CSV.
func (s *site) result(id uuid.UUID) string {
	s.Helper()
	var b strings.Builder
	if err := WriteResult(s.ctx, s.console, id, &b); err != nil {
		s.Fatal(err)
	}
	return b.String()
}
