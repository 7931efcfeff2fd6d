// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// field of an object as JSON reads it; nil when there is none.
func field(object any, path ...string) any {
	for _, key := range path {
		fields, ok := object.(map[string]any)
		if !ok {
			return nil
		}
		object = fields[key]
	}
	return object
}

func nameOf(object map[string]any) string {
	name, _ := field(object, "metadata", "name").(string)
	return name
}

// isOurs says that a CRD carries the label of the addon's CRDs.
func isOurs(crd map[string]any) bool {
	return field(crd, "metadata", "labels", v1alpha1.LabelManagedBy) == v1alpha1.LabelManagedByValue
}

// notTrue is the message of a condition of a CRD that is not True; false when it is.
func notTrue(crd map[string]any, kind string) (string, bool) {
	conditions, _ := field(crd, "status", "conditions").([]any)
	for _, condition := range conditions {
		if field(condition, "type") != kind {
			continue
		}
		message, _ := field(condition, "message").(string)
		return message, field(condition, "status") != "True"
	}
	return "it has no condition " + kind, true
}

// difference is where a CRD of the hub differs from the one that is needed.
type difference struct {
	// lacks are fields of the API that the hub does not know, and drops.
	lacks []string
	// more are fields that the one that is needed does not have.
	more []string
	// differs are other places.
	differs []string
}

func (d *difference) isNone() bool { return len(d.lacks)+len(d.more)+len(d.differs) == 0 }

// String names the first place of each kind.
func (d *difference) String() string {
	var texts []string
	for _, part := range []struct {
		what  string
		paths []string
	}{{"lacks", d.lacks}, {"has beside it", d.more}, {"differs in", d.differs}} {
		if n := len(part.paths); n > 0 {
			text := part.what + " " + part.paths[0]
			if n > 1 {
				text += fmt.Sprintf(" and %d more", n-1)
			}
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "; ")
}

// compareCRDs compares the versions of a CRD, which are what an API server
// serves. What it fills in by itself counts as equal.
func compareCRDs(wanted, live map[string]any) *difference {
	found := &difference{}
	found.compare("", versionsOf(wanted), versionsOf(live))
	for _, paths := range []*[]string{&found.lacks, &found.more, &found.differs} {
		slices.Sort(*paths)
	}
	return found
}

// versionsOf are the versions of a CRD by their names.
func versionsOf(crd map[string]any) map[string]any {
	versions := map[string]any{}
	list, _ := field(crd, "spec", "versions").([]any)
	for _, version := range list {
		if name, ok := field(version, "name").(string); ok {
			versions[name] = version
		}
	}
	return versions
}

func (d *difference) compare(path string, wanted, live any) {
	want, isMap := wanted.(map[string]any)
	have, alsoMap := live.(map[string]any)
	if !isMap || !alsoMap {
		if equal := reflect.DeepEqual(wanted, live) || isZero(wanted) && isZero(live); !equal {
			d.differs = append(d.differs, short(path))
		}
		return
	}
	// The keys of properties are names of fields, and at the top those of versions.
	names := path == "" || strings.HasSuffix(path, ".properties")
	for key := range maps.Keys(merged(want, have)) {
		d.entry(names, path, key, want, have)
	}
}

func (d *difference) entry(names bool, path, key string, want, have map[string]any) {
	at := strings.TrimPrefix(path+"."+key, ".")
	w, wanted := want[key]
	h, had := have[key]
	switch {
	case !names && (key == "description" || !wanted && isZero(h) || !had && isZero(w)):
		// Texts say nothing of what the hub accepts, and a zero is what lacks.
	case wanted && had:
		d.compare(at, w, h)
	case names && wanted:
		d.lacks = append(d.lacks, short(at))
	case names:
		d.more = append(d.more, short(at))
	default:
		d.differs = append(d.differs, short(at))
	}
}

func merged(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, b)
	return all
}

// short is a path through a schema as people write it.
func short(path string) string {
	return strings.NewReplacer(".schema.openAPIV3Schema", "", ".properties", "", ".items", "[]").Replace(path)
}

func isZero(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case bool:
		return !value
	case string:
		return value == ""
	case float64:
		return value == 0
	case []any:
		return len(value) == 0
	case map[string]any:
		for _, inner := range value {
			if !isZero(inner) {
				return false
			}
		}
		return true
	}
	return false
}
