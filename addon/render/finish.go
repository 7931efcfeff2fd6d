// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// The values of the label app.oam.dev/resourceType.
const (
	workloadResource = "WORKLOAD"
	traitResource    = "TRAIT"
)

// labelReplicaKey tells the copies apart that the policy replication makes.
const labelReplicaKey = "app.oam.dev/replicaKey"

// finish gives every object its name, namespace and labels, and refuses what
// Kubernetes would refuse later.
func (p *plan) finish(objects []Object) error {
	taken := map[string]string{}
	for i := range objects {
		o := &objects[i]
		s := p.origin(*o)
		if err := p.identify(s, o); err != nil {
			return err
		}
		p.label(o)
		p.refer(s, o, objects[0])
		if err := p.checkSelector(s, *o); err != nil {
			return err
		}
		if other, ok := taken[o.key()]; ok {
			return p.invalidObject(s, o.field(), fmt.Sprintf("is the same %s %q as %s", o.GroupVersionKind().Kind, o.Name(), other))
		}
		taken[o.key()] = o.field()
	}
	return nil
}

// origin is the template that made an object.
func (p *plan) origin(o Object) step {
	for _, s := range p.traits {
		if s.definition.Name == o.Trait {
			return s
		}
	}
	return p.workload
}

// field is the field of the template that made the object.
func (o Object) field() string {
	if o.Resource == "" {
		return outputField
	}
	return outputsField + "." + o.Resource
}

// identify sets name and namespace. A namespace that is not the target is
// refused: an application reaches its own target only. Where the target is not
// known, as in a preview, the namespace stays open.
func (p *plan) identify(s step, o *Object) error {
	gvk := o.GroupVersionKind()
	if gvk.Kind == "" || gvk.Version == "" {
		return p.invalidObject(s, o.field(), "has no apiVersion or no kind")
	}
	metadata := o.metadata()
	if metadata == nil {
		metadata = map[string]any{}
		o.Content["metadata"] = metadata
	}
	if o.Name() == "" {
		metadata["name"] = p.defaultName(*o)
	}
	if problems := nameProblems(gvk.Kind, o.Name()); len(problems) > 0 {
		return p.invalidObject(s, o.field(), fmt.Sprintf("has the name %q: %s", o.Name(), problems[0]))
	}
	if IsClusterScoped(gvk) {
		delete(metadata, "namespace")
		return nil
	}
	if given := o.Namespace(); given != "" && p.context.TargetNamespace != "" && given != p.context.TargetNamespace {
		return p.invalidObject(s, o.field(), fmt.Sprintf("goes to the namespace %q, but this delivery reaches %q only", given, p.context.TargetNamespace))
	}
	if p.context.TargetNamespace != "" {
		metadata["namespace"] = p.context.TargetNamespace
	}
	return nil
}

// nameProblems says what Kubernetes would refuse in a name. Roles may have
// colons; the names of Services are names of hosts.
func nameProblems(kind, name string) []string {
	if kind == "Service" {
		return validation.IsDNS1035Label(name)
	}
	return validation.IsDNS1123Subdomain(strings.ReplaceAll(name, ":", "-"))
}

// defaultName is the component's name for what the component makes, else one
// that is derived from component and trait.
func (p *plan) defaultName(o Object) string {
	if o.Trait == "" {
		return p.component.Name
	}
	hash := digest([]string{p.component.Name, o.Trait, o.Resource})[:10]
	name := p.component.Name + "-" + o.Trait
	if len(name) > maxName-len(hash)-1 {
		name = strings.TrimRight(name[:maxName-len(hash)-1], "-.")
	}
	return name + "-" + hash
}

// label puts on the labels and annotations that the application hands down and
// the labels by which objects are found. The latter win.
func (p *plan) label(o *Object) {
	metadata := o.metadata()
	dropReserved(metadata)
	labels := child(metadata, "labels")
	for k, v := range p.labels {
		labels[k] = v
	}
	labels[v1beta1.LabelAppName] = p.context.AppName
	labels[v1beta1.LabelAppNamespace] = p.context.AppNamespace
	labels[v1beta1.LabelAppComponent] = p.component.Name
	if p.component.Policy {
		labels[v1alpha1.LabelPolicy] = p.component.Name
	}
	if p.context.ReplicaKey != "" {
		labels[v1beta1.LabelReplicaKey] = p.context.ReplicaKey
	}
	if p.context.Environment != "" {
		labels[v1alpha1.LabelEnvironment] = p.context.Environment
	}
	if p.context.ReplicaKey != "" {
		labels[labelReplicaKey] = p.context.ReplicaKey
	}
	labels[v1alpha1.LabelManagedBy] = v1alpha1.LabelManagedByValue
	for k, v := range p.kindLabels(*o) {
		labels[k] = v
	}
	if len(p.notes) == 0 {
		return
	}
	annotations := child(metadata, "annotations")
	for k, v := range p.notes {
		annotations[k] = v
	}
}

// reservedPrefix begins the labels and annotations by which it is told whose an
// object is and what becomes of it.
const reservedPrefix = "fairlead.dev/"

// annotationSharedBy lists the applications that share an object.
const annotationSharedBy = oamPrefix + "shared-by"

// dropReserved takes from an object what a definition or its user may not say of it.
// What they said would be written again whenever the addon puts it right.
func dropReserved(metadata map[string]any) {
	for _, field := range []string{"labels", "annotations"} {
		entries, _ := metadata[field].(map[string]any)
		maps.DeleteFunc(entries, func(key string, _ any) bool {
			return strings.HasPrefix(key, reservedPrefix) || key == annotationSharedBy || key == v1beta1.LabelReplicaKey
		})
	}
}

// kindLabels say what made the object. OAM has none for policies.
func (p *plan) kindLabels(o Object) map[string]string {
	if p.component.Policy {
		return nil
	}
	if o.Resource == "" {
		return map[string]string{v1beta1.LabelResourceType: workloadResource, v1beta1.LabelWorkloadType: p.workload.definition.Name}
	}
	return map[string]string{v1beta1.LabelResourceType: traitResource, v1beta1.LabelTraitType: o.TraitType(), v1beta1.LabelTraitResource: o.Resource}
}

// refer puts a reference to the workload where the definition wants one.
func (p *plan) refer(s step, o *Object, workload Object) {
	path := s.definition.WorkloadRefPath
	if path == "" || o.Trait == "" {
		return
	}
	at := o.Content
	keys := strings.Split(path, ".")
	for _, k := range keys[:len(keys)-1] {
		at = child(at, k)
	}
	at[keys[len(keys)-1]] = map[string]any{
		"apiVersion": workload.Content["apiVersion"], "kind": workload.Content["kind"], "name": workload.Name(),
	}
}

// checkSelector refuses a workload that would not find its own pods: properties
// and traits may change the labels of pods.
func (p *plan) checkSelector(s step, o Object) error {
	selector, _ := lookup(o.Content, "spec", "selector", "matchLabels").(map[string]any)
	labels, ok := lookup(o.Content, "spec", "template", "metadata", "labels").(map[string]any)
	if !ok {
		return nil
	}
	for _, k := range slices.Sorted(maps.Keys(selector)) {
		if labels[k] != selector[k] {
			return p.invalidObject(s, o.field(), fmt.Sprintf("would not find its own pods: its selector needs the label %q on them as it is; a property or trait changes that label", k))
		}
	}
	return nil
}

// child is the object at a key, made where there is none.
func child(parent map[string]any, key string) map[string]any {
	if existing, ok := parent[key].(map[string]any); ok {
		return existing
	}
	made := map[string]any{}
	parent[key] = made
	return made
}

func lookup(value any, keys ...string) any {
	for _, k := range keys {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[k]
	}
	return value
}
