package uploader

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/migrations/migrationstest"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
)

// The service runs on real servers: a message arrives, the app's rows become done, and cancelling
// the context ends everything.
func TestRunUploadsAndEndsWhenTold(t *testing.T) { runs(t, arrange(t)) }

// The role has the rights that the docs list, and no others.
func TestRunUploadsAsARoleOfItsOwn(t *testing.T) {
	role := migrationstest.LeastRole(t)
	role.Grant(migrationstest.Policies)
	r := arrangeOn(t, role.OwnerURL)
	r.databaseURL = role.URL
	runs(t, r)
}

func runs(t *testing.T, r *rig) {
	t.Helper()
	server := stagetest.StartNATS(t)
	ingest := stagetest.NewIngest(t, server)
	ingest.OnGrant(func(request msg.GrantRequest) (msg.GrantReply, bool) {
		var attempt int
		err := r.pool.QueryRow(context.Background(), "select attempt from loom.grant_task($1, $2, $3, interval '30 seconds')",
			request.TaskID, request.Worker, request.RequestID).Scan(&attempt)
		if err != nil {
			t.Errorf("grant: %v", err)
		}
		return stagetest.Granted(request, func(g *msg.Grant) { *g = r.grantOf(attempt) }), true
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := r.cfg
	cfg.Base = service.Base{
		NATSURL: server.URL(), WorkerID: "uploader-1", Drain: time.Second, Listener: listener, Log: zerolog.New(zerolog.NewTestWriter(t)),
	}
	cfg.DatabaseURL, cfg.Slots, cfg.WorkDir = r.databaseURL, 1, t.TempDir()

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, cfg) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	status := func(path string) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Close = true
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return 0
		}
		response.Body.Close()
		return response.StatusCode
	}
	ingest.Until("the service lives", func() bool { return status("/healthz") == http.StatusOK })
	if got := status("/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("/readyz is %d before there are streams", got)
	}
	ingest.MakeStreams()
	ingest.Until("the service is ready", func() bool { return status("/readyz") == http.StatusOK })

	ingest.PublishRef(msg.NewRef(msg.Upload, r.render, r.task))
	if result := ingest.Result(); result.Outcome != msg.Done {
		t.Errorf("%+v %+v", result, result.Failure)
	}
	if row := r.row(); row.Status != "done" || row.JobState != "completed" {
		t.Errorf("%+v", row)
	}
	if got := status("/metrics"); got != http.StatusOK {
		t.Errorf("/metrics is %d", got)
	}
}

func TestReadinessBlamesTheServerThatSaysNothing(t *testing.T) {
	r := arrange(t)
	url, proxy := postgrestest.Proxied(t, r.databaseURL)
	pool, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	defer proxy.Thaw()
	proxy.Freeze()
	// On a busy machine the object store needs more time to answer.
	for bound := 500 * time.Millisecond; ; bound *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), bound)
		err := serversReady(ctx, pool, r.store, r.cfg)
		cancel()
		if err == nil || !strings.Contains(err.Error(), "database does not answer") {
			t.Fatalf("%v", err)
		}
		if !strings.Contains(err.Error(), "object store") {
			return
		}
		if bound > 10*time.Second {
			t.Fatalf("the object store answers, and is blamed: %v", err)
		}
	}
}
