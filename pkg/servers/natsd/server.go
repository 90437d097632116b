package natsd

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/servers"
)

// Options say how a server runs.
type Options struct {
	// Name is the server's.
	Name string
	// Store is JetStream's folder. It is made where it is not there, and stays.
	Store string
	// Port is the one that the server gets when it is free; 0 is any.
	Port int
	// Config is more of the configuration, as in a file of nats-server's: of users, for instance.
	Config string
	// Log takes the server's log. What NATS calls a notice is logged at level debug.
	Log zerolog.Logger
}

// Server is a running server.
type Server struct {
	Port   int
	server *server.Server
}

const (
	// tries is how often Start looks for a port: another program may take one before the server.
	tries = 5
	// readyWithin bounds the wait for JetStream to recover its store.
	readyWithin = 30 * time.Second
	// lookEvery is how often Start checks whether the server has given up.
	lookEvery = 100 * time.Millisecond
)

// Start starts a server and returns when it takes connections.
func Start(o Options) (*Server, error) {
	var preferred []int
	if o.Port != 0 {
		preferred = []int{o.Port}
	}
	for try := 1; ; try++ {
		port, err := servers.FreePort(preferred...)
		if err != nil {
			return nil, err
		}
		s, err := start(o, port)
		if err == nil || try == tries || !errors.Is(err, servers.ErrPortTaken) {
			return s, err
		}
	}
}

func start(o Options, port int) (*Server, error) {
	var options server.Options
	if o.Config != "" {
		if err := options.ProcessConfigString(o.Config); err != nil {
			return nil, fmt.Errorf("configure NATS: %w", err)
		}
	}
	options.ServerName, options.Host, options.Port = o.Name, "127.0.0.1", port
	options.JetStream, options.StoreDir = true, o.Store
	options.NoSigs = true // signals are the caller's
	n, err := server.NewServer(&options)
	if err != nil {
		return nil, fmt.Errorf("configure NATS: %w", err)
	}
	fatal := make(chan error, 1)
	n.SetLoggerV2(log{o.Log, fatal}, false, false, false)
	n.Start()
	s := &Server{server: n, Port: port}
	for deadline := time.Now().Add(readyWithin); !n.ReadyForConnections(lookEvery); {
		select {
		case err = <-fatal:
		default:
			if time.Now().Before(deadline) {
				continue
			}
			err = errors.New("it did not come up; its log says why")
		}
		s.Stop()
		return nil, fmt.Errorf("start NATS: %w", err)
	}
	return s, nil
}

// URL returns the server's address.
func (s *Server) URL() string { return "nats://" + servers.Loopback(s.Port) }

// Stop stops the server. What it stored stays.
func (s *Server) Stop() {
	s.server.Shutdown()
	s.server.WaitForShutdown()
}

// log gives the server's log lines to a logger.
type log struct {
	to zerolog.Logger
	// fatal gets the first error that keeps the server from coming up.
	fatal chan<- error
}

func (l log) Noticef(format string, v ...any) { l.to.Debug().Msgf(format, v...) }
func (l log) Warnf(format string, v ...any)   { l.to.Warn().Msgf(format, v...) }
func (l log) Errorf(format string, v ...any)  { l.to.Error().Msgf(format, v...) }

// Fatalf does not end the process: start returns the error.
func (l log) Fatalf(format string, v ...any) {
	l.to.Error().Msgf(format, v...)
	err := fmt.Errorf(format, v...)
	if strings.HasPrefix(format, "Error listening on port") {
		err = fmt.Errorf("%w: %w", servers.ErrPortTaken, err)
	}
	select {
	case l.fatal <- err:
	default:
	}
}
func (l log) Debugf(format string, v ...any) { l.to.Trace().Msgf(format, v...) }
func (l log) Tracef(format string, v ...any) { l.to.Trace().Msgf(format, v...) }
