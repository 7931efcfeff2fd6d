// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/ocm"
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
	m.deny(one, []string{"Forbidden"})
	m.deny(one, []string{"Forbidden", "ForeignObject"})
	m.deny(one, nil)
	m.deny(one, []string{"Forbidden"})
	m.deny(two, []string{"Forbidden"})
	m.forget(two)
	m.render.Observe(0.1)
	if len(m.denials) != 1 {
		t.Errorf("denials of %d applications are kept, want 1", len(m.denials))
	}
	m.objects.WithLabelValues("Service").Add(2)
	want := []string{
		`fairlead_applications name:"phase" value:"" 1`,
		`fairlead_applications name:"phase" value:"running" 1`,
		`fairlead_applications name:"phase" value:"runningWorkflow" 0`,
		`fairlead_denied_total name:"reason" value:"Forbidden" 3`,
		`fairlead_denied_total name:"reason" value:"ForeignObject" 1`,
		`fairlead_local_objects_written_total name:"kind" value:"Service" 2`,
		`fairlead_render_seconds 1`,
		`fairlead_renders_total 42`,
	}
	if diff := cmp.Diff(want, gathered(t, registry)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := newMetrics(registry, func() uint64 { return 0 }); err == nil {
		t.Error("metrics that are registered already: no error")
	}
}

// TestFleetMetrics checks that each cluster that exists has its series, and no other.
func TestFleetMetrics(t *testing.T) {
	clusters := map[string]ocm.ClusterState{"c1": {Available: true}, "c2": {}}
	var broken error
	clock := clocktesting.NewFakePassiveClock(now.Time)
	registry := prometheus.NewRegistry()
	m, err := newFleetMetrics(registry, func(context.Context) (map[string]ocm.ClusterState, error) { return clusters, broken }, clock)
	if err != nil {
		t.Fatal(err)
	}
	m.wrote("c1")
	m.wrote("c2")
	m.wrote("c2")
	work := func(cluster, status string) client.Object {
		object := ocm.Watched().Work
		text := fmt.Sprintf(`{"metadata":{"namespace":%q},"status":{"conditions":[{"type":"Applied","status":%q,"lastTransitionTime":"2026-03-04T05:05:07Z"}]}}`, cluster, status)
		if err := json.Unmarshal([]byte(text), object); err != nil {
			t.Fatal(err)
		}
		return object
	}
	m.noting().Create(event.CreateEvent{Object: work("c1", "False")})
	m.noting().Create(event.CreateEvent{Object: work("c2", "False")})
	m.noting().Update(event.UpdateEvent{ObjectOld: work("c1", "False"), ObjectNew: work("c1", "True")})
	clock.SetTime(now.Add(5 * time.Second))
	want := []string{
		`fairlead_clusters_away 1`,
		`fairlead_feedback_age_seconds name:"cluster" value:"c1" 5`,
		`fairlead_feedback_age_seconds name:"cluster" value:"c2" 65`,
		`fairlead_works_written_total name:"cluster" value:"c1" 1`,
		`fairlead_works_written_total name:"cluster" value:"c2" 2`,
	}
	if diff := cmp.Diff(want, gathered(t, registry)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	broken = errors.New("the cache is not there")
	if diff := cmp.Diff(want[1:], gathered(t, registry)); diff != "" {
		t.Errorf("what is not known empties nothing (-want +got):\n%s", diff)
	}
	broken = nil
	delete(clusters, "c2")
	want = []string{`fairlead_clusters_away 0`, want[1], want[3]}
	if diff := cmp.Diff(want, gathered(t, registry)); diff != "" {
		t.Errorf("a cluster that is gone (-want +got):\n%s", diff)
	}
}

// TestDenied checks which reasons count as denials.
func TestDenied(t *testing.T) {
	report := of(at("c1", delivery.Refused, "Forbidden", ""), at("c2", delivery.Refused, "Forbidden", ""), at("c3", delivery.Refused, "ApplyFailed", ""), at("c4", delivery.Waiting, "Forbidden", ""))
	report.Problems = []delivery.Problem{{Reason: "NamespaceNotAdmitted"}, {Reason: "PlacementPending", Waiting: true}}
	if diff := cmp.Diff([]string{"Forbidden", "NamespaceNotAdmitted"}, (&outcome{report: report}).denied()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ConstraintViolated"}, (&outcome{invalid: &delivery.Problem{Reason: "ConstraintViolated"}}).denied()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMetricsAreDocumented checks that the guide has each metric of the addon.
func TestMetricsAreDocumented(t *testing.T) {
	registry := prometheus.NewRegistry()
	m, err := newMetrics(registry, func() uint64 { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	clusters := func(context.Context) (map[string]ocm.ClusterState, error) {
		return map[string]ocm.ClusterState{"c1": {}}, nil
	}
	fleet, err := newFleetMetrics(registry, clusters, clocktesting.NewFakePassiveClock(now.Time))
	if err != nil {
		t.Fatal(err)
	}
	m.observe(types.NamespacedName{Name: "one"}, "running")
	m.deny(types.NamespacedName{Name: "one"}, []string{"Forbidden"})
	m.objects.WithLabelValues("Service").Inc()
	fleet.wrote("c1")
	fleet.report("c1", now.Time)
	guide, err := os.ReadFile("../../docs/guides/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := gathered(t, registry)
	if len(lines) != 8 {
		t.Errorf("%d metrics, want 8: give each a value above, and a row in the guide: %v", len(lines), lines)
	}
	for _, line := range lines {
		if name, _, _ := strings.Cut(line, " "); !strings.Contains(string(guide), "| `"+name+"` |") {
			t.Errorf("docs/guides/metrics.md has no row for %s", name)
		}
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
			value := metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			lines = append(lines, strings.Join(append(words, fmt.Sprint(value)), " "))
		}
	}
	return lines
}
