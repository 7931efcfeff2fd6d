// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// metrics are what the addon tells of itself beside what controller-runtime does.
type metrics struct {
	objects      *prometheus.CounterVec
	applications *prometheus.GaugeVec
	denied       *prometheus.CounterVec
	render       prometheus.Histogram

	mu     sync.Mutex
	phases map[types.NamespacedName]string
	// denials are the reasons for which something of an application is denied now.
	denials map[types.NamespacedName][]string
}

// newMetrics registers the metrics; renders gives the number of renders so far.
func newMetrics(registry prometheus.Registerer, renders func() uint64) (*metrics, error) {
	m := &metrics{
		objects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fairlead_local_objects_written_total", Help: "Objects written to the hub itself, by kind.",
		}, []string{"kind"}),
		applications: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "fairlead_applications", Help: "Applications by phase.",
		}, []string{"phase"}),
		denied: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fairlead_denied_total", Help: "What applications asked for and were denied, by reason; counted when it begins.",
		}, []string{"reason"}),
		render: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "fairlead_render_seconds", Help: "Time to render an application for all its places, with what the cache answered.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 8),
		}),
		phases: map[types.NamespacedName]string{}, denials: map[types.NamespacedName][]string{},
	}
	rendered := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "fairlead_renders_total", Help: "Components rendered, without those answered from the cache.",
	}, func() float64 { return float64(renders()) })
	for _, collector := range []prometheus.Collector{m.objects, m.applications, m.denied, m.render, rendered} {
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

// deny counts the reasons that are new since the pass before.
func (m *metrics) deny(app types.NamespacedName, reasons []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.denials[app]
	for _, reason := range reasons {
		if !slices.Contains(before, reason) {
			m.denied.WithLabelValues(reason).Inc()
		}
	}
	if len(reasons) == 0 {
		delete(m.denials, app)
		return
	}
	m.denials[app] = reasons
}

// denial says that a reason is somebody's rule, and no mistake in what is written.
func denial(reason string) bool {
	switch reason {
	case delivery.ReasonNamespaceNotAdmitted, delivery.ReasonReservedNamespace, delivery.ReasonNamespaceNotOurs, delivery.ReasonPlacementConflict,
		delivery.ReasonForeignObject, delivery.ReasonForbidden, reasonConstraintViolated:
		return true
	}
	return false
}

// reasonConstraintViolated is the reason of what an environment's constraints forbid.
const reasonConstraintViolated = "ConstraintViolated"

// denied are the reasons for which something is denied, each once, sorted.
func (o *outcome) denied() []string {
	var reasons []string
	add := func(reason string) {
		if denial(reason) {
			reasons = append(reasons, reason)
		}
	}
	if o.invalid != nil {
		add(o.invalid.Reason)
	}
	if o.report != nil {
		for i := range o.report.Problems {
			add(o.report.Problems[i].Reason)
		}
		for i := range o.report.Units {
			if observed := o.report.Units[i].Observe; observed.State == delivery.Refused {
				add(observed.Reason)
			}
		}
	}
	slices.Sort(reasons)
	return slices.Compact(reasons)
}

// forget takes an application that is gone out of the counts.
func (m *metrics) forget(app types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.denials, app)
	if phase, known := m.phases[app]; known {
		m.applications.WithLabelValues(phase).Dec()
		delete(m.phases, app)
	}
}
