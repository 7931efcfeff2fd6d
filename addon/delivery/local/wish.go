// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// wish is an object of a unit as it is to be.
type wish struct {
	unit      delivery.Unit
	object    render.Object
	treatment policy.Treatment
	key       objectKey
	// wanted is the object as it is applied: without the fields that are left to others.
	wanted *unstructured.Unstructured
	// made is the object as it is created: with those of them that it starts with.
	made *unstructured.Unstructured
	// whole is the object with all fields that it has, left to others or not.
	whole *unstructured.Unstructured
	// held are the fields that are left to others.
	held []heldField
	// version identifies what is wanted: the content and how it is treated.
	version string
}

// heldField is a field that is left to others.
type heldField struct {
	policy.HeldField
	path policy.FieldPath
	// name of the field, which stays when the items of lists on its way move.
	name string
	// value that the application has for it.
	value any
	found bool
}

// wishOf is the object of a unit with an index.
func wishOf(unit delivery.Unit, i int) wish {
	object := unit.Result.Objects[i]
	w := wish{unit: unit, object: object, treatment: unit.Treatment(i)}
	content := delivery.WithOwner(delivery.WithRevision(object), unit.Owner)
	if object.GroupVersionKind() == secretKind() {
		content = withoutStringData(content)
	}
	w.held = heldFields(w.treatment.Held, content)
	marks := w.marks(content)
	w.whole = marked(content, marks)
	w.wanted = marked(lessHeld(content, w.held, func(heldField) bool { return true }), marks)
	marks[delivery.AnnotationHeld] = heldMark(w.held, true)
	w.made = marked(lessHeld(content, w.held, func(field heldField) bool { return field.Omit }), marks)
	w.key = objectKey{gvk: object.GroupVersionKind(), key: client.ObjectKeyFromObject(w.wanted)}
	w.version = w.versionOf()
	return w
}

// lessHeld is content less the fields of those that fit.
func lessHeld(content map[string]any, held []heldField, fits func(heldField) bool) map[string]any {
	var paths []policy.FieldPath
	for _, field := range held {
		if fits(field) {
			paths = append(paths, field.path)
		}
	}
	return policy.WithoutAll(content, paths)
}

// heldFields are the fields in the order of their places, each once. What is no
// path was refused with its policy.
func heldFields(held []policy.HeldField, content map[string]any) []heldField {
	fields := make([]heldField, 0, len(held))
	for _, h := range held {
		path, err := policy.ParseFieldPath(h.Path)
		if err != nil {
			continue
		}
		if _, ok := content["data"]; ok && path[0] == "stringData" {
			path[0] = "data"
		}
		path = path.Ownable(content)
		field := heldField{HeldField: h, path: path, name: path.Named(content)}
		field.value, field.found = path.Value(content)
		fields = append(fields, field)
	}
	slices.SortStableFunc(fields, func(a, b heldField) int { return a.path.Compare(b.path) })
	return slices.CompactFunc(fields, func(a, b heldField) bool { return a.name == b.name })
}

// heldMark lists fields that are left to others: all, or those that the object
// does not even start with. It is empty for none.
func heldMark(held []heldField, omitted bool) string {
	listed := map[string]string{}
	for _, field := range held {
		if omitted && !field.Omit {
			continue
		}
		listed[field.name] = field.digest()
	}
	return encodeMark(listed)
}

// digest stands for the value of a field that is written when the application changes it.
func (h heldField) digest() string {
	if !h.Renew {
		return ""
	}
	return digestOf(h.value)
}

// encodeMark is the text of a mark that lists fields.
func encodeMark(listed map[string]string) string {
	if len(listed) == 0 {
		return ""
	}
	text, err := json.Marshal(listed)
	if err != nil {
		return "" // texts always have JSON
	}
	return string(text)
}

// decodeMark is the reverse. What somebody made unreadable lists nothing.
func decodeMark(text string) map[string]string {
	listed := map[string]string{}
	if json.Unmarshal([]byte(text), &listed) != nil {
		return map[string]string{}
	}
	return listed
}

// digestOf stands for a value, which may be a secret.
func digestOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return "unreadable"
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])[:16]
}

// markNames are the annotations that say how an object is treated.
func markNames() []string {
	return []string{
		delivery.AnnotationRemoval, delivery.AnnotationPropagation, delivery.AnnotationHeld, delivery.AnnotationRecreate, delivery.AnnotationDependsOn,
	}
}

// marks of the object; an empty one is left out.
func (w wish) marks(content map[string]any) map[string]string {
	marks := map[string]string{
		delivery.AnnotationPropagation: w.treatment.Propagation,
		delivery.AnnotationHeld:        heldMark(w.held, false),
		delivery.AnnotationDependsOn:   strings.Join(w.unit.Needs, ","),
	}
	if w.treatment.Removal != policy.UsualRemoval(w.object.GroupVersionKind().GroupKind()) {
		marks[delivery.AnnotationRemoval] = w.treatment.Removal
	}
	fields := map[string]string{}
	for _, text := range w.treatment.RecreateFields {
		if path, err := policy.ParseFieldPath(text); err == nil {
			value, _ := path.Value(content)
			fields[text] = digestOf(value)
		}
	}
	marks[delivery.AnnotationRecreate] = encodeMark(fields)
	return marks
}

// marked is content with marks. The content itself stays as it is.
func marked(content map[string]any, marks map[string]string) *unstructured.Unstructured {
	metadata, _ := content["metadata"].(map[string]any)
	given, _ := metadata["annotations"].(map[string]any)
	annotations := maps.Clone(given)
	if annotations == nil {
		annotations = map[string]any{}
	}
	for _, name := range markNames() {
		delete(annotations, name) // ours alone to say
		if marks[name] != "" {
			annotations[name] = marks[name]
		}
	}
	content, metadata = maps.Clone(content), maps.Clone(metadata)
	metadata["annotations"], content["metadata"] = annotations, metadata
	return &unstructured.Unstructured{Object: content}
}

func (w wish) versionOf() string {
	parts := []string{w.revision(), ways(w.treatment)}
	for _, name := range markNames() {
		parts = append(parts, w.wanted.GetAnnotations()[name])
	}
	return strings.Join(parts, " ")
}

// ways stands for what a treatment says that no mark of the object tells. It is
// short, since it is kept for every object.
func ways(t policy.Treatment) string {
	said := 0
	for i, way := range []bool{t.ReadOnly, t.TakeOver, t.Shared, t.Once, t.LeaveDrift, t.Replace} {
		if way {
			said |= 1 << i
		}
	}
	return strconv.Itoa(said)
}

func (w wish) revision() string { return revisionOf(w.wanted) }

// sameMarks says that an object carries the marks that are wanted, and no others.
func (w wish) sameMarks(live *unstructured.Unstructured) bool {
	wanted, found := w.wanted.GetAnnotations(), live.GetAnnotations()
	return !slices.ContainsFunc(markNames(), func(name string) bool { return wanted[name] != found[name] })
}

// listed says that the object has to be listed in the inventory: nothing would
// find one of a kind that is not watched, nor one that another application writes.
func (t *Target) listed(w wish) bool {
	return !w.treatment.ReadOnly && (w.treatment.Shared || !t.watched(w.key.gvk))
}

// ours says that an object carries the UID and the identity of the unit's objects.
func (w wish) ours(live *unstructured.Unstructured) bool {
	return live.GetLabels()[v1alpha1.LabelApplicationUID] == string(w.unit.Owner.UID) && w.identified(live)
}
