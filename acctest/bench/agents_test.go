// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"
	workclient "open-cluster-management.io/api/client/work/clientset/versioned"
	workinformers "open-cluster-management.io/api/client/work/informers/externalversions"
	worklisters "open-cluster-management.io/api/client/work/listers/work/v1"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

const (
	// agentsUser is who the simulated agents are at the hub.
	agentsUser = "simulated-agents"
	// agentFinalizer is by which an agent holds a work until its objects are gone.
	agentFinalizer = "cluster.open-cluster-management.io/manifest-work-cleanup"
	// agentWorkers is how many of the agents write at once.
	agentWorkers = 16
)

// agents stand in for the work agents of all clusters. They write to the hub what OCM's agent writes, in its order and
// as often, and keep no objects: a Deployment becomes ready by itself, in steps that each are a status write.
type agents struct {
	client workclient.Interface
	works  worklisters.ManifestWorkLister
	queue  workqueue.TypedRateLimitingInterface[types.NamespacedName]
	// stages are the feedback by spec and generation: most works differ by their cluster alone.
	stages sync.Map
	// gate is held while they are to write nothing.
	gate sync.RWMutex
	// writing is of how many works something is written right now.
	writing atomic.Int32
}

// stages are the values that each manifest of a work has, at each stage of a rollout.
type stages [][][]workv1.FeedbackValue

// startAgents lets agents of all clusters run until the test ends. They see the works of the addon alone.
func startAgents(t *testing.T, h *hub) *agents {
	t.Helper()
	kubeconfig, err := h.env.Hub().UserKubeconfig(agentsUser, "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := workclient.NewForConfig(unthrottled(config))
	if err != nil {
		t.Fatal(err)
	}
	factory := workinformers.NewSharedInformerFactoryWithOptions(client, 0, workinformers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.LabelSelector = v1alpha1.LabelManagedBy + "=" + v1alpha1.LabelManagedByValue
	}))
	informer := factory.Work().V1().ManifestWorks()
	a := &agents{client: client, works: informer.Lister(), queue: workqueue.NewTypedRateLimitingQueue(
		workqueue.NewTypedItemExponentialFailureRateLimiter[types.NamespacedName](5*time.Millisecond, time.Second))}
	enqueue := func(object any) {
		if work, ok := object.(*workv1.ManifestWork); ok {
			a.queue.Add(types.NamespacedName{Namespace: work.Namespace, Name: work.Name})
		}
	}
	if _, err := informer.Informer().AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: enqueue, UpdateFunc: func(_, object any) { enqueue(object) },
	}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	t.Cleanup(a.queue.ShutDown)
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	for range agentWorkers {
		go a.run(ctx)
	}
	return a
}

// worksOf is how many works of an application the agents see.
func (a *agents) worksOf(application string) (int, error) {
	works, err := a.works.List(labels.SelectorFromSet(labels.Set{v1beta1.LabelAppName: application}))
	return len(works), err
}

// areDone waits until the agents have said all that there is to say.
func (a *agents) areDone(t *testing.T) {
	t.Helper()
	var since time.Time
	eventually(t, patience, "the agents to have said all", func() error {
		if queued, writing := a.queue.Len(), a.writing.Load(); queued > 0 || writing > 0 || since.IsZero() {
			since = time.Now()
			return fmt.Errorf("%d works are queued, of %d something is written", queued, writing)
		}
		if time.Since(since) < settling {
			return errors.New("they were quiet for a moment only")
		}
		return nil
	})
}

func (a *agents) run(ctx context.Context) {
	for {
		key, shutdown := a.queue.Get()
		if shutdown {
			return
		}
		a.writing.Add(1)
		a.gate.RLock()
		err := a.step(ctx, key)
		a.gate.RUnlock()
		a.writing.Add(-1)
		if err != nil && !apierrors.IsNotFound(err) {
			a.queue.AddRateLimited(key)
		} else {
			a.queue.Forget(key)
		}
		a.queue.Done(key)
	}
}

// step makes the next write that a work needs; the event of it leads to the one after.
func (a *agents) step(ctx context.Context, key types.NamespacedName) error {
	work, err := a.works.ManifestWorks(key.Namespace).Get(key.Name)
	if err != nil {
		return err
	}
	held := slices.Contains(work.Finalizers, agentFinalizer)
	if !work.DeletionTimestamp.IsZero() {
		if !held {
			return nil
		}
		return a.patch(ctx, work, "", map[string]any{"metadata": map[string]any{"finalizers": without(work.Finalizers, agentFinalizer)}})
	}
	if !held {
		return a.patch(ctx, work, "", map[string]any{"metadata": map[string]any{"finalizers": append(slices.Clone(work.Finalizers), agentFinalizer)}})
	}
	stages, err := a.stagesOf(work)
	if err != nil {
		return err
	}
	next := nextStatus(work, stages)
	if next == nil {
		return nil
	}
	return a.patch(ctx, work, "status", map[string]any{"status": next})
}

func without(list []string, item string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == item })
}

// patch writes with the version that was read, as the agent does: it loses against any write in between.
func (a *agents) patch(ctx context.Context, work *workv1.ManifestWork, subresource string, change map[string]any) error {
	metadata, _ := change["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
		change["metadata"] = metadata
	}
	metadata["resourceVersion"], metadata["uid"] = work.ResourceVersion, work.UID
	raw, err := json.Marshal(change)
	if err != nil {
		return err
	}
	var subresources []string
	if subresource != "" {
		subresources = []string{subresource}
	}
	_, err = a.client.WorkV1().ManifestWorks(work.Namespace).Patch(ctx, work.Name, types.MergePatchType, raw, metav1.PatchOptions{}, subresources...)
	return err
}

// nextStatus is the status that the agent writes next, nil when it has said all. A new work is Applied, then Available, then
// its feedback follows the rollout. Of an update the agent says Available of the new generation first, beside the feedback of
// the old one, then the new feedback, and Applied at last.
func nextStatus(work *workv1.ManifestWork, stages stages) *workv1.ManifestWorkStatus {
	status := work.Status.DeepCopy()
	applied, available := observed(status, workv1.WorkApplied), observed(status, workv1.WorkAvailable)
	current := stageOf(stages, status)
	switch {
	case available == 0 && applied != work.Generation:
		setApplied(work, status)
	case available != work.Generation:
		condition(&status.Conditions, workv1.WorkAvailable, "ResourcesAvailable", work.Generation)
		if available == 0 {
			setFeedback(work, status, stages[0])
		}
	case applied != work.Generation && current < 0:
		setFeedback(work, status, stages[0])
		if equality.Semantic.DeepEqual(status, &work.Status) {
			setApplied(work, status) // of an object that is new in the work nothing is said before
		}
	case applied != work.Generation:
		setApplied(work, status)
	case current < len(stages)-1:
		setFeedback(work, status, stages[current+1])
	default:
		return nil
	}
	return status
}

// stagesOf evaluates what the work asks for, once for all clusters that have the same work.
func (a *agents) stagesOf(work *workv1.ManifestWork) (stages, error) {
	spec, err := json.Marshal(work.Spec)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%d %x", work.Generation, sha256.Sum256(spec))
	if known, ok := a.stages.Load(key); ok {
		if typed, ok := known.(stages); ok {
			return typed, nil
		}
	}
	evaluated, err := feedbackStages(work)
	if err == nil {
		a.stages.Store(key, evaluated)
	}
	return evaluated, err
}

func observed(status *workv1.ManifestWorkStatus, kind string) int64 {
	if condition := meta.FindStatusCondition(status.Conditions, kind); condition != nil {
		return condition.ObservedGeneration
	}
	return 0
}

func condition(conditions *[]metav1.Condition, kind, reason string, generation int64) {
	meta.SetStatusCondition(conditions, metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: reason, ObservedGeneration: generation})
}

func setApplied(work *workv1.ManifestWork, status *workv1.ManifestWorkStatus) {
	condition(&status.Conditions, workv1.WorkApplied, "AppliedManifestWorkComplete", work.Generation)
	manifests := manifestsOf(work)
	kept := status.ResourceStatus.Manifests
	status.ResourceStatus.Manifests = make([]workv1.ManifestCondition, len(manifests))
	for i, manifest := range manifests {
		entry := workv1.ManifestCondition{ResourceMeta: manifest.meta(i)}
		if at := slices.IndexFunc(kept, func(m workv1.ManifestCondition) bool { return sameObject(m.ResourceMeta, entry.ResourceMeta) }); at >= 0 {
			entry.Conditions, entry.StatusFeedbacks = kept[at].Conditions, kept[at].StatusFeedbacks
		}
		condition(&entry.Conditions, workv1.ManifestApplied, "AppliedManifestComplete", work.Generation)
		status.ResourceStatus.Manifests[i] = entry
	}
}

// setFeedback says of every manifest that it is there, and its values.
func setFeedback(work *workv1.ManifestWork, status *workv1.ManifestWorkStatus, stage [][]workv1.FeedbackValue) {
	for i, manifest := range manifestsOf(work) {
		wanted := manifest.meta(i)
		for at := range status.ResourceStatus.Manifests {
			entry := &status.ResourceStatus.Manifests[at]
			if !sameObject(entry.ResourceMeta, wanted) {
				continue
			}
			condition(&entry.Conditions, workv1.ManifestAvailable, "ResourceAvailable", 0)
			if stage[i] != nil {
				condition(&entry.Conditions, "StatusFeedbackSynced", "StatusFeedbackSynced", 0)
			}
			entry.StatusFeedbacks.Values = stage[i]
		}
	}
}

func sameObject(a, b workv1.ManifestResourceMeta) bool {
	return a.Group == b.Group && a.Kind == b.Kind && a.Namespace == b.Namespace && a.Name == b.Name
}

// stageOf is the last stage whose feedback the status has, -1 when it is none of them.
func stageOf(stages stages, status *workv1.ManifestWorkStatus) int {
	for i := len(stages) - 1; i >= 0; i-- {
		same := len(stages[i]) == len(status.ResourceStatus.Manifests)
		for at := range status.ResourceStatus.Manifests {
			same = same && equalValues(stages[i][at], status.ResourceStatus.Manifests[at].StatusFeedbacks.Values)
		}
		if same {
			return i
		}
	}
	return -1
}

func equalValues(a, b []workv1.FeedbackValue) bool {
	return slices.EqualFunc(a, b, func(a, b workv1.FeedbackValue) bool { return a.Name == b.Name && text(a) == text(b) })
}

func text(value workv1.FeedbackValue) string {
	raw, err := json.Marshal(value.Value)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// manifest is an object of a work.
type manifest map[string]any

func manifestsOf(work *workv1.ManifestWork) []manifest {
	list := make([]manifest, 0, len(work.Spec.Workload.Manifests))
	for _, raw := range work.Spec.Workload.Manifests {
		var content manifest
		if err := json.Unmarshal(raw.Raw, &content); err != nil {
			content = manifest{} // OCM's webhook lets none of these in
		}
		list = append(list, content)
	}
	return list
}

func (m manifest) meta(ordinal int) workv1.ManifestResourceMeta {
	version, _ := m["apiVersion"].(string)
	kind, _ := m["kind"].(string)
	metadata, _ := m["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	namespace, _ := metadata["namespace"].(string)
	gvk := schema.FromAPIVersionAndKind(version, kind)
	resource, _ := meta.UnsafeGuessKindToResource(gvk)
	return workv1.ManifestResourceMeta{
		Ordinal: int32(ordinal), Group: gvk.Group, Version: gvk.Version, Kind: kind, Resource: resource.Resource, Namespace: namespace, Name: name,
	}
}

func feedbackStages(work *workv1.ManifestWork) (stages, error) {
	manifests := manifestsOf(work)
	all := make(stages, rolloutStages)
	for stage := range all {
		all[stage] = make([][]workv1.FeedbackValue, len(manifests))
		for i, manifest := range manifests {
			rules := rulesOf(work, manifest.meta(i))
			if len(rules) == 0 {
				continue
			}
			values, err := feedback(manifest.at(stage, work.Generation), rules)
			if err != nil {
				return nil, fmt.Errorf("work %s/%s: %w", work.Namespace, work.Name, err)
			}
			all[stage][i] = values
		}
	}
	return all, nil
}

func rulesOf(work *workv1.ManifestWork, of workv1.ManifestResourceMeta) []workv1.JsonPath {
	var paths []workv1.JsonPath
	for _, config := range work.Spec.ManifestConfigs {
		id := config.ResourceIdentifier
		if id.Group != of.Group || id.Resource != of.Resource || id.Namespace != of.Namespace || id.Name != of.Name {
			continue
		}
		for _, rule := range config.FeedbackRules {
			paths = append(paths, rule.JsonPaths...)
		}
	}
	slices.SortFunc(paths, func(a, b workv1.JsonPath) int { return strings.Compare(a.Name, b.Name) })
	return paths
}
