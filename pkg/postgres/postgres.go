package postgres

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// transactionPort is where Supabase's pooler (Supavisor) serves in transaction mode.
const transactionPort = 6543

// DefaultConnections is how many connections a pool holds at most when nothing is said: few enough
// that several services share a pooler of Supabase's smallest size, which is 15.
const DefaultConnections = 5

// errURL replaces the parser's error, which quotes the URL, and so the password.
var errURL = errors.New("DATABASE_URL is not the URL of a PostgreSQL database, such as postgres://user:password@host:5432/database")

// Open returns a pool of connections to the database at databaseURL. It does not connect: a
// database that is away now may be there when it is first asked. application_name, unless the URL
// sets one, is loom; see Named.
//
// The pool lives until it is closed; ctx bounds only Open itself.
func Open(ctx context.Context, databaseURL string) (*pgxpool.Pool, error) {
	return Named(ctx, databaseURL, "loom")
}

// Named is Open with another application_name, such as loom-ingest, for the server's lists and
// logs.
func Named(ctx context.Context, databaseURL, application string) (*pgxpool.Pool, error) {
	return Bounded(ctx, databaseURL, application, DefaultConnections)
}

// Bounded is Named with this many connections at most, DefaultConnections for 0, unless the URL
// says how many (pool_max_conns).
func Bounded(ctx context.Context, databaseURL, application string, most int) (*pgxpool.Pool, error) {
	cfg, err := Config(databaseURL, application)
	if err != nil {
		return nil, err
	}
	if most > 0 && !boundByURL(databaseURL) {
		cfg.MaxConns = int32(min(most, 1000))
	}
	return pgxpool.NewWithConfig(ctx, cfg)
}

// Config is Named's configuration, for a caller that changes something of it.
//
// Connections that are made with its ConnConfig alone leave nothing behind on a connection that the
// next transaction may not get, so they work through every pooler. Those of a pool do so until it
// is known that there is none; see sessions.
func Config(databaseURL, application string) (*pgxpool.Config, error) {
	target, err := parse(databaseURL)
	if err != nil {
		return nil, err
	}
	cfg, err := pgxpool.ParseConfig(target.url)
	if err != nil {
		return nil, errURL
	}
	params := cfg.ConnConfig.RuntimeParams
	if params["application_name"] == "" {
		params["application_name"] = application
	}
	// exec sends every query with its arguments in one go.
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.ConnConfig.StatementCacheCapacity = 0
	cfg.ConnConfig.DescriptionCacheCapacity = 0
	cfg.ConnConfig.OnPgError = keep
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
	if !boundByURL(databaseURL) {
		cfg.MaxConns = DefaultConnections
	}
	// Poolers and proxies drop connections that lie still, or that are old.
	cfg.MaxConnIdleTime = 5 * time.Minute
	cfg.MaxConnLifetime = 30 * time.Minute
	cfg.MaxConnLifetimeJitter = 5 * time.Minute
	cfg.HealthCheckPeriod = 30 * time.Second
	cfg.PingTimeout = pingTimeout
	s := &sessions{pooled: !target.session}
	cfg.BeforeConnect, cfg.AfterConnect, cfg.AfterRelease = s.beforeConnect, s.afterConnect, s.afterRelease
	return cfg, nil
}

const (
	// connectTimeout bounds the making of a connection, for a server that accepts it and says
	// nothing.
	connectTimeout = 10 * time.Second
	// pingTimeout bounds the look whether a connection that lay still is alive.
	pingTimeout = 3 * time.Second
)

// readOnly is the SQLSTATE of a change where there is none to be made.
const readOnly = "25006"

// keep reports whether a connection is of use after an error of the server's. One that is to a
// server which takes no changes is not: after a failover the old primary keeps its connections, and
// only a new one finds the primary.
func keep(_ *pgconn.PgConn, err *pgconn.PgError) bool {
	return !strings.EqualFold(err.Severity, "FATAL") && err.Code != readOnly
}

type target struct {
	url     string
	session bool
}

// foreign are settings that Prisma and others keep in the same URL.
var foreign = []string{"pgbouncer", "connection_limit", "pool_timeout", "schema", "statement_cache_size", "socket_timeout"}

func parse(databaseURL string) (target, error) {
	t := target{url: databaseURL, session: true}
	if u, err := url.Parse(databaseURL); err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") {
		t.session = u.Query().Get("pgbouncer") != "true"
		// What is not ours to read stays as it is written, but for signs that libpq's form of a URL
		// has escaped.
		var pairs []string
		for pair := range strings.SplitSeq(u.RawQuery, "&") {
			name, value, _ := strings.Cut(pair, "=")
			if name != "" && !slices.Contains(foreign, name) {
				pairs = append(pairs, name+"="+strings.NewReplacer(" ", "%20", "=", "%3D").Replace(value))
			}
		}
		u.RawQuery = strings.Join(pairs, "&")
		t.url = u.String()
	}
	// Both forms, URL and "host=… port=…", name the port.
	cfg, err := pgx.ParseConfig(t.url)
	if err != nil {
		return target{}, errURL
	}
	if cfg.Port == transactionPort {
		t.session = false
	}
	return t, nil
}

// boundByURL reports whether the URL says how many connections a pool may have.
func boundByURL(databaseURL string) bool { return strings.Contains(databaseURL, "pool_max_conns=") }
