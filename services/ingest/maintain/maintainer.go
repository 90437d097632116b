package maintain

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
)

// Config is what a Maintainer works with.
type Config struct {
	DB    *pgxpool.Pool
	Store Store
	// WorkBucket holds the objects that tasks pass to each other.
	WorkBucket string
	// Name is the replica's, for people.
	Name string
	// Lease is how long a leader may be silent before another takes over.
	Lease time.Duration
	// Retention is how long work objects are kept after their render has ended.
	Retention time.Duration
	// History is how long the tasks of renders that have ended are kept. 0: for ever.
	History time.Duration
	Metrics *Metrics
	Log     zerolog.Logger
}

// Maintainer is one replica's part in the maintenance.
type Maintainer struct {
	Config
	id   uuid.UUID
	jobs []job
}

// New returns a Maintainer. The caller closes cfg.DB.
func New(cfg Config) *Maintainer {
	m := &Maintainer{Config: cfg, id: uuid.New()}
	m.jobs = m.list()
	return m
}
