package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// Measured is Bounded with metrics of the pool and its queries, in registry.
func Measured(ctx context.Context, databaseURL, application string, most int, registry prometheus.Registerer) (*pgxpool.Pool, error) {
	m := &measures{
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "loom_postgres_query_seconds", Help: "How long queries took, by the way there and back; those that failed included.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 8), // to 8 s
		}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "loom_postgres_queries_failed_total", Help: "Queries that failed, those that were cancelled included.",
		}),
	}
	cfg, err := bounded(databaseURL, application, most)
	if err != nil {
		return nil, err
	}
	cfg.ConnConfig.Tracer = m
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	for _, c := range []prometheus.Collector{m.seconds, m.failed, poolMetrics{pool}} {
		if err := registry.Register(c); err != nil {
			pool.Close()
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return pool, nil
}

// measures are those of queries. It is pgx's tracer.
type measures struct {
	seconds prometheus.Histogram
	failed  prometheus.Counter
}

type begunKey struct{}

// TraceQueryStart implements pgx.QueryTracer.
func (m *measures) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, begunKey{}, time.Now())
}

// TraceQueryEnd implements pgx.QueryTracer.
func (m *measures) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	if begun, ok := ctx.Value(begunKey{}).(time.Time); ok {
		m.seconds.Observe(time.Since(begun).Seconds())
	}
	if data.Err != nil {
		m.failed.Inc()
	}
}

var (
	connectionsDesc = prometheus.NewDesc("loom_postgres_connections",
		"Connections to Postgres of this service's pool, by state: used, idle.", []string{"state"}, nil)
	connectionsMostDesc = prometheus.NewDesc("loom_postgres_connections_most",
		"How many connections to Postgres this service's pool may have (DATABASE_CONNECTIONS).", nil, nil)
	waitedDesc = prometheus.NewDesc("loom_postgres_wait_seconds_total",
		"How long this service has waited for a free connection of its pool, all waits together.", nil, nil)
)

// poolMetrics are those of a pool, read when somebody asks.
type poolMetrics struct{ pool *pgxpool.Pool }

// Describe implements prometheus.Collector.
func (m poolMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- connectionsDesc
	ch <- connectionsMostDesc
	ch <- waitedDesc
}

// Collect implements prometheus.Collector.
func (m poolMetrics) Collect(ch chan<- prometheus.Metric) {
	s := m.pool.Stat()
	ch <- prometheus.MustNewConstMetric(connectionsDesc, prometheus.GaugeValue, float64(s.AcquiredConns()), "used")
	ch <- prometheus.MustNewConstMetric(connectionsDesc, prometheus.GaugeValue, float64(s.IdleConns()), "idle")
	ch <- prometheus.MustNewConstMetric(connectionsMostDesc, prometheus.GaugeValue, float64(s.MaxConns()))
	ch <- prometheus.MustNewConstMetric(waitedDesc, prometheus.CounterValue, s.EmptyAcquireWaitTime().Seconds())
}
