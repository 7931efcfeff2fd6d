// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
)

// phase is how a work treats one of its objects at present. It is read from the
// work itself, so that a manager that starts anew goes on where the last one ended.
type phase int

const (
	// phaseProbe makes the object when it is missing, and leaves it as it is when
	// it is there: so it is found out whose it is, in the write that makes it.
	phaseProbe phase = iota
	// phaseApply writes the object, whoever changed it.
	phaseApply
	// phaseKeep makes the object when it is missing, and lets others change it.
	phaseKeep
	// phaseObserve reads the object.
	phaseObserve
)

// neverVersion is a resource version that no object has: etcd has counted past
// it before the first object is written. An API server makes an object that does
// not exist whatever version it is applied with; of one that does it answers
// with a conflict, and changes nothing. The strategy CreateOnly makes objects
// too, and leaves their fields to a manager of its own, so that what a later
// version of the object drops would stay on the cluster.
const neverVersion = "1"

// isConflict says that an object was there already when it was probed.
func isConflict(message string) bool {
	return strings.Contains(message, "the object has been modified")
}

// uidPath tells that the feedback of an object was read, whatever labels it has.
var uidPath = health.Path{"metadata", "uid"}

// The labels that say whose an object is.
var (
	applicationIdentity = []string{v1beta1.LabelAppName, v1beta1.LabelAppNamespace, v1beta1.LabelAppComponent, v1beta1.LabelReplicaKey, v1alpha1.LabelEnvironment}
	tenantIdentity      = []string{v1alpha1.LabelManagedBy, delivery.LabelSourceNamespace}
)

// identityPaths are what a probe wants to know of an object.
func identityPaths(labels []string) []health.Path {
	paths := []health.Path{uidPath}
	for _, label := range labels {
		paths = append(paths, health.Path{"metadata", "labels", label})
	}
	return paths
}

// identityIn are the labels that a cluster reports of an object.
func identityIn(manifest *workv1.ManifestCondition, labels []string) (identity map[string]string, read bool) {
	values := feedbackValues(manifest)
	identity = map[string]string{}
	for _, label := range labels {
		if value, ok := values[health.Path{"metadata", "labels", label}.JSONPath()].(string); ok {
			identity[label] = value
		}
	}
	if by, ok := values[sharedPath.JSONPath()].(string); ok {
		identity[delivery.AnnotationSharedBy] = by
	}
	_, read = values[uidPath.JSONPath()]
	return identity, read
}

// isUnits says that an object with those labels is the unit's, be it delivered
// by an application of the same name before this one.
func isUnits(unit delivery.Unit, labels map[string]string) bool {
	return labels[v1beta1.LabelAppNamespace] == unit.Owner.Namespace && labels[v1beta1.LabelAppName] == unit.Owner.Name &&
		labels[v1alpha1.LabelEnvironment] == unit.Place.Environment &&
		delivery.UnitName(labels[v1beta1.LabelAppComponent], labels[v1beta1.LabelReplicaKey]) == unit.Component
}

// finding is what a cluster says of an object that is probed.
type finding int

const (
	// findNothing means that it has not said enough yet, or that it could not make the object.
	findNothing finding = iota
	// findOurs means that the object is ours, or was made now.
	findOurs
	// findForeign means that it is somebody else's.
	findForeign
	// findFreed means that it was somebody else's and is gone.
	findFreed
	// findTaken means that it is of another namespace of the hub.
	findTaken
	// findMissing means that it is not there, and nobody was asked to make it.
	findMissing
	// findEnding means that it is ours, and is being removed to be made anew.
	findEnding
)

// identified is whose an object is by the labels that a cluster reports of it.
func identified(manifest *workv1.ManifestCondition, labels []string, isOurs func(map[string]string) bool) finding {
	identity, read := identityIn(manifest, labels)
	_, ends := feedbackValues(manifest)[endingPath.JSONPath()]
	switch {
	case !available(manifest) || !read:
		return findNothing
	case isOurs(identity) && ends:
		return findEnding
	case isOurs(identity):
		return findOurs
	}
	return findForeign
}

// findingOf reads what a cluster says of an object that its work probes.
// Nothing counts that was said of another generation of the work.
func findingOf(work *workv1.ManifestWork, id workv1.ResourceIdentifier, labels []string, isOurs func(map[string]string) bool) finding {
	if reported := appliedCondition(work); reported == nil || reported.ObservedGeneration != work.Generation {
		return findNothing
	}
	manifest := findByID(work, id)
	if manifest == nil {
		return findNothing
	}
	applied := meta.FindStatusCondition(manifest.Conditions, workv1.ManifestApplied)
	if applied == nil || applied.ObservedGeneration != work.Generation {
		return findNothing
	}
	if applied.Status == metav1.ConditionTrue {
		return findOurs
	}
	if !isConflict(applied.Message) {
		return findNothing // it was refused for another reason, which is said
	}
	if meta.IsStatusConditionFalse(manifest.Conditions, workv1.ManifestAvailable) {
		return findFreed
	}
	return identified(manifest, labels, isOurs)
}

func findByID(work *workv1.ManifestWork, id workv1.ResourceIdentifier) *workv1.ManifestCondition {
	for i := range work.Status.ResourceStatus.Manifests {
		m := &work.Status.ResourceStatus.Manifests[i]
		// Without a resource its cluster does not know the kind.
		if m.ResourceMeta.Name == id.Name && m.ResourceMeta.Resource != "" && reportedID(m) == id {
			return m
		}
	}
	return nil
}

// phases are the phases of a work's objects.
func phases(work *workv1.ManifestWork) map[workv1.ResourceIdentifier]phase {
	found := map[workv1.ResourceIdentifier]phase{}
	if work == nil {
		return found
	}
	for _, head := range heads(work) {
		found[head.id] = phaseApply
		if head.probe {
			found[head.id] = phaseProbe
		}
	}
	for i := range work.Spec.ManifestConfigs {
		config := &work.Spec.ManifestConfigs[i]
		if _, ok := found[config.ResourceIdentifier]; !ok || config.UpdateStrategy == nil {
			continue
		}
		switch config.UpdateStrategy.Type {
		case workv1.UpdateStrategyTypeCreateOnly:
			found[config.ResourceIdentifier] = phaseKeep
		case workv1.UpdateStrategyTypeReadOnly:
			found[config.ResourceIdentifier] = phaseObserve
		}
	}
	return found
}

func isProbe(content map[string]any) bool {
	metadata, _ := content["metadata"].(map[string]any)
	return metadata["resourceVersion"] == neverVersion
}

// asProbe is content that is made when it is missing, and else left as it is.
func asProbe(content map[string]any) map[string]any {
	metadata, _ := content["metadata"].(map[string]any)
	return withField(content, "metadata", withField(metadata, "resourceVersion", neverVersion))
}

func withField(object map[string]any, key string, value any) map[string]any {
	changed := make(map[string]any, len(object)+1)
	for k, v := range object {
		changed[k] = v
	}
	changed[key] = value
	return changed
}

// promotes says that the wanted work differs from the current one in what was
// probed and is known by now, and in nothing else that was written before. Such
// a write need not wait: a work has one of it.
func promotes(wanted, current *workv1.ManifestWork) bool {
	before, after := revisions(current), revisions(wanted)
	phasesBefore, phasesAfter := phases(current), phases(wanted)
	promoted := false
	for id, revision := range before {
		later, kept := after[id]
		if !kept || later != revision {
			return false
		}
		promoted = promoted || phasesBefore[id] == phaseProbe && phasesAfter[id] != phaseProbe
	}
	return promoted
}

// revisions are the revisions of a work's objects.
func revisions(work *workv1.ManifestWork) map[workv1.ResourceIdentifier]string {
	found := map[workv1.ResourceIdentifier]string{}
	for _, head := range heads(work) {
		found[head.id] = head.revision
	}
	return found
}

func annotation(content map[string]any, key string) string {
	metadata, _ := content["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	value, _ := annotations[key].(string)
	return value
}

// foreignObject says that an object is somebody else's.
func foreignObject(cluster string, content map[string]any) delivery.Observation {
	return delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonForeignObject, Message: fmt.Sprintf(
		"%s exists on cluster %q and was not delivered for this component: it is neither changed nor deleted; remove it, rename the component, or add a policy of type \"take-over\"",
		describe(content), cluster)}
}

// untilWhose is what is said of a work with objects of which it is not known whose they
// are: those are the words for them.
func untilWhose(said delivery.Observation, objects string) delivery.Observation {
	switch {
	case said.State == delivery.Delivered:
		// They were made just now; that they are ours shows in the next look at the work.
		return delivery.Observation{State: delivery.Applying, Message: "the next version follows", RetryAfter: coalesce}
	case isConflict(said.Message):
		// An agent that applies a probe again meets its own object.
		return untilSaid(said, objects)
	}
	return said
}

// untilSaid is said while a cluster has not told whose objects are that it has already.
func untilSaid(said delivery.Observation, objects string) delivery.Observation {
	return delivery.Observation{State: delivery.Applying, RetryAfter: said.RetryAfter,
		Message: "waiting for the cluster to say whose the " + objects + " that it has already"}
}

// freed asks the agent to make an object whose place is free by now.
func (t *Target) freed(ctx context.Context, work *workv1.ManifestWork, what string) (delivery.Observation, error) {
	retry, err := t.touch(ctx, work)
	return delivery.Observation{State: delivery.Applying, RetryAfter: retry, Message: what + ": what was in its place is gone; its agent was asked to make it"}, err
}
