package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/servers/postgresd"
	"github.com/loom-lite/loom-lite/pkg/servers/s3d"
	"github.com/loom-lite/loom-lite/pkg/store"
)

// Credentials of the S3 server.
const (
	accessKey = "loom-faults"
	secretKey = "faults-storage-secret-71d0"
)

// servers are what services need: processes of their own, on loopback.
type system struct {
	dir      string
	postgres *postgresd.Server
	cluster  postgresd.Cluster
	db       *pgxpool.Pool
	nats     *natsServer
	peers    []*natsServer // the others, in a cluster
	s3       *s3d.Server
	objects  *storeProxy
	client   *store.Client
	links    proxies
	// clock is Postgres's; nil: the machine's.
	clock *movedClock
}

// startSystem starts the servers that a fault asks for.
func startSystem(ctx context.Context, f Fault, migrate func(ctx context.Context, url string) error) (s *system, err error) {
	s = &system{links: newProxies()}
	if s.dir, err = postgresd.Folder("loom-faults-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if f.MovedPostgres {
		if s.clock, err = newMovedClock(s.dir); err != nil {
			return nil, err
		}
	}
	if err = s.startPostgres(ctx, migrate); err != nil {
		return nil, err
	}
	if f.Cluster {
		err = s.startCluster(ctx)
	} else if s.nats, err = newNATS(s.dir); err == nil {
		err = s.nats.start(ctx)
	}
	if err == nil {
		err = s.startStore(ctx)
	}
	return s, err
}

func (s *system) startPostgres(ctx context.Context, migrate func(ctx context.Context, url string) error) error {
	installation, err := postgresd.Find(ctx, 0)
	if err != nil {
		return fmt.Errorf("%w (make setup installs it)", err)
	}
	account, err := postgresd.ServerAccount()
	if err != nil {
		return err
	}
	s.cluster = postgresd.Cluster{
		Installation: installation, Account: account, User: "postgres", Volatile: true, Data: filepath.Join(s.dir, "postgres"),
	}
	if err := s.cluster.Init(ctx); err != nil {
		return err
	}
	s.postgres, err = s.cluster.Start(ctx, postgresd.Options{
		Settings: postgresd.Volatile, Env: s.clock.env(), Log: filepath.Join(s.dir, "postgres.log"), Within: patience, Orphaned: syscall.SIGKILL,
	})
	if err != nil {
		return err
	}
	if err := migrate(ctx, s.postgres.URL("postgres")); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, s.postgres.URL("postgres"))
	if err != nil {
		return fmt.Errorf("connect to watch: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.PgConn().Exec(ctx, observers).ReadAll(); err != nil {
		return fmt.Errorf("watch the rows: %w", err)
	}
	if s.db, err = pgxpool.New(ctx, s.postgres.URL("postgres")); err != nil {
		return fmt.Errorf("open the app's database: %w", err)
	}
	return nil
}

// migrate brings a database to this release's schema.
func migrate(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect to migrate: %w", err)
	}
	_, err = migrations.Apply(ctx, conn)
	return errors.Join(err, conn.Close(ctx))
}

func (s *system) startStore(ctx context.Context) (err error) {
	s.s3, err = s3d.Start(ctx, s3d.Options{Dir: s.dir, AccessKey: accessKey, SecretKey: secretKey})
	if err != nil {
		return err
	}
	if s.objects, err = newStoreProxy(s.s3.Config.Endpoint); err != nil {
		return err
	}
	if s.client, err = store.New(s.s3.Config); err != nil {
		return err
	}
	for _, bucket := range []string{"videos", "thumbnails"} {
		err = errors.Join(err, s.client.EnsureBucket(ctx, bucket), s.client.AllowPublicRead(ctx, bucket))
	}
	return err
}

// stop ends all servers and removes what they stored.
func (s *system) stop() error {
	var err error
	if s.db != nil {
		s.db.Close()
	}
	if s.client != nil {
		s.client.Close()
	}
	if s.objects != nil {
		s.objects.close()
	}
	if s.s3 != nil {
		err = errors.Join(err, s.s3.Stop())
	}
	for _, n := range s.brokers() {
		if n == nil {
			continue // it was not made
		}
		if n.process != nil {
			err = errors.Join(err, n.kill())
		}
		for _, l := range n.routes {
			if l != nil {
				err = errors.Join(err, l.close())
			}
		}
	}
	if s.postgres != nil {
		err = errors.Join(err, s.postgres.Stop())
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// bucket is the folder of a bucket, in which keys are paths.
func (s *system) bucket(name string) string { return filepath.Join(s3d.Buckets(s.dir), name) }
