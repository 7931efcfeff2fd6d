// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// Types of steps that deliver components.
const (
	deployStep         = "deploy"
	applyComponentStep = "apply-component"
	builtinApplyStep   = "builtin-apply-component" // the name of apply-component in old applications
	groupStep          = "step-group"
)

// isUnread says that steps of a type deliver too, and are superseded: to pass
// one over would leave out what it delivers.
func isUnread(kind string) bool {
	return slices.Contains([]string{"apply-application", "apply-application-in-parallel", "apply-remaining", "deploy2env", "deploy2runtime", "multi-env"}, kind)
}

// steps lists what the steps of a workflow deliver, in the order of the spec and
// as if each step ran: a step of type deploy to what its policies say, one of
// type apply-component one component. Steps of other types deliver nothing.
func (p *Policies) steps(w v1beta1.Workflow) ([]EnvironmentUse, error) {
	if w.Ref != "" {
		return nil, &InvalidError{Path: "spec.workflow.ref", Message: "what a Workflow object delivers cannot be read here; write its steps into spec.workflow.steps"}
	}
	var out []EnvironmentUse
	for i, step := range w.Steps {
		path := fmt.Sprintf("spec.workflow.steps[%d]", i)
		found, err := p.step(step.WorkflowStepBase, path)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
		if step.Type != groupStep {
			continue
		}
		for j, sub := range step.SubSteps {
			found, err := p.step(sub, fmt.Sprintf("%s.subSteps[%d]", path, j))
			if err != nil {
				return nil, err
			}
			out = append(out, found...)
		}
	}
	return out, nil
}

func (p *Policies) step(step v1beta1.WorkflowStepBase, path string) ([]EnvironmentUse, error) {
	name := step.Name
	if name == "" {
		name = path // tells two steps without a name apart
	}
	switch {
	case step.Type == deployStep:
		return p.deploy(step, name, path+".properties")
	case step.Type == applyComponentStep || step.Type == builtinApplyStep:
		return p.applyComponent(step, name, path+".properties")
	case isUnread(step.Type):
		return nil, &InvalidError{Path: path + ".type", Message: fmt.Sprintf("what a step of type %q delivers cannot be read; use a step of type %q", step.Type, deployStep)}
	}
	return nil, nil
}

func (p *Policies) deploy(step v1beta1.WorkflowStepBase, name, at string) ([]EnvironmentUse, error) {
	properties, err := decode(step.Properties, at)
	if err != nil {
		return nil, err
	}
	names, err := takeList[string](properties, "policies", "a list of names of policies", at)
	if err != nil {
		return nil, err
	}
	chosen := make([]Policy, 0, len(names))
	for i, wanted := range names {
		found, err := p.named(wanted, fmt.Sprintf("%s.policies[%d]", at, i))
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, found)
	}
	return uses(chosen, EnvironmentUse{Step: name, Path: at + ".policies"})
}

// named is the policy that a step names.
func (p *Policies) named(name, at string) (Policy, error) {
	var found []Policy
	var known []string
	for _, candidate := range p.All {
		if candidate.Name == "" {
			continue
		}
		known = append(known, candidate.Name)
		if candidate.Name == name {
			found = append(found, candidate)
		}
	}
	if len(found) > 1 {
		return Policy{}, &InvalidError{Path: at, Message: fmt.Sprintf("both %s and %s are called %q; give each policy its own name", found[0].Path, found[1].Path, name)}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	if len(known) == 0 {
		known = []string{"(none)"}
	}
	return Policy{}, &InvalidError{Path: at, Message: fmt.Sprintf("spec.policies has no policy %q%s Use one of: %s; policies outside of the application cannot be named", name, hint(name, known), strings.Join(known, ", "))}
}

// applyComponent is a use by one component, without any policy. As the default
// workflow it goes to the environment default, unless it names a place.
func (p *Policies) applyComponent(step v1beta1.WorkflowStepBase, name, at string) ([]EnvironmentUse, error) {
	properties, err := decode(step.Properties, at)
	if err != nil {
		return nil, err
	}
	var component, cluster, namespace string
	for _, field := range []struct {
		name string
		into *string
	}{{"component", &component}, {"cluster", &cluster}, {"namespace", &namespace}} {
		if err := take(properties, field.name, field.into, "a name", at); err != nil {
			return nil, err
		}
	}
	own := make([]string, len(p.spec.Components))
	for i, c := range p.spec.Components {
		own[i] = c.Name
	}
	if err := checkComponent(component, own, at+".component"); err != nil {
		return nil, err
	}
	use := EnvironmentUse{Step: name, Path: strings.TrimSuffix(at, ".properties"), Selector: []string{component}}
	if cluster == "" && namespace == "" {
		use.Environment, use.Path = v1alpha1.DefaultEnvironment, "spec.policies"
		return []EnvironmentUse{use}, nil
	}
	if cluster == "" {
		cluster = v1alpha1.LocalCluster
	}
	use.Topology = &Topology{Clusters: []string{cluster}, Namespace: namespace}
	return []EnvironmentUse{use}, nil
}

// take copies one field into a variable of the wanted type, if it is given.
func take[T any](object map[string]any, name string, into *T, wanted, at string) error {
	value, given := object[name]
	if !given || value == nil {
		return nil
	}
	typed, ok := value.(T)
	if !ok {
		return &InvalidError{Path: at + "." + name, Message: wanted + " is wanted here; change it"}
	}
	*into = typed
	return nil
}

// takeList copies a list of values of the wanted type, if it is given.
func takeList[T any](object map[string]any, name, wanted, at string) ([]T, error) {
	var items []any
	if err := take(object, name, &items, wanted, at); err != nil {
		return nil, err
	}
	var out []T
	for i, item := range items {
		typed, ok := item.(T)
		if !ok {
			return nil, &InvalidError{Path: fmt.Sprintf("%s.%s[%d]", at, name, i), Message: wanted + " is wanted here; change this item"}
		}
		out = append(out, typed)
	}
	return out, nil
}
