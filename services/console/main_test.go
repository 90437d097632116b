package console

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, stagetest.Ours()...) }

var migrated = postgrestest.NewTemplate(func(ctx context.Context, conn *pgx.Conn) error {
	_, err := migrations.Apply(ctx, conn)
	return err
})

// start starts a console that is stopped when t ends, and returns the URL of its web server.
func start(t *testing.T, database string) (web string) {
	t.Helper()
	cfg, err := LoadConfig(map[string]string{
		"DATABASE_URL": database, "NATS_URL": stagetest.StartNATS(t).URL(),
		"S3_ENDPOINT": "http://127.0.0.1:1", "S3_ACCESS_KEY_ID": "key", "S3_SECRET_ACCESS_KEY": "secret", "PORT": "0",
	})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.WebListener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, cfg) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "http://" + cfg.WebListener.Addr().String()
}

func TestTheDocumentOfTheAPIIsServed(t *testing.T) {
	t.Parallel()
	web := start(t, migrated.Database(t))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web+"/v1/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), `"openapi":"3.1.0"`) {
		t.Errorf("%s, %v: %.200s", response.Status, err, body)
	}
}
