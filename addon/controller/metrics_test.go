// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
)

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	m, err := newMetrics(registry, func() uint64 { return 42 })
	if err != nil {
		t.Fatal(err)
	}
	one, two, three := types.NamespacedName{Name: "one"}, types.NamespacedName{Name: "two"}, types.NamespacedName{Name: "three"}
	m.observe(one, "runningWorkflow")
	m.observe(two, "runningWorkflow")
	m.observe(three, "")
	m.observe(one, "running")
	m.observe(one, "running")
	m.forget(two)
	m.forget(two)
	m.forget(types.NamespacedName{Name: "never seen"})
	m.works.WithLabelValues("c1").Inc()
	m.objects.WithLabelValues("Service").Add(2)
	want := []string{
		`fairlead_applications name:"phase" value:"" 1`,
		`fairlead_applications name:"phase" value:"running" 1`,
		`fairlead_applications name:"phase" value:"runningWorkflow" 0`,
		`fairlead_local_objects_written_total name:"kind" value:"Service" 2`,
		`fairlead_renders_total 42`,
		`fairlead_works_written_total name:"cluster" value:"c1" 1`,
	}
	if diff := cmp.Diff(want, gathered(t, registry)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := newMetrics(registry, func() uint64 { return 0 }); err == nil {
		t.Error("metrics that are registered already: no error")
	}
}

// gathered are the metrics of a registry in a line each, with labels and value.
func gathered(t *testing.T, registry *prometheus.Registry) []string {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			words := []string{family.GetName()}
			for _, label := range metric.GetLabel() {
				words = append(words, fmt.Sprintf("name:%q value:%q", label.GetName(), label.GetValue()))
			}
			value := metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
			lines = append(lines, strings.Join(append(words, fmt.Sprint(value)), " "))
		}
	}
	return lines
}
