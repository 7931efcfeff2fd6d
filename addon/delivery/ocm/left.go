// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// annotationLeaving is since when a work is on its way out that cannot be
// deleted yet. A work that was deleted says it by itself.
const annotationLeaving = "fairlead.dev/leaving"

// Remove takes a work away: its agent removes the objects, or lets them go where
// they are to stay, and the work is gone only after that. Of a cluster that is
// away the work may be left, when nobody waits for it.
func (t *Target) Remove(ctx context.Context, record delivery.Record, options delivery.RemoveOptions) (delivery.Observation, error) {
	namespace, name, _ := strings.Cut(record.ID, "/")
	key := types.NamespacedName{Namespace: namespace, Name: name}
	unseen := t.isUnseen(key) // before the look, which finds what is seen meanwhile
	work, err := t.get(ctx, key)
	if err != nil {
		return delivery.Observation{}, err
	}
	if work == nil && unseen {
		// The cache lags behind, and its event brings us back.
		return delivery.Observation{State: delivery.Applying, RetryAfter: coalesce, Message: "waiting for the hub to show it, since it was written just now"}, nil
	}
	if work == nil || work.Labels[LabelPurpose] == PurposeLeft {
		return delivery.Observation{State: delivery.Delivered}, nil
	}
	if !options.Final && !options.Leave && work.DeletionTimestamp.IsZero() {
		if rests, err := t.rests(ctx, work); rests || err != nil {
			return delivery.Observation{State: delivery.Delivered}, err
		}
	}
	absence, again, err := t.absent(ctx, work)
	if err != nil {
		return delivery.Observation{}, err
	}
	if absence != nil {
		return t.takeAwayLater(ctx, work, options, absence)
	}
	observation, err := t.takeAway(ctx, work, options)
	if observation.State == delivery.Waiting {
		observation.RetryAfter = sooner(observation.RetryAfter, again)
	}
	return observation, err
}

// takeAway takes the next step of a work on its way out.
func (t *Target) takeAway(ctx context.Context, work *workv1.ManifestWork, options delivery.RemoveOptions) (delivery.Observation, error) {
	if options.Leave && work.DeletionTimestamp.IsZero() && !untouched(work) {
		return t.letGo(ctx, work)
	}
	if shrinks(work, options) {
		return t.shrink(ctx, work)
	}
	observation, err := t.delete(ctx, client.ObjectKeyFromObject(work))
	observation.Reported = lastReport(work)
	return observation, err
}

// shrinks says that a work is not to go, but to keep what stays until its application goes.
func shrinks(work *workv1.ManifestWork, options delivery.RemoveOptions) bool {
	return !options.Final && work.DeletionTimestamp.IsZero() && len(lasting(work)) > 0
}

// takeAwayLater is takeAway for a cluster that is away: what can be done without
// it is done, until the patience ends. An agent that is silent may come back, so that
// its cluster is given up no sooner than one that OCM has lost.
func (t *Target) takeAwayLater(ctx context.Context, work *workv1.ManifestWork, options delivery.RemoveOptions, absence *absence) (delivery.Observation, error) {
	if shrinks(work, options) && !options.Leave {
		options.Patience = 0 // a work that is left goes when its cluster returns, and so would what stays
	}
	since, known := t.leavingSince(work)
	waited := t.Clock.Since(since)
	isOver := options.Abandon || options.Patience > 0 && known && waited >= options.Patience
	if isOver && absence.lost == 0 {
		return t.leave(ctx, work, options)
	}
	if options.Patience > 0 && !known && !t.goesNow(work, options) {
		return t.markLeaving(ctx, work)
	}
	observation, err := t.takeAway(ctx, work, options)
	observation = absence.explain(observation)
	if err != nil || observation.State != delivery.Away {
		return observation, err
	}
	observation.Message += waitsFor(work, options)
	observation.RetryAfter = sooner(observation.RetryAfter, absence.lost)
	if options.Patience == 0 {
		return observation, nil
	}
	if known {
		observation.RetryAfter = sooner(observation.RetryAfter, options.Patience-waited)
		return observation, nil
	}
	observation.RetryAfter = sooner(observation.RetryAfter, options.Patience)
	return observation, t.beginLeaving(ctx, work)
}

// waitsFor says for how long a removal waits for its cluster.
func waitsFor(work *workv1.ManifestWork, options delivery.RemoveOptions) string {
	how := "its share of the removal waits for it"
	if options.Abandon {
		how = "it is given up when it stays so"
	}
	return fmt.Sprintf("; %s, as spec.deletion.unreachable of environment %q has it", how, work.Labels[v1alpha1.LabelEnvironment])
}

// beginLeaving notes since when a work is on its way out that could not be deleted
// after all. One that was says it by itself, though the cache may not show it yet.
func (t *Target) beginLeaving(ctx context.Context, work *workv1.ManifestWork) error {
	var live workv1.ManifestWork
	if err := t.Live.Get(ctx, client.ObjectKeyFromObject(work), &live); err != nil {
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("read work %s/%s: %w", work.Namespace, work.Name, err)
	}
	if _, known := t.leavingSince(&live); known || live.UID != work.UID {
		return nil
	}
	return t.noteLeaving(ctx, &live)
}

// goesNow says that the agent has nothing against it that the work is deleted at once.
func (t *Target) goesNow(work *workv1.ManifestWork, options delivery.RemoveOptions) bool {
	_, ok := t.deletable(work)
	return ok && (!options.Leave || untouched(work))
}

// untouched says that no agent has begun with the work: nothing of it is on the cluster.
func untouched(work *workv1.ManifestWork) bool {
	return len(work.Finalizers) == 0 && appliedCondition(work) == nil
}

// leavingSince is since when a work is on its way out. What the work says of it
// its cluster may have changed: it is not before the work and not in the future.
func (t *Target) leavingSince(work *workv1.ManifestWork) (time.Time, bool) {
	if !work.DeletionTimestamp.IsZero() {
		return work.DeletionTimestamp.Time, true
	}
	since, ok := timeIn(work, annotationLeaving)
	if created := work.CreationTimestamp.Time; since.Before(created) {
		since = created
	}
	return since, ok && !since.After(t.Clock.Now())
}

func (t *Target) markLeaving(ctx context.Context, work *workv1.ManifestWork) (delivery.Observation, error) {
	if err := t.noteLeaving(ctx, work); err != nil {
		return delivery.Observation{}, err
	}
	return t.awayOr(ctx, work.Namespace, delivery.Observation{State: delivery.Waiting, RetryAfter: coalesce, Reported: lastReport(work)})
}

func (t *Target) noteLeaving(ctx context.Context, work *workv1.ManifestWork) error {
	change := workChange{Metadata: metadataChange{Annotations: map[string]string{annotationLeaving: stampOf(t.Clock.Now())}}}
	if err := t.change(ctx, work, change); err != nil && !errors.Is(err, errChanged) {
		return err
	}
	return nil
}

// leave gives up on a cluster that is away. The work stays for the cluster,
// which finds it when it returns, and no longer counts as the application's.
func (t *Target) leave(ctx context.Context, work *workv1.ManifestWork, options delivery.RemoveOptions) (delivery.Observation, error) {
	if untouched(work) && work.DeletionTimestamp.IsZero() {
		return t.delete(ctx, client.ObjectKeyFromObject(work))
	}
	change := workChange{Metadata: metadataChange{Labels: map[string]string{LabelPurpose: PurposeLeft}}}
	what := "what is there goes when it returns"
	// A work that was deleted cannot let its objects go any more: its agent would
	// delete some of them before it has seen that they are to stay.
	if work.DeletionTimestamp.IsZero() && (options.Leave || options.Abandon) {
		what = "what is there stays"
		change.Spec = orphaning()
		change.Metadata.Annotations = map[string]string{AnnotationWritten: stampOf(t.Clock.Now())}
	}
	if err := t.change(ctx, work, change); err != nil {
		if errors.Is(err, errChanged) {
			return delivery.Observation{State: delivery.Waiting, Message: "the work changed meanwhile", RetryAfter: coalesce}, nil
		}
		return delivery.Observation{}, err
	}
	return delivery.Observation{State: delivery.Delivered, Left: true, Message: fmt.Sprintf(
		"work %s/%s of component %s in environment %s was left on a cluster that is away: %s", work.Namespace, work.Name,
		bounded(work.Labels[v1beta1.LabelAppComponent]), bounded(work.Labels[v1alpha1.LabelEnvironment]), what)}, nil
}

// letGo takes a work away whose objects stay. The agent must have applied that
// they are not the work's any more: a work that goes before takes some with it.
func (t *Target) letGo(ctx context.Context, work *workv1.ManifestWork) (delivery.Observation, error) {
	key := client.ObjectKeyFromObject(work)
	waiting := delivery.Observation{State: delivery.Waiting, Message: "waiting for the cluster to let the objects go, which stay there", Reported: lastReport(work)}
	if !orphaned(work) {
		if waiting.RetryAfter = t.tooEarly(key); waiting.RetryAfter > 0 {
			return t.awayOr(ctx, work.Namespace, waiting)
		}
		now := stampOf(t.Clock.Now())
		change := workChange{Spec: orphaning(), Metadata: metadataChange{Annotations: map[string]string{AnnotationWritten: now, annotationLeaving: now}}}
		if err := t.change(ctx, work, change); err != nil && !errors.Is(err, errChanged) {
			return delivery.Observation{}, err
		}
		t.wrote(work)
		return t.awayOr(ctx, work.Namespace, waiting)
	}
	refused, unsaid := t.lettings(work, contents(work))
	switch {
	case len(refused) > 0:
		return t.letGoAsIs(ctx, work, refused, waiting)
	case fetched(work) && unsaid:
		waiting.RetryAfter = coalesce
	case fetched(work):
		if waiting.RetryAfter = t.unripe(work); waiting.RetryAfter == 0 {
			return t.deleteNow(ctx, work)
		}
	}
	return t.awayOr(ctx, work.Namespace, t.orOverdue(work, waiting))
}

func orphaned(work *workv1.ManifestWork) bool {
	return work.Spec.DeleteOption != nil && work.Spec.DeleteOption.PropagationPolicy == workv1.DeletePropagationPolicyTypeOrphan
}

// workChange is a merge patch of a work, whose payload is not known.
type workChange struct {
	Metadata metadataChange `json:"metadata"`
	Spec     *specChange    `json:"spec,omitempty"`
}

type metadataChange struct {
	ResourceVersion string            `json:"resourceVersion"`
	Labels          map[string]string `json:"labels,omitempty"`
	Annotations     map[string]string `json:"annotations,omitempty"`
}

type specChange struct {
	DeleteOption deleteOptionChange `json:"deleteOption"`
}

type deleteOptionChange struct {
	PropagationPolicy workv1.DeletePropagationPolicyType `json:"propagationPolicy"`
	// SelectivelyOrphan is null, which takes away what stands there.
	SelectivelyOrphan *workv1.SelectivelyOrphan `json:"selectivelyOrphan"`
}

func orphaning() *specChange {
	return &specChange{deleteOptionChange{PropagationPolicy: workv1.DeletePropagationPolicyTypeOrphan}}
}

// errChanged means that a work is not as it was looked at; the event of that brings us back.
var errChanged = errors.New("the work changed meanwhile")

func (t *Target) change(ctx context.Context, work *workv1.ManifestWork, change workChange) error {
	change.Metadata.ResourceVersion = work.ResourceVersion
	patch, err := json.Marshal(change)
	if err != nil {
		return fmt.Errorf("encode a change of work %s/%s: %w", work.Namespace, work.Name, err)
	}
	target := &workv1.ManifestWork{}
	target.Namespace, target.Name = work.Namespace, work.Name
	err = t.Writer.Patch(ctx, target, client.RawPatch(types.MergePatchType, patch))
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return errChanged
	}
	if err != nil {
		return fmt.Errorf("change work %s/%s on its way out: %w", work.Namespace, work.Name, err)
	}
	return nil
}

// holdsObjects says that objects of applications are in the work.
func holdsObjects(work *workv1.ManifestWork) bool {
	return purposeOf(work.Labels) == PurposeApplication
}

// purposeOf is what a work is for, where one that was left is still its unit's:
// the same application made again takes it back.
func purposeOf(labels map[string]string) string {
	if labels[LabelPurpose] == PurposeLeft {
		return PurposeApplication
	}
	return labels[LabelPurpose]
}

// leftKeys tells the namespaces and environments of works that were left apart:
// no namespace has a slash in its name.
func leftKeys(work *workv1.ManifestWork) []string {
	if work.Labels[LabelPurpose] != PurposeLeft || !genuine(work) {
		return nil
	}
	return []string{work.Labels[v1beta1.LabelAppNamespace], "environment/" + work.Labels[v1alpha1.LabelEnvironment]}
}

// LeftIn counts the works of an environment that were left on clusters that were away.
func (t *Target) LeftIn(ctx context.Context, environment string) (int, error) {
	works, err := t.left(ctx, "environment/"+environment)
	return len(works), err
}

func (t *Target) left(ctx context.Context, key string) ([]workv1.ManifestWork, error) {
	if !t.Fleet.Installed() {
		return nil, nil
	}
	var works workv1.ManifestWorkList
	if err := t.Reader.List(ctx, &works, client.MatchingFields{indexLeft: key}); err != nil {
		return nil, fmt.Errorf("list the works that were left: %w", err)
	}
	slices.SortFunc(works.Items, func(a, b workv1.ManifestWork) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return works.Items, nil
}

// CollectLeft takes the works of a hub namespace away that were left on clusters
// which are back. It returns when to look again, 0 when an event tells.
func (t *Target) CollectLeft(ctx context.Context, sourceNamespace string) (time.Duration, error) {
	works, err := t.left(ctx, sourceNamespace)
	if err != nil {
		return 0, err
	}
	var after time.Duration
	var errs []error
	for i := range works {
		observation, err := t.collect(ctx, &works[i])
		errs = append(errs, err)
		after = sooner(after, observation.RetryAfter)
	}
	return after, errors.Join(errs...)
}

func (t *Target) collect(ctx context.Context, work *workv1.ManifestWork) (delivery.Observation, error) {
	if away, err := t.away(ctx, work.Namespace); away != nil || err != nil {
		return ptr.Deref(away, delivery.Observation{}), err
	}
	if orphaned(work) && work.DeletionTimestamp.IsZero() {
		return t.letGo(ctx, work)
	}
	return t.delete(ctx, client.ObjectKeyFromObject(work))
}

// SourceNamespaces are the hub namespaces of what is to be looked at when a work
// changes, or, without a name, when a cluster does: of works that were left, and of tenants.
func SourceNamespaces(ctx context.Context, reader client.Reader, cluster string) ([]string, error) {
	var works workv1.ManifestWorkList
	if err := reader.List(ctx, &works, client.InNamespace(cluster), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the works of cluster %q: %w", cluster, err)
	}
	var names []string
	for i := range works.Items {
		if name := SourceNamespaceOf(&works.Items[i]); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// SourceNamespaceOf is the hub namespace of a work that was left, or of a
// tenant; empty for any other.
func SourceNamespaceOf(work client.Object) string {
	labels := work.GetLabels()
	switch labels[LabelPurpose] {
	case PurposeLeft:
		return labels[v1beta1.LabelAppNamespace]
	case PurposeTenant:
		return labels[delivery.LabelSourceNamespace]
	}
	return ""
}

// ApplicationNamespaceOf is the hub namespace of an application whose objects a work
// holds; empty for any other work.
func ApplicationNamespaceOf(work client.Object) string {
	labels := work.GetLabels()
	if labels[LabelPurpose] != PurposeApplication {
		return ""
	}
	return labels[v1beta1.LabelAppNamespace]
}

// IsLeft says that a work was left on a cluster that was away.
func IsLeft(work client.Object) bool { return work.GetLabels()[LabelPurpose] == PurposeLeft }

// namespaceEnds says that a work cannot be made since the namespace of its
// cluster on the hub is going or gone. OCM makes it again while the cluster is there.
func namespaceEnds(key types.NamespacedName, err error) *delivery.Observation {
	if !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) && !apierrors.IsNotFound(err) {
		return nil
	}
	return &delivery.Observation{State: delivery.Waiting, RetryAfter: conflictRetry,
		Message: fmt.Sprintf("namespace %q of the cluster on the hub is being deleted or gone: waiting for OCM to make it again", key.Namespace)}
}
