package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// statementCache is how many prepared statements a connection keeps, as pgx has it.
const statementCache = 512

// sessions finds out what connections are to, once they are made, and makes those that follow
// accordingly.
//
// A server tells each connection the number of the process that serves it; a pooler tells a number
// that it made up. So a connection whose pg_backend_pid() is the number that it was told is to the
// server itself, where a session lasts: prepared statements may be kept. Those that were made
// before that was known are given back after their first use.
type sessions struct {
	// pooled: the URL says that there is a pooler in transaction mode.
	pooled bool
	direct atomic.Bool
}

// plain marks connections that keep no prepared statements, in a connection's custom data.
const plain = "loom.plain"

func (s *sessions) beforeConnect(_ context.Context, cfg *pgx.ConnConfig) error {
	if s.direct.Load() {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
		cfg.StatementCacheCapacity = statementCache
	}
	return nil
}

func (s *sessions) afterConnect(ctx context.Context, conn *pgx.Conn) error {
	// The pool does not bound this.
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if s.pooled {
		return nil
	}
	if !s.direct.Load() {
		conn.PgConn().CustomData()[plain] = true
	}
	direct, err := servedDirectly(ctx, conn)
	if err != nil {
		return err
	}
	s.direct.Store(direct)
	if !direct {
		return nil
	}
	// A client that is cut off in the middle of a transaction, without a word to the server, keeps
	// its locks until the server's TCP gives up: two hours, as a rule. None of ours is idle in a
	// transaction for long.
	_, err = conn.Exec(ctx, `select set_config('idle_in_transaction_session_timeout', $1::text, false)
		where current_setting('idle_in_transaction_session_timeout') = '0'`, abandonedAfter)
	if err != nil {
		return fmt.Errorf("set up the connection: %w", err)
	}
	return nil
}

// abandonedAfter is when the server ends a transaction in which nothing is done.
const abandonedAfter = "60s"

func (s *sessions) afterRelease(conn *pgx.Conn) bool {
	return !s.direct.Load() || conn.PgConn().CustomData()[plain] == nil
}

// servedDirectly reports whether conn is to the server and not to a pooler.
func servedDirectly(ctx context.Context, conn *pgx.Conn) (bool, error) {
	pid, err := backend(ctx, conn)
	return pid == conn.PgConn().PID(), err
}

// backend is the process that serves conn at this moment.
func backend(ctx context.Context, conn *pgx.Conn) (uint32, error) {
	var pid int64
	if err := conn.QueryRow(ctx, "select pg_backend_pid()::int8").Scan(&pid); err != nil {
		return 0, fmt.Errorf("look what the connection is to: %w", err)
	}
	return uint32(pid), nil
}

// sessionTimeout bounds SessionMode.
const sessionTimeout = 15 * time.Second

// rounds is how often SessionMode tries to have a pooler change a connection's server.
const rounds = 4

// SessionMode reports whether sessions last on connections that are made with cfg, which is of
// Config: whether LISTEN and session-level advisory locks work. They do not through a pooler in
// transaction mode, which port 6543 or pgbouncer=true tell, and else is found out: such a pooler
// gives a connection another server when another connection takes the one that it had.
func SessionMode(ctx context.Context, databaseURL string, cfg *pgx.ConnConfig) (bool, error) {
	target, err := parse(databaseURL)
	if err != nil || !target.session {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, sessionTimeout)
	defer cancel()
	one, err := pgx.ConnectConfig(ctx, cfg.Copy())
	if err != nil {
		return false, fmt.Errorf("find out whether sessions last: %w", err)
	}
	defer closeConn(ctx, one)
	if direct, err := servedDirectly(ctx, one); err != nil || direct {
		return direct, err
	}
	two, err := pgx.ConnectConfig(ctx, cfg.Copy())
	if err != nil {
		return false, fmt.Errorf("find out whether sessions last: %w", err)
	}
	defer closeConn(ctx, two)
	first, err := backend(ctx, one)
	if err != nil {
		return false, err
	}
	for range rounds {
		moved, err := moves(ctx, one, two, first)
		if err != nil || moved {
			return false, err
		}
	}
	return true, nil
}

// moves reports whether one is served by another than first, by itself or after it and two were in
// transactions together. A pooler gives out the server that it got back last, or the one that it
// got back first.
func moves(ctx context.Context, one, two *pgx.Conn, first uint32) (bool, error) {
	begun, err := one.Begin(ctx)
	if err != nil {
		return false, err
	}
	// Where there is but one server for both, the second waits for the first in vain. In whatever
	// mode that is, a LISTEN would keep it from everybody.
	other, cancel := context.WithTimeout(ctx, sessionTimeout/rounds/2)
	defer cancel()
	_, err = backend(other, two)
	if waited := other.Err() != nil && ctx.Err() == nil; waited {
		return true, begun.Rollback(ctx)
	}
	second, beginErr := two.Begin(ctx)
	if err := errors.Join(err, beginErr, begun.Rollback(ctx)); err != nil {
		return false, err
	}
	if err := second.Rollback(ctx); err != nil {
		return false, err
	}
	for range 2 {
		pid, err := backend(ctx, one)
		if err != nil || pid != first {
			return err == nil, err
		}
	}
	return false, nil
}

func closeConn(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}
