// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// Treatment says how an object of the unit, by its index, is written, kept and
// removed. Its Removal is never empty.
func (u Unit) Treatment(i int) policy.Treatment {
	if i < len(u.Treatments) {
		return u.Treatments[i]
	}
	return policy.Treatment{Removal: policy.UsualRemoval(u.Result.Objects[i].GroupVersionKind().GroupKind())}
}

// treat says of each object of the plan how it is treated. Autoscalers are looked for
// in all units of a namespace: theirs may be a component of its own, and of another
// environment that delivers there too.
func (p *Plan) treat(policies func(policy.Resource) policy.Treatment) {
	scaled := scaledBy(p.Units)
	for i := range p.Units {
		unit := &p.Units[i]
		unit.Treatments = make([]policy.Treatment, len(unit.Result.Objects))
		for j, object := range unit.Result.Objects {
			tenant := unit.Place.Tenant()
			unit.Treatments[j] = treatment(object, policies, scaled[tenant], p.mayBeScaled[tenant])
		}
	}
}

// noteScaled notes what autoscalers scale whose units are taken out of the plan: they
// stay where they are.
func (p *Plan) noteScaled(excluded []Unit) {
	for tenant, targets := range scaledBy(excluded) {
		if p.mayBeScaled == nil {
			p.mayBeScaled = map[TenantKey][]scaleTarget{}
		}
		p.mayBeScaled[tenant] = append(p.mayBeScaled[tenant], targets...)
	}
}

// scaledBy is what the autoscalers among the objects of units scale, by namespace.
func scaledBy(units []Unit) map[TenantKey][]scaleTarget {
	scaled := map[TenantKey][]scaleTarget{}
	for _, unit := range units {
		for _, object := range unit.Result.Objects {
			if target, ok := scaleTargetOf(object); ok {
				key := unit.Place.Tenant()
				scaled[key] = append(scaled[key], target)
			}
		}
	}
	return scaled
}

// treatment is how an object is treated, where autoscalers scale some and others may be
// scaled by ones that were there before.
func treatment(object render.Object, policies func(policy.Resource) policy.Treatment, scaled, mayBeScaled []scaleTarget) policy.Treatment {
	var t policy.Treatment
	if policies != nil {
		t = policies(policy.ResourceOf(object))
	}
	if t.Removal == "" {
		t.Removal = policy.UsualRemoval(object.GroupVersionKind().GroupKind())
	}
	isTarget := func(target scaleTarget) bool { return target.is(object) }
	switch {
	case t.ReadOnly || t.Once:
	case slices.ContainsFunc(scaled, isTarget):
		// An autoscaler that is there from the start finds one replica; one that comes
		// later finds what was there: nothing else may write the number.
		t.Held = withReplicas(t.Held, policy.HeldField{Path: replicasPath, Omit: true})
	case slices.ContainsFunc(mayBeScaled, isTarget):
		// What there is of replicas stays, and an object that is made starts with the
		// application's number, since there may be nothing else to scale it.
		t.Held = withReplicas(t.Held, policy.HeldField{Path: replicasPath})
	}
	return t
}

// withReplicas are fields that are left to others, and the replicas as they are to be.
func withReplicas(held []policy.HeldField, replicas policy.HeldField) []policy.HeldField {
	held = slices.DeleteFunc(slices.Clone(held), func(h policy.HeldField) bool { return h.Path == replicasPath })
	return append(held, replicas)
}

// replicasPath is the field that an autoscaler writes.
const replicasPath = "spec.replicas"

// scaleTarget is the workload of an autoscaler, in the autoscaler's namespace.
type scaleTarget struct{ group, kind, namespace, name string }

func (s scaleTarget) is(object render.Object) bool {
	gvk := object.GroupVersionKind()
	return s == scaleTarget{gvk.Group, gvk.Kind, object.Namespace(), object.Name()}
}

// scaleTargetOf is what a HorizontalPodAutoscaler, or a ScaledObject of KEDA
// which makes one, scales. KEDA takes a target without a kind for a Deployment.
func scaleTargetOf(object render.Object) (scaleTarget, bool) {
	gvk := object.GroupVersionKind()
	keda := gvk.Group == "keda.sh" && gvk.Kind == "ScaledObject"
	if !keda && (gvk.Group != "autoscaling" || gvk.Kind != "HorizontalPodAutoscaler") {
		return scaleTarget{}, false
	}
	spec, _ := object.Content["spec"].(map[string]any)
	reference, _ := spec["scaleTargetRef"].(map[string]any)
	apiVersion, _ := reference["apiVersion"].(string)
	kind, _ := reference["kind"].(string)
	name, _ := reference["name"].(string)
	if keda && kind == "" {
		apiVersion, kind = "apps/v1", "Deployment"
	}
	return scaleTarget{group: schema.FromAPIVersionAndKind(apiVersion, kind).Group, kind: kind, namespace: object.Namespace(), name: name}, name != ""
}
