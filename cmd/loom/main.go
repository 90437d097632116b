// Command loom is loom-lite's command line: it runs everything on one machine (up), renders
// campaigns (render), shows renders (status, list, bundle), and maintains an installation (migrate,
// doctor).
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/loom-lite/loom-lite/pkg/child"
)

func main() {
	environ, err := environment(os.Environ(), ".env")
	if err != nil {
		fail(os.Stderr, err)
		os.Exit(statusUsage)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go interrupts(stop)
	a := &app{
		environ: environ, dotenv: fromDotenv(environ, os.Environ()), stdout: os.Stdout, stderr: os.Stderr, terminal: isTerminal(os.Stderr),
	}
	os.Exit(a.run(ctx, os.Args[1:]))
}

// interrupts makes the first SIGINT or SIGTERM stop what the command does, and the second kill the
// process with all of its children.
func interrupts(stop context.CancelFunc) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	<-signals
	stop()
	<-signals
	// Chrome, FFmpeg and Postgres, whose data recovers at its next start.
	_ = child.KillDescendants()
	os.Exit(statusInterrupted)
}
