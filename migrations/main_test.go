package migrations_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// migrated is an empty database that was migrated.
var migrated = postgrestest.NewTemplate(func(ctx context.Context, conn *pgx.Conn) error {
	_, err := migrations.Apply(ctx, conn)
	return err
})

// connect returns a connection that ends with the test.
func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// paste runs a whole file, as a SQL editor does.
func paste(t testing.TB, conn *pgx.Conn, text string) {
	t.Helper()
	if _, err := conn.PgConn().Exec(t.Context(), text).ReadAll(); err != nil {
		t.Fatal(err)
	}
}

func exec(t testing.TB, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// get returns the one value that a query has.
func get[T any](t testing.TB, conn *pgx.Conn, sql string, args ...any) (value T) {
	t.Helper()
	if err := patiently(func() error { return conn.QueryRow(t.Context(), sql, args...).Scan(&value) }); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// patiently calls f again while others hold the rows that it needs, as those who call our functions
// do. On a busy machine a quarter of a second may pass while another call of the test has them.
func patiently(f func() error) (err error) {
	for range 100 {
		err = f()
		if held := new(pgconn.PgError); !errors.As(err, &held) || held.Code != "55P03" {
			break
		}
	}
	return err
}
