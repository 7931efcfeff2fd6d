// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// NotImplemented lists the fields in use that are accepted and have no effect
// in this version: one line each, with path and remedy, in the order of the spec.
func NotImplemented(spec v1beta1.ApplicationSpec) []string {
	var out []string
	for i, c := range spec.Components {
		out = append(out, textsOf(unusedOf(c), i)...)
	}
	if spec.Workflow != nil {
		out = append(out, "spec.workflow: workflows have no effect in this version; remove it, the application is then delivered to all its environments")
	}
	return out
}

// NotRendered are those lines of NotImplemented whose fields change objects, so
// that without them other objects would be rendered.
func NotRendered(spec v1beta1.ApplicationSpec) []string {
	var out []string
	for i, c := range spec.Components {
		changing := slices.DeleteFunc(unusedOf(c), func(f unusedField) bool { return !f.changesObjects })
		out = append(out, textsOf(changing, i)...)
	}
	return out
}

// NotImplementedAnnotations lists the annotations of an application that would
// hold or restart a delivery on the existing OAM controller, and do not here.
func NotImplementedAnnotations(annotations map[string]string) []string {
	var found []string
	for _, name := range []string{
		v1beta1.AnnotationPublishVersion, "app.oam.dev/autoUpdate", "app.oam.dev/pause", "app.oam.dev/reconcile-interval",
		"app.oam.dev/restart-workflow", "app.oam.dev/skip-resume", "app.oam.dev/workflowName",
	} {
		if annotations[name] != "" {
			found = append(found, "metadata.annotations["+name+"]: remove it")
		}
	}
	return found
}

// unusedField is a field of a component that is in use and has no effect.
type unusedField struct {
	name, remedy string
	// changesObjects says that it would have a part in what is rendered.
	changesObjects bool
}

// unusedOf lists the fields of a component.
func unusedOf(c v1beta1.ApplicationComponent) []unusedField {
	var out []unusedField
	add := func(used bool, field unusedField) {
		if used {
			out = append(out, field)
		}
	}
	add(len(c.Inputs) > 0, unusedField{"inputs", "write the value into properties", true})
	add(len(c.Outputs) > 0, unusedField{"outputs", "write the value into the properties that need it", false})
	add(c.ExternalRevision != "", unusedField{"externalRevision", "write what the revision holds into properties", true})
	add(len(c.Scopes) > 0, unusedField{"scopes", "remove it", false})
	add(c.ReplicaKey != "", unusedField{"replicaKey", "use a policy of type \"replication\"", true})
	return out
}

// textsOf are the lines about fields of the component at an index.
func textsOf(fields []unusedField, index int) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = fmt.Sprintf("spec.components[%d].%s: it has no effect in this version; %s", index, f.name, f.remedy)
	}
	return out
}
