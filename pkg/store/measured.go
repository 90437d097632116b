package store

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Measured is New with metrics of the requests, in registry.
func Measured(cfg Config, registry prometheus.Registerer) (*Client, error) {
	m := &measures{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "loom_storage_request_seconds", Help: "How long the object store took to answer, each repetition alone, by operation.",
			Buckets: prometheus.ExponentialBuckets(0.002, 4, 8), // to half a minute
		}, []string{"operation"}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "loom_storage_requests_failed_total",
			Help: "Requests that the object store did not answer, or answered with 5xx or 429, each repetition alone, by operation.",
		}, []string{"operation"}),
	}
	for _, operation := range operations {
		m.seconds.WithLabelValues(operation)
		m.failed.WithLabelValues(operation)
	}
	for _, c := range []prometheus.Collector{m.seconds, m.failed} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return open(cfg, func(next http.RoundTripper) http.RoundTripper {
		m.next = next
		return m
	})
}

// measures are those of requests.
type measures struct {
	next    http.RoundTripper
	seconds *prometheus.HistogramVec
	failed  *prometheus.CounterVec
}

var operations = []string{"read", "look", "write", "copy", "delete", "list", "other"}

// operation names what a request does.
func operation(r *http.Request) string {
	switch query := r.URL.Query(); {
	case r.Method == http.MethodHead:
		return "look"
	case r.Method == http.MethodGet && (query.Has("list-type") || query.Has("uploads") || query.Has("versions")):
		return "list"
	case r.Method == http.MethodGet:
		return "read"
	case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
		return "copy"
	case r.Method == http.MethodPut:
		return "write"
	case r.Method == http.MethodDelete, r.Method == http.MethodPost && query.Has("delete"):
		return "delete"
	}
	return "other"
}

// RoundTrip implements http.RoundTripper.
func (m *measures) RoundTrip(r *http.Request) (*http.Response, error) {
	of, begun := operation(r), time.Now()
	response, err := m.next.RoundTrip(r)
	if err != nil || response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests {
		m.failed.WithLabelValues(of).Inc()
	}
	if err == nil {
		m.seconds.WithLabelValues(of).Observe(time.Since(begun).Seconds())
	}
	return response, err
}
