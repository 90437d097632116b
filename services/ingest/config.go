package ingest

import (
	"maps"
	"time"

	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// Config is ingest's settings.
type Config struct {
	service.Base
	Store store.Config

	// DatabaseURL is the app's Postgres, directly or through a pooler. In session mode new jobs are
	// noticed at once.
	DatabaseURL string `env:"DATABASE_URL,required" wants:"the URL of the app's PostgreSQL database, such as postgres://user@host:5432/database, with the password in DATABASE_PASSWORD or, percent-encoded, after user:"`
	// DatabasePassword is the password of DatabaseURL, as it is.
	DatabasePassword string `env:"DATABASE_PASSWORD"`
	// Connections bounds the connections to the database, including the one that listens for jobs.
	Connections int `env:"DATABASE_CONNECTIONS" envDefault:"5" min:"2" max:"100"`
	// WorkBucket holds the objects that tasks pass to each other.
	WorkBucket string `env:"STORAGE_BUCKET_WORK" envDefault:"loom-work"`
	// VideoBucket holds finished videos, which the uploader stores.
	VideoBucket string `env:"STORAGE_BUCKET_VIDEOS" envDefault:"videos"`
	// PollInterval is the interval between two polls for jobs, in milliseconds.
	PollInterval int `env:"WORKER_POLL_INTERVAL" envDefault:"2000" min:"10" max:"3600000" unit:"milliseconds"`
	// MaxRetries is how often a failed task is retried before its render fails.
	MaxRetries int `env:"WORKER_MAX_RETRIES" envDefault:"3" min:"0" max:"100"`
	// Lease is how long a worker may send no heartbeat before its task goes to another.
	Lease time.Duration `env:"TASK_LEASE" envDefault:"30s" min:"1s" max:"1h"`
	// MaxRenders is how many renders are in progress at once, over all replicas. The others stay
	// queued.
	MaxRenders int `env:"INGEST_MAX_RENDERS" envDefault:"16" min:"1" max:"1048576"`
	// MaxRendersPerUser is how many of them may be one user's. 0: all of them.
	MaxRendersPerUser int `env:"INGEST_MAX_RENDERS_PER_USER" envDefault:"0" min:"0" max:"1048576"`
	// TaskTimeout is how long an attempt at a task may take, beside two seconds for each frame.
	TaskTimeout time.Duration `env:"TASK_TIMEOUT" envDefault:"20m" min:"1s" max:"11h"`
	// RenderTimeout is how long after its planning a render fails if it has not ended. The time in
	// which a stage is paused does not count. 0: never.
	RenderTimeout time.Duration `env:"RENDER_TIMEOUT" envDefault:"24h" min:"0" max:"8760h"`
	// PerHost is how many pages of one host are recorded at once, over all recorders. 0: any
	// number.
	PerHost int `env:"RECORD_PER_HOST" envDefault:"6" min:"0" max:"1048576"`
	// Replicas is how many servers of a NATS cluster hold each stream.
	Replicas int `env:"NATS_REPLICAS" envDefault:"1" min:"1" max:"5" wants:"1 on a single server, 3 or 5 in a cluster"`
	// MaxSceneSeconds and MaxRenderSeconds bound the length of a scene and of a video, in seconds.
	MaxSceneSeconds  int `env:"MAX_SCENE_SECONDS" envDefault:"3600" min:"1" max:"86400" unit:"seconds"`
	MaxRenderSeconds int `env:"MAX_RENDER_SECONDS" envDefault:"7200" min:"1" max:"86400" unit:"seconds"`
	// Retention is how long work objects are kept after their render has ended.
	Retention time.Duration `env:"WORK_RETENTION" envDefault:"24h" min:"0"`
	// AuditKeep is how long entries of the audit log are kept. 0, or "off": for ever.
	AuditKeep time.Duration `env:"AUDIT_KEEP" envDefault:"8760h" min:"0" wants:"a duration of 0 or more, such as 8760h, or off"`
	// HistoryKeep is how long the tasks and attempts of renders that have ended are kept. 0, or
	// "off": for ever.
	HistoryKeep time.Duration `env:"HISTORY_KEEP" envDefault:"720h" min:"0" wants:"a duration of 0 or more, such as 720h, or off"`
	// CacheTTL is how long before a render was queued recordings may have begun that it uses again,
	// where its campaign does not say.
	CacheTTL time.Duration `env:"SCENE_CACHE_TTL" envDefault:"0s" min:"0" max:"168h"`
}

// wantsDatabaseOfSupabase is what DATABASE_URL must be, for users who have only the service role
// key.
const wantsDatabaseOfSupabase = "the database's connection string, such as postgres://postgres:password@host:5432/postgres " +
	"(the service role key opens only Supabase's HTTP interface: in the Supabase dashboard, under Connect, copy the " +
	"string of the direct connection or of the session pooler)"

// LoadConfig reads the settings. Its error names every variable that is missing or wrong and says
// what it must be; it quotes no values. A setting of the Node worker that cannot be used here is
// named with its replacement.
func LoadConfig(environ map[string]string) (Config, error) {
	var cfg Config
	var problems service.Problems
	// These say more than that a variable is missing, so they take precedence.
	if environ["SUPABASE_SERVICE_ROLE_KEY"] != "" && environ["DATABASE_URL"] == "" {
		problems.AddMissing("DATABASE_URL", wantsDatabaseOfSupabase)
	}
	store.CheckSupabase(environ, problems.AddMissing)
	environ = maps.Clone(environ)
	for _, keep := range []string{"HISTORY_KEEP", "AUDIT_KEEP"} {
		if environ[keep] == "off" {
			environ[keep] = "0"
		}
	}
	problems.Load(&cfg, environ)
	cfg.DatabaseURL = postgres.WithPassword(cfg.DatabaseURL, cfg.DatabasePassword)
	if _, err := postgres.Config(cfg.DatabaseURL, ""); err != nil {
		problems.Wrong("DATABASE_URL")
	}
	cfg.Store.Check(problems.Add)
	if err := problems.Err(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

func (c *Config) limits() plan.Limits {
	return plan.Limits{
		Scene:  time.Duration(c.MaxSceneSeconds) * time.Second,
		Render: time.Duration(c.MaxRenderSeconds) * time.Second,
	}
}
