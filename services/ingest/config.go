package ingest

import (
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

	// DatabaseURL is the app's Postgres, directly or through a pooler; in session mode new jobs are
	// noticed at once.
	DatabaseURL string `env:"DATABASE_URL,required" wants:"the URL of the app's PostgreSQL database, such as postgres://user:password@host:5432/database"`
	// Connections bounds those to the database, the one that listens for jobs included.
	Connections int `env:"DATABASE_CONNECTIONS" envDefault:"5" wants:"a whole number, 2 to 100"`
	// WorkBucket holds what tasks hand to each other.
	WorkBucket string `env:"STORAGE_BUCKET_WORK" envDefault:"loom-work"`
	// PollInterval is how often to look for jobs, in milliseconds.
	PollInterval int `env:"WORKER_POLL_INTERVAL" envDefault:"2000" wants:"a number of milliseconds, 10 to 3600000"`
	// MaxRetries is how often a task that failed is tried again before its render fails.
	MaxRetries int `env:"WORKER_MAX_RETRIES" envDefault:"3" wants:"a whole number, 0 to 100"`
	// Lease is how long a worker may be silent before its task goes to another.
	Lease time.Duration `env:"TASK_LEASE" envDefault:"30s" wants:"a duration of 1s to 1h, such as 30s"`
	// MaxRenders is how many renders are worked on at once, over all replicas. The others stay
	// queued.
	MaxRenders int `env:"INGEST_MAX_RENDERS" envDefault:"16" wants:"a whole number, 1 or more"`
	// Replicas is how many servers of a NATS cluster hold each stream.
	Replicas int `env:"NATS_REPLICAS" envDefault:"1" wants:"1 on a single server, 3 or 5 in a cluster"`
	// MaxSceneSeconds and MaxRenderSeconds bound the length of a scene and of a video, in seconds.
	MaxSceneSeconds  int `env:"MAX_SCENE_SECONDS" envDefault:"3600" wants:"a number of seconds, 1 to 86400"`
	MaxRenderSeconds int `env:"MAX_RENDER_SECONDS" envDefault:"7200" wants:"a number of seconds, 1 to 86400"`
	// Retention is how long work objects are kept after their render has ended.
	Retention time.Duration `env:"WORK_RETENTION" envDefault:"24h" wants:"a duration of 0 or more, such as 24h"`
}

// wantsDatabase and wantsDatabaseOfSupabase are what DATABASE_URL wants.
const (
	wantsDatabase = "the URL of the app's PostgreSQL database, such as postgres://user:password@host:5432/database"

	wantsDatabaseOfSupabase = "the database's connection string, such as postgres://postgres:password@host:5432/postgres " +
		"(the service role key opens only Supabase's HTTP interface: in the Supabase dashboard, under Connect, copy the " +
		"string of the direct connection or of the session pooler)"
)

// LoadConfig reads the settings. Its error names every variable that is missing or wrong, and what
// it wants; it holds no values. What the Node worker used and cannot be used here is named with
// what takes its place.
func LoadConfig(environ map[string]string) (Config, error) {
	var cfg Config
	var problems service.Problems
	loaded := service.Load(&cfg, environ)
	// These say more than that a variable is missing, so they come first.
	if environ["SUPABASE_SERVICE_ROLE_KEY"] != "" && environ["DATABASE_URL"] == "" {
		problems.AddMissing("DATABASE_URL", wantsDatabaseOfSupabase)
	}
	store.CheckSupabase(environ, problems.AddMissing)
	if err := problems.Include(loaded); err != nil {
		return Config{}, err
	}
	cfg.check(&problems)
	if err := problems.Err(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// check reports what a type alone cannot rule out. Zeros of what could not be read are reported
// already.
func (c *Config) check(problems *service.Problems) {
	within := func(variable string, value, least, most int, wants string) {
		if value < least || value > most {
			problems.Add(variable, wants)
		}
	}
	within("WORKER_POLL_INTERVAL", c.PollInterval, 10, 3_600_000, "a number of milliseconds, 10 to 3600000")
	within("WORKER_MAX_RETRIES", c.MaxRetries, 0, 100, "a whole number, 0 to 100")
	within("DATABASE_CONNECTIONS", c.Connections, 2, 100, "a whole number, 2 to 100")
	within("INGEST_MAX_RENDERS", c.MaxRenders, 1, 1<<20, "a whole number, 1 or more")
	within("NATS_REPLICAS", c.Replicas, 1, 5, "1 on a single server, 3 or 5 in a cluster")
	within("MAX_SCENE_SECONDS", c.MaxSceneSeconds, 1, 86_400, "a number of seconds, 1 to 86400")
	within("MAX_RENDER_SECONDS", c.MaxRenderSeconds, 1, 86_400, "a number of seconds, 1 to 86400")
	if c.Lease < time.Second || c.Lease > time.Hour {
		problems.Add("TASK_LEASE", "a duration of 1s to 1h, such as 30s")
	}
	if c.Retention < 0 {
		problems.Add("WORK_RETENTION", "a duration of 0 or more, such as 24h")
	}
	if c.DatabaseURL != "" {
		if _, err := postgres.Config(c.DatabaseURL, ""); err != nil {
			problems.Add("DATABASE_URL", wantsDatabase)
		}
	}
	c.Store.Check(problems.Add)
}

func (c *Config) limits() plan.Limits {
	return plan.Limits{
		Scene:  time.Duration(c.MaxSceneSeconds) * time.Second,
		Render: time.Duration(c.MaxRenderSeconds) * time.Second,
	}
}
