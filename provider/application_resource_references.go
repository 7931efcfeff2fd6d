// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
)

// placedPolicy is a policy of a spec with its place in the configuration.
type placedPolicy struct {
	at string
	// environment says that it stands for an entry of environments.
	environment bool
	fields      map[string]any
}

// properties of the policy; nil while they are not known.
func (p placedPolicy) properties() map[string]any { return objectIn(p.fields["properties"]) }

// references refuses what the addon refuses of the parts of a spec together: names of
// components that there are none of, circles, and policies that it cannot read. It would
// say so only in the status of what was written. What is not known yet is never refused,
// nor what is left to others: what they write there is not known either.
func (b *specBuilder) references(spec *applicationSpec, m *applicationModel) {
	if b.base == nil || hclvalue.HasUnknown(m.IgnoreFields) {
		return
	}
	ignored, _ := newIgnoredFields(m.IgnoreFields)
	own := slices.DeleteFunc(sortedKeys(b.base), func(name string) bool { return b.base[name] == nil })
	if !ignored.order() {
		b.order(spec.components, own)
	}
	policies, known := b.placed(spec)
	names, complete := withAdded(own, policies)
	if known && complete && !ignored.policies() {
		b.readPolicies(policies, names, spec.workflow == nil)
	}
}

// order checks which components wait for which.
func (b *specBuilder) order(components any, own []string) {
	waits := map[string][]string{}
	for _, item := range listOf(components) {
		component := objectIn(item)
		name, _ := component["name"].(string)
		at := hclvalue.Key("components", name) + ".dependsOn"
		waits[name] = b.named(component["dependsOn"], own, at)
	}
	// Those that are not known yet have their names all the same.
	var spec v1beta1.ApplicationSpec
	for _, name := range own {
		spec.Components = append(spec.Components, v1beta1.ApplicationComponent{Name: name, DependsOn: waits[name]})
	}
	_, err := policy.Components(spec)
	var circle *policy.InvalidError
	var index int
	if !errors.As(err, &circle) {
		return
	}
	if _, err := fmt.Sscanf(circle.Path, "spec.components[%d].dependsOn", &index); err == nil {
		b.complain(hclvalue.Key("components", own[index])+".dependsOn", definition.NotAllowed, "%s", circle.Message)
	}
}

// named are the names in a list that components have. It complains of the others.
func (b *specBuilder) named(list any, known []string, at string) []string {
	var out []string
	for i, item := range listOf(list) {
		name, ok := item.(string)
		if !ok {
			continue // unknown, or refused already
		}
		if slices.Contains(known, name) {
			out = append(out, name)
			continue
		}
		b.complain(hclvalue.Index(at, i), definition.NotAllowed, "%q is no component of this application%s; use one of: %s",
			name, meant(name, known), strings.Join(known, ", "))
	}
	return out
}

// placed are the policies that will be written, as far as each is known. known says
// whether none is missing.
func (b *specBuilder) placed(spec *applicationSpec) (out []placedPolicy, known bool) {
	known = !notKnown(spec.environments) && !notKnown(spec.policies)
	for _, item := range listOf(spec.environments) {
		// One that is not known as a whole adds no component.
		if fields := objectIn(item); fields != nil {
			name, _ := objectIn(fields["properties"])["environment"].(string)
			out = append(out, placedPolicy{at: hclvalue.Key("environments", name), environment: true, fields: fields})
		}
	}
	for i, item := range listOf(spec.policies) {
		fields := objectIn(item)
		if fields == nil || notKnown(fields["type"]) {
			known = false
			continue
		}
		out = append(out, placedPolicy{at: b.policyPaths[i], fields: fields})
	}
	return out, known
}

// withAdded are the names of components with those that policies add. complete is false
// where a policy may add one whose name is not known yet.
func withAdded(own []string, policies []placedPolicy) (names []string, complete bool) {
	names = slices.Clone(own)
	for _, p := range policies {
		if p.fields["type"] != policy.OverrideType {
			continue
		}
		changes := p.properties()["components"]
		if notKnown(p.fields["properties"]) || notKnown(changes) {
			return nil, false
		}
		for _, item := range listOf(changes) {
			change := objectIn(item)
			if change == nil || notKnown(change["name"]) || notKnown(change["type"]) {
				return nil, false
			}
			name, _ := change["name"].(string)
			if kind, _ := change["type"].(string); kind != "" && !anyName(name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names, true
}

// anyName says that the name in an override stands for several components.
func anyName(name string) bool { return name == "" || strings.Contains(name, "*") }

// readPolicies checks the policies as the addon reads them: first each for itself, so
// that all that is wrong is said at once.
func (b *specBuilder) readPolicies(policies []placedPolicy, names []string, together bool) {
	var right []placedPolicy
	for _, p := range policies {
		before := len(b.findings)
		b.policyNames(p, names)
		kind, _ := p.fields["type"].(string)
		if len(b.findings) > before || !policy.IsBuiltin(kind) || hclvalue.HasUnknownJSON(p.fields) || b.complainedOf(p.at) {
			continue
		}
		if b.read([]placedPolicy{p}, names) {
			right = append(right, p)
		}
	}
	if together {
		b.read(right, names)
	}
}

// policyNames checks the names of components in a policy, as far as they are known.
func (b *specBuilder) policyNames(p placedPolicy, names []string) {
	at := p.at
	if !p.environment {
		at += ".properties"
	}
	kind := p.fields["type"]
	if kind != policy.EnvironmentType && kind != policy.OverrideType && kind != policy.ReplicationType {
		return
	}
	b.named(p.properties()["selector"], names, at+".selector")
	if kind == policy.ReplicationType {
		return
	}
	for i, item := range listOf(p.properties()["components"]) {
		name, _ := objectIn(item)["name"].(string)
		if anyName(name) || slices.Contains(names, name) {
			continue
		}
		if p.environment {
			b.complain(hclvalue.Key(at+".components", name), definition.NotAllowed,
				"is no component of this application%s; use one of: %s; to add one use a policy of type override", meant(name, names), strings.Join(names, ", "))
			continue
		}
		b.complain(hclvalue.Index(at+".components", i)+".name", definition.NotAllowed,
			"%q is no component of this application%s; use one of: %s; to add one here give its type too", name, meant(name, names), strings.Join(names, ", "))
	}
}

// complainedOf says whether a finding is at a path or below it.
func (b *specBuilder) complainedOf(at string) bool {
	return slices.ContainsFunc(b.findings, func(f definition.Finding) bool {
		rest, below := strings.CutPrefix(f.Path, at)
		return below && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// read has the addon's own code read policies that are fully known, and says whether it does.
func (b *specBuilder) read(policies []placedPolicy, names []string) bool {
	var spec v1beta1.ApplicationSpec
	for _, name := range names {
		spec.Components = append(spec.Components, v1beta1.ApplicationComponent{Name: name})
	}
	for _, p := range policies {
		var read v1beta1.AppPolicy
		raw, err := json.Marshal(p.fields)
		if err != nil || json.Unmarshal(raw, &read) != nil {
			return false // the hub says what is wrong with it
		}
		spec.Policies = append(spec.Policies, read)
	}
	found, err := policy.Read(spec, definition.Builtin())
	if err == nil {
		_, err = found.Uses()
	}
	var wrong *policy.InvalidError
	if errors.As(err, &wrong) {
		b.complain(asConfigured(wrong.Path, policies), definition.NotAllowed, "%s", asConfigured(wrong.Message, policies))
	}
	return err == nil
}

// policyPath matches the path of a policy in the form of the API, and that of a component in it.
var policyPath = regexp.MustCompile(`spec\.policies\[(\d+)\](\.properties)?(?:\.components\[(\d+)\])?`)

// asConfigured is a text with the paths of policies as they are in the configuration.
func asConfigured(text string, policies []placedPolicy) string {
	return policyPath.ReplaceAllStringFunc(text, func(path string) string {
		match := policyPath.FindStringSubmatch(path)
		index, err := strconv.Atoi(match[1])
		if err != nil || index >= len(policies) {
			return path
		}
		p := policies[index]
		if !p.environment {
			return p.at + strings.TrimPrefix(path, "spec.policies["+match[1]+"]")
		}
		if match[3] == "" {
			return p.at
		}
		return hclvalue.Key(p.at+".components", p.componentAt(match[3]))
	})
}

// componentAt is the name in the override of that index.
func (p placedPolicy) componentAt(index string) string {
	changes := listOf(p.properties()["components"])
	i, err := strconv.Atoi(index)
	if err != nil || i >= len(changes) {
		return index
	}
	name, _ := objectIn(changes[i])["name"].(string)
	return name
}

// listOf is a list; nil for what is none, or not known yet.
func listOf(v any) []any {
	list, _ := v.([]any)
	return list
}

// objectIn is an object; nil for what is none, or not known yet.
func objectIn(v any) map[string]any {
	fields, _ := v.(map[string]any)
	return fields
}
