// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// The types of policies whose meaning is part of the product.
const (
	// EnvironmentType names an environment that the application goes to.
	EnvironmentType = "environment"
	// TopologyType says to which clusters the application goes.
	TopologyType = "topology"
	// OverrideType changes components.
	OverrideType = "override"
	// ReplicationType delivers components several times.
	ReplicationType = "replication"
	// GarbageCollectType says when objects are removed.
	GarbageCollectType = "garbage-collect"
	// ApplyOnceType leaves the changes of others alone.
	ApplyOnceType = "apply-once"
	// SharedResourceType lets applications have the same objects.
	SharedResourceType = "shared-resource"
	// TakeOverType takes over objects that belong to nobody.
	TakeOverType = "take-over"
	// ReadOnlyType never writes objects.
	ReadOnlyType = "read-only"
	// ResourceUpdateType says how objects are updated.
	ResourceUpdateType = "resource-update"
)

// Policy is one policy of an application. The field after its type is set; for a
// type that a PolicyDefinition of the platform team defines that is Objects.
type Policy struct {
	// Name of the policy; it may be empty.
	Name string
	// Type of the policy.
	Type string
	// Path of the policy, such as spec.policies[0].
	Path string

	Environment    *Environment
	Topology       *Topology
	Override       *Override
	Replication    *Replication
	GarbageCollect *GarbageCollect
	ApplyOnce      *ApplyOnce
	SharedResource *ResourceRules
	TakeOver       *ResourceRules
	ReadOnly       *ResourceRules
	ResourceUpdate *ResourceUpdate
	// Objects is the policy as what makes objects.
	Objects *render.Component
}

// Policies are the policies of an application, read and checked.
type Policies struct {
	// All policies in the order of the spec.
	All  []Policy
	spec v1beta1.ApplicationSpec
}

// Read reads and checks the policies of an application. library knows the types
// that are not part of the product. The error is an *InvalidError or a *TooLargeError.
func Read(spec v1beta1.ApplicationSpec, library *definition.Library) (*Policies, error) {
	p := &Policies{spec: spec}
	for i, raw := range spec.Policies {
		read, err := readPolicy(raw, fmt.Sprintf("spec.policies[%d]", i), library)
		if err != nil {
			return nil, err
		}
		p.All = append(p.All, read)
	}
	return p, p.checkNames()
}

func readPolicy(raw v1beta1.AppPolicy, path string, library *definition.Library) (Policy, error) {
	p := Policy{Name: raw.Name, Type: raw.Type, Path: path}
	at := path + ".properties"
	properties, err := decode(raw.Properties, at)
	if err != nil {
		return p, err
	}
	found, err := lookup(raw.Type, library)
	if err != nil {
		return p, &InvalidError{Path: path + ".type", Message: err.Error()}
	}
	if !IsBuiltin(raw.Type) {
		// Its properties are checked with those of the components, when it is known how strictly.
		p.Objects = &render.Component{Policy: true, Name: raw.Name, Type: raw.Type, Properties: properties, Path: path}
		return p, p.checkName()
	}
	if findings := found.Validate(properties, at); len(findings) > 0 {
		return p, invalid(findings)
	}
	return p, p.read(values(properties), at)
}

// lookup prefers the product's own definition: what its policies mean is fixed
// in code, so that nobody else can say which parameters they take.
func lookup(name string, library *definition.Library) (*definition.Definition, error) {
	if IsBuiltin(name) {
		library = definition.Builtin()
	}
	return library.Lookup(definition.Policy, name)
}

// IsBuiltin says that policies of a type mean what the product says, whatever
// definition of that name there is.
func IsBuiltin(kind string) bool {
	return slices.Contains(definition.Builtin().Names(definition.Policy), kind)
}

// checkName refuses a policy that makes objects and has no name for them.
func (p Policy) checkName() error {
	if p.Name != "" {
		return nil
	}
	return &InvalidError{Path: p.Path + ".name", Message: fmt.Sprintf("a policy of type %q needs a name, which its objects get; set it", p.Type)}
}

// Objects are the policies that make objects, in the order of the spec.
func (p *Policies) Objects() []render.Component {
	var out []render.Component
	for _, policy := range p.All {
		if policy.Objects != nil {
			out = append(out, *policy.Objects)
		}
	}
	return out
}

// invalid is one error that holds all findings.
func invalid(findings []definition.Finding) error {
	others := make([]string, 0, len(findings))
	for _, f := range findings[1:] {
		others = append(others, "; "+f.String())
	}
	return &InvalidError{Path: findings[0].Path, Message: findings[0].Message + strings.Join(others, "")}
}

// read takes what the type means out of properties that fit its definition.
func (p *Policy) read(v values, at string) error {
	switch p.Type {
	case EnvironmentType:
		p.Environment = readEnvironment(v, at)
		return p.Environment.check(at)
	case TopologyType:
		p.Topology = readTopology(v)
	case OverrideType:
		p.Override = readOverride(v, at)
	case ReplicationType:
		p.Replication = readReplication(v)
		return p.Replication.check(at)
	case GarbageCollectType:
		p.GarbageCollect = readGarbageCollect(v)
	case ApplyOnceType:
		p.ApplyOnce = readApplyOnce(v)
		return p.ApplyOnce.check(at)
	case SharedResourceType:
		p.SharedResource = readResourceRules(v)
	case TakeOverType:
		p.TakeOver = readResourceRules(v)
	case ReadOnlyType:
		p.ReadOnly = readResourceRules(v)
	case ResourceUpdateType:
		p.ResourceUpdate = readResourceUpdate(v)
		return p.ResourceUpdate.check(at)
	}
	return nil
}

// values are properties that fit a definition, so that reading them cannot
// fail: what is absent or null reads as nothing.
type values map[string]any

func (v values) text(name string) string {
	text, _ := v[name].(string)
	return text
}

func (v values) flag(name string) bool {
	flag, _ := v[name].(bool)
	return flag
}

func (v values) object(name string) map[string]any {
	object, _ := v[name].(map[string]any)
	return object
}

// texts is nil when there is no such list, and empty for an empty one.
func (v values) texts(name string) []string {
	items, given := v[name].([]any)
	if !given {
		return nil
	}
	out := make([]string, 0, len(items))
	for _, item := range items {
		text, _ := item.(string)
		out = append(out, text)
	}
	return out
}

// mapping is nil when there is no such object, and empty for an empty one.
func (v values) mapping(name string) map[string]string {
	object := v.object(name)
	if object == nil {
		return nil
	}
	out := make(map[string]string, len(object))
	for key, item := range object {
		out[key], _ = item.(string)
	}
	return out
}

func (v values) list(name string) []values {
	items, _ := v[name].([]any)
	out := make([]values, 0, len(items))
	for _, item := range items {
		object, _ := item.(map[string]any)
		out = append(out, object)
	}
	return out
}
