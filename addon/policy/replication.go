// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Replication is what a policy of type replication says: each of the selected
// components is delivered once for each key.
type Replication struct {
	// Keys of the copies.
	Keys []string
	// Selector are the names of the components.
	Selector []string
}

func readReplication(v values) *Replication {
	return &Replication{Keys: v.texts("keys"), Selector: v.texts("selector")}
}

// check refuses what would deliver nothing, and keys that are no value of a label.
func (r *Replication) check(at string) error {
	if len(r.Keys) == 0 {
		return &InvalidError{Path: at + ".keys", Message: "at least one key is wanted here; without any the components would be delivered nowhere"}
	}
	if len(r.Selector) == 0 {
		return &InvalidError{Path: at + ".selector", Message: "the names of the components to copy are wanted here; set it"}
	}
	for i, key := range r.Keys {
		path := fmt.Sprintf("%s.keys[%d]", at, i)
		if problems := validation.IsDNS1123Label(key); len(problems) > 0 {
			return &InvalidError{Path: path, Message: "the key becomes part of names and a label, so " + problems[0] + "; change it"}
		}
		if slices.Contains(r.Keys[:i], key) {
			return &InvalidError{Path: path, Message: "the key is there twice; give each copy its own"}
		}
	}
	return nil
}

// replicate notes the keys at the components that are selected.
func (r Replication) replicate(components []UsedComponent) {
	for i, c := range components {
		if !slices.Contains(r.Selector, c.Name) {
			continue
		}
		keys := slices.Clone(c.ReplicaKeys)
		for _, key := range r.Keys {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
		components[i].ReplicaKeys = keys
	}
}
