package claim

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/retry"
)

const (
	// channel is the channel that the trigger on render_jobs notifies.
	channel = "loom_jobs"
	// listenFor is how long a connection may be silent before it is pinged: a dead one reports
	// nothing by itself.
	listenFor = time.Minute
)

// Listen calls wake whenever jobs have been inserted, until ctx is cancelled. It uses a connection
// of its own, which must be in session mode (postgres.SessionMode).
//
// A notification is a hint that saves the wait for the next poll: without it, polling finds the
// job. When the connection is lost, Listen makes another one and calls wake once for what it may
// have missed.
func Listen(ctx context.Context, cfg *pgx.ConnConfig, wake func(), log zerolog.Logger) {
	outage := retry.Outage{
		Backoff: retry.Backoff{First: 500 * time.Millisecond, Longest: 15 * time.Second}, Log: log, Minor: true,
		Down: "not listening for new jobs: polling finds them meanwhile", Up: "listening for new jobs again",
	}
	for goOn := true; goOn; goOn = outage.Pause(ctx) {
		err := listen(ctx, cfg, func() {
			outage.Note(nil)
			wake()
		})
		if ctx.Err() != nil {
			return
		}
		outage.Note(err)
	}
}

// listen returns when its connection is lost. It calls notified once when it begins to listen, and
// at each notification.
func listen(ctx context.Context, cfg *pgx.ConnConfig, notified func()) error {
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
		notified()
		if err := notification(ctx, conn); err != nil {
			return fmt.Errorf("listen for jobs: %w", err)
		}
	}
}

// notification returns nil at the next notification, and an error when the connection is lost. It
// pings the server while nothing arrives.
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
