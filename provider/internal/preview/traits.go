// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package preview

import (
	"maps"
	"slices"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
)

// traitsOf reads what an environment's defaults say of traits: an object keyed
// by type, or a list of { type, properties }.
func traitsOf(v any) []policy.TraitOverride {
	var out []policy.TraitOverride
	switch traits := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(traits)) {
			properties := objectOf(traits[name])
			disable := len(properties) == 1 && properties["disable"] == true
			if disable {
				properties = nil
			}
			out = append(out, policy.TraitOverride{Type: name, Properties: properties, Disable: disable})
		}
	case []any:
		for _, item := range traits {
			fields := objectOf(item)
			out = append(out, policy.TraitOverride{Type: textOf(fields["type"]), Properties: objectOf(fields["properties"]), Disable: fields["disable"] == true})
		}
	}
	return out
}
