// Package service is what the services share: settings read once from the environment, a logger, a
// health and metrics server, a connection to NATS, and a main that drains on a signal.
//
// A service's root package has a Config that embeds Base, a LoadConfig that calls Problems.Load,
// and a Run that is given the Config and returns when its context is cancelled and all that it
// started has ended:
//
//	func main() { service.Main("recorder", run) }
//
//	func run(ctx context.Context, environ map[string]string, log zerolog.Logger) error {
//		cfg, err := recorder.LoadConfig(environ)
//		if err != nil {
//			return err
//		}
//		cfg.Log = log
//		return recorder.Run(ctx, cfg)
//	}
//
// What it promises:
//   - Problems.Load reports every setting that is missing or wrong, by name and with what it wants,
//     and never a value.
//   - The first SIGINT or SIGTERM cancels the context, which starts the drain. The second kills.
//   - A server that is away ends no process: the connection to NATS is retried for ever.
//   - Run uses no globals and no fixed ports, so several services can share one process.
package service
