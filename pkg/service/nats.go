package service

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/loom-lite/loom-lite/pkg/redact"
)

// ConnectNATS returns a connection to NATSURL. It connects in the background, and reconnects for
// ever: a server that is away, at the start or later, does not end the service. The server lists
// the connection as loom-<name> with WorkerID.
//
// While there is no connection, publishing and requesting fail at once, and the caller retries.
// Nothing is buffered: a request would otherwise be served after its caller gave up.
//
// Replies come to _INBOX.<name>, so that permissions can keep one service from reading another's.
// Subjects that they forbid are logged by name; see Refusals for what becomes of a request.
//
// A server that refuses the credentials is asked again too: after its next reload it may know them.
//
// It returns an error only for an invalid URL, and for files of credentials that cannot be read.
func (b *Base) ConnectNATS(name string) (*nats.Conn, error) {
	log := b.Log
	access, err := b.NATSAccess.Options()
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	conn, err := nats.Connect(b.NATSURL, append(access,
		nats.Name("loom-"+name+" "+b.WorkerID),
		nats.CustomInboxPrefix("_INBOX."+name),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(500*time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, 250*time.Millisecond),
		nats.ReconnectBufSize(-1),
		nats.Timeout(5*time.Second),
		nats.PingInterval(10*time.Second),
		nats.ConnectHandler(func(c *nats.Conn) {
			log.Info().Str("server", c.ConnectedUrlRedacted()).Msg("connected to NATS")
		}),
		nats.ReconnectHandler(func(c *nats.Conn) {
			log.Info().Str("server", c.ConnectedUrlRedacted()).Msg("connected to NATS again")
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn().Err(err).Msg("connection to NATS lost")
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			event := log.Warn().Err(err)
			if sub != nil {
				event = event.Str("subject", sub.Subject)
			}
			if Refused(err) {
				event.Msg("NATS refuses this user a subject that the service needs: docs/operations/nats.md lists them")
				return
			}
			event.Msg("NATS reports an error")
		}),
	)...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", connectError(err))
	}
	if _, err := Register(b.Metrics(), natsMetrics{conn}); err != nil {
		conn.Close()
		return nil, err
	}
	if !conn.IsConnected() {
		log.Warn().Err(whyAway(conn)).Msg("NATS is away: trying again until it is there")
	}
	return conn, nil
}

// connectError replaces an error that may quote the URL, which may hold a password.
func connectError(err error) error {
	if errors.Is(err, nats.ErrNoServers) {
		return nats.ErrNoServers
	}
	return errors.New("NATS_URL is not the URL of a NATS server, such as nats://127.0.0.1:4222")
}

// NATSReady returns nil while conn is connected: a part of most readiness checks.
func NATSReady(conn *nats.Conn) error {
	if conn.IsConnected() {
		return nil
	}
	if err := whyAway(conn); err != nil {
		return fmt.Errorf("no connection to NATS: %w", err)
	}
	return errors.New("no connection to NATS")
}

// whyAway returns why conn is not connected, as far as it knows: that the server refuses the
// credentials, or that it is not trusted.
func whyAway(conn *nats.Conn) error {
	err := conn.LastError()
	if err == nil || errors.Is(err, nats.ErrNoServers) {
		return nil
	}
	return errors.New(redact.Text(err.Error()))
}
