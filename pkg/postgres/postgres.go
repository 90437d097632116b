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

// defaultConnections is the default bound of a pool. Several services can share Supabase's smallest
// pooler, which has 15 connections.
const defaultConnections = 5

// errURL replaces the parser's error, which quotes the URL, and so the password.
var errURL = errors.New("DATABASE_URL is not the URL of a PostgreSQL database, such as postgres://user:password@host:5432/database; " +
	"a password with special characters must be percent-encoded there, or be in DATABASE_PASSWORD")

// Open returns a pool of connections to the database at databaseURL. It does not connect: a
// database that is away now may be there for the first query. application_name is loom, unless the
// URL sets another; see Named.
//
// The pool lives until it is closed: ctx bounds Open only.
func Open(ctx context.Context, databaseURL string) (*pgxpool.Pool, error) {
	return Named(ctx, databaseURL, "loom")
}

// Named is Open with another application_name, such as loom-ingest, for the server's lists and
// logs.
func Named(ctx context.Context, databaseURL, application string) (*pgxpool.Pool, error) {
	return Bounded(ctx, databaseURL, application, defaultConnections)
}

// Bounded is Named with a bound on the connections. 0 means 5. A bound in the URL (pool_max_conns)
// takes precedence.
func Bounded(ctx context.Context, databaseURL, application string, most int) (*pgxpool.Pool, error) {
	cfg, err := bounded(databaseURL, application, most)
	if err != nil {
		return nil, err
	}
	return pgxpool.NewWithConfig(ctx, cfg)
}

func bounded(databaseURL, application string, most int) (*pgxpool.Config, error) {
	cfg, err := Config(databaseURL, application)
	if err != nil {
		return nil, err
	}
	if most > 0 && !boundByURL(databaseURL) {
		cfg.MaxConns = int32(min(most, 1000))
	}
	return cfg, nil
}

// Config returns the configuration of Named, for callers that change it.
//
// A connection that is made with its ConnConfig keeps no state in the session, so it works through
// every pooler. A pool's connections keep none until it is known that there is no pooler; see
// sessions.
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
	// Exec mode sends each query with its arguments in one message, and prepares nothing.
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.ConnConfig.StatementCacheCapacity = 0
	cfg.ConnConfig.DescriptionCacheCapacity = 0
	cfg.ConnConfig.OnPgError = keep
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
	if !boundByURL(databaseURL) {
		cfg.MaxConns = defaultConnections
	}
	// Poolers and proxies drop connections that are idle or old.
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
	// connectTimeout bounds the making of a connection to a server that accepts it but does not
	// answer.
	connectTimeout = 10 * time.Second
	// pingTimeout bounds the check whether an idle connection is alive.
	pingTimeout = 3 * time.Second
)

// readOnly is the SQLSTATE of a change on a server that accepts none.
const readOnly = "25006"

// keep reports whether a connection may be used after an error of the server. A connection to a
// server that accepts no changes may not: after a failover the old primary keeps its connections,
// and only a new connection reaches the new primary.
func keep(_ *pgconn.PgConn, err *pgconn.PgError) bool {
	return !strings.EqualFold(err.Severity, "FATAL") && err.Code != readOnly
}

type target struct {
	url     string
	session bool
}

// foreign lists settings that Prisma and others keep in the same URL.
var foreign = []string{"pgbouncer", "connection_limit", "pool_timeout", "schema", "statement_cache_size", "socket_timeout"}

func parse(databaseURL string) (target, error) {
	t := target{url: databaseURL, session: true}
	if u, err := url.Parse(databaseURL); err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") {
		if cutByPassword(u) {
			return target{}, errURL
		}
		t.session = u.Query().Get("pgbouncer") != "true"
		// Other settings stay as they are written, except for characters that libpq requires to be
		// escaped.
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
	// The port is in both forms: URL and "host=… port=…".
	cfg, err := pgx.ParseConfig(t.url)
	if err != nil {
		return target{}, errURL
	}
	if cfg.Port == transactionPort {
		t.session = false
	}
	return t, nil
}

// boundByURL reports whether the URL bounds the connections of a pool.
func boundByURL(databaseURL string) bool { return strings.Contains(databaseURL, "pool_max_conns=") }
