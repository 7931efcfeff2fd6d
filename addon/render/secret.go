// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"maps"
	"slices"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// maxSearch bounds how deep references are looked for: objects are not nested deeper.
const maxSearch = 64

// SecretsReferred are the names of the Secrets that the objects refer to in the
// ways of pods and ingresses, sorted: secretKeyRef and the like, volumes, image
// pull secrets, certificates.
func (r *Result) SecretsReferred() []string {
	found := map[string]bool{}
	for _, object := range r.Objects {
		searchSecrets(object.Content, found, 0)
	}
	return slices.Sorted(maps.Keys(found))
}

func searchSecrets(v any, found map[string]bool, depth int) {
	if depth > maxSearch {
		return
	}
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			searchSecrets(element, found, depth+1)
		}
	case map[string]any:
		for key, element := range v {
			noteSecret(key, element, found)
			searchSecrets(element, found, depth+1)
		}
	}
}

// noteSecret notes the names that a field holds.
func noteSecret(key string, v any, found map[string]bool) {
	note := func(name any) {
		if text(name) != "" {
			found[text(name)] = true
		}
	}
	fields, _ := v.(map[string]any)
	switch {
	case key == "secretName":
		note(v)
	case key == "secret" || key == "secretKeyRef" || strings.HasSuffix(key, "ecretRef"):
		note(fields["name"])
	case key == "imagePullSecrets":
		items, _ := v.([]any)
		for _, item := range items {
			entry, _ := item.(map[string]any)
			note(entry["name"])
		}
	}
}

// WithSecret is the result with a Secret beside its objects, under a name: the
// content of one that was read, in the place of the result and labelled as the
// others are. It goes before what refers to it.
func (r *Result) WithSecret(name string, read map[string]any) *Result {
	content := portable(read)
	metadata, _ := content["metadata"].(map[string]any)
	metadata["name"], metadata["namespace"] = name, r.Context.TargetNamespace
	object := Object{Content: content, Resource: secretResource(name)}
	if slices.ContainsFunc(r.Objects, func(o Object) bool { return o.Stage == v1beta1.PreDispatch }) {
		object.Stage = v1beta1.PreDispatch
	}
	p := &plan{context: r.Context, component: r.Component}
	p.labels, p.notes = inherited(r.Context)
	if r.Component.Policy {
		p.labels, p.notes = map[string]string{}, healthNotes(r.Context)
	}
	p.label(&object)
	out := *r
	out.Secret = true
	out.Objects = append(slices.Clone(r.Objects), object)
	out.Digest = digest([]string{r.Digest, object.Digest()})
	return &out
}

// secretResource is the name of the output that a Secret counts as: a value of a
// label, and none that a template gives.
func secretResource(name string) string {
	resource := "secret." + name
	if len(resource) <= maxName {
		return resource
	}
	hash := digest(name)[:10]
	return strings.TrimRight(resource[:maxName-len(hash)-1], "-.") + "-" + hash
}
