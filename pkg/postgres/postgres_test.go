package postgres_test

import (
	"context"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Apps with Prisma keep settings of Prisma in the URL, which a server would refuse.
func TestOpenSetsTheApplicationNameAndDropsForeignSettings(t *testing.T) {
	url := postgrestest.Database(t) + "&connection_limit=1&schema=public"
	pool, err := postgres.Named(t.Context(), url, "loom-ingest")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var name string
	if err := pool.QueryRow(t.Context(), "select current_setting('application_name')").Scan(&name); err != nil {
		t.Fatal(err)
	}
	if name != "loom-ingest" {
		t.Errorf("application_name is %q", name)
	}
}

func TestATransactionPoolerGetsNoPreparedStatements(t *testing.T) {
	pool, err := postgres.Open(t.Context(), postgrestest.Database(t)+"&pgbouncer=true")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	for range 3 {
		var n int
		if err := conn.QueryRow(t.Context(), "select $1::int + 1", 41).Scan(&n); err != nil || n != 42 {
			t.Fatalf("%d, %v", n, err)
		}
	}
	var prepared int
	if err := conn.QueryRow(t.Context(), "select count(*) from pg_prepared_statements").Scan(&prepared); err != nil {
		t.Fatal(err)
	}
	if prepared != 0 {
		t.Errorf("%d prepared statements are left on the connection", prepared)
	}
}

func TestADatabaseThatIsAwayIsNoErrorYet(t *testing.T) {
	pool, err := postgres.Open(t.Context(), "postgres://u:p@127.0.0.1:1/app")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := pool.Ping(context.Background()); err == nil {
		t.Error("port 1 answers")
	}
}

func TestABadURLIsNotQuoted(t *testing.T) {
	for _, url := range []string{
		"postgres://u:hunter2@host:port/app", "mysql://u:hunter2@host/app", "postgres://u:hunter2@host/%zz",
		"postgres://u:p@hunter2/w:ord#1@host:5432/app", "postgres://u:p@hunter2/word@host:5432/app", "postgres://u:p@hunter2?word@host/app",
	} {
		_, err := postgres.Open(t.Context(), url)
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "DATABASE_URL") {
			t.Errorf("Open(%s): %v", url, err)
		}
	}
}
