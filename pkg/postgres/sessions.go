package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// statementCache is how many prepared statements a connection keeps: pgx's default.
const statementCache = 512

// sessions finds out whether connections reach the server itself or a pooler, and configures later
// connections accordingly.
//
// A server announces to each connection the process ID of its backend; a pooler announces a made-up
// number. So if pg_backend_pid() returns the announced number, the connection reaches the server,
// its session lasts, and it may keep prepared statements. Connections that were made before that
// was known are closed after their first use.
type sessions struct {
	// pooled: the URL says that there is a pooler in transaction mode.
	pooled bool
	direct atomic.Bool
}

// plain is the key in a connection's custom data that marks one without prepared statements.
const plain = "loom.plain"

func (s *sessions) beforeConnect(_ context.Context, cfg *pgx.ConnConfig) error {
	if s.direct.Load() {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
		cfg.StatementCacheCapacity = statementCache
	}
	return nil
}

func (s *sessions) afterConnect(ctx context.Context, conn *pgx.Conn) error {
	// The pool does not bound this call.
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
	// If a client is cut off in the middle of a transaction, the server keeps its locks until TCP
	// gives up, usually after two hours. None of our transactions is idle for long.
	_, err = conn.Exec(ctx, `select set_config('idle_in_transaction_session_timeout', $1::text, false)
		where current_setting('idle_in_transaction_session_timeout') = '0'`, abandonedAfter)
	if err != nil {
		return fmt.Errorf("set up the connection: %w", err)
	}
	return nil
}

// abandonedAfter is how long a transaction may be idle before the server ends it.
const abandonedAfter = "60s"

func (s *sessions) afterRelease(conn *pgx.Conn) bool {
	return !s.direct.Load() || conn.PgConn().CustomData()[plain] == nil
}

// servedDirectly reports whether conn reaches the server itself and not a pooler.
func servedDirectly(ctx context.Context, conn *pgx.Conn) (bool, error) {
	pid, err := backend(ctx, conn)
	return pid == conn.PgConn().PID(), err
}

// backend returns the process ID of the backend that serves conn now.
func backend(ctx context.Context, conn *pgx.Conn) (uint32, error) {
	var pid int64
	if err := conn.QueryRow(ctx, "select pg_backend_pid()::int8").Scan(&pid); err != nil {
		return 0, fmt.Errorf("find out what serves the connection: %w", err)
	}
	return uint32(pid), nil
}

// sessionTimeout bounds SessionMode.
const sessionTimeout = 15 * time.Second

// rounds is how often SessionMode tries to make a pooler change a connection's backend.
const rounds = 4

// SessionMode reports whether sessions last on connections that are made with cfg (see Config):
// only then do LISTEN and session-level advisory locks work. They do not work through a pooler in
// transaction mode. Port 6543 and pgbouncer=true mean that there is one; otherwise SessionMode
// tries it out: such a pooler gives a connection another backend when another connection takes its
// own.
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

// moves reports whether the backend of one changes from first, on its own or after transactions on
// both connections at once. A pooler gives out the backend that was returned to it last, or the one
// that was returned first.
func moves(ctx context.Context, one, two *pgx.Conn, first uint32) (bool, error) {
	begun, err := one.Begin(ctx)
	if err != nil {
		return false, err
	}
	// If the pooler has one backend for both, the second connection waits for the first. In either
	// mode, a LISTEN would then keep the backend from everybody else.
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
