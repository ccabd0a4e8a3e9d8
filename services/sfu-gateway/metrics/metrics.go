// Package metrics counts what the gateway does, for Prometheus.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"flashback/sfu-gateway/token"
)

// Metrics are the gateway's counters in a registry of their own.
type Metrics struct {
	registry *prometheus.Registry

	Joins            *prometheus.CounterVec   // by role and outcome
	ConnectSeconds   *prometheus.HistogramVec // from the offer to a connection that stands, s, by role
	Packets          *prometheus.CounterVec   // received and forwarded, by role and kind
	Bytes            *prometheus.CounterVec   // payload of these packets
	KeyframeRequests prometheus.Counter
	Publishers       prometheus.Counter // renderers that became the publisher of a session
}

// New registers the metrics.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		Joins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sfu_joins_total", Help: "Offers, by role and outcome.",
		}, []string{"role", "outcome"}),
		ConnectSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sfu_connect_seconds", Help: "Offer in to connected, s.",
			Buckets: []float64{0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10},
		}, []string{"role"}),
		Packets: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sfu_received_packets_total", Help: "Media packets received and forwarded, by role and kind.",
		}, []string{"role", "kind"}),
		Bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sfu_received_bytes_total", Help: "Media payload received and forwarded, by role and kind.",
		}, []string{"role", "kind"}),
		KeyframeRequests: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sfu_keyframe_requests_total", Help: "Keyframes asked of renderers.",
		}),
		Publishers: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sfu_publishers_total", Help: "Renderers that took a session over.",
		}),
	}
	m.registry.MustRegister(
		m.Joins, m.ConnectSeconds, m.Packets, m.Bytes, m.KeyframeRequests, m.Publishers,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Watch adds gauges of sessions and of peers by role, which are read at every scrape.
func (m *Metrics) Watch(sessions func() int, peers func(token.Role) int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sfu_sessions", Help: "Sessions now.",
	}, func() float64 { return float64(sessions()) }))
	for _, role := range token.PeerRoles {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sfu_peers", Help: "Peers now, by role.", ConstLabels: prometheus.Labels{"role": string(role)},
		}, func() float64 { return float64(peers(role)) }))
	}
}

// Handler answers GET /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
