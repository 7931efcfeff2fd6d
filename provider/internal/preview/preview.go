// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package preview

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// maxRenders bounds how often an application is rendered to find out whether its
// unknown values decide which objects there are.
const maxRenders = 2000

// Preview is what can be said of an application's objects.
type Preview struct {
	// Unknown says why it is not known which objects there are; empty when it is.
	Unknown string
	// Invalid says that Unknown tells of properties that the addon refuses as well.
	Invalid bool
	// Broken says that all is known, and Unknown tells why it comes to no objects.
	Broken bool
	// objects by key, and the keys of those whose content is known.
	objects map[string][]map[string]any
	certain map[string]bool
	all     []Object
}

// Certain are the objects whose content is known, in the order of environments and components.
func (p Preview) Certain() []Object {
	return slices.DeleteFunc(slices.Clone(p.all), func(o Object) bool { return !p.certain[o.Key()] })
}

// Digests are the digests of all objects by their key: of what is in the object,
// keyed by the salt, so that nobody can guess from a digest what it was made of.
// That of an object whose content is not known yet is empty.
func (p Preview) Digests(salt string) map[string]string {
	out := make(map[string]string, len(p.objects))
	for key, contents := range p.objects {
		out[key] = ""
		if p.certain[key] {
			out[key] = digest(salt, contents)
		}
	}
	return out
}

// digest is the first 12 hex digits of the HMAC-SHA256 of JSON with sorted keys.
func digest(salt string, content any) string {
	raw, err := json.Marshal(content)
	if err != nil {
		return "" // objects come out of JSON
	}
	mac := hmac.New(sha256.New, []byte(salt))
	mac.Write(raw)
	return hex.EncodeToString(mac.Sum(nil))[:12]
}

// Preview says which objects an application becomes. Of a component that takes
// anything unknown no content is known. Which objects there are is known only if
// they are the same whatever the unknown values turn out to be: two that stand
// for any other, none at all, and each that a definition compares with.
func (r *Renderer) Preview(a Application) Preview {
	if len(r.given) > 0 {
		return r.bounded(a)
	}
	return r.preview(a)
}

func (r *Renderer) preview(a Application) Preview {
	tree := a.tree()
	paths := unknown(tree, nil)
	if len(paths) == 0 {
		objects, err := r.objects(tree)
		if err != nil {
			return Preview{Unknown: err.Error(), Invalid: invalid(err), Broken: broken(err)}
		}
		return newPreview(objects, nil)
	}
	var leaves []leaf
	for _, path := range paths {
		l := r.leaf(tree, path)
		if l.structural {
			return Preview{Unknown: fmt.Sprintf("%s is not known yet, and decides which objects there are", place(tree, path))}
		}
		leaves = append(leaves, l)
	}
	return r.search(tree, leaves)
}

// search renders the application with what its unknown values may turn out to be.
func (r *Renderer) search(tree map[string]any, leaves []leaf) Preview {
	var first []Object
	var keys []string
	tried := 0
	for try := range tries(leaves) {
		if tried++; tried > maxRenders {
			return Preview{Unknown: fmt.Sprintf("%d values are not known yet: too many to tell which objects there are", len(leaves))}
		}
		objects, err := r.objects(assign(tree, leaves, try.values))
		if err != nil && try.optional && refused(err) {
			continue
		}
		if err != nil {
			return Preview{Unknown: decisive(tree, leaves, try)}
		}
		if first == nil {
			first, keys = objects, keysOf(objects)
		}
		if !slices.Equal(keys, keysOf(objects)) {
			return Preview{Unknown: decisive(tree, leaves, try)}
		}
	}
	return newPreview(first, leaves)
}

// invalid says that a type does not take properties. The addon passes over parameters that
// a type does not know, where nobody asks it to be strict.
func invalid(err error) bool {
	failure := refusal(err)
	return failure != nil && slices.ContainsFunc(failure.Findings, func(f definition.Finding) bool { return f.Reason != definition.UnknownParameter })
}

// broken says that an application which is fully known makes no objects. A type that is
// not at hand here says nothing of that, nor do parameters that may be passed over.
func broken(err error) bool {
	var failure *render.Error
	var wrong *policy.InvalidError
	if errors.As(err, &wrong) {
		return true
	}
	return errors.As(err, &failure) && failure.Reason != render.ReasonUnknownType && refusal(err) == nil
}

// decisive says which value decides which objects there are, as far as one does.
func decisive(tree map[string]any, leaves []leaf, try try) string {
	var named []string
	for i, l := range leaves {
		if try.leaf < 0 || try.leaf == i {
			named = append(named, place(tree, l.path))
		}
	}
	const most = 3
	if more := len(named) - most; more > 0 {
		named = append(named[:most], fmt.Sprintf("%d more", more))
	}
	if len(named) == 1 {
		return named[0] + " is not known yet, and decides which objects there are"
	}
	return strings.Join(named, ", ") + " are not known yet, and decide which objects there are"
}

// keysOf are the sorted keys of objects, each once.
func keysOf(objects []Object) []string {
	keys := make([]string, len(objects))
	for i, o := range objects {
		keys[i] = o.Key()
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func newPreview(objects []Object, leaves []leaf) Preview {
	p := Preview{objects: map[string][]map[string]any{}, certain: map[string]bool{}, all: objects}
	for _, o := range objects {
		key := o.Key()
		p.objects[key] = append(p.objects[key], o.Content)
		p.certain[key] = !slices.ContainsFunc(leaves, func(l leaf) bool { return l.feeds(o) })
	}
	return p
}

// Keys are the sorted keys of all objects.
func (p Preview) Keys() []string { return slices.Sorted(maps.Keys(p.objects)) }
