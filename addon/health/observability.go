// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// Finding is one thing that a definition reads of observed objects and that does
// not come back from managed clusters.
type Finding struct {
	// Part of the definition that reads it.
	Part definition.Part
	// Path of what is read, as in the CUE: context.output.status.conditions[*].
	Path string
	// Message says in one line why it does not come back.
	Message string
	// Remedy says in one sentence what to write instead.
	Remedy string
}

// String is the finding in one line.
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s: %s; %s", f.Part, f.Path, f.Message, f.Remedy)
}

// Observability names what of the status of objects the health and status CUE of
// a definition reads and feedback cannot carry, in the order of the parts and
// paths. Other fields than those of the status are not named: what feedback does
// not carry of them is judged as it was delivered.
func Observability(d *definition.Definition) []Finding {
	var out []Finding
	for _, part := range parts {
		out = append(out, findings(d, part)...)
	}
	return out
}

// observables say of each part whether it is observable. A definition keeps its
// own: it is asked for each object on each cluster.
type observables map[definition.Part]bool

// observablesKey is where a definition keeps them.
type observablesKey struct{}

// observable says that the verdict of a part can be made from feedback alone. A
// part that reads the details needs those too.
func observable(d *definition.Definition, part definition.Part) bool {
	kept, _ := d.Facts().Load(observablesKey{})
	if known, ok := kept.(observables); ok {
		return known[part]
	}
	found, lasting := observables{}, true
	for _, each := range parts {
		found[each] = isObservable(d, each)
		lasting = lasting && settled(d, each)
	}
	if lasting {
		d.Facts().Store(observablesKey{}, found)
	}
	return found[part]
}

// settled says that what a part reads is known for good: one that could not be
// looked at now may be another time.
func settled(d *definition.Definition, part definition.Part) bool {
	p := d.Program(part)
	if p == nil {
		return true
	}
	_, err := p.Accesses("context")
	var f *program.Failure
	return !errors.As(err, &f) || !f.Temporary && !f.Ended
}

func isObservable(d *definition.Definition, part definition.Part) bool {
	if len(findings(d, part)) > 0 {
		return false
	}
	reads := slices.ContainsFunc(accesses(d, part), func(a program.Access) bool {
		return len(a.Path) == 0 || a.Path[0].Key == "status" && (len(a.Path) == 1 || a.Path[1].Key == "details")
	})
	return !reads || part == definition.DetailsPart || isObservable(d, definition.DetailsPart)
}

func findings(d *definition.Definition, part definition.Part) []Finding {
	all := accesses(d, part)
	var out []Finding
	for _, a := range all {
		p := problemOf(a, all)
		if p == noProblem {
			continue
		}
		path := program.Access{Path: append([]program.Step{{Key: "context"}}, a.Path...)}
		message, remedy := p.texts()
		out = append(out, Finding{Part: part, Path: path.String(), Message: message, Remedy: remedy})
	}
	return out
}

// problem is why something does not come back.
type problem int

// The problems; the zero value is none.
const (
	noProblem problem = iota
	wholeObject
	wholeValue
	unpicked
	computedKey
	length
	fraction
	badLiteral
	badKey
)

// texts are the message and the remedy of a problem.
func (p problem) texts() (message, remedy string) {
	const pick = "a guard that compares a field of the items with a literal, such as if c.type == \"Ready\""
	switch p {
	case noProblem:
		return "", ""
	case wholeObject:
		return "a whole object does not come back from managed clusters", "read its fields one by one"
	case wholeValue:
		return "a whole list or object does not come back from managed clusters, only texts, integers and bools do", "read its fields one by one, or pick an item of a list by " + pick
	case unpicked:
		return "how many items there are, and which, does not come back from managed clusters", "pick the item by " + pick
	case computedKey:
		return "a field whose key is computed does not come back from managed clusters", "write the key as a constant, or pick an item of a list by " + pick
	case length:
		return "the length of a list does not come back from managed clusters", "read a number that the status gives, or pick an item by " + pick
	case fraction:
		return "a number with a fraction does not come back from managed clusters, only integers do", "compare an integer or a text that the status gives"
	case badLiteral:
		return "this text cannot pick an item on managed clusters: blanks, quotes, brackets and other special characters do not fit a JSONPath", "pick the item by another field"
	case badKey:
		return "this key does not fit a JSONPath: it has blanks, quotes, brackets or other special characters, or is an index above 63", "read another field"
	}
	return "", ""
}

// problemOf is why an access cannot be fed back.
func problemOf(a program.Access, all []program.Access) problem {
	if len(a.Path) == 0 {
		return wholeObject
	}
	n := 1
	switch a.Path[0].Key {
	case "output":
	case "outputs":
		n = 2
	default:
		return noProblem
	}
	if len(a.Path) <= n {
		whole := a.Use == program.Value || a.Use == program.Length && len(a.Path) == n
		return wholeObject.when(whole)
	}
	if first := a.Path[n]; first.Key != "status" && !first.Each {
		return noProblem
	}
	return statusProblem(program.Access{Path: a.Path[n:], Use: a.Use}, viewBelow(all, a.Path[:n]))
}

func (p problem) when(is bool) problem {
	if is {
		return p
	}
	return noProblem
}

// viewBelow is what is read below a path.
func viewBelow(all []program.Access, prefix []program.Step) view {
	var out view
	for _, a := range all {
		if n := len(prefix); len(a.Path) >= n && slices.Equal(a.Path[:n], prefix) {
			out = append(out, program.Access{Path: a.Path[n:], Use: a.Use})
		}
	}
	return out
}

// statusProblem is why a field of the status cannot be fed back.
func statusProblem(a program.Access, v view) problem {
	for i, s := range a.Path {
		if p := stepProblem(s, a.Path[:i+1], v); p != noProblem {
			return p
		}
	}
	last := a.Path[len(a.Path)-1]
	switch {
	case a.Use == program.Fraction:
		return fraction
	case a.Use == program.Length:
		return length
	case a.Use == program.Empty:
		return length.when(len(v.existence(a)) == 0 && !v.indexedBelow(a.Path))
	case last.Field != "" && a.Use == program.Value:
		return wholeValue.when(!isConditions(a.Path))
	case last.Field != "":
		return noProblem
	case a.Use == program.Test:
		return wholeValue.when(len(v.existence(a)) == 0 && !v.deeper(a.Path))
	}
	return wholeValue.when(v.wholly(a))
}

func stepProblem(s program.Step, path []program.Step, v view) problem {
	if s.Each {
		looped := slices.ContainsFunc(v, func(a program.Access) bool {
			return a.Use == program.Loop && slices.Equal(a.Path, path)
		})
		if looped {
			return unpicked
		}
		return computedKey
	}
	if _, ok := pathOf([]program.Step{s}); ok && !isHighIndex(s.Key) {
		return noProblem
	}
	if s.Field != "" {
		return badLiteral
	}
	return badKey
}
