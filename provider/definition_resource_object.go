// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"cuelang.org/go/cue/format"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

const (
	// annotationDescription holds the description of a definition.
	annotationDescription = "definition.oam.dev/description"
	// definitionLabelPrefix is put before the labels of a CUE file when it becomes an object.
	definitionLabelPrefix = "custom.definition.oam.dev/"
)

// definition returns what is configured. A CUE file that cannot be read is an error.
func (m *definitionModel) definition(ctx context.Context, diags *diag.Diagnostics) (*definition.Definition, error) {
	if !m.CUE.IsNull() {
		parsed, err := definition.Parse("cue", []byte(m.CUE.ValueString()))
		if err != nil {
			return nil, err
		}
		parsed.Labels = prefixed(parsed.Labels)
		return parsed, nil
	}
	workload := m.Workload.Attributes()
	text := func(name string) string {
		value, ok := workload[name].(types.String)
		if !ok {
			return ""
		}
		return value.ValueString()
	}
	return &definition.Definition{
		Kind:              definition.Kind(m.Kind.ValueString()),
		Name:              m.Name.ValueString(),
		Version:           m.Version.ValueString(),
		Description:       m.Description.ValueString(),
		Labels:            stringMap(ctx, m.Labels, diags),
		Workload:          v1beta1.WorkloadGVK{APIVersion: text("api_version"), Kind: text("kind")},
		WorkloadType:      text("type"),
		AppliesTo:         stringsOf(ctx, m.AppliesTo, diags),
		ConflictsWith:     stringsOf(ctx, m.ConflictsWith, diags),
		Stage:             v1beta1.StageType(m.Stage.ValueString()),
		ManageWorkload:    m.ManageWorkload.ValueBool(),
		PodDisruptive:     m.PodDisruptive.ValueBool(),
		ManageHealthCheck: m.ManageHealthCheck.ValueBool(),
		WorkloadRefPath:   m.WorkloadRefPath.ValueString(),
		Template:          m.Template.ValueString(),
		HealthPolicy:      m.HealthPolicy.ValueString(),
		CustomStatus:      m.CustomStatus.ValueString(),
		Details:           m.Details.ValueString(),
	}, nil
}

// prefixed are the labels of a CUE file as an object has them.
func prefixed(labels map[string]string) map[string]string {
	out := make(map[string]string, len(labels))
	for key, value := range labels {
		if !strings.Contains(key, "/") {
			key = definitionLabelPrefix + key
		}
		out[key] = value
	}
	return out
}

// object makes the object of the hub.
func (m *definitionModel) object(ctx context.Context, diags *diag.Diagnostics) (*unstructured.Unstructured, error) {
	d, err := m.definition(ctx, diags)
	if err != nil {
		return nil, err
	}
	return objectOfDefinition(d, m.Namespace.ValueString())
}

// objectOfDefinition is the object that holds a definition.
func objectOfDefinition(d *definition.Definition, namespace string) (*unstructured.Unstructured, error) {
	spec := map[string]any{}
	if d.Template != "" {
		spec["schematic"] = map[string]any{"cue": map[string]any{"template": d.Template}}
	}
	setUnlessEmpty(spec, "version", d.Version)
	switch d.Kind {
	case definition.Component:
		spec["workload"] = workloadSpec(d)
	case definition.Trait:
		traitSpec(spec, d)
	case definition.Policy:
		setUnlessEmpty(spec, "manageHealthCheck", d.ManageHealthCheck)
	}
	if d.Kind == definition.Component || d.Kind == definition.Trait {
		status := map[string]any{}
		setUnlessEmpty(status, "healthPolicy", d.HealthPolicy)
		setUnlessEmpty(status, "customStatus", d.CustomStatus)
		setUnlessEmpty(status, "details", d.Details)
		if len(status) > 0 {
			spec["status"] = status
		}
	}
	if d.Reference != "" {
		spec["definitionRef"] = map[string]any{"name": d.Reference}
	}
	object := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	object.SetGroupVersionKind(definitionObjectKind(d.Kind))
	object.SetNamespace(namespace)
	object.SetName(d.Name)
	if len(d.Labels) > 0 {
		object.SetLabels(d.Labels)
	}
	annotations := maps.Clone(d.Annotations)
	if d.Description != "" {
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[annotationDescription] = d.Description
	}
	if len(annotations) > 0 {
		object.SetAnnotations(annotations)
	}
	return object, nil
}

// setUnlessEmpty sets a field unless it is empty.
func setUnlessEmpty[T comparable](fields map[string]any, name string, value T) {
	var zero T
	if value != zero {
		fields[name] = value
	}
}

// traitSpec adds what only traits have.
func traitSpec(spec map[string]any, d *definition.Definition) {
	lists := map[string][]string{"appliesToWorkloads": d.AppliesTo, "conflictsWith": d.ConflictsWith}
	for name, list := range lists {
		var items []any
		for _, item := range list {
			items = append(items, item)
		}
		if len(items) > 0 {
			spec[name] = items
		}
	}
	setUnlessEmpty(spec, "stage", string(d.Stage))
	setUnlessEmpty(spec, "podDisruptive", d.PodDisruptive)
	setUnlessEmpty(spec, "manageWorkload", d.ManageWorkload)
	setUnlessEmpty(spec, "controlPlaneOnly", d.ControlPlaneOnly)
	setUnlessEmpty(spec, "workloadRefPath", d.WorkloadRefPath)
}

// workloadSpec is what a component type makes. The API asks for something.
func workloadSpec(d *definition.Definition) map[string]any {
	workload := map[string]any{}
	setUnlessEmpty(workload, "type", d.WorkloadType)
	if d.Workload.Kind != "" {
		workload["definition"] = map[string]any{"apiVersion": d.Workload.APIVersion, "kind": d.Workload.Kind}
	}
	if len(workload) == 0 {
		workload["type"] = definition.AnyWorkload
	}
	return workload
}

// sameDefinition says whether the hub holds what is wanted. The layout of CUE does
// not count, nor do labels and annotations that others have added.
func sameDefinition(wanted, live *unstructured.Unstructured) bool {
	return wanted.GetKind() == live.GetKind() && sameSpec(wanted, live) &&
		contains(live.GetLabels(), wanted.GetLabels()) &&
		contains(live.GetAnnotations(), wanted.GetAnnotations())
}

// sameSpec says whether applications would be made alike by two definitions of a type.
func sameSpec(a, b *unstructured.Unstructured) bool {
	return sameJSON(laidOut(a.Object["spec"]), laidOut(b.Object["spec"]))
}

// contains says whether all has everything of some.
func contains(all, some map[string]string) bool {
	for key, value := range some {
		if all[key] != value {
			return false
		}
	}
	return true
}

// laidOut is a spec with its CUE in the one layout of the formatter.
func laidOut(spec any) any {
	fields, ok := spec.(map[string]any)
	if !ok {
		return spec
	}
	copied := runtime.DeepCopyJSON(fields)
	for _, at := range [][]string{{"schematic", "cue", "template"}, {"status", "healthPolicy"}, {"status", "customStatus"}, {"status", "details"}} {
		source, found, err := unstructured.NestedString(copied, at...)
		if err != nil || !found {
			continue
		}
		formatted, err := format.Source([]byte(source))
		if err != nil {
			continue
		}
		// The path exists, so it can be set.
		_ = unstructured.SetNestedField(copied, strings.TrimSpace(string(formatted)), at...)
	}
	return copied
}

// take puts what the hub holds into the model. What was configured stays where it
// means the same.
func (m *definitionModel) take(ctx context.Context, live *unstructured.Unstructured, defaults map[string]string, diags *diag.Diagnostics) {
	importing := m.ID.IsNull()
	m.ID = types.StringValue(definitionID(m.Kind.ValueString(), live.GetNamespace(), live.GetName()))
	if importing {
		m.Wait, m.AdoptExisting = types.BoolValue(true), types.BoolValue(false)
	}
	if !importing {
		wanted, err := m.object(ctx, diags)
		if err == nil && sameDefinition(wanted, live) {
			return
		}
	}
	if importing || !m.CUE.IsNull() {
		m.CUE = types.StringValue(cueOf(live, defaults))
		return
	}
	m.takeAttributes(live)
}

// cueOf is the object as a CUE file. What cannot be read as CUE is shown as it is.
func cueOf(live *unstructured.Unstructured, defaults map[string]string) string {
	stripped := live.DeepCopy()
	labels := stripped.GetLabels()
	for key, value := range defaults {
		if labels[key] == value {
			delete(labels, key)
		}
	}
	stripped.SetLabels(labels)
	read, err := definition.FromObject(stripped.Object)
	if err == nil {
		var text string
		if text, err = read.CUE(); err == nil {
			return text
		}
	}
	template, _, _ := unstructured.NestedString(live.Object, "spec", "schematic", "cue", "template")
	return fmt.Sprintf("// The hub holds what cannot be read: %s\n%s", strings.ReplaceAll(err.Error(), "\n", " "), template)
}

// takeAttributes puts what the hub holds into the single attributes.
func (m *definitionModel) takeAttributes(live *unstructured.Unstructured) {
	text := func(at ...string) types.String {
		value, _, _ := unstructured.NestedString(live.Object, append([]string{"spec"}, at...)...)
		return stringOrNull(value)
	}
	flag := func(prior types.Bool, name string) types.Bool {
		value, _, _ := unstructured.NestedBool(live.Object, "spec", name)
		if !value && prior.IsNull() {
			return prior
		}
		return types.BoolValue(value)
	}
	list := func(prior types.List, name string) types.List {
		value, _, _ := unstructured.NestedStringSlice(live.Object, "spec", name)
		return keepList(value, prior)
	}
	labels := map[string]string{}
	for key := range m.Labels.Elements() {
		if value, ok := live.GetLabels()[key]; ok {
			labels[key] = value
		}
	}
	m.Labels = keepMap(labels, m.Labels)
	m.Description = stringOrNull(live.GetAnnotations()[annotationDescription])
	m.Version = text("version")
	m.Workload = workloadOfSpec(text("workload", "type"), text("workload", "definition", "apiVersion"), text("workload", "definition", "kind"))
	m.AppliesTo = list(m.AppliesTo, "appliesToWorkloads")
	m.ConflictsWith = list(m.ConflictsWith, "conflictsWith")
	m.Stage = text("stage")
	m.PodDisruptive = flag(m.PodDisruptive, "podDisruptive")
	m.ManageWorkload = flag(m.ManageWorkload, "manageWorkload")
	m.ManageHealthCheck = flag(m.ManageHealthCheck, "manageHealthCheck")
	m.WorkloadRefPath = text("workloadRefPath")
	m.Template = text("schematic", "cue", "template")
	m.HealthPolicy = text("status", "healthPolicy")
	m.CustomStatus = text("status", "customStatus")
	m.Details = text("status", "details")
}

// workloadOfSpec is the attribute workload, null where nothing is said of it.
func workloadOfSpec(kind, apiVersion, workloadKind types.String) types.Object {
	if kind.ValueString() == definition.AnyWorkload {
		kind = types.StringNull()
	}
	if kind.IsNull() && workloadKind.IsNull() {
		return types.ObjectNull(workloadTypes())
	}
	return types.ObjectValueMust(workloadTypes(), map[string]attr.Value{"type": kind, "api_version": apiVersion, "kind": workloadKind})
}

// definitionID is the id of a definition.
func definitionID(kind, namespace, name string) string {
	return strings.Join([]string{kind, namespace, name}, "/")
}
