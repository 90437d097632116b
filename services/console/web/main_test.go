package web_test

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/pkg/store/storetest"
	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/forecast"
	"github.com/loom-lite/loom-lite/services/console/pictures"
	"github.com/loom-lite/loom-lite/services/console/receipts"
	"github.com/loom-lite/loom-lite/services/console/web"
	"github.com/loom-lite/loom-lite/services/console/webhooks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(closing{m}, stagetest.Ours()...) }

// closing closes the browser when the tests have run.
type closing struct{ *testing.M }

func (c closing) Run() int {
	defer closeBrowser()
	return c.M.Run()
}

var migrated = postgrestest.NewTemplate(func(ctx context.Context, conn *pgx.Conn) error {
	_, err := migrations.Apply(ctx, conn)
	return err
})

// dashboard is a dashboard on a database of its own.
type dashboard struct {
	t testing.TB
	// url is its address, with the prefix.
	url    string
	db     *pgxpool.Pool
	nc     *nats.Conn
	server *web.Server
	// objects has the pictures of preflights, in bucket.
	objects *store.Client
	bucket  string
}

// start starts a dashboard below a prefix, such as "/console", or "".
func start(t testing.TB, prefix string) *dashboard {
	t.Helper()
	return startOn(t, prefix, migrated.Database(t))
}

func startOn(t testing.TB, prefix, database string) *dashboard {
	t.Helper()
	db, err := postgres.Bounded(t.Context(), database, "loom-console", 5)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return startWith(t, prefix, db)
}

func startWith(t testing.TB, prefix string, db *pgxpool.Pool) *dashboard {
	t.Helper()
	nc, err := nats.Connect(stagetest.StartNATS(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	objects := storetest.Client(t)
	bucket := storetest.Bucket(t, objects)
	ctx, cancel := context.WithCancel(context.Background())
	server := httptest.NewUnstartedServer(nil)
	base, err := url.Parse("http://" + server.Listener.Addr().String() + prefix)
	if err != nil {
		t.Fatal(err)
	}
	live := pictures.New(nc, db, zerolog.Nop())
	handler, err := web.New(ctx, web.Config{
		DB: db, NATS: nc, URL: base, Store: signer{}, Objects: objects, WorkBucket: bucket, Pictures: live, Forecasts: forecast.New(db),
		Keeper: new(webhooks.Keeper), Prices: receipts.Prices{Currency: "EUR", CPUHour: 36}, Log: zerolog.New(zerolog.NewTestWriter(t)),
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = http.StripPrefix(prefix, handler)
	server.Start()
	t.Cleanup(func() {
		cancel()
		server.Close()
		live.Close()
		nc.Close()
	})
	return &dashboard{t: t, url: base.String(), db: db, nc: nc, server: handler, objects: objects, bucket: bucket}
}

// signer signs nothing, and says what it was asked for.
type signer struct{}

func (signer) Sign(_ context.Context, bucket, key string, _ time.Duration) (string, error) {
	return "https://store.example.com/" + bucket + "/" + key + "?signed", nil
}

// offer makes a sign-in link.
func (d *dashboard) offer(p access.Principal) string {
	d.t.Helper()
	if p.Name == "" {
		p.Name = "Ada"
	}
	link, err := web.Offer(d.t.Context(), d.db, d.url, p, time.Hour)
	if err != nil {
		d.t.Fatal(err)
	}
	return link
}

// person is somebody with a browser that runs no scripts.
type person struct {
	*dashboard

	client *http.Client
}

// visitor has not signed in.
func (d *dashboard) visitor() *person {
	jar, err := cookiejar.New(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	return &person{d, &http.Client{Jar: jar, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// signedIn is somebody who has signed in.
func (d *dashboard) signedIn(scope access.Scope, user *uuid.UUID) *person {
	d.t.Helper()
	p := d.visitor()
	link := d.offer(access.Principal{Scope: scope, User: user})
	_, secret, _ := strings.Cut(link, "?link=")
	if status, _, _ := p.post("/sign-in", url.Values{"link": {secret}}); status != http.StatusSeeOther {
		d.t.Fatalf("signing in answers %d", status)
	}
	return p
}
