package claim_test

import (
	"context"
	"flag"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
)

func TestMain(m *testing.M) {
	// These tests mostly wait for the database, so more of them run at once than there are cores.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// app is a database as the app has it before loom-lite.
var app = postgrestest.NewTemplate(func(ctx context.Context, conn *pgx.Conn) error {
	text, err := os.ReadFile("testdata/app.sql")
	if err != nil {
		return err
	}
	_, err = conn.PgConn().Exec(ctx, string(text)).ReadAll()
	return err
})
