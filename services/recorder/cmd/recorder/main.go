// Command recorder runs the recorder service; its settings come from the environment.
package main

import (
	"context"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/services/recorder"
)

func main() {
	service.Main("recorder", func(ctx context.Context, environ map[string]string, log zerolog.Logger) error {
		if err := hide(); err != nil {
			return err
		}
		cfg, err := recorder.LoadConfig(environ)
		if err != nil {
			return err
		}
		cfg.Log = log
		return recorder.Run(ctx, cfg)
	})
}
