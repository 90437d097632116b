// Command uploader stores finished videos. Its settings come from the environment: see
// uploader.Config.
package main

import (
	"context"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/services/uploader"
)

func main() {
	service.Main("uploader", func(ctx context.Context, environ map[string]string, log zerolog.Logger) error {
		cfg, err := uploader.LoadConfig(environ)
		if err != nil {
			return err
		}
		cfg.Log = log
		return uploader.Run(ctx, cfg)
	})
}
