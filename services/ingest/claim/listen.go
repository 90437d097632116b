package claim

import (
	"context"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/rs/zerolog"
)

const (
	// channel is what the trigger on render_jobs notifies.
	channel = "loom_jobs"
	// listenFor is how long a connection may be silent before it is tried: a dead one says nothing.
	listenFor = time.Minute
)

// Listen calls wake when a job was inserted, on a connection of its own, until ctx is cancelled. It
// is a hint that spares waiting for the next poll: while it cannot be had, nothing else is lost.
// After a loss of the connection it listens again, and wakes once for what it may have missed. It
// needs a connection in session mode (postgres.SessionMode).
func Listen(ctx context.Context, cfg *pgx.ConnConfig, wake func(), log zerolog.Logger) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 500*time.Millisecond, 15*time.Second
	for {
		err := listen(ctx, cfg, func() {
			pauses.Reset()
			wake()
		})
		if ctx.Err() != nil {
			return
		}
		log.Warn().Err(err).Msg("not listening for new jobs: polling finds them meanwhile")
		if !wait(ctx, pauses.NextBackOff(), nil) {
			return
		}
	}
}

func listen(ctx context.Context, cfg *pgx.ConnConfig, heard func()) error {
	connecting, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	conn, err := pgx.ConnectConfig(connecting, cfg.Copy())
	if err != nil {
		return fmt.Errorf("listen for jobs: %w", err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if _, err := conn.Exec(connecting, "listen "+channel); err != nil {
		return fmt.Errorf("listen for jobs: %w", err)
	}
	for {
		heard()
		if err := notification(ctx, conn); err != nil {
			return fmt.Errorf("listen for jobs: %w", err)
		}
	}
}

// notification returns when something was notified, and finds out in between whether the connection
// still lives.
func notification(ctx context.Context, conn *pgx.Conn) error {
	for {
		waiting, cancel := context.WithTimeout(ctx, listenFor)
		_, err := conn.WaitForNotification(waiting)
		cancel()
		if err == nil || ctx.Err() != nil || !pgconn.Timeout(err) {
			return err
		}
		pinging, cancel := context.WithTimeout(ctx, 10*time.Second)
		err = conn.Ping(pinging)
		cancel()
		if err != nil {
			return err
		}
	}
}
