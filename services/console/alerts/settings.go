package alerts

import (
	"time"
)

// Settings say what people are told of, and where.
type Settings struct {
	// URL is sent the alerts, beside the endpoints that ask for them. Empty: none.
	URL string `env:"ALERT_URL" wants:"an http or https URL"`
	// Secret signs what URL is sent. Empty: one that nobody knows.
	Secret string `env:"ALERT_SECRET" wants:"whsec_ and the base64 of 24 to 64 bytes"`
	// Failed: renders that fail are an incident, which is over when none has failed for Quiet.
	Failed bool          `env:"ALERT_RENDER_FAILED" envDefault:"true"`
	Quiet  time.Duration `env:"ALERT_QUIET" envDefault:"15m" min:"1m" max:"24h"`
	// QueueWait is how long the oldest job may wait. 0: any time.
	QueueWait time.Duration `env:"ALERT_QUEUE_WAIT" envDefault:"15m" min:"0" max:"720h"`
	// StageWait is how long tasks may be due while no worker of their stage is heard. 0: any time.
	StageWait time.Duration `env:"ALERT_STAGE_WAIT" envDefault:"3m" min:"0" max:"720h"`
}
