package local

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"
)

// natsServer is the embedded NATS server. It listens on loopback and asks for no password, as nats-server does, so that
// the nats command line works against it as it is.
type natsServer struct {
	server *server.Server
	port   int
}

// natsReady bounds the wait for JetStream to recover its store.
const natsReady = 30 * time.Second

func startNATS(store string, log zerolog.Logger) (*natsServer, error) {
	port, err := freePort(natsPort)
	if err != nil {
		return nil, err
	}
	s, err := server.NewServer(&server.Options{
		ServerName: "loom", Host: "127.0.0.1", Port: port,
		JetStream: true, StoreDir: store,
		NoSigs: true, // signals are the command's
	})
	if err != nil {
		return nil, fmt.Errorf("configure NATS: %w", err)
	}
	s.SetLoggerV2(natsLog{log}, false, false, false)
	s.Start()
	if !s.ReadyForConnections(natsReady) {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, errors.New("start NATS: it did not come up; its log says why")
	}
	return &natsServer{server: s, port: port}, nil
}

func (n *natsServer) url() string { return "nats://" + loopback(n.port) }

func (n *natsServer) stop() {
	n.server.Shutdown()
	n.server.WaitForShutdown()
}

// natsLog gives the server's log lines to a logger. What NATS calls a notice is detail to a person at a terminal.
type natsLog struct{ log zerolog.Logger }

func (l natsLog) Noticef(format string, v ...any) { l.log.Debug().Msgf(format, v...) }
func (l natsLog) Warnf(format string, v ...any)   { l.log.Warn().Msgf(format, v...) }
func (l natsLog) Errorf(format string, v ...any)  { l.log.Error().Msgf(format, v...) }

// Fatalf does not end the process: startNATS sees that the server did not come up.
func (l natsLog) Fatalf(format string, v ...any) { l.log.Error().Msgf(format, v...) }
func (l natsLog) Debugf(format string, v ...any) { l.log.Trace().Msgf(format, v...) }
func (l natsLog) Tracef(format string, v ...any) { l.log.Trace().Msgf(format, v...) }
