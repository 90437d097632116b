package postgrestest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var template = postgrestest.NewTemplate(func(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "create table things (n int)")
	return err
})

func TestEachDatabaseIsACopyOfItsOwn(t *testing.T) {
	for range 2 {
		conn, err := pgx.Connect(t.Context(), template.Database(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		var rows int
		if err := conn.QueryRow(t.Context(), "select count(*) from things").Scan(&rows); err != nil {
			t.Fatal(err)
		}
		if rows != 0 {
			t.Errorf("a fresh database holds %d rows of another test", rows)
		}
		if _, err := conn.Exec(t.Context(), "insert into things values (1)"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnEmptyDatabaseHasNoTables(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), postgrestest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var tables int
	err = conn.QueryRow(t.Context(), "select count(*) from pg_tables where schemaname = 'public'").Scan(&tables)
	if err != nil || tables != 0 {
		t.Errorf("%d tables, %v", tables, err)
	}
}
