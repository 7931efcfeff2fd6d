// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// TestOmittedServices checks that what is left out is counted, by component and environment.
func TestOmittedServices(t *testing.T) {
	report := &delivery.Report{}
	for i := range 130 {
		unit := well(fmt.Sprintf("c%03d", i))
		if i%2 == 1 {
			unit.Unit.Component = "api"
		}
		if i >= 120 {
			unit.Unit.Place.Environment = "dev"
		}
		report.Units = append(report.Units, unit)
	}
	report.Units[129] = ill("c129")
	got := (&outcome{report: report}).status(webApp(), now)
	if len(got.Services) != maxEntries || got.Services[0].Cluster != "c129" {
		t.Errorf("%d services, the first on %s: want %d, the unhealthy first", len(got.Services), got.Services[0].Cluster, maxEntries)
	}
	var summed []v1beta1.ApplicationComponentStatus
	for _, service := range got.Services {
		if service.Cluster == "" {
			summed = append(summed, service)
		}
	}
	// 130 places, of which 96 are told and 34 are not.
	want := []v1beta1.ApplicationComponentStatus{
		{Name: "api", Env: "prod", Healthy: true, WorkloadHealthy: true, Message: "13 of 13 more healthy"},
		{Name: "web", Env: "prod", Healthy: true, WorkloadHealthy: true, Message: "12 of 12 more healthy"},
		{Name: "web", Env: "dev", Healthy: true, WorkloadHealthy: true, Message: "5 of 5 more healthy"},
		{Name: "api", Env: "dev", Healthy: true, WorkloadHealthy: true, Message: "4 of 4 more healthy"},
	}
	if diff := cmp.Diff(want, summed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&v1beta1.ApplicationSummary{Places: 130, Healthy: 129, Omitted: 34}, got.Summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

// TestOmittedUnhealthy checks that an entry that counts unhealthy places is not healthy.
func TestOmittedUnhealthy(t *testing.T) {
	report := &delivery.Report{}
	for i := range 200 {
		report.Units = append(report.Units, ill(fmt.Sprintf("c%03d", i)))
	}
	report.Units = append(report.Units, well("c200"))
	got := (&outcome{report: report}).status(webApp(), now)
	last := got.Services[len(got.Services)-1]
	if diff := cmp.Diff(v1beta1.ApplicationComponentStatus{Name: "web", Env: "prod", Message: "1 of 102 more healthy"}, last); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFleetStatus follows one application while 1000 clusters report one after
// the other: few writes, each small, and the last state is among them.
func TestFleetStatus(t *testing.T) {
	for _, span := range []time.Duration{10 * time.Second, 60 * time.Second} {
		t.Run(span.String(), func(t *testing.T) {
			w, clock, writes := writerOf(t, keep)
			const clusters = 1000
			report := &delivery.Report{}
			for i := range clusters {
				report.Units = append(report.Units, at(fmt.Sprintf("c%04d", i), delivery.Applying, "", "waiting for the cluster to fetch it"))
			}
			// A pass is due when a cluster reports, or when a pass asked for it.
			pass := func() time.Duration {
				app := live(t, w)
				_, err := w.write(t.Context(), app, (&outcome{report: report}).status(app, metav1.NewTime(clock.Now())))
				var later *coalescedError
				if err != nil && !errors.As(err, &later) {
					t.Fatal(err)
				}
				if later == nil {
					return 0
				}
				return later.after
			}
			pass()
			const together = 20 // passes that the queue makes one of
			for i := 0; i < clusters; i += together {
				for j := range together {
					report.Units[i+j] = well(fmt.Sprintf("c%04d", i+j))
				}
				clock.SetTime(clock.Now().Add(span * together / clusters))
				pass()
			}
			got := live(t, w).Status
			if got.Phase != v1beta1.PhaseRunning || got.Summary.Healthy != clusters {
				t.Errorf("phase %s, %d healthy: want the last state", got.Phase, got.Summary.Healthy)
			}
			if *writes > 20 {
				t.Errorf("%d writes, want at most 20", *writes)
			}
			if size := sizeOf(got); size > maxStatus || len(got.Services) > maxEntries {
				t.Errorf("%d bytes and %d services", size, len(got.Services))
			}
		})
	}
}

// TestLastDetailsAreWritten checks that details that were put off are written
// when they are asked for again, and that a quiet time ends the waiting.
func TestLastDetailsAreWritten(t *testing.T) {
	w, clock, writes := writerOf(t, keep)
	ready := 0
	pass := func() time.Duration {
		t.Helper()
		unit := ill("c1")
		unit.Verdict.Message = fmt.Sprintf("Ready:%d/9", ready)
		app := live(t, w)
		_, err := w.write(t.Context(), app, (&outcome{report: of(unit)}).status(app, metav1.NewTime(clock.Now())))
		var later *coalescedError
		if errors.As(err, &later) {
			return later.after
		}
		return 0
	}
	clock.SetTime(clock.Now().Add(pass())) // that the generation is under way is told a little later too
	pass()
	var waits []time.Duration
	for range 5 {
		ready++
		after := pass()
		waits = append(waits, after)
		clock.SetTime(clock.Now().Add(after))
		if again := pass(); again != 0 {
			t.Errorf("put off once more, for %s", again)
		}
		if got := live(t, w).Status.Services[0].Message; got != fmt.Sprintf("Ready:%d/9", ready) {
			t.Errorf("after %s: %s", after, got)
		}
	}
	want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second}
	if diff := cmp.Diff(want, waits); diff != "" || *writes != 6 {
		t.Errorf("%d writes, waits (-want +got):\n%s", *writes, diff)
	}
	clock.SetTime(clock.Now().Add(time.Minute))
	ready++
	if after := pass(); after != 0 {
		t.Errorf("put off for %s after a quiet time", after)
	}
	ready++
	if after := pass(); after != time.Second {
		t.Errorf("put off for %s, want it to begin anew", after)
	}
	w.forget("u1")
	if len(w.paces) != 0 {
		t.Errorf("%d paces are kept of what is gone", len(w.paces))
	}
}
