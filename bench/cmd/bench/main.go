// Command bench measures how fast loom-lite records pages, compared with Chrome itself and with
// other tools, and what it costs to make a video of them, compared with FFmpeg by hand. See
// bench/README.md.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], environ(os.Environ()), os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// environ returns the environment by name.
func environ(list []string) map[string]string {
	byName := map[string]string{}
	for _, entry := range list {
		name, value, _ := strings.Cut(entry, "=")
		byName[name] = value
	}
	return byName
}
