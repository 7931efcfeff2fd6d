// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// policyPrefix is before the names of the units of policies. A copy of a
// component has one underscore in its name and a component none, so that no
// other unit has such a name.
const policyPrefix = "policy__"

// PolicyUnitName is the name of the unit of a policy that makes objects.
func PolicyUnitName(policy string) string {
	name := policyPrefix + policy
	if len(name) <= maxUnitName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	hash := hex.EncodeToString(sum[:])[:10]
	return name[:maxUnitName-len(hash)-1] + "_" + hash
}

// UnitOf is the name of the unit that an object with the labels is of.
func UnitOf(labels map[string]string) string {
	if policy := labels[v1alpha1.LabelPolicy]; policy != "" {
		return PolicyUnitName(policy)
	}
	return UnitName(labels[v1beta1.LabelAppComponent], labels[v1beta1.LabelReplicaKey])
}

// IsPolicy says that a unit is one of a policy.
func IsPolicy(unit string) bool { return strings.HasPrefix(unit, policyPrefix) }

// Named says for people what a unit is of: a component or a policy, and its name.
func Named(unit string) (kind, name string) {
	if policy, ok := strings.CutPrefix(unit, policyPrefix); ok {
		return "policy", policy
	}
	return "component", unit
}

// Title is Named in one, such as: component web.
func Title(unit string) string {
	kind, name := Named(unit)
	return kind + " " + name
}

// addPolicies puts what the policies make before the components in each place
// that gets any.
func (p *Plan) addPolicies(renderer Renderer, request Request) error {
	if len(request.Policies) == 0 {
		return nil
	}
	components := map[Place][]Unit{}
	var places []Place
	for _, unit := range p.Units {
		if len(components[unit.Place]) == 0 {
			places = append(places, unit.Place)
		}
		components[unit.Place] = append(components[unit.Place], unit)
	}
	p.Units = nil
	for _, place := range places {
		units, err := policyUnits(renderer, request, place, components[place])
		if err != nil && !p.fails(request, place.Environment, err) {
			return err
		}
		for _, unit := range units {
			p.wanted[unitKey{place, unit.Component}] = unit.Result
		}
		p.Units = append(append(p.Units, units...), components[place]...)
	}
	return nil
}

// policyUnits are the units of all policies in a place.
func policyUnits(renderer Renderer, request Request, place Place, components []Unit) ([]Unit, error) {
	context := request.context(place)
	context.Artifacts = artifacts(components)
	taken := map[string]string{}
	for _, unit := range components {
		claim(taken, unit)
	}
	var units []Unit
	for _, policy := range request.Policies {
		name := PolicyUnitName(policy.Name)
		result, err := renderer.Render(context, policy)
		if err != nil {
			return nil, &RenderError{Place: place, Component: name, Err: err}
		}
		unit := Unit{Owner: request.Owner, Component: name, Place: place, Result: result, Layers: []Layer{ownLayer(policy)}}
		if object, other := claim(taken, unit); other != "" {
			return nil, &RenderError{Place: place, Component: name, Err: &render.Error{
				Component: policy.Name, Path: policy.Path, Reason: render.ReasonInvalidObject,
				Message: fmt.Sprintf("it makes the %s %q, as the %s does too: rename the policy or the other", object.GroupVersionKind().Kind, object.Name(), Title(other)),
			}}
		}
		units = append(units, unit)
	}
	return units, nil
}

// claim notes which unit makes which objects. It returns the first object that
// another unit makes too, and that unit.
func claim(taken map[string]string, unit Unit) (object render.Object, other string) {
	for _, o := range unit.Result.Objects {
		id := ObjectID(o.GroupVersionKind().GroupKind(), o.Namespace(), o.Name())
		if first, ok := taken[id]; ok && other == "" {
			object, other = o, first
		}
		taken[id] = unit.Component
	}
	return object, other
}

// artifacts are the objects of components as policies see them: the workload,
// and the others by the type of their trait and the name of their output. Of
// copies of a component it is the first.
func artifacts(units []Unit) map[string]any {
	out := map[string]any{}
	for _, unit := range units {
		name := unit.Result.Component.Name
		if _, ok := out[name]; ok {
			continue
		}
		component, traits := map[string]any{}, map[string]any{}
		for _, o := range unit.Result.Objects {
			if o.Resource == "" {
				component["workload"] = o.Content
				continue
			}
			below, ok := traits[o.TraitType()].(map[string]any)
			if !ok {
				below = map[string]any{}
				traits[o.TraitType()] = below
			}
			below[o.Resource] = o.Content
		}
		component["traits"] = traits
		out[name] = component
	}
	return out
}
