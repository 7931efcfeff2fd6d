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
	scaled := map[TenantKey][]scaleTarget{}
	for _, unit := range p.Units {
		for _, object := range unit.Result.Objects {
			if target, ok := scaleTargetOf(object); ok {
				key := unit.Place.Tenant()
				scaled[key] = append(scaled[key], target)
			}
		}
	}
	for i := range p.Units {
		unit := &p.Units[i]
		unit.Treatments = make([]policy.Treatment, len(unit.Result.Objects))
		for j, object := range unit.Result.Objects {
			unit.Treatments[j] = treatment(object, policies, scaled[unit.Place.Tenant()])
		}
	}
}

func treatment(object render.Object, policies func(policy.Resource) policy.Treatment, scaled []scaleTarget) policy.Treatment {
	var t policy.Treatment
	if policies != nil {
		t = policies(policy.ResourceOf(object))
	}
	if t.Removal == "" {
		t.Removal = policy.UsualRemoval(object.GroupVersionKind().GroupKind())
	}
	isScaled := slices.ContainsFunc(scaled, func(target scaleTarget) bool { return target.is(object) })
	if !isScaled || t.ReadOnly || t.Once {
		return t
	}
	// An autoscaler that is there from the start finds one replica; one that comes
	// later finds what was there: nothing else may write the number.
	t.Held = slices.DeleteFunc(slices.Clone(t.Held), func(h policy.HeldField) bool { return h.Path == replicasPath })
	t.Held = append(t.Held, policy.HeldField{Path: replicasPath, Omit: true})
	return t
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
