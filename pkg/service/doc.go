// Package service is what every loom-lite service is: settings read once from the environment, a
// logger, a health and metrics server, a connection to NATS, and a main that stops when it is told
// to.
//
// A service's root package has a Config that embeds Base, a LoadConfig that calls Problems.Load,
// and a Run that is given the Config and returns when its context is cancelled and all that it
// started has ended:
//
//	func main() {
//		service.Main("recorder", func(
//			ctx context.Context, environ map[string]string, log zerolog.Logger,
//		) error {
//			cfg, err := recorder.LoadConfig(environ)
//			if err != nil {
//				return err
//			}
//			cfg.Log = log
//			return recorder.Run(ctx, cfg)
//		})
//	}
//
// What it promises:
//   - Problems.Load reports every setting that is missing or wrong, by name and with what it wants,
//     and never a value.
//   - The first SIGINT or SIGTERM cancels the context, which is how a drain starts; the second
//     kills.
//   - Nothing here ends a process because a server is away: the connection to NATS is made, and
//     made again, for ever.
//   - Run touches no globals and no fixed ports, so several services can share one process.
package service
