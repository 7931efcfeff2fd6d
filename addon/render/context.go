// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render

import "github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"

// Context is what templates may know of where they are rendered.
type Context struct {
	// AppName is the name of the application.
	AppName string
	// AppNamespace is the hub namespace of the application.
	AppNamespace string
	// TargetNamespace is the namespace that the objects go to.
	TargetNamespace string
	// Environment that the objects are rendered for.
	Environment string
	// Cluster that the objects are rendered for.
	Cluster string
	// AppLabels are the labels of the application. Objects inherit them, see inherited.
	AppLabels map[string]string
	// AppAnnotations are the annotations of the application. Objects inherit them, see inherited.
	AppAnnotations map[string]string
	// AppRevision is the name of the application's revision.
	AppRevision string
	// AppRevisionNum is the number of the application's revision.
	AppRevisionNum int64
	// Revision is the name of the component's revision.
	Revision string
	// Components are the names of all components of the application.
	Components []string
}

// Values is the context as CUE sees it, by the names of OAM, as far as it is read.
func (x Context) Values(c Component, reads *program.Reads) map[string]any {
	out := map[string]any{}
	put := func(name string, value func() any) {
		if below := reads.Get(name); below.Any() {
			out[name] = below.Prune(value())
		}
	}
	for name, s := range map[string]string{
		"name":          c.Name,
		"componentType": c.Type,
		"appName":       x.AppName,
		"namespace":     x.TargetNamespace,
		"cluster":       x.Cluster,
		"appRevision":   x.AppRevision,
		"revision":      x.Revision,
	} {
		put(name, func() any { return s })
	}
	put("appRevisionNum", func() any { return x.AppRevisionNum })
	put("appLabels", func() any { return object(x.AppLabels) })
	put("appAnnotations", func() any { return object(x.AppAnnotations) })
	put("components", x.components)
	return out
}

// components are objects with a name each, as OAM's own list has it.
func (x Context) components() any {
	out := make([]any, len(x.Components))
	for i, name := range x.Components {
		out[i] = map[string]any{"name": name}
	}
	return out
}

func object(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}
