// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// EnvironmentUse is the use of one environment by an application, or of the
// clusters of a topology, which reach an environment each.
type EnvironmentUse struct {
	// Environment is the name of the environment; empty with Topology.
	Environment string
	// Topology selects clusters instead of naming an environment; nil without.
	Topology *Topology
	// Policy is the name of the policy that asks for it; empty when none does.
	Policy string
	// Path of the policy, such as spec.policies[0]; the list of policies, such as
	// spec.policies, when none asks for it.
	Path string
	// Step is the name of the workflow's step that delivers; empty without one.
	Step string
	// Layers are the override policies of the application, in their order.
	Layers []Override
	// Replications are the replication policies of the application.
	Replications []Replication
	// Selector are the names of the components that go there; empty means all.
	Selector []string
	// Overrides change components there, after those of Layers.
	Overrides []ComponentOverride
}

// Components are the components that go there: those of the application after
// the override policies, with what changes each and the keys of its copies.
func (u EnvironmentUse) Components(all []render.Component) []UsedComponent {
	used := make([]UsedComponent, len(all))
	for i, c := range all {
		used[i] = UsedComponent{Component: c}
	}
	for _, layer := range u.Layers {
		used = layer.apply(used)
	}
	used = selected(used, u.Selector)
	for i, c := range used {
		for _, o := range u.Overrides {
			if o.matches(c.Component) {
				used[i].Overrides = append(slices.Clip(used[i].Overrides), o)
			}
		}
	}
	for _, r := range u.Replications {
		r.replicate(used)
	}
	return used
}

// Environments lists the environments that an application goes to, in the order
// of its policies. Policies of types that are not built in do not count. The
// error is an *InvalidError or a *TooLargeError.
func Environments(spec v1beta1.ApplicationSpec) ([]EnvironmentUse, error) {
	// Without a definition nothing says whether they are right, and they lead nowhere.
	spec.Policies = slices.DeleteFunc(slices.Clone(spec.Policies), func(p v1beta1.AppPolicy) bool { return !IsBuiltin(p.Type) })
	policies, err := Read(spec, definition.Builtin())
	if err != nil {
		return nil, err
	}
	return policies.Uses()
}

// Uses lists where the application goes. Without a workflow that is once for
// each policy of type environment or topology, in their order, each with all
// override and replication policies; without any the environment default. With
// a workflow it is what its steps deliver, see steps. The error is an
// *InvalidError or a *TooLargeError.
func (p *Policies) Uses() ([]EnvironmentUse, error) {
	if w := p.spec.Workflow; w != nil && (w.Ref != "" || len(w.Steps) > 0) {
		return p.steps(*w)
	}
	return uses(p.All, EnvironmentUse{Path: "spec.policies"})
}

// uses are the uses that policies ask for together; base holds what is the same for all.
func uses(policies []Policy, base EnvironmentUse) ([]EnvironmentUse, error) {
	for _, p := range policies {
		if p.Override != nil {
			base.Layers = append(base.Layers, *p.Override)
		}
		if p.Replication != nil {
			base.Replications = append(base.Replications, *p.Replication)
		}
	}
	var out []EnvironmentUse
	users := map[string]string{}
	for _, p := range policies {
		use := base
		use.Policy, use.Path = p.Name, p.Path
		switch {
		case p.Topology != nil:
			use.Topology = p.Topology
		case p.Environment != nil:
			name := p.Environment.Name
			if other, taken := users[name]; taken {
				return nil, &InvalidError{Path: p.Path + ".properties.environment", Message: fmt.Sprintf("%s names the environment %q too; use each environment once", other, name)}
			}
			users[name] = p.Path
			use.Environment, use.Selector, use.Overrides = name, p.Environment.Selector, p.Environment.Overrides
		default:
			continue
		}
		out = append(out, use)
	}
	if len(out) == 0 {
		base.Environment = v1alpha1.DefaultEnvironment
		out = append(out, base)
	}
	return out, nil
}

// checkNames refuses names of components that the application does not have: a
// misspelt one would silently change or deliver nothing.
func (p *Policies) checkNames() error {
	known := p.componentNames()
	named := map[string]string{}
	for _, policy := range p.All {
		if first, twice := named[policy.Name]; twice && policy.Objects != nil {
			return &InvalidError{Path: policy.Path + ".name", Message: fmt.Sprintf("%s makes objects under the name %q too; give each policy its own name", first, policy.Name)}
		}
		if policy.Objects != nil {
			named[policy.Name] = policy.Path
		}
		if err := policy.checkNames(known); err != nil {
			return err
		}
	}
	return nil
}

// componentNames are the names of the components, with those that override policies add.
func (p *Policies) componentNames() []string {
	all := make([]string, 0, len(p.spec.Components))
	for _, c := range p.spec.Components {
		all = append(all, c.Name)
	}
	for _, policy := range p.All {
		if policy.Override == nil {
			continue
		}
		for _, o := range policy.Override.Components {
			if o.adds() && !slices.Contains(all, o.Component) {
				all = append(all, o.Component)
			}
		}
	}
	return all
}

// checkNames checks the names in one policy.
func (p Policy) checkNames(known []string) error {
	at := p.Path + ".properties"
	switch {
	case p.Environment != nil:
		if err := checkSelector(p.Environment.Selector, known, at); err != nil {
			return err
		}
		return checkOverrides(p.Environment.Overrides, known)
	case p.Override != nil:
		if err := checkSelector(p.Override.Selector, known, at); err != nil {
			return err
		}
		return checkOverrides(p.Override.Components, known)
	case p.Replication != nil:
		return checkSelector(p.Replication.Selector, known, at)
	}
	return nil
}

func checkSelector(selector, known []string, at string) error {
	for i, name := range selector {
		if err := checkComponent(name, known, fmt.Sprintf("%s.selector[%d]", at, i)); err != nil {
			return err
		}
	}
	return nil
}

func checkOverrides(overrides []ComponentOverride, known []string) error {
	for _, o := range overrides {
		if o.Component == "" || isPattern(o.Component) {
			continue
		}
		if err := checkComponent(o.Component, known, o.Path+".name"); err != nil {
			return err
		}
	}
	return nil
}

func checkComponent(name string, known []string, at string) error {
	if slices.Contains(known, name) {
		return nil
	}
	return &InvalidError{Path: at, Message: fmt.Sprintf("the application has no component %q%s Use one of: %s", name, hint(name, known), strings.Join(known, ", "))}
}

// hint ends a sentence about a name, with the one that was probably meant.
func hint(name string, known []string) string {
	suggestion := definition.Suggest(name, known)
	if suggestion == "" {
		return "."
	}
	return fmt.Sprintf("; did you mean %q?", suggestion)
}
