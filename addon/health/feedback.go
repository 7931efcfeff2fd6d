// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// Feedback lists, for each object of a result by its index, the fields that its
// delivery and the judging of its health need: the annotation with the digest
// of what was delivered, for a workload the generations, what the health and
// status CUE of component and traits reads of it, the fields of its kind where
// the built-in health of kinds judges it, and the conditions that explain why
// what runs pods is not well. CUE that reads what feedback cannot carry is not
// judged by feedback and gets nothing.
func Feedback(r *render.Result) map[int][]Path {
	out := make(map[int][]Path, len(r.Objects))
	definitions := append([]*definition.Definition{r.Definition}, r.Traits...)
	for i, o := range r.Objects {
		paths := []Path{{"metadata", "annotations", v1alpha1.AnnotationRevision}}
		if o.Resource == "" {
			paths = append(paths, Path{"metadata", "generation"}, Path{"status", "observedGeneration"})
		}
		for _, d := range definitions {
			paths = append(paths, wanted(d, o)...)
		}
		paths = append(paths, endpointPaths(o)...)
		if !off(r.Objects[0]) {
			paths = append(paths, kindPaths(r, o)...)
			paths = append(paths, reasonPaths(r, o)...)
		}
		out[i] = compact(paths)
	}
	return out
}

// wanted are the fields of an object that a definition reads.
func wanted(d *definition.Definition, o render.Object) []Path {
	var out []Path
	if o.IsSecret() {
		return nil // a value would stand in the status of the work
	}
	for _, part := range parts {
		if !observable(d, part) {
			continue
		}
		for _, p := range viewOf(accesses(d, part), o.Resource).paths() {
			// What was delivered as an object or list cannot come back.
			if delivered, ok := At(o.Content, p); !isFixed(p) && (!ok || isLeaf(delivered)) {
				out = append(out, p)
			}
		}
	}
	return out
}

// isFixed says that a field is on a cluster as it was delivered: it says which object it is.
func isFixed(p Path) bool {
	switch p.JSONPath() {
	case ".apiVersion", ".kind", ".metadata.name", ".metadata.namespace":
		return true
	}
	return false
}

// reasonPaths are the fields that explain why an object that runs pods is not
// well, where CUE judges, which says so and not why.
func reasonPaths(r *render.Result, o render.Object) []Path {
	if explained(r.Definition, o) {
		return kindOf(o).because
	}
	return nil
}

// explained says that the reasons of its kind are told of an object beside what
// the definition's own CUE says.
func explained(d *definition.Definition, o render.Object) bool {
	return d.Kind == definition.Component && o.Trait == "" && d.Program(definition.HealthPart) != nil && kindOf(o).pods
}

// kindPaths are the fields that the built-in health of kinds needs of an object.
func kindPaths(r *render.Result, o render.Object) []Path {
	if o.Trait == "" && judgedByKind(r.Definition, o, true) {
		return kindOf(o).paths
	}
	for _, d := range r.Traits {
		if o.Trait == d.Name && judgedByKind(d, o, true) {
			return kindOf(o).paths
		}
	}
	return nil
}
