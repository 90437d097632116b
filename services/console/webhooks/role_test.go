package webhooks

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/migrations/migrationstest"
	"github.com/loom-lite/loom-lite/services/console/access/accesstest"
)

// The console's group of rights suffices for all of it, and readers and ingest see neither secrets
// nor URLs.
func TestTheConsolesRightsSufficeAndOthersSeeNoSecret(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	role := migrationstest.LeastRole(t)
	pool := func(url string) *pgxpool.Pool {
		db, err := pgxpool.New(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(db.Close)
		return db
	}
	owner := pool(role.OwnerURL)
	r.db = pool(role.Member("loom_console"))
	x := r.receive(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	e, _ := r.endpoint(x.URL)
	ctx := accesstest.Operator(t)
	if _, _, err := Rotate(ctx, r.db, r.keeper, e.ID, nil, time.Hour); err != nil {
		t.Error(err)
	}
	if _, err := Test(ctx, r.db, e.ID); err != nil {
		t.Error(err)
	}
	_, err := owner.Exec(t.Context(), `with c as (insert into campaigns (name) values ('x') returning id)
		insert into renders (campaign_id, status) select id, 'queued' from c`)
	if err == nil {
		_, err = owner.Exec(t.Context(), "update renders set status = 'done'")
	}
	if err != nil {
		t.Fatal(err)
	}
	stop := r.courier()
	until(r, 2, "select count(*)::int from loom.webhook_attempts where ended_at is not null")
	stop()
	for _, sql := range []string{"select loom.recover_events('1 day')", "select loom.forget_events('1 day', 10)", "select count(*) from loom.note_alerts('[]')"} {
		r.exec(sql)
	}
	if n, err := Resend(ctx, r.db, Filter{Endpoint: &e.ID}); err != nil || n != 2 {
		t.Errorf("%d sent again, %v", n, err)
	}
	list, err := Deliveries(ctx, r.db, Filter{}, nil, 10)
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	if _, err := InFull(ctx, r.db, list[0].ID); err != nil {
		t.Error(err)
	}
	for _, group := range []string{"loom_reader", "loom_ingest", "loom_uploader"} {
		db := pool(role.Member(group))
		for _, sql := range []string{
			"select secret from loom.webhook_secrets", "select url from loom.webhook_endpoints", "select data from loom.webhook_events",
			"select response from loom.webhook_attempts", "select * from loom.lease_deliveries(1, 1, '1s')",
			"select loom.write_event('render.completed', '{}')", "insert into loom.webhook_events (type, data) values ('render.completed', '{}')",
		} {
			_, err := db.Exec(t.Context(), sql)
			if pg := new(pgconn.PgError); !errors.As(err, &pg) || pg.Code != "42501" {
				t.Errorf("%s as %s: %v", sql, group, err)
			}
		}
	}
	if err := Delete(ctx, r.db, e.ID); err != nil {
		t.Error(err)
	}
	if _, err := Get(ctx, r.db, uuid.New()); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}
