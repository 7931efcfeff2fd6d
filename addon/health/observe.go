// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"slices"
	"strconv"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// parts are the pieces of CUE that look at observed objects, in the order in
// which they are evaluated.
var parts = [...]definition.Part{definition.DetailsPart, definition.HealthPart, definition.StatusPart}

// conditionFields are the fields of a condition. A loop that uses a whole
// condition gets these of it, since feedback carries no objects.
var conditionFields = [...]string{"type", "status", "reason", "message", "lastTransitionTime", "observedGeneration"}

// conditions is the name that lists of conditions have throughout Kubernetes.
const conditions = "conditions"

// witnesses are fields of which at least one is there in every item of a list:
// they show that the list has an item.
func witnesses(list string) []string {
	switch list {
	case conditions:
		return []string{"type"}
	case "ingress":
		return []string{"ip", "hostname"}
	case "containerStatuses", "initContainerStatuses", "listeners", "ports", "images":
		return []string{"name"}
	case "addresses":
		return []string{"value"}
	}
	return nil
}

// isStructure says that a field is an object or a list throughout Kubernetes.
func isStructure(rest []program.Step) bool {
	last := rest[len(rest)-1].Key
	if len(rest) == 1 {
		return last == "status" || last == "spec" || last == "metadata"
	}
	return witnesses(last) != nil || last == "labels" || last == "annotations" || last == "loadBalancer"
}

// view is what CUE reads of one object, by the paths below it.
type view []program.Access

// accesses are what a part of a definition reads of the context. CUE that does
// not parse reads nothing; judging reports it.
func accesses(d *definition.Definition, part definition.Part) []program.Access {
	p := d.Program(part)
	if p == nil {
		return nil
	}
	found, err := p.Accesses("context")
	if err != nil {
		return nil
	}
	return found
}

// viewOf is what is read of the workload, or with the name of a resource of that object.
func viewOf(all []program.Access, resource string) view {
	var out view
	for _, a := range all {
		rest, ok := below(a.Path, resource)
		if ok {
			out = append(out, program.Access{Path: rest, Use: a.Use})
		}
	}
	return out
}

// below is a path as seen from the workload or another object. What a computed
// name or a loop reads of the other objects it may read of each of them.
func below(path []program.Step, resource string) ([]program.Step, bool) {
	if len(path) == 0 {
		return nil, false
	}
	if resource == "" {
		return path[1:], path[0].Key == "output"
	}
	if path[0].Key != "outputs" || len(path) < 2 {
		return nil, false
	}
	name := path[1]
	return path[2:], name.Key == resource || name.Each || name.Field != ""
}

// deeper says that something is read below a path.
func (v view) deeper(path []program.Step) bool {
	return slices.ContainsFunc(v, func(a program.Access) bool {
		return len(a.Path) > len(path) && slices.Equal(a.Path[:len(path)], path)
	})
}

// pickedFrom is what is read of the items that literals pick from the list with a path.
func (v view) pickedFrom(list []program.Step) []program.Access {
	var out []program.Access
	for _, a := range v {
		if n := len(list); len(a.Path) > n && slices.Equal(a.Path[:n], list) && a.Path[n].Field != "" {
			out = append(out, a)
		}
	}
	return out
}

// picks are the fields that pick items of the list with a path.
func (v view) picks(list []program.Step) []string {
	var out []string
	for _, a := range v.pickedFrom(list) {
		out = append(out, a.Path[len(list)].Field)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// wholly says that an access uses a whole list or object.
func (v view) wholly(a program.Access) bool {
	return a.Use == program.Value && a.Path[len(a.Path)-1].Field == "" && (v.deeper(a.Path) || isStructure(a.Path))
}

// paths are the fields of an object that feedback is asked for.
func (v view) paths() []Path {
	var out []Path
	for _, a := range v {
		out = append(append(out, v.fields(a)...), v.indexed(a)...)
		for n, s := range a.Path {
			// A loop over a list yields nothing when a literal picks no item, but
			// fails without the list.
			if s.Field != "" {
				out = appendPath(out, a.Path[:n], anyItem, s.Field)
			}
		}
	}
	return out
}

// appendPath adds the path of keys below steps, if feedback can express it.
func appendPath(out []Path, steps []program.Step, keys ...string) []Path {
	p, ok := pathOf(steps)
	if p = append(p, keys...); !ok || !writable(p) {
		return out
	}
	return append(out, p)
}

// fields are the fields that an access needs.
func (v view) fields(a program.Access) []Path {
	if len(a.Path) == 0 {
		return nil
	}
	last := a.Path[len(a.Path)-1]
	switch {
	case a.Use == program.Loop || a.Use == program.Length || v.wholly(a):
		return nil
	case last.Field != "" && a.Use == program.Test:
		return appendPath(nil, a.Path, last.Field)
	case last.Field != "":
		return v.item(a.Path)
	case a.Use == program.Test || a.Use == program.Empty:
		return v.existence(a)
	}
	return appendPath(nil, a.Path)
}

// item are the fields of a whole picked item, as far as they are known.
func (v view) item(path []program.Step) []Path {
	if !isConditions(path) {
		return nil
	}
	var out []Path
	for _, field := range conditionFields {
		out = appendPath(out, path, field)
	}
	return out
}

// isConditions says that a path picks a condition.
func isConditions(path []program.Step) bool {
	return len(path) > 1 && path[len(path)-2].Key == conditions && path[len(path)-1].Field == "type"
}

// existence are the fields that show that a value is there, or that a list has an item.
func (v view) existence(a program.Access) []Path {
	last := a.Path[len(a.Path)-1].Key
	var out []Path
	if len(a.Path) == 1 && last == "status" {
		out = appendPath(appendPath(out, a.Path, "observedGeneration"), a.Path, "phase")
		return appendPath(out, a.Path, conditions, anyItem, "type")
	}
	item := anyItem
	if a.Use == program.Empty {
		item = "0"
	}
	for _, field := range append(v.picks(a.Path), witnesses(last)...) {
		out = appendPath(out, a.Path, item, field)
	}
	if len(out) > 0 || v.deeper(a.Path) || isStructure(a.Path) || a.Use == program.Empty {
		return out
	}
	return appendPath(nil, a.Path)
}

// indexed are the fields that make items whole that are read by their index, of
// a list that literals pick from as well: a loop over the list fails at an item
// without the fields that its guards read.
func (v view) indexed(a program.Access) []Path {
	var out []Path
	for n := range len(a.Path) + 1 {
		last, ok := 0, n == len(a.Path) && a.Use == program.Empty
		if n < len(a.Path) {
			last, ok = index(a.Path[n].Key)
		}
		if !ok {
			continue
		}
		for _, b := range v.pickedFrom(a.Path[:n]) {
			for i := range last + 1 {
				steps := append(with(a.Path[:n], strconv.Itoa(i)), b.Path[n+1:]...)
				out = append(out, v.fields(program.Access{Path: steps, Use: b.Use})...)
			}
		}
	}
	return out
}

// indexedBelow says that an item of the list with a path is read by its index.
func (v view) indexedBelow(list []program.Step) bool {
	return slices.ContainsFunc(v, func(a program.Access) bool {
		if n := len(list); len(a.Path) > n && slices.Equal(a.Path[:n], list) {
			_, ok := index(a.Path[n].Key)
			return ok
		}
		return false
	})
}

// isHighIndex says that a key is an index that no path can carry.
func isHighIndex(key string) bool {
	n, err := strconv.Atoi(key)
	return err == nil && (n > maxIndex || n < 0)
}

func with(path []program.Step, keys ...string) []program.Step {
	out := slices.Clone(path)
	for _, k := range keys {
		out = append(out, program.Step{Key: k})
	}
	return out
}
