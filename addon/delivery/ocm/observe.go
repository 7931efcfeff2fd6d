// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/refusal"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

func appliedCondition(work *workv1.ManifestWork) *metav1.Condition {
	return meta.FindStatusCondition(work.Status.Conditions, workv1.WorkApplied)
}

// applied says whether the agent applied the work's present generation.
func (t *Target) applied(ctx context.Context, work *workv1.ManifestWork) (delivery.Observation, error) {
	if away, err := t.away(ctx, work.Namespace); away != nil || err != nil {
		observation := ptr.Deref(away, delivery.Observation{})
		observation.Reported = lastReport(work)
		return observation, err
	}
	if !fetched(work) {
		return t.orOverdue(work, delivery.Observation{State: delivery.Applying, Message: "waiting for the cluster to fetch it"}), nil
	}
	t.seen(client.ObjectKeyFromObject(work))
	observation := delivery.Observation{State: delivery.Delivered}
	if appliedCondition(work).Status != metav1.ConditionTrue {
		observation = notApplied(work, byPermissions)
		observation.Message = delivery.WithRemedy(observation.Message)
	}
	observation.Reported = lastReport(work)
	return observation, nil
}

// notApplied explains a work that the agent could not apply. A missing right is
// waited for, since rights arrive by a work of their own.
func notApplied(work *workv1.ManifestWork, remedy remedy) delivery.Observation {
	for i := range work.Status.ResourceStatus.Manifests {
		manifest := &work.Status.ResourceStatus.Manifests[i]
		applied := meta.FindStatusCondition(manifest.Conditions, workv1.ManifestApplied)
		if applied == nil || applied.Status != metav1.ConditionFalse {
			continue
		}
		message := fmt.Sprintf("%s %s: the cluster cannot apply it: %s", bounded(manifest.ResourceMeta.Kind),
			bounded(manifest.ResourceMeta.Namespace+"/"+manifest.ResourceMeta.Name), bounded(unquoted(manifest.ResourceMeta, applied.Message)))
		if strings.Contains(applied.Message, lacksRight) {
			namespace := bounded(work.Labels[LabelTargetNamespace])
			return delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonForbidden, Message: fmt.Sprintf(
				"%s; account %s/%s of the cluster may not: %s", message, namespace, v1alpha1.DeployerAccount, remedy(namespace))}
		}
		return delivery.Observation{State: delivery.Refused, Reason: delivery.ReasonApplyFailed, Message: message}
	}
	return delivery.Observation{State: delivery.Applying, Message: "the cluster could not apply it yet"}
}

// unquoted is what a cluster says of an object that it cannot apply, without values: of a Secret only what holds none.
func unquoted(object workv1.ManifestResourceMeta, message string) string {
	if object.Group == "" && object.Kind == "Secret" {
		return refusal.OfSecret(message)
	}
	return refusal.WithoutValues(message)
}

// lacksRight is what an agent says of an object that the account of its work may not apply.
const lacksRight = "not allowed to apply"

// remedy is how an account in a namespace of a cluster gets a right that it lacks.
type remedy func(namespace string) string

// byPermissions is the remedy while something is delivered.
func byPermissions(string) string {
	return "ask the platform team for a ClusterRole that allows it in spec.permissions of the environment, or leave the object out"
}

// byBinding is the remedy for what is let go of: its application may be gone, and no role is sent for it.
func byBinding(namespace string) string {
	return fmt.Sprintf("give it a role there that allows it: kubectl -n %s create rolebinding fairlead-leaving --clusterrole=admin --serviceaccount=%s:%s",
		namespace, namespace, v1alpha1.DeployerAccount)
}

// firstFailed is why the first object could not be applied that was not; nil
// when all were.
func firstFailed(work *workv1.ManifestWork) *metav1.Condition {
	for i := range work.Status.ResourceStatus.Manifests {
		applied := meta.FindStatusCondition(work.Status.ResourceStatus.Manifests[i].Conditions, workv1.ManifestApplied)
		if applied != nil && applied.Status == metav1.ConditionFalse {
			return applied
		}
	}
	return nil
}

// awayOr is the observation, unless the cluster is away, which explains more.
func (t *Target) awayOr(ctx context.Context, cluster string, observation delivery.Observation) (delivery.Observation, error) {
	away, err := t.away(ctx, cluster)
	if away != nil {
		away.RetryAfter, away.Reported = observation.RetryAfter, observation.Reported
		return *away, err
	}
	return observation, err
}

// untilBack is awayOr for what does not come before the cluster does: an event tells of that.
func (t *Target) untilBack(ctx context.Context, cluster string, observation delivery.Observation) (delivery.Observation, error) {
	said, err := t.awayOr(ctx, cluster, observation)
	if said.State == delivery.Away {
		said.RetryAfter = 0
	}
	return said, err
}

func (t *Target) away(ctx context.Context, cluster string) (*delivery.Observation, error) {
	state, err := t.Fleet.Cluster(ctx, cluster)
	if err != nil {
		return nil, err
	}
	if state == nil {
		return &delivery.Observation{State: delivery.Away, Reason: delivery.ReasonClusterAway,
			Message: fmt.Sprintf("cluster is away: there is no ManagedCluster %q any more", cluster)}, nil
	}
	if state.Available {
		return nil, nil
	}
	message := "cluster is away: its agent has not reported yet"
	if !state.Since.IsZero() {
		message = fmt.Sprintf("cluster is away since %s: its agent does not report", state.Since.UTC().Format(time.RFC3339))
	}
	return &delivery.Observation{State: delivery.Away, Reason: delivery.ReasonClusterAway, Message: message}, nil
}

// observe reads the feedback of a work that was applied. Ready is believed only
// when the object exists and the feedback is of the wanted version of it:
// Available comes before Applied, and a missing object keeps its last values.
func (t *Target) observe(ctx context.Context, unit delivery.Unit, work *workv1.ManifestWork) (delivery.Observation, error) {
	observation := delivery.Observation{State: delivery.Delivered, Outputs: map[string]map[string]any{}, Feedback: true, Reported: lastReport(work)}
	forms := t.forms.of(unit.Result)
	held := phases(work)
	for i, object := range unit.Result.Objects {
		at, ok := held[forms[i].id]
		if !ok {
			continue // it is in another work of the unit
		}
		manifest := find(work, object)
		if at == phaseObserve && waits(unit.Treatment(i)) {
			if waiting, err := t.awaited(ctx, unit, object, manifest); waiting != nil || err != nil {
				return ptr.Deref(waiting, delivery.Observation{}), err
			}
		}
		if at == phaseObserve && (manifest == nil || !available(manifest)) {
			return delivery.Observation{State: delivery.Waiting, Message: describe(object.Content) +
				": the cluster does not have it, and a policy of type \"read-only\" keeps it from being made"}, nil
		}
		if manifest == nil || !available(manifest) {
			return t.repair(ctx, work, object, missing(manifest))
		}
		values := feedbackValues(manifest)
		if at != phaseApply {
			addObserved(&observation, object, askedOf(values, forms[i].feedback)) // others may change it
			continue
		}
		if values[revisionPath.JSONPath()] != forms[i].revision {
			return t.repair(ctx, work, object, outdated(manifest, values))
		}
		if path := drifted(object, forms[i].judged, values); path != "" {
			// Feedback of this version is no older than the version: nothing else is waited for.
			return t.repair(ctx, work, object, difference{
				is: "somebody changed " + path + " on the cluster", late: "waiting for feedback of " + path, after: settle})
		}
		addObserved(&observation, object, askedOf(values, forms[i].feedback))
	}
	t.mended(client.ObjectKeyFromObject(work))
	t.noteGood(work)
	return observation, nil
}

// askedOf are those values that are asked for of an object: a cluster may change its
// work, and have it ask for more.
func askedOf(values map[string]any, feedback []health.Path) map[string]any {
	asked := make(map[string]any, len(feedback))
	for _, path := range feedback {
		if value, ok := values[feedbackName(path)]; ok {
			asked[feedbackName(path)] = value
		}
	}
	return asked
}

// addObserved adds an object to what was observed.
func addObserved(observation *delivery.Observation, object render.Object, values map[string]any) {
	observed := health.Overlay(shown(object), values)
	if object.Resource == "" && object.Trait == "" {
		observation.Output = observed
		return
	}
	observation.Outputs[object.Resource] = observed
}

// shown is what a definition may see of an object when it judges its health: of a
// Secret only which one it is, since its message is read by many.
func shown(object render.Object) map[string]any {
	if !object.IsSecret() {
		return object.Content
	}
	return map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": object.Name(), "namespace": object.Namespace()},
	}
}

// drifted is a field of the spec that feedback shows to differ from what was
// delivered; empty when there is none.
func drifted(object render.Object, feedback []health.Path, values map[string]any) string {
	for _, path := range feedback {
		if len(path) == 0 || path[0] != "spec" {
			continue
		}
		observed, reported := values[path.JSONPath()]
		wanted, found := health.At(object.Content, path)
		if reported && found && observed != asReported(wanted) {
			return strings.TrimPrefix(path.JSONPath(), ".")
		}
	}
	return ""
}

// asReported is a value as it is kept when its cluster reports it.
func asReported(value any) any {
	if text, ok := value.(string); ok {
		return bounded(text)
	}
	return value
}

const (
	// feedbackDelay is how much later than Applied the feedback of a version may be
	// that shows another one now.
	feedbackDelay = 5 * time.Second
	// silence is how much later than Applied the first feedback may be. An agent that
	// has much to do, or that polls, says it late: to ask it to apply the work again
	// gives it more to do, on all clusters at once.
	silence = 30 * time.Second
)

// missing is of an object that the cluster has not, or of which it has said nothing yet.
func missing(manifest *workv1.ManifestCondition) difference {
	if manifest != nil && meta.IsStatusConditionFalse(manifest.Conditions, workv1.ManifestAvailable) {
		return difference{is: "the cluster does not have it", late: "not reported yet", after: settle}
	}
	return difference{is: "the cluster does not say that it has it", late: "not reported yet", after: silence}
}

// outdated is of an object whose feedback is not of the wanted version. An object
// of which no value came is not read yet, or lost the annotation that tells its
// version, which may be all that is asked for of it.
func outdated(manifest *workv1.ManifestCondition, values map[string]any) difference {
	d := difference{is: "the cluster has another version of it", late: "waiting for feedback of this version", after: feedbackDelay}
	if len(values) == 0 && !wasRead(manifest) {
		d.is, d.after = "the cluster does not tell the version of it", silence
	}
	return d
}

const (
	// conditionRead is by what an agent says of an object that it read it for its feedback.
	conditionRead = "StatusFeedbackSynced"
	// notAsked is the reason of that condition where no feedback was asked for.
	notAsked = "NoStatusFeedbackSynced"
)

// wasRead says that an agent read the feedback that is asked for of an object, be it
// that it found none.
func wasRead(manifest *workv1.ManifestCondition) bool {
	read := meta.FindStatusCondition(manifest.Conditions, conditionRead)
	return read != nil && read.Reason != notAsked
}

// difference is how an object is not as wanted though its work was applied.
type difference struct {
	is    string        // for people
	late  string        // what it may be instead, until after has passed
	after time.Duration // since the work was reported as applied
}

// repair asks the agent to apply a work again, once what it tells of an object is believed.
func (t *Target) repair(ctx context.Context, work *workv1.ManifestWork, object render.Object, d difference) (delivery.Observation, error) {
	name := fmt.Sprintf("%s %s/%s", object.GroupVersionKind().Kind, object.Namespace(), object.Name())
	if wait := d.after - t.believedFor(work, d); wait > 0 {
		return delivery.Observation{State: delivery.Applying, Message: name + ": " + d.late, RetryAfter: wait, Reported: lastReport(work)}, nil
	}
	return t.reapply(ctx, work, name, d)
}

// reapply asks the agent to apply a work again for one of its objects.
func (t *Target) reapply(ctx context.Context, work *workv1.ManifestWork, name string, d difference) (delivery.Observation, error) {
	observation := delivery.Observation{State: delivery.Applying, Message: name + ": " + d.is + "; its agent was asked to apply it again", Reported: lastReport(work)}
	var err error
	observation.RetryAfter, err = t.touch(ctx, work)
	return observation, err
}

// believedFor is how long what an agent tells of a work may have been of its present
// version, as far as that matters for a difference.
func (t *Target) believedFor(work *workv1.ManifestWork, d difference) time.Duration {
	age := t.appliedFor(work)
	if t.isGood(work) {
		age = d.after
	}
	if d.after == silence {
		age = min(age, t.reportedFor(work))
	}
	return age
}

// appliedFor is how long the work's present generation has been applied, as far as the
// hub knows; 0 when it is not.
func (t *Target) appliedFor(work *workv1.ManifestWork) time.Duration {
	if !fetched(work) || appliedCondition(work).Status != metav1.ConditionTrue {
		return 0
	}
	return t.saidFor(work)
}

// reportedFor is how long its agent has said nothing new of the work: one that still
// does has more to say, and asked for more it would have more to do.
func (t *Target) reportedFor(work *workv1.ManifestWork) time.Duration {
	last := lastReport(work)
	if last.IsZero() || last.After(t.Clock.Now()) {
		return silence
	}
	return t.Clock.Since(last)
}

func find(work *workv1.ManifestWork, object render.Object) *workv1.ManifestCondition {
	gvk := object.GroupVersionKind()
	i := slices.IndexFunc(work.Status.ResourceStatus.Manifests, func(m workv1.ManifestCondition) bool {
		return m.ResourceMeta.Group == gvk.Group && m.ResourceMeta.Kind == gvk.Kind &&
			m.ResourceMeta.Namespace == object.Namespace() && m.ResourceMeta.Name == object.Name()
	})
	if i < 0 {
		return nil
	}
	return &work.Status.ResourceStatus.Manifests[i]
}

func available(manifest *workv1.ManifestCondition) bool {
	return meta.IsStatusConditionTrue(manifest.Conditions, workv1.ManifestAvailable)
}

func feedbackValues(manifest *workv1.ManifestCondition) map[string]any {
	values := map[string]any{}
	for i := range manifest.StatusFeedbacks.Values {
		if i == maxFeedback {
			return values
		}
		value := &manifest.StatusFeedbacks.Values[i]
		switch {
		case value.Value.Integer != nil:
			values[value.Name] = *value.Value.Integer
		case value.Value.Boolean != nil:
			values[value.Name] = *value.Value.Boolean
		case value.Value.String != nil:
			values[value.Name] = bounded(*value.Value.String)
		}
	}
	return values
}
