package recorder

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/loom-lite/loom-lite/pkg/service"
)

// browserMetrics are those of the recorder's Chromes: each scene has one of its own.
type browserMetrics struct {
	starts prometheus.Counter
	ended  *prometheus.CounterVec
}

// Why a Chrome was of no use any more, in metrics.
const (
	browserCrashed   = "crashed"
	browserFull      = "memory"
	browserLost      = "lost"
	browserUnstarted = "not_started"
)

func newBrowserMetrics(registry *prometheus.Registry) (m *browserMetrics, err error) {
	m = &browserMetrics{
		starts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "loom_browser_starts_total", Help: "Chromes that were started for a scene. Each scene and each further attempt has one.",
		}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "loom_browser_failures_total",
			Help: "Chromes that had to be started anew: crashed, memory (over RECORDER_MEMORY_LIMIT), lost (the pipe closed), not_started.",
		}, []string{"why"}),
	}
	for _, why := range []string{browserCrashed, browserFull, browserLost, browserUnstarted} {
		m.ended.WithLabelValues(why)
	}
	var starting, ending error
	m.starts, starting = service.Register(registry, m.starts)
	m.ended, ending = service.Register(registry, m.ended)
	return m, errors.Join(starting, ending)
}
