package local

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"
)

// natsServer is the embedded NATS server. It listens on loopback and asks for no password, as
// nats-server does, so that the nats command line works against it as it is.
type natsServer struct {
	server *server.Server
	port   int
}

const (
	// natsReady bounds the wait for JetStream to recover its store.
	natsReady = 30 * time.Second
	// natsLook is how often it is looked whether NATS has given up.
	natsLook = 100 * time.Millisecond
)

// natsTries is how often a port is looked for: another program may take it before NATS does.
const natsTries = 5

func startNATS(store string, log zerolog.Logger) (*natsServer, error) {
	for try := 1; ; try++ {
		port, err := freePort(natsPort)
		if err != nil {
			return nil, err
		}
		n, err := runNATS(store, port, log)
		if err == nil || try == natsTries || !errors.Is(err, errListen) {
			return n, err
		}
	}
}

// errListen says that NATS could not have its port.
var errListen = errors.New("it cannot listen")

func runNATS(store string, port int, log zerolog.Logger) (*natsServer, error) {
	s, err := server.NewServer(&server.Options{
		ServerName: "loom", Host: "127.0.0.1", Port: port,
		JetStream: true, StoreDir: store,
		NoSigs: true, // signals are the command's
	})
	if err != nil {
		return nil, fmt.Errorf("configure NATS: %w", err)
	}
	fatal := make(chan error, 1)
	s.SetLoggerV2(natsLog{log, fatal}, false, false, false)
	s.Start()
	n := &natsServer{server: s, port: port}
	for deadline := time.Now().Add(natsReady); !s.ReadyForConnections(natsLook); {
		select {
		case err = <-fatal:
		default:
			if time.Now().Before(deadline) {
				continue
			}
			err = errors.New("it did not come up; its log says why")
		}
		n.stop()
		return nil, fmt.Errorf("start NATS: %w", err)
	}
	return n, nil
}

func (n *natsServer) url() string { return "nats://" + loopback(n.port) }

func (n *natsServer) stop() {
	n.server.Shutdown()
	n.server.WaitForShutdown()
}

// natsLog gives the server's log lines to a logger. What NATS calls a notice is detail to a person
// at a terminal.
type natsLog struct {
	log zerolog.Logger
	// fatal gets the first error that keeps the server from coming up.
	fatal chan<- error
}

func (l natsLog) Noticef(format string, v ...any) { l.log.Debug().Msgf(format, v...) }
func (l natsLog) Warnf(format string, v ...any)   { l.log.Warn().Msgf(format, v...) }
func (l natsLog) Errorf(format string, v ...any)  { l.log.Error().Msgf(format, v...) }

// Fatalf does not end the process: runNATS is told that the server does not come up.
func (l natsLog) Fatalf(format string, v ...any) {
	l.log.Error().Msgf(format, v...)
	err := fmt.Errorf(format, v...)
	if strings.HasPrefix(format, "Error listening on port") {
		err = fmt.Errorf("%w: %w", errListen, err)
	}
	select {
	case l.fatal <- err:
	default:
	}
}
func (l natsLog) Debugf(format string, v ...any) { l.log.Trace().Msgf(format, v...) }
func (l natsLog) Tracef(format string, v ...any) { l.log.Trace().Msgf(format, v...) }
