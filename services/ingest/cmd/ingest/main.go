// Command ingest claims render jobs, plans renders and schedules their tasks. Its settings are in
// .env.example.
package main

import (
	"context"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/services/ingest"
)

func main() {
	service.Main("ingest", func(ctx context.Context, environ map[string]string, log zerolog.Logger) error {
		cfg, err := ingest.LoadConfig(environ)
		if err != nil {
			return err
		}
		cfg.Log = log
		return ingest.Run(ctx, cfg)
	})
}
