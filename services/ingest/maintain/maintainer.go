package maintain

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/store"
)

// Config is what a Maintainer works with.
type Config struct {
	DB    DB
	Store Store
	// WorkBucket holds the objects that tasks pass to each other, VideoBucket finished videos.
	WorkBucket, VideoBucket string
	// Name is the replica's, for people.
	Name string
	// Lease is how long a leader may be silent before another takes over.
	Lease time.Duration
	// Retention is how long work objects are kept after their render has ended.
	Retention time.Duration
	// History is how long the tasks of renders that have ended are kept. 0: for ever.
	History time.Duration
	// Audit is how long entries of the audit log are kept. 0: for ever.
	Audit   time.Duration
	Metrics *Metrics
	Log     zerolog.Logger
}

// DB is what the maintenance needs of the database.
type DB interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Store is what the maintenance needs of the object store.
type Store interface {
	Delete(ctx context.Context, bucket, key string) error
	DeleteMatching(ctx context.Context, bucket, prefix string, match func(key string) bool) (deleted int, err error)
	DeleteChosen(ctx context.Context, bucket, prefix string, choose func(context.Context, []store.Object) (keys []string, err error)) (deleted int, err error)
	AbortUploads(ctx context.Context, bucket string, choose func(key string, begun time.Time) bool) (aborted int, err error)
	Keys(ctx context.Context, bucket, prefix string) ([]string, error)
	Put(ctx context.Context, bucket, key, contentType string, body []byte) error
}

// Maintainer is one replica's part in the maintenance.
type Maintainer struct {
	Config
	id   uuid.UUID
	jobs []job
	// orphanAge is how old an object or an upload is before it may count as left behind. With the
	// pause between two runs that is less than a day.
	orphanAge time.Duration
}

// New returns a Maintainer.
func New(cfg Config) *Maintainer {
	m := &Maintainer{Config: cfg, id: uuid.New(), orphanAge: 20 * time.Hour}
	m.jobs = m.list()
	return m
}
