package postgres

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// transactionPort is where Supabase's pooler (Supavisor) serves in transaction mode.
const transactionPort = 6543

// errURL replaces the parser's error, which quotes the URL, and so the password.
var errURL = errors.New("DATABASE_URL is not the URL of a PostgreSQL database, such as postgres://user:password@host:5432/database")

// Open returns a pool of connections to the database at databaseURL. It does not connect: a database that is away now
// may be there when it is first asked. application_name, unless the URL sets one, is loom; see Named.
//
// The pool lives until it is closed; ctx bounds only Open itself.
func Open(ctx context.Context, databaseURL string) (*pgxpool.Pool, error) {
	return Named(ctx, databaseURL, "loom")
}

// Named is Open with another application_name, such as loom-ingest, for the server's lists and logs.
func Named(ctx context.Context, databaseURL, application string) (*pgxpool.Pool, error) {
	cfg, err := Config(databaseURL, application)
	if err != nil {
		return nil, err
	}
	return pgxpool.NewWithConfig(ctx, cfg)
}

// Config is Named's configuration, for a caller that changes something of it.
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
	if !target.session {
		// exec sends every query with its arguments in one go: nothing is left behind on a connection that the next
		// transaction may not get.
		cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
		cfg.ConnConfig.StatementCacheCapacity = 0
		cfg.ConnConfig.DescriptionCacheCapacity = 0
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = 10 * time.Second
	}
	// Poolers and proxies drop connections that lie still, or that are old.
	cfg.MaxConnIdleTime = 5 * time.Minute
	cfg.MaxConnLifetime = 30 * time.Minute
	cfg.MaxConnLifetimeJitter = 5 * time.Minute
	cfg.HealthCheckPeriod = 30 * time.Second
	return cfg, nil
}

// SessionMode reports whether LISTEN and session-level advisory locks work through databaseURL: false for a pooler in
// transaction mode, told by port 6543 or pgbouncer=true.
func SessionMode(databaseURL string) bool {
	target, err := parse(databaseURL)
	return err == nil && target.session
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
		query := u.Query()
		t.session = query.Get("pgbouncer") != "true"
		for _, name := range foreign {
			query.Del(name)
		}
		u.RawQuery = query.Encode()
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
