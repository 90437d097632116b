// Command transcoder is loom-lite's transcoder as a service of its own. Its settings come from the
// environment: see .env.example.
package main

import (
	"context"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/services/transcoder"
)

func main() {
	service.Main("transcoder", func(ctx context.Context, environ map[string]string, log zerolog.Logger) error {
		cfg, err := transcoder.LoadConfig(environ)
		if err != nil {
			return err
		}
		cfg.Log = log
		return transcoder.Run(ctx, cfg)
	})
}
