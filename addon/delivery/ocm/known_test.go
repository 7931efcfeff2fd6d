// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// looking counts how often it is looked up who else holds an object, which is
// done once for each object of a unit that is looked at.
type looking struct {
	client.Reader
	looks *int
}

func (l looking) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	var all client.ListOptions
	all.ApplyOptions(options)
	if all.FieldSelector != nil && strings.HasPrefix(all.FieldSelector.String(), indexManifest+"=") {
		*l.looks++
	}
	return l.Reader.List(ctx, list, options...)
}

// TestKnownUnit checks that a unit which was found delivered is looked at again
// when, and only when, something of it changed.
func TestKnownUnit(t *testing.T) {
	tests := []struct {
		name, reason string
		change       func(t *testing.T, h *hub, u *delivery.Unit)
		looks        int
	}{
		{"nothing", "it is as it was", func(*testing.T, *hub, *delivery.Unit) {}, 0},
		{"another application's pass", "the same render is given again", func(_ *testing.T, _ *hub, u *delivery.Unit) {
			again := *u.Result
			u.Result = &again
		}, 0},
		{"content", "the works must follow", func(_ *testing.T, _ *hub, u *delivery.Unit) {
			u.Result = unit(deployment("web", "nginx:2")).Result
		}, 1},
		{"treatment", "the same objects are treated otherwise", func(_ *testing.T, _ *hub, u *delivery.Unit) {
			u.Treatments = []policy.Treatment{{LeaveDrift: true}}
		}, 1},
		{"order", "the objects note what goes after them", func(_ *testing.T, _ *hub, u *delivery.Unit) { u.Needs = []string{"db"} }, 1},
		{"report", "the cluster says something else", func(t *testing.T, h *hub, u *delivery.Unit) {
			h.setStatus(t, webWork, workv1.ManifestWorkStatus{
				Conditions:     []metav1.Condition{h.appliedAt(1, "True", time.Minute)},
				ResourceStatus: workv1.ManifestResourceStatus{Manifests: []workv1.ManifestCondition{reported(u.Result.Objects[0], "False")}},
			})
		}, 1},
		{"edit", "somebody changed the work", func(t *testing.T, h *hub, _ *delivery.Unit) {
			work := h.work(t, webWork)
			work.Labels["team"] = "x"
			if err := h.client.Update(t.Context(), work); err != nil {
				t.Fatal(err)
			}
		}, 1},
		{"away", "nothing is known any more of what runs there", func(t *testing.T, h *hub, _ *delivery.Unit) {
			h.setAvailable(t, metav1.ConditionFalse)
		}, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			looks := 0
			h.Reader = looking{h.Reader, &looks}
			u := unit(deployment("web", "nginx:1"))
			u.Treatments = []policy.Treatment{{Removal: policy.RemoveOnUpdate}} // as a plan says of each object
			web := u.Result.Objects[0]
			h.setStatus(t, h.delivered(t, u), workv1.ManifestWorkStatus{
				Conditions:     []metav1.Condition{h.appliedAt(1, "True", time.Minute)},
				ResourceStatus: workv1.ManifestResourceStatus{Manifests: []workv1.ManifestCondition{reported(web, "True", text(revisionName, web.Digest()))}},
			})
			first, err := h.Deliver(t.Context(), u)
			if err != nil || first.State != delivery.Delivered || looks != 1 {
				t.Fatalf("got %s, %v after %d looks; want it delivered after one", said(first), err, looks)
			}
			test.change(t, h, &u)
			if _, err := h.Deliver(t.Context(), u); err != nil {
				t.Fatal(err)
			}
			if got := looks - 1; got != test.looks {
				t.Errorf("looked at again %d times, want %d: %s", got, test.looks, test.reason)
			}
		})
	}
}

// TestKnownUntil checks that a unit whose agent is waited for is looked at once a
// second, however often it is asked for.
func TestKnownUntil(t *testing.T) {
	h := newHub(t)
	looks := 0
	h.Reader = looking{h.Reader, &looks}
	u := unit(deployment("web", "nginx:1"))
	h.delivered(t, u) // 30 s ago; its agent has a minute
	var said []string
	for range 4 {
		got, err := h.Deliver(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, fmt.Sprintf("%d looks, %s left", looks, got.RetryAfter))
		h.pass(400 * time.Millisecond)
	}
	want := []string{"1 looks, 30s left", "1 looks, 29.6s left", "1 looks, 29.2s left", "2 looks, 28.8s left"}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestKnownIsBounded checks that what is known does not grow with the fleet.
func TestKnownIsBounded(t *testing.T) {
	var entries map[int]bool
	for i := range 2 * maxKnown {
		put(&entries, i, true, maxKnown)
	}
	if len(entries) != maxKnown || !entries[2*maxKnown-1] {
		t.Errorf("%d entries, want %d and the last among them", len(entries), maxKnown)
	}
}
