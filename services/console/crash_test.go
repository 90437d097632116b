package console

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/loom-lite/loom-lite/pkg/fault"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
	"github.com/loom-lite/loom-lite/services/console/access/accesstest"
	"github.com/loom-lite/loom-lite/services/console/webhooks"
)

// ledger is a receiver that answers every third request with 500, and writes down what it gets.
type ledger struct {
	verifier *standardwebhooks.Webhook
	mu       sync.Mutex
	requests int
	// forged requests have no signature of ours.
	forged int
	// answers are the statuses that were answered to each webhook-id.
	answers map[string][]int
	// ids are those that the end of each render has come with.
	ids map[string]map[string]bool
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var m struct {
		Data webhooks.RenderData
	}
	if err == nil {
		err = json.Unmarshal(body, &m)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	if err != nil || l.verifier.Verify(body, r.Header) != nil {
		l.forged++
	}
	status := http.StatusNoContent
	if l.requests%3 == 0 {
		status = http.StatusInternalServerError
	}
	id, render := r.Header.Get("webhook-id"), m.Data.RenderID.String()
	l.answers[id] = append(l.answers[id], status)
	if l.ids[render] == nil {
		l.ids[render] = map[string]bool{}
	}
	l.ids[render][id] = true
	w.WriteHeader(status)
}

// The console is killed at every step of a delivery, at its first and at its second pass. Whatever
// was under way then, each end of a render arrives, with one id.
func TestNoWebhookIsLostOrHasTwoIDsWhereverTheConsoleIsKilled(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "console")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "faults", "-buildvcs=false", "-o", program, "./cmd/console").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	databaseURL, nats := migrated.Database(t), stagetest.StartNATS(t).URL()
	db, err := pgxpool.New(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	keeper, err := webhooks.NewKeeper("")
	if err != nil {
		t.Fatal(err)
	}
	l := &ledger{answers: map[string][]int{}, ids: map[string]map[string]bool{}}
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	_, secret, err := webhooks.Create(accesstest.Operator(t), db, keeper, uuid.New(), webhooks.NewEndpoint{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if l.verifier, err = standardwebhooks.NewWebhook(secret.String()); err != nil {
		t.Fatal(err)
	}
	start := func(ctx context.Context, kill ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, program)
		cmd.Env = append(append(os.Environ(), "DATABASE_URL="+databaseURL, "NATS_URL="+nats, "S3_ENDPOINT=http://127.0.0.1:1",
			"S3_ACCESS_KEY_ID=key", "S3_SECRET_ACCESS_KEY=secret", "PORT=0", "CONSOLE_PORT=0", "EGRESS_ALLOW=127.0.0.1", "LOG_LEVEL=error"), kill...)
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	ends := 0
	end := func() {
		_, err := db.Exec(t.Context(), `with c as (insert into campaigns (name) values ('x') returning id)
			insert into renders (campaign_id, status) select id, 'queued' from c`)
		if err == nil {
			_, err = db.Exec(t.Context(), "update renders set status = case when random() < 0.5 then 'done' else 'failed' end where status = 'queued'")
		}
		if err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		ends++
	}
	// now has what waits be due at once: nobody who could hold a lease lives.
	now := func() {
		_, err := db.Exec(t.Context(), "update loom.webhook_deliveries set next_at = clock_timestamp(), lease_until = null where state = 'pending'")
		if err == nil {
			_, err = db.Exec(t.Context(), "update loom.webhook_endpoints set failing = 0, not_before = '-infinity'")
		}
		if err != nil {
			t.Error(err)
		}
	}
	kills := 0
	for _, step := range []fault.Step{fault.DeliveriesMade, fault.DeliveryLeased, fault.DeliverySent, fault.DeliveryNoted} {
		for _, pass := range []string{"1", "2"} {
			now()
			cmd := start(t.Context(), "FAULT_KILL="+string(step), "FAULT_PASS="+pass)
			killed := make(chan error, 1)
			go func() { killed <- cmd.Wait() }()
			for alive := true; alive; {
				end()
				select {
				case err := <-killed:
					var exit *exec.ExitError
					if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
						t.Fatalf("at %q, pass %s, it ended with %v", step, pass, err)
					}
					alive = false
				case <-time.After(100 * time.Millisecond):
				}
			}
			kills++
		}
	}
	now()
	ctx, stop := context.WithCancel(t.Context())
	cmd := start(ctx)
	deadline, left := time.Now().Add(3*time.Minute), 1
	for ; left > 0 && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		err := db.QueryRow(t.Context(), `select (select count(*) from loom.webhook_deliveries where state <> 'delivered')
			+ (select count(*) from loom.webhook_events where fanned_at is null)`).Scan(&left)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(t.Context(), "update loom.webhook_deliveries set next_at = clock_timestamp() where state = 'pending' and lease_until is null"); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := cmd.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	lost, retried, doubled, twoIDs := 0, 0, 0, 0
	for _, ids := range l.ids {
		if len(ids) > 1 {
			twoIDs++
		}
	}
	for id, answers := range l.answers {
		taken := 0
		for _, status := range answers {
			if status == http.StatusNoContent {
				taken++
			} else {
				retried++
			}
		}
		if taken > 1 {
			doubled += taken - 1
		}
		if _, err := uuid.Parse(id); err != nil || taken == 0 {
			lost++
		}
	}
	lost += ends - len(l.ids)
	t.Logf("%d kills, %d ends of renders, %d requests: %d answered with 500 and retried, %d taken twice, %d lost, %d with two ids",
		kills, ends, l.requests, retried, doubled, lost, twoIDs)
	if lost > 0 || twoIDs > 0 || l.forged > 0 || left > 0 {
		t.Errorf("%d lost, %d with two ids, %d not signed, %d not delivered", lost, twoIDs, l.forged, left)
	}
}
