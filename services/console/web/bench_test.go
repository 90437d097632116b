package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/services/console/access"
)

// Each page's time at the server, on a database of 10,000 renders and 100,000 tasks. The slowest of
// them counts: what people wait for.
func BenchmarkPages(b *testing.B) {
	database := migrated.Database(b)
	seed(b, database, 10_000)
	d := startOn(b, "", database)
	p := d.signedIn(access.Admin, nil)
	var render, user string
	err := d.db.QueryRow(b.Context(), "select r.id::text, c.user_id::text from public.renders r join public.campaigns c on c.id = r.campaign_id where r.status = 'failed' order by r.created_at desc limit 1").Scan(&render, &user)
	if err != nil {
		b.Fatal(err)
	}
	home, err := url.Parse(d.url)
	if err != nil {
		b.Fatal(err)
	}
	for name, path := range map[string]string{
		"overview": "/", "list": "/renders", "text": "/renders?q=acme+4", "nothing": "/renders?q=there+is+no+such+thing", "failed": "/renders?status=failed",
		"code": "/renders?status=failed&code=scene_timeout", "stage": "/renders?stage=record", "user": "/renders?user=" + user, "render": "/renders/" + render,
		"stages": "/stages", "dead": "/dead", "count": "/bulk/new?status=failed&action=retry",
		"done": "/renders/" + d.someRender("done"), "queued": "/renders/" + d.someRender("queued"), "actions": "/bulk", "endpoints": "/webhooks", "deliveries": "/deliveries", "cache": "/cache", "host": "/cache?host=app.example.com", "tokens": "/tokens", "audit": "/audit",
	} {
		b.Run(name, func(b *testing.B) {
			var times []time.Duration
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)
				for _, cookie := range p.client.Jar.Cookies(home) {
					r.AddCookie(cookie)
				}
				answer := httptest.NewRecorder()
				begun := time.Now()
				d.server.ServeHTTP(answer, r)
				times = append(times, time.Since(begun))
				if answer.Code != http.StatusOK {
					b.Fatalf("%s answers %d", path, answer.Code)
				}
			}
			b.ReportMetric(float64(slices.Max(times))/1e6, "ms-slowest")
		})
	}
}
