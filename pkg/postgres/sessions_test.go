package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
)

func sessionMode(t *testing.T, url string) bool {
	t.Helper()
	cfg, err := postgres.Config(url, "loom")
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := postgres.SessionMode(t.Context(), url, cfg.ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	return sessions
}

func TestATransactionPoolerIsFoundOutWhateverItsPort(t *testing.T) {
	url := postgrestest.Database(t)
	for name, c := range map[string]struct {
		url  string
		want bool
	}{
		"no pooler":                       {url, true},
		"told by the port":                {"postgres://u:p@127.0.0.1:6543/app", false},
		"told by the port, in words":      {"host=127.0.0.1 port=6543 user=u dbname=app", false},
		"told by Prisma's setting":        {url + "&pgbouncer=true", false},
		"in session mode":                 {pooled(t, url, 3, &pooler{lasting: true}), true},
		"last back first, two servers":    {pooled(t, url, 2, &pooler{}), false},
		"last back first, many servers":   {pooled(t, url, 6, &pooler{}), false},
		"first back first, two servers":   {pooled(t, url, 2, &pooler{oldest: true}), false},
		"first back first, three servers": {pooled(t, url, 3, &pooler{oldest: true}), false},
		"one server for everybody":        {pooled(t, url, 1, &pooler{}), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := sessionMode(t, c.url); got != c.want {
				t.Errorf("sessions last: %v, want %v", got, c.want)
			}
		})
	}
}

// A prepared statement is on one server, and the next transaction on another.
func TestQueriesWorkThroughATransactionPoolerOfAnyPort(t *testing.T) {
	url := pooled(t, postgrestest.Database(t), 3, &pooler{oldest: true})
	pool, err := postgres.Named(t.Context(), url, "loom")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var group errgroup.Group
	for i := range 4 {
		group.Go(func() error {
			for range 10 {
				var n int
				if err := pool.QueryRow(t.Context(), "select $1::int + 1", i).Scan(&n); err != nil || n != i+1 {
					return fmt.Errorf("%d, %w", n, err)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func TestWithoutAPoolerStatementsArePrepared(t *testing.T) {
	pool, err := postgres.Open(t.Context(), postgrestest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := pool.Ping(t.Context()); err != nil { // now it is known
		t.Fatal(err)
	}
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	var prepared int
	for range 2 {
		if err := conn.QueryRow(t.Context(), "select count(*) from pg_prepared_statements where $1", true).Scan(&prepared); err != nil {
			t.Fatal(err)
		}
	}
	if prepared == 0 {
		t.Error("none is prepared")
	}
}

func one(t *testing.T, pool *pgxpool.Pool, query string) (value string) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), query).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func TestTheURLsOptionsReachTheServer(t *testing.T) {
	url := postgrestest.Database(t)
	for written, want := range map[string]string{
		"options=-c%20geqo_threshold%3D17%20-c%20search_path%3Da%2Cb": "a,b",
		"options=-csearch_path%3Da":                                   "a",
		"pgbouncer=false&options=-c search_path=a&schema=public":      "a",
		`options=-c%20search_path%3D"x%5C%20y"`:                       `"x y"`,
		"options=-c%20search_path%3Da%3Bb":                            "a;b",
	} {
		pool, err := postgres.Open(t.Context(), url+"&"+written)
		if err != nil {
			t.Errorf("%s: %v", written, err)
			continue
		}
		if got := one(t, pool, "select current_setting('search_path')"); got != want {
			t.Errorf("%s: search_path is %s, want %s", written, got, want)
		}
		pool.Close()
	}
}

// After a failover the old primary keeps its connections, and refuses every change on them.
func TestASessionThatTakesNoChangesIsDropped(t *testing.T) {
	pool, err := postgres.Bounded(t.Context(), postgrestest.Database(t), "loom", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := pool.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	one(t, pool, "select set_config('default_transaction_read_only', 'on', false)")
	_, err = pool.Exec(t.Context(), "create table t ()")
	if refused := new(pgconn.PgError); !errors.As(err, &refused) || refused.Code != "25006" {
		t.Fatalf("%v, want 25006", err)
	}
	if _, err := pool.Exec(t.Context(), "create table t ()"); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

func TestAPoolIsBoundedWhateverTheMachineHas(t *testing.T) {
	url := postgrestest.Database(t)
	for written, want := range map[string]int32{"": 5, "&pool_max_conns=9": 9} {
		pool, err := postgres.Open(t.Context(), url+written)
		if err != nil {
			t.Fatal(err)
		}
		if got := pool.Config().MaxConns; got != want {
			t.Errorf("%s: %d connections, want %d", written, got, want)
		}
		pool.Close()
	}
}

func TestATransactionThatNobodyEndsIsEndedByTheServer(t *testing.T) {
	url := postgrestest.Database(t)
	for written, want := range map[string]string{"": "1min", "&options=-c%20idle_in_transaction_session_timeout%3D5s": "5s"} {
		pool, err := postgres.Open(t.Context(), url+written)
		if err != nil {
			t.Fatal(err)
		}
		if got := one(t, pool, "select current_setting('idle_in_transaction_session_timeout')"); got != want {
			t.Errorf("%s: after %s, want %s", written, got, want)
		}
		pool.Close()
	}
	// A pooler's connections are not ours to change.
	pool, err := postgres.Open(t.Context(), pooled(t, url, 2, &pooler{}))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if got := one(t, pool, "select current_setting('idle_in_transaction_session_timeout')"); got != "0" {
		t.Errorf("through a pooler: %s", got)
	}
}

func TestAServerThatSaysNothingHoldsNobodyUpForLong(t *testing.T) {
	url, proxy := postgrestest.Proxied(t, postgrestest.Database(t))
	pool, err := postgres.Bounded(t.Context(), url, "loom", 2)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if _, err := pool.Exec(t.Context(), "create table t (n int); insert into t values (1)"); err != nil {
		t.Fatal(err)
	}
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "update t set n = 2"); err != nil {
		t.Fatal(err)
	}
	proxy.Freeze()
	// More than there are connections, on those that are there and on new ones.
	var group errgroup.Group
	for range 6 {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if _, err := pool.Exec(ctx, "update t set n = n + 1"); err == nil || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("a server that says nothing answered: %w", err)
			}
			return nil
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := tx.Commit(ctx); err == nil {
		t.Error("a commit was answered")
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	proxy.Thaw()
	// The pool can be used again, and no session holds the row.
	for range 4 {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			_, err := pool.Exec(ctx, "update t set n = 10")
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Errorf("when it answers again: %v", err)
	}
}
