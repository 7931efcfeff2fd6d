// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

func rendered(apiVersion, kind, name string, spec map[string]any) render.Object {
	return render.Object{Content: map[string]any{
		"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": name, "namespace": "shop"}, "spec": spec,
	}}
}

func scaling(apiVersion, kind string, reference map[string]any) render.Object {
	return rendered(apiVersion, kind, "scaler", map[string]any{"scaleTargetRef": reference})
}

func TestPlanTreat(t *testing.T) {
	web := rendered("apps/v1", "Deployment", "web", map[string]any{"replicas": int64(3)})
	held := policy.Treatment{Removal: policy.RemoveOnUpdate, Held: []policy.HeldField{{Path: "spec.replicas", Omit: true}}}
	usual := policy.Treatment{Removal: policy.RemoveOnUpdate}
	here, there := Place{Environment: "prod", Cluster: "c1", Namespace: "shop"}, Place{Environment: "prod", Cluster: "c2", Namespace: "shop"}
	beside := Place{Environment: "scaling", Cluster: "c1", Namespace: "shop"}
	reference := map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
	for _, c := range []struct {
		reason   string
		policies func(policy.Resource) policy.Treatment
		object   render.Object
		// scaler is an object of another component, at the place.
		scaler render.Object
		place  Place
		// excluded is an environment that turns out to be of no use.
		excluded string
		want     policy.Treatment
	}{
		{reason: "an object goes when the application no longer has it", object: web, want: usual},
		{reason: "a claim holds data and stays", object: rendered("v1", "PersistentVolumeClaim", "data", nil), want: policy.Treatment{Removal: policy.RemoveNever}},
		{
			reason: "a policy may let a claim go", object: rendered("v1", "PersistentVolumeClaim", "data", nil),
			policies: func(policy.Resource) policy.Treatment { return policy.Treatment{Removal: policy.RemoveOnDelete} },
			want:     policy.Treatment{Removal: policy.RemoveOnDelete},
		},
		{reason: "an autoscaler of another component writes the replicas", object: web, scaler: scaling("autoscaling/v2", "HorizontalPodAutoscaler", reference), place: here, want: held},
		{reason: "old versions of autoscalers count", object: web, scaler: scaling("autoscaling/v1", "HorizontalPodAutoscaler", reference), place: here, want: held},
		{reason: "KEDA's target is a Deployment unless it says otherwise", object: web, scaler: scaling("keda.sh/v1alpha1", "ScaledObject", map[string]any{"name": "web"}), place: here, want: held},
		{reason: "an autoscaler by another environment in the same namespace writes them too", object: web, scaler: scaling("autoscaling/v2", "HorizontalPodAutoscaler", reference), place: beside, want: held},
		{reason: "an autoscaler on another cluster says nothing", object: web, scaler: scaling("autoscaling/v2", "HorizontalPodAutoscaler", reference), place: there, want: usual},
		{
			reason: "an autoscaler of another workload says nothing", object: web,
			scaler: scaling("autoscaling/v2", "HorizontalPodAutoscaler", map[string]any{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web"}), place: here, want: usual,
		},
		{
			reason: "an edit of an object of which drift is left alone writes no replicas either", object: web,
			policies: func(policy.Resource) policy.Treatment { return policy.Treatment{LeaveDrift: true} },
			scaler:   scaling("autoscaling/v2", "HorizontalPodAutoscaler", reference), place: here,
			want: policy.Treatment{Removal: policy.RemoveOnUpdate, LeaveDrift: true, Held: []policy.HeldField{{Path: "spec.replicas", Omit: true}}},
		},
		{
			reason: "an object that is made and left alone is not written again, with replicas or without", object: web,
			policies: func(policy.Resource) policy.Treatment { return policy.Treatment{Once: true} },
			scaler:   scaling("autoscaling/v2", "HorizontalPodAutoscaler", reference), place: here,
			want: policy.Treatment{Removal: policy.RemoveOnUpdate, Once: true},
		},
		{
			reason: "the replicas are written by the autoscaler alone, whatever apply-once says of them", object: web,
			policies: func(policy.Resource) policy.Treatment {
				return policy.Treatment{Held: []policy.HeldField{{Path: "spec.replicas", Renew: true}, {Path: "spec.paused"}}}
			},
			scaler: scaling("autoscaling/v2", "HorizontalPodAutoscaler", reference), place: here,
			want: policy.Treatment{Removal: policy.RemoveOnUpdate, Held: []policy.HeldField{{Path: "spec.paused"}, {Path: "spec.replicas", Omit: true}}},
		},
		{
			reason: "an autoscaler of an environment of no use stays where it is, and may not be there yet", object: web,
			scaler: scaling("autoscaling/v2", "HorizontalPodAutoscaler", reference), place: beside, excluded: "scaling",
			want: policy.Treatment{Removal: policy.RemoveOnUpdate, Held: []policy.HeldField{{Path: "spec.replicas"}}},
		},
		{
			reason: "one on another cluster says nothing, of use or not", object: web,
			scaler: scaling("autoscaling/v2", "HorizontalPodAutoscaler", reference), place: Place{Environment: "scaling", Cluster: "c2", Namespace: "shop"},
			excluded: "scaling", want: usual,
		},
		{
			reason: "what may be there is left alone whatever apply-once says of it", object: web,
			policies: func(policy.Resource) policy.Treatment {
				return policy.Treatment{Held: []policy.HeldField{{Path: "spec.replicas", Renew: true}}}
			},
			scaler: scaling("autoscaling/v2", "HorizontalPodAutoscaler", reference), place: beside, excluded: "scaling",
			want: policy.Treatment{Removal: policy.RemoveOnUpdate, Held: []policy.HeldField{{Path: "spec.replicas"}}},
		},
	} {
		t.Run(c.reason, func(t *testing.T) {
			plan := &Plan{unresolved: map[string]bool{}, Units: []Unit{{Component: "web", Place: here, Result: &render.Result{Objects: []render.Object{c.object}}}}}
			if c.scaler.Content != nil {
				plan.Units = append(plan.Units, Unit{Component: "scaler", Place: c.place, Result: &render.Result{Objects: []render.Object{c.scaler}}})
			}
			if c.excluded != "" {
				plan.exclude(c.excluded)
			}
			plan.treat(c.policies)
			if diff := cmp.Diff(c.want, plan.Units[0].Treatment(0)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
