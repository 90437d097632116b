// Command forecast measures how far off forecasts of the ends of renders are, and prints a table.
//
//	go run ./bench/cmd/forecast -renders 200           with workers that only wait
//	go run ./bench/cmd/forecast -real -renders 24      at LOOM_API_URL, with LOOM_API_TOKEN
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/loom-lite/loom-lite/bench/forecast"
	loom "github.com/loom-lite/loom-lite/clients/go"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "forecast: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	running := flag.Bool("real", false, "measure the installation that runs at LOOM_API_URL")
	renders := flag.Int("renders", 200, "renders that are measured")
	warm := flag.Int("warm", 12, "renders before them, which are the history")
	spread := flag.Float64("spread", 0.4, "how different pages are, without -real: the standard deviation of the logarithm of their times")
	flag.Parse()
	var lives []forecast.Life
	var err error
	if *running {
		client, opened := loom.New(loom.Options{})
		if opened != nil {
			return opened
		}
		defer client.Close()
		lives, err = forecast.Real{Client: client, Renders: *renders, Warm: *warm, Log: os.Stderr}.Measure(ctx)
	} else {
		lives, err = forecast.StandIn{Renders: *renders, Warm: *warm, Spread: *spread, Log: os.Stderr}.Measure(ctx)
	}
	if err != nil {
		return err
	}
	return forecast.Print(os.Stdout, forecast.Compare(lives))
}
