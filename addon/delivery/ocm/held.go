// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"bytes"
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
	// whole is the object with all fields that it has, in which the path leads to the field.
	whole map[string]any
	path  policy.FieldPath
	// name of the field, which stays when the items of lists on its way move.
	name  string
	mark  string
	renew bool
	value any
	// back means the reverse: the application has the field again, and its keeper lets go of it.
	back bool
	// stands says that the work of the object has the field with the value.
	stands bool
}

// answer is what a cluster says of a field that is to be handed over.
type answer struct {
	// taken says that somebody other than its work holds it by now.
	taken bool
	// partly says that somebody else has a part of it alone: nobody will take it before it was
	// written once more.
	partly bool
	// rests is what is said while the work of the object stays as it is, since to write it once
	// more would undo what others set before the answer; nil when it need not.
	rests *delivery.Observation
}

func (h handover) index() string {
	id := identify(h.object.Content)
	return "keep-" + shortHash(manifestKey("", id), h.name)
}

func shortHash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])[:hashLength]
}

// escaped is a name in which nothing is that parts marks and their values.
var escaped = strings.NewReplacer("%", "%25", ",", "%2C", "@", "%40", "!", "%21")

// backMark begins the note of a field that the application has again and whose
// keeper has not let go of it yet.
const backMark = "!"

// mark is how a held field is noted on its object.
func mark(field policy.HeldField, name string, value any, found bool) string {
	name = escaped.Replace(name)
	if !field.Renew || !found {
		return name
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return name // what has no JSON was never rendered
	}
	return name + "@" + shortHash(string(raw))
}

// nameOf is the name of the field of a mark, as marks have it.
func nameOf(mark string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(mark, backMark), "@")
	return name
}

// marksOf are the marks of a note.
func marksOf(note string) []string {
	if note == "" {
		return nil
	}
	return strings.Split(note, ",")
}

// heldObject is an object some of whose fields are left to others.
type heldObject struct {
	object render.Object
	// whole is its content with all fields.
	whole map[string]any
	// let are the fields that it is written without.
	let []policy.FieldPath
	// marks are noted on it.
	marks []string
	// pending are the fields that are still to be handed over or taken back.
	pending []handover
	// rests says that it is not written while others may have changed what is pending.
	rests bool
}

// written is the object as its work is to have it.
func (h heldObject) written() render.Object {
	object := h.object
	object.Content = noteHeld(policy.WithoutAll(h.whole, h.let), h.marks)
	return object
}

// withheld is an object as it is to be written while fields of it are held, and
// the fields that are still to be handed over.
func (t *Target) withheld(ctx context.Context, object render.Object, treatment policy.Treatment, works map[string]*workv1.ManifestWork) (heldObject, error) {
	id := identify(object.Content)
	work := holding(works, id)
	held := heldObject{object: object, whole: object.Content}
	names := map[string]bool{}
	met := treatment.TakeOver && isMet(work, id)
	for _, field := range treatment.Held {
		h, at, err := t.standing(ctx, object, field, work, met)
		if err != nil {
			return held, fmt.Errorf("field of %s that is left to others: %w", describe(object.Content), err)
		}
		if names[escaped.Replace(h.name)] {
			continue
		}
		names[escaped.Replace(h.name)] = at != isGone
		switch at {
		case isLet:
			held.let, held.marks = append(held.let, h.path), append(held.marks, h.mark)
		case isPending:
			held.whole, _ = h.path.Set(held.whole, h.value)
			held.pending = append(held.pending, h)
		}
	}
	held.resting(phases(work)[id] == phaseKeep || met)
	held.returning(marksOf(noteOf(work, id, delivery.AnnotationHeld)), names, treatment)
	if remakes(treatment) && isLeaving(entry{content: object.Content}, works) {
		held.pending = nil // what is to be made anew goes without
	}
	written := held.written()
	for i := range held.pending {
		held.pending[i].object, held.pending[i].whole = written, held.whole
	}
	return held, nil
}

// resting is for an object that is left alone so far, so that others may have
// set the fields that are to be handed over: they are, before it is written again.
func (h *heldObject) resting(leftAlone bool) {
	h.rests = leftAlone && slices.ContainsFunc(h.pending, func(p handover) bool { return !p.renew })
	if h.rests {
		h.pending = slices.DeleteFunc(h.pending, func(p handover) bool { return p.renew })
	}
}

// returning takes those fields back of which the policies say nothing any more,
// and those of items that the application removed. What is only read or left
// alone keeps its notes, for the time when it is written again.
func (h *heldObject) returning(before []string, names map[string]bool, treatment policy.Treatment) {
	if treatment.ReadOnly {
		return
	}
	for _, mark := range before {
		name := nameOf(mark)
		if names[name] {
			continue
		}
		names[name] = true
		if treatment.Once || h.rests {
			h.marks = append(h.marks, mark)
			continue
		}
		h.marks = append(h.marks, backMark+name)
		h.pending = append(h.pending, handover{name: unescaped.Replace(name), mark: backMark + name, back: true})
	}
}

// unescaped is the reverse of escaped.
var unescaped = strings.NewReplacer("%25", "%", "%2C", ",", "%40", "@", "%21", "!")

// standing is how far the hand-over of a field has come.
type standing int

const (
	isWritten standing = iota // with the object, as it starts or is to change
	isPending                 // handed over as soon as the cluster has the object
	isLet                     // left to others
	isGone                    // with the item of a list that it is of
)

// standing is how far the hand-over of a field has come, by what is noted on the
// object in its work. met says that the object is being taken over as it was found.
func (t *Target) standing(ctx context.Context, object render.Object, field policy.HeldField, work *workv1.ManifestWork, met bool) (handover, standing, error) {
	path, err := policy.ParseFieldPath(field.Path)
	if err != nil {
		return handover{}, isWritten, err
	}
	id := identify(object.Content)
	path = path.Ownable(object.Content)
	value, found := path.Value(object.Content)
	name := path.Named(object.Content)
	h := handover{path: path, name: name, mark: mark(field, name, value, found), renew: field.Renew, value: value}
	if !hasItems(object.Content, path) {
		return h, isGone, nil
	}
	// What an item of a list is to have is not left to others before it is known that there is the item.
	asFound := met && !field.Renew && !path.Indexed()
	if phases(work)[id] == phaseObserve {
		return h, standingOf(field, h, found, asFound, findByID(work, id)), nil
	}
	before := marksOf(noteOf(work, id, delivery.AnnotationHeld))
	if slices.Contains(before, h.mark) {
		if field.Omit || !isMissing(work, id) {
			return h, isLet, nil
		}
		return h, isWritten, nil // the object is made again as it was made at first
	}
	switch {
	case work == nil && field.Omit, asFound && nobodys(findByID(work, id)):
		return h, isLet, nil
	case work == nil || hasName(before, name) && found:
		return h, isWritten, nil
	}
	return t.toHandOver(ctx, work, object, h, found)
}

// toHandOver is a field that is to be handed over; found says that the application has it still.
func (t *Target) toHandOver(ctx context.Context, work *workv1.ManifestWork, object render.Object, h handover, found bool) (handover, standing, error) {
	if !found || !h.renew {
		return t.asBefore(ctx, work, object, h, found)
	}
	earlier, had, err := t.written(ctx, work, object.Content, h.path)
	h.stands = had && mark(policy.HeldField{Renew: true}, h.name, earlier, true) == h.mark
	return h, isPending, err
}

// asBefore is a field that is to be handed over as it was written before, so that
// others find what was there.
func (t *Target) asBefore(ctx context.Context, work *workv1.ManifestWork, object render.Object, h handover, found bool) (handover, standing, error) {
	earlier, had, err := t.written(ctx, work, object.Content, h.path)
	if err != nil || !had && !found {
		return h, isLet, err
	}
	if had {
		h.value, h.stands = earlier, true
	}
	return h, isPending, nil
}

// hasItems says that an object has the items of lists that a path leads through.
func hasItems(content map[string]any, path policy.FieldPath) bool {
	for i, step := range path {
		if _, isIndex := step.(int); !isIndex {
			continue
		}
		if _, found := path[:i+1].Value(content); !found {
			return false
		}
	}
	return true
}

// heldPath tells which fields of an object were let go of.
var heldPath = health.Path{"metadata", "annotations", delivery.AnnotationHeld}

// observedPaths are what a work wants to know of an object that it only reads, for
// the time when it is written.
func observedPaths() []health.Path { return []health.Path{uidPath, heldPath} }

// standingOf is how far the hand-over of a field has come of an object that was
// only read so far. What its writer did not let go of is written once more, since
// it would be removed with the writer's other fields. Of an object that no work
// wrote nothing is, so that what others set may stay from the start, as it does where
// the object is taken over asFound.
func standingOf(field policy.HeldField, h handover, found, asFound bool, manifest *workv1.ManifestCondition) standing {
	if manifest == nil || !available(manifest) {
		if field.Omit {
			return isLet
		}
		return isWritten
	}
	values := feedbackValues(manifest)
	held, _ := values[heldPath.JSONPath()].(string)
	if !found || hasName(marksOf(held), h.name) || (field.Omit || asFound) && neverWritten(values) {
		return isLet
	}
	return isWritten
}

// neverWritten says by its feedback that no work wrote an object.
func neverWritten(values map[string]any) bool {
	_, read := values[uidPath.JSONPath()]
	_, written := values[revisionPath.JSONPath()]
	return read && !written
}

// noteHeld puts the note of what is held on an object.
func noteHeld(content map[string]any, marks []string) map[string]any {
	if len(marks) == 0 {
		return content
	}
	marks = slices.Compact(slices.Sorted(slices.Values(marks)))
	return delivery.WithAnnotation(content, delivery.AnnotationHeld, strings.Join(marks, ","))
}

// notesHeld says that fields of an object of a work are left to others, or were
// until a moment ago.
func notesHeld(work *workv1.ManifestWork) bool {
	return slices.ContainsFunc(work.Spec.Workload.Manifests, func(m workv1.Manifest) bool {
		return bytes.Contains(m.Raw, []byte(delivery.AnnotationHeld))
	})
}

// hasName says that a field was let go of with some value.
func hasName(marks []string, name string) bool {
	return slices.ContainsFunc(marks, func(m string) bool { return !strings.HasPrefix(m, backMark) && nameOf(m) == escaped.Replace(name) })
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
// keeps none. The cluster has it when it has what the cache shows of the work.
func (t *Target) written(ctx context.Context, work *workv1.ManifestWork, object map[string]any, path policy.FieldPath) (any, bool, error) {
	var whole workv1.ManifestWork
	if err := t.Live.Get(ctx, client.ObjectKeyFromObject(work), &whole); err != nil {
		return nil, false, fmt.Errorf("read work %s/%s: %w", work.Namespace, work.Name, err)
	}
	if whole.UID != work.UID || whole.Generation != work.Generation {
		return nil, false, errChanged // the cache lags behind
	}
	for _, content := range contents(&whole) {
		if identify(content) != identify(object) {
			continue
		}
		at, found := path.In(object, content)
		if !found {
			return nil, false, nil
		}
		value, found := at.Value(content)
		return value, found, nil
	}
	return nil, false, nil
}

// only is an object with one field of it alone, and what tells it and the items
// on the way from others.
func only(object map[string]any, path policy.FieldPath, value any) map[string]any {
	metadata, _ := object["metadata"].(map[string]any)
	identity := map[string]any{"name": metadata["name"]}
	if namespace, ok := metadata["namespace"]; ok {
		identity["namespace"] = namespace
	}
	kept, _ := onlyAt(object, "", path, value).(map[string]any)
	fields, _ := kept["metadata"].(map[string]any)
	for key, v := range identity {
		fields = withField(fields, key, v)
	}
	kept = withField(kept, "metadata", fields)
	kept["apiVersion"], kept["kind"] = object["apiVersion"], object["kind"]
	return kept
}

// onlyAt is a value with nothing but what a path leads to. list is the name of the
// list whose item the path begins with.
func onlyAt(at any, list string, path policy.FieldPath, value any) any {
	if len(path) == 0 {
		return value
	}
	switch step := path[0].(type) {
	case string:
		fields, _ := at.(map[string]any)
		return map[string]any{step: onlyAt(fields[step], step, path[1:], value)}
	case int:
		items, _ := at.([]any)
		if step >= len(items) {
			return nil
		}
		item, _ := items[step].(map[string]any)
		kept, ok := onlyAt(item, "", path[1:], value).(map[string]any)
		if !ok {
			return []any{value}
		}
		for key, v := range policy.ItemKeys(list, item) {
			if _, set := kept[key]; !set {
				kept[key] = v
			}
		}
		return []any{kept}
	}
	return value
}

// waits says that something that is to be handed over is not, and may be yet.
func (h heldObject) waits(answers map[string]answer) bool {
	return slices.ContainsFunc(h.pending, func(p handover) bool { return !answers[p.index()].taken && !answers[p.index()].partly })
}

// letGo is an object without the fields that were taken over by now, and without
// the notes of those that were taken back.
func (h heldObject) letGo(answers map[string]answer) render.Object {
	for _, p := range h.pending {
		switch {
		case !answers[p.index()].taken:
		case p.back:
			h.marks = slices.DeleteFunc(slices.Clone(h.marks), func(m string) bool { return m == p.mark })
		default:
			h.let, h.marks = append(h.let, p.path), append(h.marks, p.mark)
		}
	}
	return h.written()
}

// keepWork is the work that takes a field over. It never forces: when somebody
// else has set the field by now, it is theirs already, and need not be held. To
// give a field back it says nothing of the object, as the same field manager.
func keepWork(digests *Digests, unit delivery.Unit, h handover) (*workv1.ManifestWork, error) {
	content := only(h.whole, h.path, h.value)
	if h.back {
		content = only(h.whole, nil, map[string]any{})
	}
	work, err := unitWork(digests, unit, h.index(), []entry{{content: content, phase: phaseApply}})
	if err != nil {
		return nil, err
	}
	work.Labels[LabelPurpose] = PurposeKeep
	work.Spec.DeleteOption = &workv1.DeleteOption{PropagationPolicy: workv1.DeletePropagationPolicyTypeOrphan}
	work.Spec.ManifestConfigs[0].UpdateStrategy.ServerSideApply = &workv1.ServerSideApplyConfig{FieldManager: keepManager + "-" + shortHash(h.name)}
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
// value. Who set a part of it alone does not hold the rest, which would go.
func (h handover) isTaken(keep *workv1.ManifestWork) bool {
	reported := appliedCondition(keep)
	if reported == nil || reported.ObservedGeneration != keep.Generation || !keep.DeletionTimestamp.IsZero() {
		return false
	}
	return reported.Status == metav1.ConditionTrue || conflictOf(keep) != "" && !h.isWithin(conflictOf(keep))
}

// isPartlyTaken says that somebody set a part of the field alone to another value. The
// cluster has answered to the work as it is.
func (h handover) isPartlyTaken(keep *workv1.ManifestWork) bool {
	return keep.DeletionTimestamp.IsZero() && h.isWithin(conflictOf(keep))
}

// conflictOf is the conflict for which a work could not be applied; empty for none.
func conflictOf(work *workv1.ManifestWork) string {
	failed := firstFailed(work)
	if failed == nil || !strings.Contains(failed.Message, "conflict") {
		return ""
	}
	return failed.Message
}

// isWithin says that a conflict is about a part of the field. The API server names the
// fields of a conflict from the beginning, with keys in place of indexes, so that this
// shows of fields that are in no list: of a list that has keys after all, since nobody
// but the API server knows that of kinds that are not Kubernetes' own, and of a map.
func (h handover) isWithin(conflict string) bool {
	return !strings.Contains(h.name, "[") && (strings.Contains(conflict, "."+h.name+"[") || strings.Contains(conflict, "."+h.name+"."))
}

// handOver writes the works that take fields over, says what clusters answer, and
// deletes those that are not needed any more.
func (t *Target) handOver(
	ctx context.Context, unit delivery.Unit, pending []handover, works map[string]*workv1.ManifestWork, rights string,
) (map[string]answer, error) {
	keeps, err := t.keepWorks(ctx, unit)
	if err != nil {
		return nil, err
	}
	answers := map[string]answer{}
	for _, h := range pending {
		index := h.index()
		if answers[index], err = t.ask(ctx, unit, h, keeps[index], works, rights); err != nil {
			return nil, err
		}
		delete(keeps, index)
	}
	for _, index := range sortedIndexes(keeps) {
		if !isLetGo(keeps[index], works) {
			continue
		}
		if _, err := t.delete(ctx, client.ObjectKeyFromObject(keeps[index])); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// ask writes the work that takes a field over, which keep is already when it is not nil. A
// field is handed over only when the cluster has the object with it: before, its own work
// would be who holds it. The work of the object rests until the cluster has answered once:
// whatever it says, and when it says nothing in time, or has the object no longer, the work
// is written again.
func (t *Target) ask(
	ctx context.Context, unit delivery.Unit, h handover, keep *workv1.ManifestWork, works map[string]*workv1.ManifestWork, rights string,
) (answer, error) {
	work := holding(works, identify(h.object.Content))
	there := h.isThere(work)
	if keep == nil && !there || !h.isIn(work) {
		return answer{}, nil
	}
	wanted, err := keepWork(t.Digests, unit, h)
	if err != nil {
		return answer{}, err
	}
	said, err := t.ensure(ctx, wanted, rights)
	if err != nil {
		return answer{}, err
	}
	if keep != nil && fetched(keep) {
		// What ensure looked at is what it wrote last, unless it wrote just now.
		isAnswer := said.State == delivery.Delivered || said.Reason == delivery.ReasonApplyFailed
		taken := isAnswer && h.isTaken(keep)
		return answer{taken: taken, partly: isAnswer && !taken && h.isPartlyTaken(keep)}, nil
	}
	if !there || !h.stands || said.State != delivery.Applying {
		return answer{}, nil
	}
	said.Message = fmt.Sprintf("%s: its next version follows when the cluster has left %s to others", describe(h.object.Content), bounded(h.name))
	return answer{rests: &said}, nil
}

// isIn says that a work has the field with the value.
func (h handover) isIn(work *workv1.ManifestWork) bool {
	return h.stands || revisions(work)[identify(h.object.Content)] == h.object.Digest()
}

// isThere says that the cluster has the object as its work says.
func (h handover) isThere(work *workv1.ManifestWork) bool {
	id := identify(h.object.Content)
	return arrived(work, id) && !isMissing(work, id) && work.DeletionTimestamp.IsZero()
}

// resting is what is said of the objects whose works stay as they are.
func resting(pending []handover, answers map[string]answer) map[workv1.ResourceIdentifier]*delivery.Observation {
	found := map[workv1.ResourceIdentifier]*delivery.Observation{}
	for _, h := range pending {
		if rests := answers[h.index()].rests; rests != nil {
			found[identify(h.object.Content)] = rests
		}
	}
	return found
}

// restOf is what is said of the first object whose work stays as it is; nil when there is none.
func restOf(entries []entry, rest map[workv1.ResourceIdentifier]*delivery.Observation) *delivery.Observation {
	if len(rest) == 0 {
		return nil
	}
	at := slices.IndexFunc(entries, func(e entry) bool { return rest[e.id()] != nil })
	if at < 0 {
		return nil
	}
	return rest[entries[at].id()]
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
