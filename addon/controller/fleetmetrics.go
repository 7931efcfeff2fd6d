// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/ocm"
)

// fleetMetrics tell of the clusters that exist when they are asked, so that a
// cluster that is gone has no series.
type fleetMetrics struct {
	clusters func(ctx context.Context) (map[string]ocm.ClusterState, error)
	clock    clock.PassiveClock
	works    *prometheus.CounterVec

	age, away *prometheus.Desc

	mu       sync.Mutex
	reported map[string]time.Time
	written  map[string]bool
}

var _ prometheus.Collector = (*fleetMetrics)(nil)

func newFleetMetrics(
	registry prometheus.Registerer, clusters func(context.Context) (map[string]ocm.ClusterState, error), clock clock.PassiveClock,
) (*fleetMetrics, error) {
	m := &fleetMetrics{
		clusters: clusters, clock: clock, reported: map[string]time.Time{}, written: map[string]bool{},
		works: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fairlead_works_written_total", Help: "ManifestWorks written, by cluster.",
		}, []string{"cluster"}),
		age: prometheus.NewDesc("fairlead_feedback_age_seconds",
			"Time since the agent of a cluster last reported a change, by cluster.", []string{"cluster"}, nil),
		away: prometheus.NewDesc("fairlead_clusters_away", "Accepted clusters that are not available.", nil, nil),
	}
	return m, registry.Register(m)
}

// Describe names the metrics.
func (m *fleetMetrics) Describe(out chan<- *prometheus.Desc) {
	m.works.Describe(out)
	out <- m.age
	out <- m.away
}

// Collect gives the metrics of the clusters that exist.
func (m *fleetMetrics) Collect(out chan<- prometheus.Metric) {
	clusters, err := m.clusters(context.Background()) // from the cache: it does not wait
	if err == nil && clusters != nil {
		m.prune(clusters)
		away := 0
		for _, state := range clusters {
			if !state.Available {
				away++
			}
		}
		out <- prometheus.MustNewConstMetric(m.away, prometheus.GaugeValue, float64(away))
	}
	m.works.Collect(out)
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, last := range m.reported {
		out <- prometheus.MustNewConstMetric(m.age, prometheus.GaugeValue, max(m.clock.Since(last).Seconds(), 0), name)
	}
}

// prune forgets clusters that are gone.
func (m *fleetMetrics) prune(clusters map[string]ocm.ClusterState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.written {
		if _, exists := clusters[name]; !exists {
			m.works.DeleteLabelValues(name)
			delete(m.written, name)
		}
	}
	for name := range m.reported {
		if _, exists := clusters[name]; !exists {
			delete(m.reported, name)
		}
	}
}

// wrote counts a work that was written for a cluster.
func (m *fleetMetrics) wrote(cluster string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.written[cluster] = true
	m.works.WithLabelValues(cluster).Inc()
}

func (m *fleetMetrics) report(cluster string, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if cluster != "" && at.After(m.reported[cluster]) {
		m.reported[cluster] = at
	}
}

// noting lets everything pass, and notes what agents report.
func (m *fleetMetrics) noting() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool {
			m.report(ocm.LastReport(e.Object))
			return true
		},
		UpdateFunc: func(e event.UpdateEvent) bool {
			m.report(ocm.Reported(e.ObjectOld, e.ObjectNew), m.clock.Now())
			return true
		},
	}
}
