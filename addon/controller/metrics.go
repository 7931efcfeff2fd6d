// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
)

// metrics are what the addon tells of itself beside what controller-runtime does.
type metrics struct {
	works        *prometheus.CounterVec
	objects      *prometheus.CounterVec
	applications *prometheus.GaugeVec

	mu     sync.Mutex
	phases map[types.NamespacedName]string
}

// newMetrics registers the metrics; renders gives the number of renders so far.
func newMetrics(registry prometheus.Registerer, renders func() uint64) (*metrics, error) {
	m := &metrics{
		works: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fairlead_works_written_total", Help: "ManifestWorks written, by cluster.",
		}, []string{"cluster"}),
		objects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fairlead_local_objects_written_total", Help: "Objects written to the hub itself, by kind.",
		}, []string{"kind"}),
		applications: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "fairlead_applications", Help: "Applications by phase.",
		}, []string{"phase"}),
		phases: map[types.NamespacedName]string{},
	}
	rendered := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "fairlead_renders_total", Help: "Components rendered, without those answered from the cache.",
	}, func() float64 { return float64(renders()) })
	for _, collector := range []prometheus.Collector{m.works, m.objects, m.applications, rendered} {
		if err := registry.Register(collector); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// observe counts the application under its phase.
func (m *metrics) observe(app types.NamespacedName, phase string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, known := m.phases[app]
	if before == phase && known {
		return
	}
	if known {
		m.applications.WithLabelValues(before).Dec()
	}
	m.phases[app] = phase
	m.applications.WithLabelValues(phase).Inc()
}

// forget takes an application that is gone out of the counts.
func (m *metrics) forget(app types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if phase, known := m.phases[app]; known {
		m.applications.WithLabelValues(phase).Dec()
		delete(m.phases, app)
	}
}
