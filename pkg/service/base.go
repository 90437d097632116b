package service

import (
	"fmt"
	"net"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Base is what every service's Config embeds.
type Base struct {
	// Port serves /healthz, /readyz and /metrics. 0 takes a free one.
	Port int `env:"PORT" envDefault:"3100" min:"0" max:"65535" wants:"a port number, 0 to 65535"`
	// WorkerID names this replica in logs and in loom.attempts. Default <hostname>-<pid>.
	WorkerID string `env:"WORKER_ID"`
	// LogLevel is trace, debug, info, warn or error.
	LogLevel string `env:"LOG_LEVEL" envDefault:"info" oneof:"trace debug info warn error"`
	// LogFormat is json (one object per line) or console (for people).
	LogFormat string `env:"LOG_FORMAT" envDefault:"json" oneof:"json console"`
	// NATSURL is where NATS listens; it may hold credentials, and may list several servers, divided
	// by commas.
	NATSURL string `env:"NATS_URL,required" wants:"the URL of the NATS server, such as nats://127.0.0.1:4222"`
	// NATSAccess has the files of credentials and certificates, where the server asks for them.
	NATSAccess NATSAccess
	// Drain is how long running work may go on after SIGTERM.
	Drain time.Duration `env:"DRAIN_TIMEOUT" envDefault:"30s" min:"0"`
	// Pprof adds /debug/pprof/ to the health server.
	Pprof bool `env:"PPROF" envDefault:"false"`

	// Listener is what the health server listens on, instead of Port.
	Listener net.Listener `env:"-"`
	// Registry takes the service's metrics. Nil: Metrics makes one.
	Registry *prometheus.Registry `env:"-"`
	// Log is the service's logger. The zero Logger writes nothing.
	Log zerolog.Logger `env:"-"`
}

func (b *Base) base() *Base { return b }

// Metrics returns the registry of the service's metrics. It creates one when Registry is nil.
func (b *Base) Metrics() *prometheus.Registry {
	if b.Registry == nil {
		b.Registry = prometheus.NewRegistry()
	}
	return b.Registry
}

// complete fills in what has no fixed default.
func (b *Base) complete() {
	if b.WorkerID == "" {
		b.WorkerID = defaultWorkerID()
	}
}

func defaultWorkerID() string {
	host, err := os.Hostname()
	if err != nil {
		host = "worker"
	}
	return fmt.Sprintf("%s-%d", host, os.Getpid())
}
