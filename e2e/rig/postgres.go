package rig

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/servers"
	"github.com/loom-lite/loom-lite/pkg/servers/postgresd"
)

// databasePassword is in the URL that services are given, and in no log. The server does not ask
// for it.
const databasePassword = "e2e-database-secret-9ab3"

// Postgres is a private server. It keeps its port and its data when it is stopped and started
// again.
type Postgres struct {
	URL     string
	cluster postgresd.Cluster
	log     string
	server  *postgresd.Server
}

// fresh is a new cluster, made once in a test process and copied for every server.
var fresh struct {
	sync.Mutex
	dir string
}

func startPostgres(t testing.TB, dir string) *Postgres {
	t.Helper()
	cluster, err := freshCluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "postgres")
	if out, err := exec.Command("cp", "-a", cluster.Data, data).CombinedOutput(); err != nil {
		t.Fatalf("copy a fresh Postgres: %v\n%s", err, out)
	}
	cluster.Data, cluster.Password = data, databasePassword
	p := &Postgres{cluster: cluster, log: filepath.Join(dir, "postgres.log")}
	p.Start(t)
	p.URL = p.server.URL("postgres")
	return p
}

// Start starts the server and returns when it takes connections.
func (p *Postgres) Start(t testing.TB) {
	t.Helper()
	o := postgresd.Options{Settings: postgresd.Volatile, Log: p.log, Within: Patience, Orphaned: syscall.SIGKILL}
	if p.server != nil {
		o.Port = p.server.Port
	}
	server, err := p.cluster.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	p.server = server
	if o.Port != 0 && server.Port != o.Port {
		t.Fatalf("another program has Postgres's port %d", o.Port)
	}
}

// Stop ends the server at once and cleanly, and disconnects its clients.
func (p *Postgres) Stop(t testing.TB) {
	t.Helper()
	if err := p.server.Stop(); err != nil {
		t.Fatal(err)
	}
}

func (p *Postgres) stop() { _ = p.server.Stop() }

// migrate applies the migrations and adds the trigger that records history.
func (p *Postgres) migrate(t testing.TB) *pgxpool.Pool {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, p.URL)
	if err != nil {
		t.Fatalf("connect to migrate: %v", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := migrations.Apply(ctx, conn); err != nil {
		t.Fatal(err)
	}
	for what, sql := range map[string]string{"history of renders": history, "services' roles": roles} {
		if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			t.Fatalf("add the %s: %v", what, err)
		}
	}
	pool, err := pgxpool.New(ctx, p.URL)
	if err != nil {
		t.Fatalf("open the app's database: %v", err)
	}
	return pool
}

// roles are what services log in as, each in its group of rights, and a reader. The app's triggers
// run as these roles too.
const roles = `
do $$
declare
  v_service text;
begin
  foreach v_service in array array['ingest', 'uploader', 'reader'] loop
    execute format('create role e2e_%1$s login in role loom_%1$s', v_service);
  end loop;
end
$$;
`

// URLAs returns the database's URL for a service, or for a reader.
func (p *Postgres) URLAs(t testing.TB, service string) string {
	t.Helper()
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("e2e_"+service, databasePassword)
	return u.String()
}

// freshCluster runs initdb once.
func freshCluster(ctx context.Context) (postgresd.Cluster, error) {
	fresh.Lock()
	defer fresh.Unlock()
	installation, err := postgresd.Find(ctx, 0)
	if err != nil {
		return postgresd.Cluster{}, fmt.Errorf("%w (make setup installs it)", err)
	}
	account, err := postgresd.ServerAccount()
	if err != nil {
		return postgresd.Cluster{}, err
	}
	cluster := postgresd.Cluster{Installation: installation, Account: account, User: "postgres", Volatile: true}
	if fresh.dir == "" {
		if fresh.dir, err = postgresd.Folder("loom-e2e-initdb-"); err != nil {
			return cluster, err
		}
		cluster.Data = filepath.Join(fresh.dir, "data")
		err = cluster.Init(ctx)
	}
	cluster.Data = filepath.Join(fresh.dir, "data")
	return cluster, err
}

// RemovePostgres deletes what servers were copied from. TestMain calls it at the end.
func RemovePostgres() error { return os.RemoveAll(fresh.dir) }

// freePort returns a loopback port that is not returned again.
func freePort(t testing.TB) int {
	t.Helper()
	port, err := servers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}
