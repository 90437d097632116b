package snapshot

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var migrated = postgrestest.NewTemplate(func(ctx context.Context, conn *pgx.Conn) error {
	_, err := migrations.Apply(ctx, conn)
	return err
})
