package uploader

import (
	"context"
	"flag"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
)

func TestMain(m *testing.M) {
	// These tests mostly wait for servers and bounds, so more of them run at once than there are
	// cores.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, stagetest.Ours()...)
}

// migrated is a database with the app's tables and ours.
var migrated = postgrestest.NewTemplate(func(ctx context.Context, conn *pgx.Conn) error {
	_, err := migrations.Apply(ctx, conn)
	return err
})
