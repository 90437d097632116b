// Command console serves the API and the dashboard. Its settings come from the environment: see
// console.Config.
package main

import (
	"context"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/services/console"
)

func main() {
	service.Main("console", func(ctx context.Context, environ map[string]string, log zerolog.Logger) error {
		cfg, err := console.LoadConfig(environ)
		if err != nil {
			return err
		}
		cfg.Log = log
		return console.Run(ctx, cfg)
	})
}
