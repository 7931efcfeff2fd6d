// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// Resource is what the rules of policies know of an object.
type Resource struct {
	// Component is the name of the component that the object is of.
	Component string
	// ComponentType is the type of the component; set on its workload alone.
	ComponentType string
	// OAMType is WORKLOAD or TRAIT.
	OAMType string
	// TraitType is the type of the trait that made the object.
	TraitType string
	// Group of the object's kind; empty for the core group.
	Group string
	// Kind of the object.
	Kind string
	// Name of the object.
	Name string
}

// ResourceOf is what rules know of a rendered object.
func ResourceOf(o render.Object) Resource {
	metadata, _ := o.Content["metadata"].(map[string]any)
	labels, _ := metadata["labels"].(map[string]any)
	label := values(labels).text
	return Resource{
		Component: label(v1beta1.LabelAppComponent), ComponentType: label(v1beta1.LabelWorkloadType),
		OAMType: label(v1beta1.LabelResourceType), TraitType: label(v1beta1.LabelTraitType),
		Group: o.GroupVersionKind().Group, Kind: o.GroupVersionKind().Kind, Name: o.Name(),
	}
}

// RuleSelector picks objects: every field that is given must fit, each by one of its values.
type RuleSelector struct {
	ComponentNames []string
	ComponentTypes []string
	OAMTypes       []string
	TraitTypes     []string
	ResourceTypes  []string
	ResourceNames  []string
}

// Match says whether the selector picks an object. Without any field it picks none.
func (s RuleSelector) Match(r Resource) bool {
	given := false
	for _, field := range []struct {
		wanted []string
		value  string
	}{
		{s.ComponentNames, r.Component},
		{s.ComponentTypes, r.ComponentType},
		{s.OAMTypes, r.OAMType},
		{s.TraitTypes, r.TraitType},
		{s.ResourceTypes, r.Kind},
		{s.ResourceNames, r.Name},
	} {
		if len(field.wanted) == 0 {
			continue
		}
		given = true
		if field.value == "" || !slices.Contains(field.wanted, field.value) {
			return false
		}
	}
	return given
}

// readSelector reads a selector. The documentation of OAM calls a workload
// COMPONENT, its labels WORKLOAD; either may be written.
func readSelector(v values) RuleSelector {
	s := values(v.object("selector"))
	types := s.texts("oamTypes")
	if slices.Contains(types, "COMPONENT") {
		types = append(types, "WORKLOAD")
	}
	return RuleSelector{
		ComponentNames: s.texts("componentNames"), ComponentTypes: s.texts("componentTypes"), OAMTypes: types,
		TraitTypes: s.texts("traitTypes"), ResourceTypes: s.texts("resourceTypes"), ResourceNames: s.texts("resourceNames"),
	}
}

// rule is what all rules have in common.
type rule interface{ selects(r Resource) bool }

// first is the first rule that picks an object: OAM lets no later one count.
func first[R rule](rules []R, r Resource) (R, bool) {
	for _, candidate := range rules {
		if candidate.selects(r) {
			return candidate, true
		}
	}
	var none R
	return none, false
}

func readRules[R any](v values, read func(values) R) []R {
	var out []R
	for _, item := range v.list("rules") {
		out = append(out, read(item))
	}
	return out
}

// ResourceRule picks objects and says no more of them.
type ResourceRule struct {
	Selector RuleSelector
}

func (r ResourceRule) selects(resource Resource) bool { return r.Selector.Match(resource) }

// ResourceRules is what the policies shared-resource, take-over and read-only say.
type ResourceRules struct {
	Rules []ResourceRule
}

// Match says whether a rule picks an object.
func (p *ResourceRules) Match(r Resource) bool {
	_, ok := first(p.Rules, r)
	return ok
}

func readResourceRules(v values) *ResourceRules {
	return &ResourceRules{Rules: readRules(v, func(item values) ResourceRule { return ResourceRule{readSelector(item)} })}
}

// The values of GarbageCollectRule.Strategy.
const (
	// RemoveOnUpdate removes an object as soon as the application no longer has it.
	RemoveOnUpdate = "onAppUpdate"
	// RemoveOnDelete removes an object with the application.
	RemoveOnDelete = "onAppDelete"
	// RemoveNever leaves an object.
	RemoveNever = "never"
)

// GarbageCollect is what a policy of type garbage-collect says.
type GarbageCollect struct {
	// ApplicationRevisionLimit is how many old revisions are kept; nil when it does not say.
	ApplicationRevisionLimit *int64
	KeepLegacyResource       bool
	ContinueOnFailure        bool
	// Order is "dependency" or empty.
	Order string
	Rules []GarbageCollectRule
}

// GarbageCollectRule says when objects are removed.
type GarbageCollectRule struct {
	Selector RuleSelector
	// Strategy is RemoveOnUpdate, RemoveOnDelete or RemoveNever.
	Strategy string
	// Propagation is "orphan", "cascading" or empty.
	Propagation string
}

func (r GarbageCollectRule) selects(resource Resource) bool { return r.Selector.Match(resource) }

// Rule is the rule for an object, if there is one.
func (p *GarbageCollect) Rule(r Resource) (GarbageCollectRule, bool) { return first(p.Rules, r) }

func readGarbageCollect(v values) *GarbageCollect {
	p := &GarbageCollect{
		KeepLegacyResource: v.flag("keepLegacyResource"), ContinueOnFailure: v.flag("continueOnFailure"), Order: v.text("order"),
		Rules: readRules(v, func(item values) GarbageCollectRule {
			r := GarbageCollectRule{Selector: readSelector(item), Strategy: item.text("strategy"), Propagation: item.text("propagation")}
			if r.Strategy == "" {
				r.Strategy = RemoveOnUpdate
			}
			return r
		}),
	}
	if limit, given := v["applicationRevisionLimit"].(int64); given {
		p.ApplicationRevisionLimit = &limit
	}
	return p
}

// ApplyOnce is what a policy of type apply-once says.
type ApplyOnce struct {
	// Enable says that the policy is in effect.
	Enable bool
	// Rules for single objects; without any the policy is for all.
	Rules []ApplyOnceRule
}

// ApplyOnceRule says which fields of objects are left alone, and when.
type ApplyOnceRule struct {
	Selector RuleSelector
	// Affect is "onUpdate", "onStateKeep", "always" or empty.
	Affect string
	// Path are the fields; "*" is the whole object.
	Path []string
}

func (r ApplyOnceRule) selects(resource Resource) bool { return r.Selector.Match(resource) }

// Rule is the rule for an object, if there is one. A policy that is not enabled has none.
func (p *ApplyOnce) Rule(r Resource) (ApplyOnceRule, bool) {
	if !p.Enable {
		return ApplyOnceRule{}, false
	}
	return first(p.Rules, r)
}

func readApplyOnce(v values) *ApplyOnce {
	return &ApplyOnce{Enable: v.flag("enable"), Rules: readRules(v, func(item values) ApplyOnceRule {
		strategy := values(item.object("strategy"))
		return ApplyOnceRule{Selector: readSelector(item), Affect: strategy.text("affect"), Path: strategy.texts("path")}
	})}
}

func (p *ApplyOnce) check(at string) error {
	for i, rule := range p.Rules {
		for j, path := range rule.Path {
			if path == wholeObject {
				continue
			}
			if err := checkFieldPath(path, fmt.Sprintf("%s.rules[%d].strategy.path[%d]", at, i, j)); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkFieldPath refuses what is no path, and what an object is known by: no
// object can be written without it.
func checkFieldPath(text, at string) error {
	path, err := ParseFieldPath(text)
	if err != nil {
		return &InvalidError{Path: at, Message: err.Error()}
	}
	first, _ := path[0].(string)
	identity := first == "apiVersion" || first == "kind" || first == "metadata"
	if identity && (len(path) == 1 || path[1] != "labels" && path[1] != "annotations" || len(path) == 2) {
		return &InvalidError{Path: at, Message: fmt.Sprintf(
			"path %q: every object is written with it; name a field beside apiVersion, kind and metadata, or one label or annotation such as metadata.annotations[example.com/a]", text)}
	}
	return nil
}

// ResourceUpdate is what a policy of type resource-update says.
type ResourceUpdate struct {
	Rules []ResourceUpdateRule
}

// ResourceUpdateRule says how objects are updated.
type ResourceUpdateRule struct {
	Selector RuleSelector
	// Op is "patch" or "replace".
	Op string
	// RecreateFields are fields whose change makes the object anew.
	RecreateFields []string
}

func (r ResourceUpdateRule) selects(resource Resource) bool { return r.Selector.Match(resource) }

// Rule is the rule for an object, if there is one.
func (p *ResourceUpdate) Rule(r Resource) (ResourceUpdateRule, bool) { return first(p.Rules, r) }

func readResourceUpdate(v values) *ResourceUpdate {
	return &ResourceUpdate{Rules: readRules(v, func(item values) ResourceUpdateRule {
		strategy := values(item.object("strategy"))
		r := ResourceUpdateRule{Selector: readSelector(item), Op: strategy.text("op"), RecreateFields: strategy.texts("recreateFields")}
		if r.Op == "" {
			r.Op = "patch"
		}
		return r
	})}
}

func (p *ResourceUpdate) check(at string) error {
	for i, rule := range p.Rules {
		for j, path := range rule.RecreateFields {
			if _, err := ParseFieldPath(path); err != nil {
				return &InvalidError{Path: fmt.Sprintf("%s.rules[%d].strategy.recreateFields[%d]", at, i, j), Message: err.Error()}
			}
		}
	}
	return nil
}
