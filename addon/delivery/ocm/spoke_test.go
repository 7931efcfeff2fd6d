// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/jsonpath"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// spoke is the cluster c1 with an agent that does what was measured of the real
// one, as far as works rely on it.
type spoke struct {
	*hub
	objects map[workv1.ResourceIdentifier]*live
	// recorded are the objects that the agent recorded for each work.
	recorded map[string][]workv1.ResourceIdentifier
	// plurals are the resources of kinds that are called otherwise than usual.
	plurals map[string]string
	// refuses is what the cluster answers to who writes an object that is there.
	refuses map[workv1.ResourceIdentifier]string
	// frozen are objects whose spec nobody may change.
	frozen map[workv1.ResourceIdentifier]bool
	// used are objects that are there until they are not used any more, though deleted.
	used map[workv1.ResourceIdentifier]bool
	made int
	// reapplied is what works say of when they were to be applied again, as they were applied last.
	reapplied map[string]string
}

// live is an object on the cluster.
type live struct {
	// fields that each field manager applied.
	fields map[string]map[string]any
	owners map[string]bool
	uid    string
	// ends says that it was deleted.
	ends bool
}

func newSpoke(t *testing.T, objects ...client.Object) *spoke {
	return &spoke{hub: newHub(t, objects...), objects: map[workv1.ResourceIdentifier]*live{}, recorded: map[string][]workv1.ResourceIdentifier{}}
}

// content is the object as the API server shows it: the fields of all managers.
func (l *live) content() map[string]any {
	out := map[string]any{}
	for _, manager := range slices.Sorted(maps.Keys(l.fields)) {
		mergeFields(out, l.fields[manager])
	}
	metadata := out["metadata"].(map[string]any)
	metadata["uid"] = l.uid
	delete(metadata, "resourceVersion")
	if l.ends {
		metadata["deletionTimestamp"] = now.Format(time.RFC3339)
	}
	return relisted(out).(map[string]any)
}

// roleRef is that of a binding; nil for others.
func (l *live) roleRef() any {
	for _, fields := range l.fields {
		if role := fields["roleRef"]; role != nil {
			return role
		}
	}
	return nil
}

// itemKey begins the keys of lists that are merged by the names of their items.
const itemKey = "name="

// keyed turns lists whose items have names into objects, as field managers see them.
func keyed(value any) any {
	switch value := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, v := range value {
			out[key] = keyed(v)
		}
		return out
	case []any:
		out := map[string]any{}
		for _, item := range value {
			fields, _ := item.(map[string]any)
			name, ok := fields["name"].(string)
			if !ok {
				return value
			}
			out[itemKey+name] = keyed(item)
		}
		return out
	}
	return value
}

// relisted is the reverse of keyed.
func relisted(value any) any {
	fields, ok := value.(map[string]any)
	if !ok {
		return value
	}
	out := map[string]any{}
	var list []any
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		out[key] = relisted(fields[key])
		if strings.HasPrefix(key, itemKey) {
			list = append(list, out[key])
		}
	}
	if list != nil {
		return list
	}
	return out
}

func mergeFields(into, from map[string]any) {
	for key, value := range from {
		fields, isObject := value.(map[string]any)
		below, hasObject := into[key].(map[string]any)
		if isObject && hasObject && below != nil {
			mergeFields(below, fields)
			continue
		}
		into[key] = runtime.DeepCopyJSONValue(value)
	}
}

// create makes an object on the cluster that somebody else made.
func (s *spoke) create(object render.Object) workv1.ResourceIdentifier {
	id := identify(object.Content)
	s.made++
	s.objects[id] = &live{fields: map[string]map[string]any{"somebody": keyed(object.Content).(map[string]any)}, owners: map[string]bool{}, uid: fmt.Sprint("u", s.made)}
	return id
}

// agentWorks are the works that the agent has.
func (s *spoke) agentWorks(t *testing.T) []workv1.ManifestWork {
	t.Helper()
	var works workv1.ManifestWorkList
	if err := s.client.List(t.Context(), &works, client.InNamespace("c1")); err != nil {
		t.Fatal(err)
	}
	return works.Items
}

// sync lets the agent work off all works, and reports what it did.
func (s *spoke) sync(t *testing.T) {
	t.Helper()
	works := s.agentWorks(t)
	for i := range works {
		work := &works[i]
		if !work.DeletionTimestamp.IsZero() {
			s.clean(t, work)
			continue
		}
		if len(work.Finalizers) == 0 {
			s.hold(t, work.Name)
		}
		s.apply(t, s.work(t, work.Name))
	}
}

// answer is sync of an agent that has no reason to apply again what it has applied: it
// works off what was written since, and tells what became of the rest.
func (s *spoke) answer(t *testing.T) {
	t.Helper()
	works := s.agentWorks(t)
	for i := range works {
		work := &works[i]
		switch {
		case !work.DeletionTimestamp.IsZero():
			s.clean(t, work)
			continue
		case len(work.Finalizers) == 0:
			s.hold(t, work.Name)
		case fetched(work) && s.reapplied[work.Name] == work.Labels[v1alpha1.LabelReapply]:
			s.tell(t, work)
			continue
		}
		if s.reapplied == nil {
			s.reapplied = map[string]string{}
		}
		s.reapplied[work.Name] = work.Labels[v1alpha1.LabelReapply]
		s.apply(t, s.work(t, work.Name))
	}
}

// tell reports what became of the objects of a work since they were applied.
func (s *spoke) tell(t *testing.T, work *workv1.ManifestWork) {
	t.Helper()
	for i, content := range contents(work) {
		manifest := &work.Status.ResourceStatus.Manifests[i]
		manifest.Conditions[0].Status = metav1.ConditionFalse
		if object := s.objects[identify(content)]; object != nil {
			manifest.Conditions[0].Status = metav1.ConditionTrue
			manifest.StatusFeedbacks.Values = s.feedback(t, s.configOf(work, content), object.content())
		}
	}
	s.setStatus(t, work.Name, work.Status)
}

// clean removes what a deleted work owns, recorded or not: what the agent leaves,
// the cluster's garbage collector finds by its owner.
func (s *spoke) clean(t *testing.T, work *workv1.ManifestWork) {
	t.Helper()
	for id := range s.objects {
		s.disown(id, work.Name)
	}
	delete(s.recorded, work.Name)
	work.Finalizers = nil
	if err := s.client.Update(t.Context(), work); err != nil {
		t.Fatal(err)
	}
}

func (s *spoke) disown(id workv1.ResourceIdentifier, work string) {
	object := s.objects[id]
	if object == nil || !object.owners[work] {
		return
	}
	delete(object.owners, work)
	if len(object.owners) > 0 {
		return
	}
	if object.ends = s.used[id]; !object.ends {
		delete(s.objects, id)
	}
}

func (s *spoke) apply(t *testing.T, work *workv1.ManifestWork) {
	t.Helper()
	status := workv1.ManifestWorkStatus{}
	all := metav1.ConditionTrue
	var ids []workv1.ResourceIdentifier
	for _, content := range contents(work) {
		id := identify(content)
		ids = append(ids, id)
		message := s.applyOne(work, content)
		applied := metav1.ConditionTrue
		if message != "" {
			applied, all = metav1.ConditionFalse, metav1.ConditionFalse
		}
		manifest := s.manifestApplied(work, content, applied, message)
		manifest.ResourceMeta.Resource = s.called(content).Resource
		manifest.Conditions[0].Status = metav1.ConditionFalse
		if object := s.objects[id]; object != nil {
			manifest.Conditions[0].Status = metav1.ConditionTrue
			manifest.StatusFeedbacks.Values = s.feedback(t, s.configOf(work, content), object.content())
		}
		status.ResourceStatus.Manifests = append(status.ResourceStatus.Manifests, manifest)
	}
	for _, id := range s.recorded[work.Name] {
		if !slices.Contains(ids, id) {
			s.disown(id, work.Name)
		}
	}
	s.recorded[work.Name] = ids
	condition := s.appliedAt(work.Generation, all, 0)
	if last := appliedCondition(work); last != nil && last.Status == all {
		condition.LastTransitionTime = last.LastTransitionTime
	}
	status.Conditions = []metav1.Condition{condition}
	s.setLaterStatus(t, work.Name, status)
	s.Seen(s.work(t, work.Name))
}

// applyOne applies an object as its work says, and returns what is wrong.
func (s *spoke) applyOne(work *workv1.ManifestWork, content map[string]any) string {
	id, strategy := identify(content), s.configOf(work, content).UpdateStrategy
	object := s.objects[id]
	switch {
	case !mayApply(work, id):
		return fmt.Sprintf("not allowed to apply the resource %s, %s %s, will try again in 1m0s", id.Resource, id.Namespace, id.Name)
	case strategy == nil:
		return s.overwrite(work, content)
	case strategy.Type == workv1.UpdateStrategyTypeReadOnly:
		return ""
	case object != nil && isProbe(content):
		return "Failed to apply manifest: Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest version and try again"
	case object == nil:
		s.made++
		object = &live{fields: map[string]map[string]any{}, owners: map[string]bool{}, uid: fmt.Sprint("u", s.made)}
		s.objects[id] = object
	case strategy.Type == workv1.UpdateStrategyTypeCreateOnly:
		s.own(work, object)
		return ""
	}
	content = keyed(content).(map[string]any)
	if message := s.refusal(id, object, content); message != "" {
		return "Failed to apply manifest: " + message
	}
	manager := "created"
	if strategy.ServerSideApply != nil {
		manager = strategy.ServerSideApply.FieldManager
	}
	for other, fields := range object.fields {
		path := differ(fields, content)
		if other == manager || path == "" {
			continue
		}
		if strategy.ServerSideApply != nil && !strategy.ServerSideApply.Force {
			return "Failed to apply manifest: Apply failed with 1 conflict: conflict with " + other + ": " + path
		}
		object.fields[other] = without(fields, content)
	}
	object.fields[manager] = content
	s.own(work, object)
	return ""
}

// mayApply says that the account that a work names has the rights of its namespace over an object.
func mayApply(work *workv1.ManifestWork, id workv1.ResourceIdentifier) bool {
	return work.Spec.Executor == nil || id.Namespace == "" || work.Spec.Executor.Subject.ServiceAccount.Namespace == id.Namespace
}

// release ends the use of an object, which goes now if it was deleted.
func (s *spoke) release(id workv1.ResourceIdentifier) {
	delete(s.used, id)
	if object := s.objects[id]; object != nil && object.ends {
		delete(s.objects, id)
	}
}

// refusal is why an object that is there may not be written so; empty when it may.
func (s *spoke) refusal(id workv1.ResourceIdentifier, object *live, content map[string]any) string {
	if role, bound := object.roleRef(), content["roleRef"]; role != nil && !reflect.DeepEqual(role, bound) {
		return "roleRef: Invalid value: cannot change roleRef"
	}
	if len(object.fields) == 0 {
		return "" // it is made now
	}
	if s.frozen[id] && !reflect.DeepEqual(object.content()["spec"], relisted(content["spec"])) {
		return immutable
	}
	return s.refuses[id]
}

// called is an object by what the cluster calls its resource.
func (s *spoke) called(content map[string]any) workv1.ResourceIdentifier {
	id := identify(content)
	if plural := s.plurals[fmt.Sprint(content["kind"])]; plural != "" {
		id.Resource = plural
	}
	return id
}

// configOf is what a work says of an object; nothing when it calls it otherwise than the cluster.
func (s *spoke) configOf(work *workv1.ManifestWork, content map[string]any) workv1.ManifestConfigOption {
	for _, config := range work.Spec.ManifestConfigs {
		if config.ResourceIdentifier == s.called(content) {
			return config
		}
	}
	return workv1.ManifestConfigOption{}
}

// overwrite is what an agent does with an object of which its work says nothing.
func (s *spoke) overwrite(work *workv1.ManifestWork, content map[string]any) string {
	id := identify(content)
	metadata := content["metadata"].(map[string]any)
	object := s.objects[id]
	switch {
	case object != nil && s.refuses[id] != "":
		return "Failed to apply manifest: " + s.refuses[id]
	case object == nil && metadata["resourceVersion"] != nil:
		return "Failed to apply manifest: resourceVersion should not be set on objects to be created"
	case object == nil:
		s.made++
		object = &live{owners: map[string]bool{}, uid: fmt.Sprint("u", s.made)}
		s.objects[id] = object
	}
	object.fields = map[string]map[string]any{"work": keyed(content).(map[string]any)}
	s.own(work, object)
	return ""
}

// differ is the path, as conflicts have it, of the first field that both have and that is
// not the same; empty for none.
func differ(a, b map[string]any) string {
	for _, key := range slices.Sorted(maps.Keys(b)) {
		value := b[key]
		other, found := a[key]
		below, isObject := value.(map[string]any)
		otherBelow, otherIsObject := other.(map[string]any)
		at := "." + key
		if item, isItem := strings.CutPrefix(key, itemKey); isItem {
			at = fmt.Sprintf("[name=%q]", item)
		}
		if isObject && otherIsObject {
			if path := differ(otherBelow, below); path != "" {
				return at + path
			}
			continue
		}
		if found && key != "resourceVersion" && !reflect.DeepEqual(other, value) {
			return at
		}
	}
	return ""
}

// without are fields less those that another manager wants to be different.
func without(fields, other map[string]any) map[string]any {
	left := map[string]any{}
	for key, value := range fields {
		theirs, found := other[key]
		below, isObject := value.(map[string]any)
		theirBelow, theirsIsObject := theirs.(map[string]any)
		switch {
		case isObject && theirsIsObject:
			left[key] = without(below, theirBelow)
		case !found || reflect.DeepEqual(value, theirs):
			left[key] = value
		}
	}
	return left
}

func (s *spoke) own(work *workv1.ManifestWork, object *live) {
	if isOrphaned(work, s.called(object.content())) {
		delete(object.owners, work.Name)
		return
	}
	object.owners[work.Name] = true
}

func isOrphaned(work *workv1.ManifestWork, id workv1.ResourceIdentifier) bool {
	option := work.Spec.DeleteOption
	if option.PropagationPolicy == workv1.DeletePropagationPolicyTypeOrphan {
		return true
	}
	return option.SelectivelyOrphan != nil && slices.Contains(option.SelectivelyOrphan.OrphaningRules, workv1.OrphaningRule(id))
}

// feedback reads the values that a work asks for.
func (s *spoke) feedback(t *testing.T, config workv1.ManifestConfigOption, content map[string]any) []workv1.FeedbackValue {
	t.Helper()
	// The numbers of JSON, as the agent reads them.
	raw, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil {
		t.Fatal(err)
	}
	var values []workv1.FeedbackValue
	for _, rule := range config.FeedbackRules {
		for _, path := range rule.JsonPaths {
			finder := jsonpath.New(path.Name).AllowMissingKeys(true)
			if err := finder.Parse("{" + path.Path + "}"); err != nil {
				t.Fatal(err)
			}
			found, err := finder.FindResults(object)
			if err != nil || len(found) == 0 || len(found[0]) == 0 {
				continue
			}
			switch value := found[0][0].Interface().(type) {
			case string:
				values = append(values, text(path.Name, value))
			case float64:
				values = append(values, integer(path.Name, int64(value)))
			}
		}
	}
	return values
}

// settle delivers units and lets the agent work until nothing is written any
// more, and returns what is said of the last unit.
func (s *spoke) settle(t *testing.T, units ...delivery.Unit) delivery.Observation {
	t.Helper()
	var said delivery.Observation
	for range 60 {
		s.writes = nil
		for _, unit := range units {
			var err error
			if said, err = s.Deliver(t.Context(), unit); err != nil {
				t.Fatal(err)
			}
		}
		if len(s.writes) == 0 && said.State != delivery.Waiting && said.RetryAfter == 0 {
			return said
		}
		s.sync(t)
		s.pass(time.Second)
	}
	t.Fatalf("it does not come to rest: %+v, writes %v", said, s.writes)
	return said
}

// settleTenant makes tenants and lets the agent work until nothing is written any
// more. It returns what is said of the last one, and how many works were written.
func (s *spoke) settleTenant(t *testing.T, tenants ...delivery.Tenant) (said delivery.Observation, written int) {
	t.Helper()
	for range 60 {
		s.writes = nil
		for _, tenant := range tenants {
			var err error
			if said, err = s.EnsureTenant(t.Context(), tenant); err != nil {
				t.Fatal(err)
			}
		}
		if written += len(s.writes); len(s.writes) == 0 && (said.State == delivery.Delivered || said.RetryAfter == 0 || said.RetryAfter == conflictRetry) {
			return said, written
		}
		s.sync(t)
		s.pass(time.Second)
	}
	t.Fatalf("it does not come to rest: %+v, writes %v", said, s.writes)
	return said, written
}

// removeAll lets the agent remove all that the application had, as when it goes.
func (s *spoke) removeAll(t *testing.T) {
	t.Helper()
	s.removeWith(t, delivery.RemoveOptions{Final: true})
}

// removeWith is removeAll as an environment may want it.
func (s *spoke) removeWith(t *testing.T, options delivery.RemoveOptions) {
	t.Helper()
	for range 60 {
		records, err := s.Records(t.Context(), owner)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) == 0 {
			return
		}
		for _, record := range records {
			if _, err := s.Remove(t.Context(), record, options); err != nil {
				t.Fatal(err)
			}
		}
		s.sync(t)
		s.pass(time.Second)
	}
	t.Fatal("works stay")
}
