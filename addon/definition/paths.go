// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"maps"
	"slices"
)

// ParameterPaths are the paths of all parameters with a name, sorted, such as
// ports[].name. Of a choice between structs it has the fields of all.
func (d *Definition) ParameterPaths() []string {
	paths := map[string]bool{}
	d.parameters().paths("", paths)
	return slices.Sorted(maps.Keys(paths))
}

func (s *schema) paths(at string, into map[string]bool) {
	for _, a := range s.alternatives {
		a.paths(at, into)
	}
	for name, field := range s.fields {
		path := name
		if at != "" {
			path = at + "." + name
		}
		into[path] = true
		field.paths(path, into)
	}
	if s.items != nil && at != "" {
		s.items.paths(at+"[]", into)
	}
}
