// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// keepManager begins the field managers that hold fields that works let go of.
const keepManager = "work-agent-keep"

// handover is a field that a work has and is to let go of. Who drops a field that
// nobody else manages removes it from the object, so that a work of another
// field manager takes it first. That work goes when the first one has let go; the
// object keeps the field and its manager.
type handover struct {
	object render.Object
	path   policy.FieldPath
	text   string
	mark   string
	value  any
}

func (h handover) index() string {
	id := identify(h.object.Content)
	return "keep-" + shortHash(manifestKey("", id), h.text)
}

func shortHash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])[:hashLength]
}

// mark is how a held field is noted on its object.
func mark(field policy.HeldField, value any, found bool) string {
	if !field.Renew || !found {
		return field.Path
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return field.Path // what has no JSON was never rendered
	}
	return field.Path + "@" + shortHash(string(raw))
}

// withheld is an object as it is to be written while fields of it are held, and
// the fields that are still to be handed over.
func (t *Target) withheld(ctx context.Context, object render.Object, fields []policy.HeldField, works map[string]*workv1.ManifestWork) (render.Object, []handover, error) {
	id := identify(object.Content)
	work := holding(works, id)
	content := object.Content
	var marks []string
	var pending []handover
	for _, field := range fields {
		h, at, err := t.standing(ctx, object, field, work)
		if err != nil {
			return object, nil, fmt.Errorf("field of %s that is left to others: %w", describe(object.Content), err)
		}
		switch at {
		case isLet:
			content, marks = h.path.Without(content), append(marks, h.mark)
		case isPending:
			content, _ = h.path.Set(content, h.value)
			pending = append(pending, h)
		}
	}
	object.Content = noteHeld(content, marks)
	for i := range pending {
		pending[i].object = object
	}
	return object, pending, nil
}

// standing is how far the hand-over of a field has come.
type standing int

const (
	isWritten standing = iota // with the object, as it starts or is to change
	isPending                 // handed over as soon as the cluster has the object
	isLet                     // left to others
)

// standing is how far the hand-over of a field has come, by what is noted on the
// object in its work.
func (t *Target) standing(ctx context.Context, object render.Object, field policy.HeldField, work *workv1.ManifestWork) (handover, standing, error) {
	path, err := policy.ParseFieldPath(field.Path)
	if err != nil {
		return handover{}, isWritten, err
	}
	id := identify(object.Content)
	path = ownable(object.Content, path)
	value, found := path.Value(object.Content)
	h := handover{path: path, text: field.Path, mark: mark(field, value, found), value: value}
	if phases(work)[id] == phaseObserve {
		return h, standingOf(field, found, findByID(work, id)), nil
	}
	before := strings.Split(noteOf(work, id, delivery.AnnotationHeld), ",")
	if slices.Contains(before, h.mark) {
		if field.Omit || !isMissing(work, id) {
			return h, isLet, nil
		}
		return h, isWritten, nil // the object is made again as it was made at first
	}
	switch {
	case work == nil && field.Omit:
		return h, isLet, nil
	case work == nil || hasPath(before, field.Path) && found:
		return h, isWritten, nil
	case found:
		return h, isPending, nil
	}
	if h.value, found, err = t.written(ctx, work, id, path); err != nil || !found {
		return h, isLet, err
	}
	return h, isPending, nil
}

// heldPath tells which fields of an object were let go of.
var heldPath = health.Path{"metadata", "annotations", delivery.AnnotationHeld}

// standingOf is how far the hand-over of a field has come of an object that was
// only read so far. What its writer did not let go of is written once more, since
// it would be removed with the writer's other fields.
func standingOf(field policy.HeldField, found bool, manifest *workv1.ManifestCondition) standing {
	if manifest == nil || !available(manifest) {
		if field.Omit {
			return isLet
		}
		return isWritten
	}
	held, _ := feedbackValues(manifest)[heldPath.JSONPath()].(string)
	if !found || hasPath(strings.Split(held, ","), field.Path) {
		return isLet
	}
	return isWritten
}

// noteHeld puts the note of what is held on an object.
func noteHeld(content map[string]any, marks []string) map[string]any {
	if len(marks) == 0 {
		return content
	}
	slices.Sort(marks)
	return delivery.WithAnnotation(content, delivery.AnnotationHeld, strings.Join(marks, ","))
}

// hasPath says that a field was let go of with some value.
func hasPath(marks []string, path string) bool {
	return slices.ContainsFunc(marks, func(m string) bool { return m == path || strings.HasPrefix(m, path+"@") })
}

// holding is the work that has an object; nil for none.
func holding(works map[string]*workv1.ManifestWork, id workv1.ResourceIdentifier) *workv1.ManifestWork {
	for _, index := range sortedIndexes(works) {
		if _, held := phases(works[index])[id]; held {
			return works[index]
		}
	}
	return nil
}

// noteOf is a note of an object in a work.
func noteOf(work *workv1.ManifestWork, id workv1.ResourceIdentifier, key string) string {
	if work == nil {
		return ""
	}
	for _, content := range contents(work) {
		if identify(content) == id {
			return annotation(content, key)
		}
	}
	return ""
}

// isMissing says that the cluster does not have an object of a work.
func isMissing(work *workv1.ManifestWork, id workv1.ResourceIdentifier) bool {
	manifest := findByID(work, id)
	return manifest != nil && meta.IsStatusConditionFalse(manifest.Conditions, workv1.ManifestAvailable)
}

// written is the value of a field in a work as the API server has it: the cache
// keeps none.
func (t *Target) written(ctx context.Context, work *workv1.ManifestWork, id workv1.ResourceIdentifier, path policy.FieldPath) (any, bool, error) {
	var whole workv1.ManifestWork
	if err := t.Live.Get(ctx, client.ObjectKeyFromObject(work), &whole); err != nil {
		return nil, false, fmt.Errorf("read work %s/%s: %w", work.Namespace, work.Name, err)
	}
	for _, content := range contents(&whole) {
		if identify(content) == id {
			value, found := path.Value(content)
			return value, found, nil
		}
	}
	return nil, false, nil
}

// keys are the fields that tell the items of lists apart that can be owned one by one.
var keys = []string{"name", "containerPort", "port", "protocol", "mountPath", "devicePath", "ip", "key", "topologyKey", "whenUnsatisfiable"}

// ownable is the longest beginning of a path that a field manager can own by
// itself: of a list whose items have no key it owns all or nothing.
func ownable(object map[string]any, path policy.FieldPath) policy.FieldPath {
	for i, step := range path {
		if _, isIndex := step.(int); !isIndex {
			continue
		}
		item, found := path[:i+1].Value(object)
		if fields, ok := item.(map[string]any); found && (!ok || len(keysOf(fields)) == 0) {
			return path[:i]
		}
	}
	return path
}

func keysOf(item map[string]any) map[string]any {
	found := map[string]any{}
	for _, key := range keys {
		switch value := item[key].(type) {
		case string, int64, float64:
			found[key] = value
		}
	}
	return found
}

// only is an object with one field of it alone, and what tells it and the items
// on the way from others.
func only(object map[string]any, path policy.FieldPath, value any) map[string]any {
	metadata, _ := object["metadata"].(map[string]any)
	identity := map[string]any{"name": metadata["name"]}
	if namespace, ok := metadata["namespace"]; ok {
		identity["namespace"] = namespace
	}
	kept, _ := onlyAt(object, path, value).(map[string]any)
	fields, _ := kept["metadata"].(map[string]any)
	for key, v := range identity {
		fields = withField(fields, key, v)
	}
	kept = withField(kept, "metadata", fields)
	kept["apiVersion"], kept["kind"] = object["apiVersion"], object["kind"]
	return kept
}

func onlyAt(at any, path policy.FieldPath, value any) any {
	if len(path) == 0 {
		return value
	}
	switch step := path[0].(type) {
	case string:
		fields, _ := at.(map[string]any)
		return map[string]any{step: onlyAt(fields[step], path[1:], value)}
	case int:
		items, _ := at.([]any)
		if step >= len(items) {
			return nil
		}
		item, _ := items[step].(map[string]any)
		kept, ok := onlyAt(item, path[1:], value).(map[string]any)
		if !ok {
			return []any{value}
		}
		for key, v := range keysOf(item) {
			if _, set := kept[key]; !set {
				kept[key] = v
			}
		}
		return []any{kept}
	}
	return value
}

// letGo is an object without the fields that were taken over by now.
func letGo(object render.Object, pending []handover, taken map[string]bool) render.Object {
	id := identify(object.Content)
	for _, h := range pending {
		if identify(h.object.Content) != id || !taken[h.index()] {
			continue
		}
		marks := strings.Split(annotation(object.Content, delivery.AnnotationHeld), ",")
		marks = slices.DeleteFunc(append(marks, h.mark), func(m string) bool { return m == "" })
		object.Content = noteHeld(h.path.Without(object.Content), marks)
	}
	return object
}

// keepWork is the work that takes a field over. It never forces: when somebody
// else has set the field by now, it is theirs already, and need not be held.
func keepWork(digests *Digests, unit delivery.Unit, h handover) (*workv1.ManifestWork, error) {
	work, err := unitWork(digests, unit, h.index(), []entry{{content: only(h.object.Content, h.path, h.value), phase: phaseApply}})
	if err != nil {
		return nil, err
	}
	work.Labels[LabelPurpose] = PurposeKeep
	work.Spec.DeleteOption = &workv1.DeleteOption{PropagationPolicy: workv1.DeletePropagationPolicyTypeOrphan}
	work.Spec.ManifestConfigs[0].UpdateStrategy.ServerSideApply = &workv1.ServerSideApplyConfig{FieldManager: keepManager + "-" + shortHash(h.text)}
	return digests.seal(work)
}

// keepWorks are the works of a unit that hold fields, by their indexes.
func (t *Target) keepWorks(ctx context.Context, unit delivery.Unit) (map[string]*workv1.ManifestWork, error) {
	var list workv1.ManifestWorkList
	err := t.Reader.List(ctx, &list, client.MatchingFields{indexUnit: keepIndexKey(unitIndexKey(unit.Place.Cluster, unitLabels(unit)))})
	if err != nil {
		return nil, fmt.Errorf("list the works of component %q in %s: %w", unit.Component, unit.Place, err)
	}
	works := map[string]*workv1.ManifestWork{}
	for i := range list.Items {
		if genuine(&list.Items[i]) {
			works[indexOf(list.Items[i].Labels)] = &list.Items[i]
		}
	}
	return works, nil
}

// isTaken says that a field is held by somebody other than the work that is to
// let go of it: by the work that takes it over, or by whoever set it to another
// value.
func isTaken(keep *workv1.ManifestWork) bool {
	reported := appliedCondition(keep)
	if reported == nil || reported.ObservedGeneration != keep.Generation || !keep.DeletionTimestamp.IsZero() {
		return false
	}
	failed := firstFailed(keep)
	return reported.Status == metav1.ConditionTrue || failed != nil && strings.Contains(failed.Message, "conflict")
}

// handOver writes the works that take fields over, says which are taken, and
// deletes those that are not needed any more. A field is handed over only when
// the cluster has the object with it.
func (t *Target) handOver(ctx context.Context, unit delivery.Unit, pending []handover, works map[string]*workv1.ManifestWork, rights string) (taken map[string]bool, err error) {
	keeps, err := t.keepWorks(ctx, unit)
	if err != nil {
		return nil, err
	}
	taken = map[string]bool{}
	for _, h := range pending {
		keep := keeps[h.index()]
		delete(keeps, h.index())
		id := identify(h.object.Content)
		work := holding(works, id)
		if keep == nil && (!arrived(work, id) || revisions(work)[id] != h.object.Digest() || isMissing(work, id)) {
			continue
		}
		wanted, err := keepWork(t.Digests, unit, h)
		if err != nil {
			return nil, err
		}
		said, err := t.ensure(ctx, wanted, rights)
		if err != nil {
			return nil, err
		}
		// What ensure looked at is what it wrote last, unless it wrote just now.
		taken[h.index()] = keep != nil && isTaken(keep) && (said.State == delivery.Delivered || said.Reason == delivery.ReasonApplyFailed)
	}
	for _, index := range sortedIndexes(keeps) {
		if !isLetGo(keeps[index], works) {
			continue
		}
		if _, err := t.delete(ctx, client.ObjectKeyFromObject(keeps[index])); err != nil {
			return nil, err
		}
	}
	return taken, nil
}

// isLetGo says that the cluster has the object of which a work holds a field as
// the works say that have it: until then one may not have let go. What becomes of
// the others is of no account: one of them may wait for this work to go.
func isLetGo(keep *workv1.ManifestWork, works map[string]*workv1.ManifestWork) bool {
	holders := map[string]*workv1.ManifestWork{}
	for _, id := range identities(keep) {
		for index, work := range works {
			if slices.Contains(identities(work), id) {
				holders[index] = work
			}
		}
	}
	return allApplied(holders)
}

// allApplied says that the cluster has exactly what the works say.
func allApplied(works map[string]*workv1.ManifestWork) bool {
	for _, work := range works {
		applied := appliedCondition(work)
		if applied == nil || applied.Status != metav1.ConditionTrue || applied.ObservedGeneration != work.Generation {
			return false
		}
	}
	return true
}
