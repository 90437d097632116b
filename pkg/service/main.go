package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/telemetry"
)

// Exit statuses of Main.
const (
	exitOK     = 0
	exitFailed = 1
	// exitConfig: the settings are wrong. Starting again cannot help.
	exitConfig = 2
)

// Main is a service's main. It calls run with the process's environment, in which files have been
// read (FromFiles), and a logger, and exits
// with 0 when run returned nil, 2 when it returned ErrConfig, whose text it prints, and 1 for any
// other error.
//
// The first SIGINT or SIGTERM cancels ctx, which starts the drain. The second kills the process.
func Main(name string, run func(ctx context.Context, environ map[string]string, log zerolog.Logger) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// Once the first signal has come, the next has its default effect.
	context.AfterFunc(ctx, stop)
	os.Exit(start(ctx, name, env.ToMap(os.Environ()), os.Stderr, run))
}

func start(ctx context.Context, name string, environ map[string]string, stderr io.Writer,
	run func(ctx context.Context, environ map[string]string, log zerolog.Logger) error,
) int {
	log := Logger(stderr, environ["LOG_LEVEL"], environ["LOG_FORMAT"]).With().Str("service", name).Logger()
	environ, err := FromFiles(environ)
	if err == nil {
		err = traced(ctx, name, environ, log, run)
	}
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, ErrConfig):
		_, _ = fmt.Fprintf(stderr, "loom-%s: %v\n", name, err)
		return exitConfig
	default:
		log.Error().Err(err).Msg("stopped by an error")
		return exitFailed
	}
}

// flushWithin is how long spans may take to be sent when the service has ended.
const flushWithin = 5 * time.Second

// traced runs a service whose spans are exported, if the settings ask for it.
func traced(ctx context.Context, name string, environ map[string]string, log zerolog.Logger,
	run func(ctx context.Context, environ map[string]string, log zerolog.Logger) error,
) error {
	instance := environ["WORKER_ID"]
	if instance == "" {
		instance = defaultWorkerID()
	}
	stop, err := telemetry.Start(ctx, telemetry.Service{Name: "loom-" + name, Instance: instance, Version: Version()}, environ, log)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushWithin)
		defer cancel()
		stop(ctx)
	}()
	return run(ctx, environ, log)
}
