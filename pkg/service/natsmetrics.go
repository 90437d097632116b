package service

import (
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
)

// roundTripWithin bounds the wait of a scrape for NATS.
const roundTripWithin = 250 * time.Millisecond

var (
	natsConnectedDesc = prometheus.NewDesc("loom_nats_connected",
		"1 while this service has a connection to NATS.", nil, nil)
	natsReconnectsDesc = prometheus.NewDesc("loom_nats_reconnects_total",
		"Connections to NATS that were made anew because the last one was lost.", nil, nil)
	natsRoundTripDesc = prometheus.NewDesc("loom_nats_round_trip_seconds",
		"How long NATS took to answer a ping just now. Left out while it does not answer.", nil, nil)
)

// natsMetrics are those of a connection, measured when somebody asks.
type natsMetrics struct{ conn *nats.Conn }

// Describe implements prometheus.Collector.
func (m natsMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- natsConnectedDesc
	ch <- natsReconnectsDesc
	ch <- natsRoundTripDesc
}

// Collect implements prometheus.Collector.
func (m natsMetrics) Collect(ch chan<- prometheus.Metric) {
	connected := 0.0
	if m.conn.IsConnected() {
		connected = 1
		sent := time.Now()
		if m.conn.FlushTimeout(roundTripWithin) == nil {
			ch <- prometheus.MustNewConstMetric(natsRoundTripDesc, prometheus.GaugeValue, time.Since(sent).Seconds())
		}
	}
	ch <- prometheus.MustNewConstMetric(natsConnectedDesc, prometheus.GaugeValue, connected)
	ch <- prometheus.MustNewConstMetric(natsReconnectsDesc, prometheus.CounterValue, float64(m.conn.Stats().Reconnects))
}
