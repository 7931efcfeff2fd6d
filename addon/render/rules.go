// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// anyWorkload and anyTrait stand for all that there is in a rule.
const (
	anyWorkload = "*"
	anyTrait    = "*"
)

// labelRule is before a selector of labels in a rule about other traits.
const labelRule = "labelSelector:"

// isOwnWorkload says whether a resource is in a group of Kubernetes' own
// workloads. Only of these is it certain that a trait which does not name them
// does not fit: the author of a trait need not know the kinds that others define.
func isOwnWorkload(r schema.GroupResource) bool {
	return r.Group == "" || r.Group == "apps" || r.Group == "batch"
}

// checkRules enforces what definitions of traits say of the workloads and of the
// other traits that they may be used with.
func (p *plan) checkRules() error {
	for i, t := range p.traits {
		if !appliesTo(t.definition, p.workload.definition) {
			return &Error{
				Component: p.component.Name, Path: t.typePath(), Reason: ReasonNotApplicable,
				Message: fmt.Sprintf("the trait type %q does not apply to components of the type %q, which make %s; it applies to %s; remove the trait, or add the workload to appliesToWorkloads of its definition",
					t.definition.Name, p.workload.definition.Name, resourceOf(p.workload.definition), strings.Join(t.definition.AppliesTo, ", ")),
			}
		}
		for j, other := range p.traits {
			if i == j || t.definition.Name == other.definition.Name {
				continue
			}
			rule, err := conflict(t.definition, other.definition)
			if err != nil {
				return &Error{Component: p.component.Name, Path: t.typePath(), Reason: ReasonConflict, Message: err.Error()}
			}
			if rule != "" {
				return &Error{
					Component: p.component.Name, Path: other.typePath(), Reason: ReasonConflict,
					Message: fmt.Sprintf("the trait types %q and %q exclude each other: conflictsWith of %q has %q; remove one of the two", t.definition.Name, other.definition.Name, t.definition.Name, rule),
				}
			}
		}
	}
	return nil
}

// typePath is the path of the type that the step is of.
func (s step) typePath() string {
	return strings.TrimSuffix(s.path, ".properties") + ".type"
}

// appliesTo says whether a trait may be used with a component type. What is not
// known for certain is allowed: a type whose workload differs by use, and kinds
// that are not Kubernetes' own.
func appliesTo(trait, component *definition.Definition) bool {
	resource := resourceOf(component)
	if len(trait.AppliesTo) == 0 || resource.Empty() || !isOwnWorkload(resource) {
		return true
	}
	return slices.ContainsFunc(trait.AppliesTo, func(rule string) bool {
		rule, _, _ = strings.Cut(rule, "/")
		if rule == anyWorkload || rule == component.Name {
			return true
		}
		if group, ok := strings.CutPrefix(rule, "*."); ok {
			return group == resource.Group
		}
		named := schema.ParseGroupResource(strings.ToLower(rule))
		return named.Group == resource.Group && (named.Resource == resource.Resource || Plural(named.Resource) == resource.Resource)
	})
}

// resourceOf is the resource that a component type makes; empty when it differs by use.
func resourceOf(component *definition.Definition) schema.GroupResource {
	if gv, err := schema.ParseGroupVersion(component.Workload.APIVersion); err == nil && component.Workload.Kind != "" {
		return schema.GroupResource{Group: gv.Group, Resource: Plural(component.Workload.Kind)}
	}
	if component.WorkloadType == "" || strings.HasPrefix(component.WorkloadType, "autodetect") {
		return schema.GroupResource{}
	}
	return schema.ParseGroupResource(strings.ToLower(component.WorkloadType))
}

// vowelBeforeY is at the end of kinds such as Gateway.
var vowelBeforeY = regexp.MustCompile(`[aeiou]y$`)

// Plural is the usual name of the resource of a kind. The rule of kubectl knows
// neither gateways nor boxes nor batches, as generators of CRDs name them.
func Plural(kind string) string {
	kind = strings.ToLower(kind)
	switch {
	case strings.HasSuffix(kind, "endpoints"):
		return kind // which is both
	case strings.HasSuffix(kind, "s"), strings.HasSuffix(kind, "x"), strings.HasSuffix(kind, "ch"), strings.HasSuffix(kind, "sh"):
		return kind + "es"
	case strings.HasSuffix(kind, "y") && !vowelBeforeY.MatchString(kind):
		return strings.TrimSuffix(kind, "y") + "ies"
	}
	return kind + "s"
}

// conflict is the rule of a trait that excludes another; "" when none does.
func conflict(trait, other *definition.Definition) (string, error) {
	for _, rule := range trait.ConflictsWith {
		if rule == anyTrait || rule == other.Name || rule == other.Reference && rule != "" || inGroup(rule, other) {
			return rule, nil
		}
		text, ok := strings.CutPrefix(rule, labelRule)
		if !ok {
			continue
		}
		selector, err := labels.Parse(text)
		if err != nil {
			return "", fmt.Errorf("conflictsWith of the trait type %q has %q, which is no selector of labels: %w; correct the definition", trait.Name, rule, err)
		}
		if selector.Matches(labels.Set(other.Labels)) {
			return rule, nil
		}
	}
	return "", nil
}

// inGroup says whether a rule such as *.networking.k8s.io means a trait, by the
// CRD that implements it or by its own name.
func inGroup(rule string, trait *definition.Definition) bool {
	group, ok := strings.CutPrefix(rule, "*.")
	if !ok {
		return false
	}
	for _, name := range []string{trait.Reference, trait.Name} {
		if _, own, ok := strings.Cut(name, "."); ok && own == group {
			return true
		}
	}
	return false
}
