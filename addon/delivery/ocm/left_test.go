// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// setAvailable says whether OCM hears from the cluster.
func (h *hub) setAvailable(t *testing.T, status metav1.ConditionStatus) {
	t.Helper()
	if err := h.client.Delete(t.Context(), managedCluster("c1", "")); err != nil {
		t.Fatal(err)
	}
	if err := h.client.Create(t.Context(), managedCluster("c1", status)); err != nil {
		t.Fatal(err)
	}
	h.writes = nil
}

// running delivers component web and reports it as applied by its agent.
func running(t *testing.T) *hub {
	t.Helper()
	h := newHub(t)
	h.delivered(t, unit(deployment("web", "nginx:1")))
	h.hold(t, webWork)
	h.setApplied(t, webWork, time.Minute)
	h.writes = nil
	return h
}

// next is what the API server does when a spec changed.
func (h *hub) next(t *testing.T) {
	t.Helper()
	if err := h.client.Update(t.Context(), h.work(t, webWork)); err != nil {
		t.Fatal(err)
	}
	h.writes = nil
}

func (h *hub) removeWeb(t *testing.T, options delivery.RemoveOptions) delivery.Observation {
	t.Helper()
	got, err := h.Remove(t.Context(), h.recordOfWeb(t), options)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

const (
	deletes = "delete c1/" + webWork
	patches = "patch c1/" + webWork
)

// TestLetGo checks that a work whose objects stay is deleted only after its
// agent has applied that they are to stay: one that goes before takes some with it.
func TestLetGo(t *testing.T) {
	leave := delivery.RemoveOptions{Leave: true}
	const waiting = "waiting: waiting for the cluster to let the objects go, which stay there"
	h := running(t)
	step := func(reason, want string, writes ...string) delivery.Observation {
		t.Helper()
		h.writes = nil
		got := h.removeWeb(t, leave)
		if diff := cmp.Diff(want, said(got)); diff != "" {
			t.Errorf("since %s (-want +got):\n%s", reason, diff)
		}
		if diff := cmp.Diff(writes, h.writes); diff != "" {
			t.Errorf("writes, since %s (-want +got):\n%s", reason, diff)
		}
		return got
	}
	step("the agent must know first", waiting, patches)
	option := h.work(t, webWork).Spec.DeleteOption
	if diff := cmp.Diff(&workv1.DeleteOption{PropagationPolicy: workv1.DeletePropagationPolicyTypeOrphan}, option); diff != "" {
		t.Errorf("delete option (-want +got):\n%s", diff)
	}
	h.next(t)
	step("it was applied before, not as it is now", waiting)
	refused := func() {
		work := h.work(t, webWork)
		h.setStatus(t, webWork, workv1.ManifestWorkStatus{
			Conditions: []metav1.Condition{h.appliedAt(work.Generation, metav1.ConditionFalse, time.Minute)},
			ResourceStatus: workv1.ManifestResourceStatus{Manifests: []workv1.ManifestCondition{
				h.manifestApplied(work, deployment("web", "nginx:1").Content, metav1.ConditionFalse, "no\x07"),
			}},
		})
	}
	const cannot = waiting + "; it cannot: Deployment shop-prod/web: the cluster cannot apply it: no "
	refused()
	h.pass(coalesce)
	step("an object that could not be applied is still the work's, and need not be applied", cannot, "update c1/"+webWork)
	work := h.work(t, webWork)
	if at := phases(work)[identify(deployment("web", "nginx:1").Content)]; at != phaseKeep || !orphaned(work) || work.Annotations[annotationLeaving] == "" {
		t.Errorf("phase %d, orphaned %t, leaving since %q: want the object left as it is", at, orphaned(work), work.Annotations[annotationLeaving])
	}
	step("the agent must know of that", waiting)
	refused()
	h.pass(coalesce)
	step("nothing more can be done for the cluster", cannot)
	h.setApplied(t, webWork, 0)
	if got := step("the agent records it after it reported it", waiting); got.RetryAfter != settle {
		t.Errorf("retry after %s, want %s", got.RetryAfter, settle)
	}
	h.pass(settle)
	step("it is settled", "applying: waiting for the cluster to remove it", deletes)
	step("it is deleted once", "applying: waiting for the cluster to remove it")
}

// TestLetGoOfNothing checks that a work that no agent has seen needs no agent to let go of it.
func TestLetGoOfNothing(t *testing.T) {
	h := newHub(t)
	h.delivered(t, unit(deployment("web", "nginx:1")))
	got := h.removeWeb(t, delivery.RemoveOptions{Leave: true})
	if diff := cmp.Diff([]string{deletes}, h.writes); diff != "" || got.State != delivery.Applying {
		t.Errorf("got %s (-want +got):\n%s", said(got), diff)
	}
}

// TestRemoveFromAway checks what becomes of a work whose cluster is away: under
// Wait it is deleted and waited for, else it is left, and its application goes.
func TestRemoveFromAway(t *testing.T) {
	const waits = "away ClusterAway: cluster is away since 2026-03-04T04:06:07Z: its agent does not report; " +
		`its share of the removal waits for it, as spec.deletion.unreachable of environment "prod" has it`
	const stays = "delivered: work c1/" + webWork + " of component web in environment prod was left on a cluster that is away: what is there stays"
	const goes = "delivered: work c1/" + webWork + " of component web in environment prod was left on a cluster that is away: what is there goes when it returns"
	hour := delivery.RemoveOptions{Patience: time.Hour}
	unreported := func(t *testing.T, h *hub) { h.setStatus(t, webWork, workv1.ManifestWorkStatus{}) }
	deleted := func(t *testing.T, h *hub) {
		if err := h.client.Delete(t.Context(), h.work(t, webWork)); err != nil {
			t.Fatal(err)
		}
		h.clock.SetTime(h.work(t, webWork).DeletionTimestamp.Time)
	}
	marked := func(t *testing.T, h *hub) { unreported(t, h); h.removeWeb(t, hour) }
	probing := func(t *testing.T, h *hub) { h.deliverUnit(t, unit(deployment("web", "nginx:1"), service("web"))) }
	// The agent made the Service, was interrupted, and met it when it tried again.
	met := func(t *testing.T, h *hub) {
		probing(t, h)
		h.removeWeb(t, hour)
		h.reportMet(t, service("web"))
		h.pass(30 * time.Minute)
	}
	tests := []struct {
		name, reason string
		prepare      func(*testing.T, *hub)
		options      delivery.RemoveOptions
		want         string
		writes       []string
		retry        time.Duration
		left         bool
	}{
		{name: "wait", reason: "its agent finds the deletion when it returns", want: waits, writes: []string{deletes}},
		{name: "wait, deleted", reason: "it is deleted once", prepare: deleted, want: waits},
		{name: "wait, never applied", reason: "a work that goes before it is applied can leave its objects behind", prepare: unreported, want: waits, retry: unseenAge},
		{name: "abandon", reason: "nobody waits", options: delivery.RemoveOptions{Abandon: true}, want: stays, writes: []string{patches}, left: true},
		{name: "abandon, never applied", reason: "something of it may be there", prepare: unreported, options: delivery.RemoveOptions{Abandon: true}, want: stays, writes: []string{patches}, left: true},
		{
			name: "abandon, never seen", reason: "nothing of it is there",
			prepare: func(t *testing.T, h *hub) {
				unreported(t, h)
				work := h.work(t, webWork)
				work.Finalizers = nil
				if err := h.client.Update(t.Context(), work); err != nil {
					t.Fatal(err)
				}
			},
			options: delivery.RemoveOptions{Abandon: true}, want: "away ClusterAway: cluster is away since 2026-03-04T04:06:07Z: its agent does not report", writes: []string{deletes},
		},
		{name: "abandon, deleted", reason: "what was deleted cannot stay any more", prepare: deleted, options: delivery.RemoveOptions{Abandon: true}, want: goes, writes: []string{patches}, left: true},
		{name: "patience", reason: "it has just begun", options: hour, want: waits, writes: []string{deletes}, retry: time.Hour},
		{
			name: "patience, half an hour", reason: "half of it is left", prepare: func(t *testing.T, h *hub) { deleted(t, h); h.pass(30 * time.Minute) },
			options: hour, want: waits, retry: 30 * time.Minute,
		},
		{
			name: "patience over", reason: "the deletion stays, for when the cluster returns", prepare: func(t *testing.T, h *hub) { deleted(t, h); h.pass(time.Hour) },
			options: hour, want: goes, writes: []string{patches}, left: true,
		},
		{
			name: "patience, not deleted", reason: "since when it waits is noted", prepare: unreported,
			options: hour, want: "away ClusterAway: cluster is away since 2026-03-04T04:06:07Z: its agent does not report", writes: []string{patches}, retry: coalesce,
		},
		{name: "patience, noted", reason: "it is noted once", prepare: marked, options: hour, want: waits, retry: unseenAge},
		{
			name: "patience over, not deleted", reason: "a restart does not begin it anew",
			prepare: func(t *testing.T, h *hub) { marked(t, h); h.pass(time.Hour); h.restart() },
			options: hour, want: goes, writes: []string{patches}, left: true,
		},
		{name: "wait, probing", reason: "its agent may be making an object now; the cluster that returns is an event", prepare: probing, want: waits},
		{name: "patience, probing", reason: "the work cannot be deleted, so that since when it waits is noted", prepare: probing, options: hour, want: waits, writes: []string{patches}, retry: time.Hour},
		{
			name: "patience, probing still", reason: "it is noted once", prepare: func(t *testing.T, h *hub) { probing(t, h); h.removeWeb(t, hour); h.pass(30 * time.Minute) },
			options: hour, want: waits, retry: 30 * time.Minute,
		},
		{
			name: "patience over, probing", reason: "it ends whatever is written", prepare: func(t *testing.T, h *hub) { probing(t, h); h.removeWeb(t, hour); h.pass(time.Hour) },
			options: hour, want: goes, writes: []string{patches}, left: true,
		},
		{name: "patience, owns", reason: "the work is made the owner", prepare: met, options: hour, want: waits, writes: []string{"update c1/" + webWork}, retry: 30 * time.Minute},
		{
			name: "patience over, owns", reason: "that does not begin it anew", prepare: func(t *testing.T, h *hub) { met(t, h); h.removeWeb(t, hour); h.pass(30 * time.Minute) },
			options: hour, want: goes, writes: []string{patches}, left: true,
		},
		{
			name: "leave, patience over", reason: "its objects were to stay anyhow",
			prepare: func(t *testing.T, h *hub) {
				h.removeWeb(t, delivery.RemoveOptions{Leave: true, Patience: time.Hour})
				h.pass(time.Hour)
			},
			options: delivery.RemoveOptions{Leave: true, Patience: time.Hour}, want: stays, writes: []string{patches}, left: true,
		},
		{
			name: "forged", reason: "a cluster says that it has been waited for since long ago, before the work was made",
			prepare: func(t *testing.T, h *hub) {
				unreported(t, h)
				work := h.work(t, webWork)
				work.Annotations[annotationLeaving] = "1970-01-01T00:00:00Z"
				if err := h.client.Update(t.Context(), work); err != nil {
					t.Fatal(err)
				}
			},
			options: hour, want: waits, retry: unseenAge,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := running(t)
			h.setAvailable(t, metav1.ConditionUnknown)
			if test.prepare != nil {
				test.prepare(t, h)
			}
			h.writes = nil
			got := h.removeWeb(t, test.options)
			if diff := cmp.Diff(test.want, said(got)); diff != "" {
				t.Errorf("since %s (-want +got):\n%s", test.reason, diff)
			}
			if diff := cmp.Diff(test.writes, h.writes); diff != "" {
				t.Errorf("writes, since %s (-want +got):\n%s", test.reason, diff)
			}
			if got.RetryAfter != test.retry || got.Left != test.left {
				t.Errorf("retry after %s, left %t; want %s, %t", got.RetryAfter, got.Left, test.retry, test.left)
			}
			if count, err := h.LeftIn(t.Context(), "prod"); err != nil || (count == 1) != test.left {
				t.Errorf("the environment counts %d left, %v; want one: %t", count, err, test.left)
			}
			if records, err := h.Records(t.Context(), owner); err != nil || test.left && len(records) > 0 {
				t.Errorf("the application still counts %v, %v", records, err)
			}
		})
	}
}

// reportMet reports component web as applied but for an object that was there
// already, and that is the component's.
func (h *hub) reportMet(t *testing.T, object render.Object) {
	t.Helper()
	h.setApplied(t, webWork, time.Minute)
	work := h.work(t, webWork)
	work.Status.Conditions[0].Status = metav1.ConditionFalse
	id := identify(object.Content)
	for i := range work.Status.ResourceStatus.Manifests {
		manifest := &work.Status.ResourceStatus.Manifests[i]
		if reportedID(manifest) != id {
			continue
		}
		manifest.Conditions[1].Status, manifest.Conditions[1].Message = metav1.ConditionFalse, "the object has been modified"
		manifest.StatusFeedbacks.Values = []workv1.FeedbackValue{
			text(".metadata.uid", "u1"), text(`.metadata.labels.app\.oam\.dev/name`, "store"), text(`.metadata.labels.app\.oam\.dev/namespace`, "shop"),
			text(`.metadata.labels.app\.oam\.dev/component`, "web"), text(`.metadata.labels.fairlead\.dev/environment`, "prod"),
		}
	}
	h.setStatus(t, webWork, work.Status)
}

// TestTakenBackWhileAway checks that a removal from a cluster that is away, and that
// was taken back, is not counted when it is removed again.
func TestTakenBackWhileAway(t *testing.T) {
	h := running(t)
	h.setStatus(t, webWork, workv1.ManifestWorkStatus{})
	h.setAvailable(t, metav1.ConditionUnknown)
	hour := delivery.RemoveOptions{Patience: time.Hour}
	h.removeWeb(t, hour)
	h.pass(30 * time.Minute)
	h.writes = nil
	for range 3 {
		h.deliver(t, deployment("web", "nginx:1"))
		h.pass(time.Minute)
	}
	if diff := cmp.Diff([]string{"update c1/" + webWork}, h.writes); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	h.pass(time.Hour)
	if got := h.removeWeb(t, hour); got.Left {
		t.Errorf("got %s, want that it is waited for", said(got))
	}
}

// TestHeldWhileAway checks that the patience with a cluster that is away begins also
// for a work of which another one holds a field, and that nobody looks all the time.
func TestHeldWhileAway(t *testing.T) {
	h := running(t)
	web := deployment("web", "nginx:1")
	keep, err := keepWork(h.Digests, unit(web), handover{object: web, whole: web.Content, path: policy.FieldPath{"spec", "replicas"}, name: "replicas", value: int64(2)})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.client.Create(t.Context(), keep); err != nil {
		t.Fatal(err)
	}
	h.setAvailable(t, metav1.ConditionUnknown)
	step := func(reason string, options delivery.RemoveOptions, retry time.Duration, writes ...string) {
		t.Helper()
		h.writes = nil
		got, err := h.Remove(t.Context(), delivery.Record{ID: "c1/" + webWork}, options)
		if err != nil {
			t.Fatal(err)
		}
		if got.State != delivery.Away || got.RetryAfter != retry {
			t.Errorf("got %s, retry after %s; want %s, since %s", said(got), got.RetryAfter, retry, reason)
		}
		if diff := cmp.Diff(writes, h.writes); diff != "" {
			t.Errorf("writes, since %s (-want +got):\n%s", reason, diff)
		}
	}
	hour := delivery.RemoveOptions{Patience: time.Hour}
	step("the cluster that returns is an event", delivery.RemoveOptions{}, 0)
	step("since when it waits is noted", hour, time.Hour, patches)
	h.pass(30 * time.Minute)
	step("it is noted once", hour, 30*time.Minute)
	h.pass(30 * time.Minute)
	got, err := h.Remove(t.Context(), delivery.Record{ID: "c1/" + webWork}, hour)
	if err != nil || !got.Left {
		t.Errorf("got %s, %v; want it left", said(got), err)
	}
}

// TestKeptWhileAway checks that a work with what stays until the application goes is
// not left on a cluster that is away, which would take all of it away when it returns.
func TestKeptWhileAway(t *testing.T) {
	h := newHub(t)
	data := render.Object{Content: noted(unit(), service("web").Content, policy.Treatment{Removal: policy.RemoveOnDelete}, nil)}
	h.delivered(t, unit(deployment("web", "nginx:1"), data))
	h.hold(t, webWork)
	h.setAvailable(t, metav1.ConditionUnknown)
	for range 5 {
		if got := h.removeWeb(t, delivery.RemoveOptions{Patience: time.Minute}); got.State != delivery.Away || got.Left {
			t.Errorf("got %s, want that the cluster is waited for", said(got))
		}
		h.pass(time.Hour)
	}
	if count, err := h.LeftIn(t.Context(), "prod"); err != nil || count > 0 {
		t.Errorf("the environment counts %d left, %v; want none", count, err)
	}
}

// leftBehind is a hub on which component web was left.
func leftBehind(t *testing.T, prepare ...func(*hub)) *hub {
	t.Helper()
	h := running(t)
	if _, err := h.EnsureTenant(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	h.setAvailable(t, metav1.ConditionUnknown)
	for _, each := range prepare {
		each(h)
	}
	if got := h.removeWeb(t, delivery.RemoveOptions{Abandon: true}); !got.Left {
		t.Fatalf("got %s, want it left", said(got))
	}
	h.next(t)
	return h
}

func (h *hub) collectAll(t *testing.T) time.Duration {
	t.Helper()
	h.writes = nil
	after, err := h.CollectLeft(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	return after
}

// TestCollectLeft checks that what was left goes when its cluster is back and
// has applied that the objects stay, and not before.
func TestCollectLeft(t *testing.T) {
	h := leftBehind(t)
	want := func(reason string, writes ...string) {
		t.Helper()
		if diff := cmp.Diff(writes, h.writes); diff != "" {
			t.Errorf("writes, since %s (-want +got):\n%s", reason, diff)
		}
	}
	h.collectAll(t)
	want("its cluster is away")
	if idle, err := h.IdleTenants(t.Context(), "shop"); err != nil || len(idle) > 0 {
		t.Errorf("idle tenants %v, %v: want none, since the agent needs the account to let the objects go", idle, err)
	}
	h.setAvailable(t, metav1.ConditionTrue)
	h.collectAll(t)
	want("the agent has not applied that they stay")
	h.setApplied(t, webWork, 0)
	if after := h.collectAll(t); after != settle {
		t.Errorf("looks again after %s, want %s", after, settle)
	}
	want("the agent records it after it reported it")
	h.pass(settle)
	h.collectAll(t)
	want("it is settled", deletes)
	h.collectAll(t)
	want("it is deleted once")
	if _, err := h.CollectLeft(t.Context(), "other"); err != nil {
		t.Error(err)
	}
}

// TestTakeBack checks that the same application made again takes back what was
// left of it, with the objects that are on the cluster.
func TestTakeBack(t *testing.T) {
	h := leftBehind(t)
	h.pass(2 * time.Second)
	again := unit(deployment("web", "nginx:1"))
	again.Owner.UID = "u2"
	got, err := h.Deliver(t.Context(), again)
	if err != nil || got.State == delivery.Refused {
		t.Fatalf("got %s, %v", said(got), err)
	}
	work := h.work(t, webWork)
	if work.Labels[LabelPurpose] != PurposeApplication || work.Spec.DeleteOption.PropagationPolicy == workv1.DeletePropagationPolicyTypeOrphan {
		t.Errorf("labels %v, delete option %v: want a work as any other", work.Labels, work.Spec.DeleteOption)
	}
	h.setAvailable(t, metav1.ConditionTrue)
	if h.collectAll(t); slices.Contains(h.writes, deletes) {
		t.Error("what was taken back was collected")
	}
}

// TestLeftHoldsItsObjects checks that no other application gets an object that
// a work which was left still has: two works would overwrite each other.
func TestLeftHoldsItsObjects(t *testing.T) {
	h := leftBehind(t)
	rival := unit(deployment("web", "nginx:1"))
	rival.Owner.Name, rival.Owner.UID = "rival", "u2"
	got, err := h.Deliver(t.Context(), rival)
	if err != nil || got.Reason != delivery.ReasonPlacementConflict {
		t.Errorf("got %s, %v: want a conflict", said(got), err)
	}
}

// TestForgedLeft checks that a cluster which labels a work as left that is none
// of its namespace's does not have it counted or collected.
func TestForgedLeft(t *testing.T) {
	h := leftBehind(t)
	work := h.work(t, webWork)
	work.Labels["app.oam.dev/namespace"] = "victim"
	if err := h.client.Update(t.Context(), work); err != nil {
		t.Fatal(err)
	}
	h.setAvailable(t, metav1.ConditionTrue)
	h.setApplied(t, webWork, time.Minute)
	h.writes = nil
	if _, err := h.CollectLeft(t.Context(), "victim"); err != nil || len(h.writes) > 0 {
		t.Errorf("writes %v, %v: want none", h.writes, err)
	}
	if count, err := h.LeftIn(t.Context(), "prod"); err != nil || count > 0 {
		t.Errorf("counted %d, %v: want none", count, err)
	}
}

// TestSourceNamespaces checks who looks after a cluster that is back.
func TestSourceNamespaces(t *testing.T) {
	h := leftBehind(t)
	names, err := SourceNamespaces(t.Context(), h.Reader, "c1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"shop"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if work := h.work(t, webWork); !IsLeft(work) || SourceNamespaceOf(work) != "shop" {
		t.Errorf("labels %v: want a work that was left by namespace shop", work.Labels)
	}
}

// TestRemovalLosesARace checks that a work which changed is looked at again.
func TestRemovalLosesARace(t *testing.T) {
	for name, options := range map[string]delivery.RemoveOptions{
		"leave": {Leave: true}, "abandon": {Abandon: true}, "patience": {Patience: time.Hour, Leave: true},
	} {
		h := running(t)
		if name != "leave" {
			h.setAvailable(t, metav1.ConditionUnknown)
		}
		h.failNext = apierrors.NewConflict(schema.GroupResource{Resource: "manifestworks"}, webWork, nil)
		if got := h.removeWeb(t, options); got.State == delivery.Delivered || got.Left {
			t.Errorf("%s: got %s: want another look", name, said(got))
		}
	}
}

// TestClusterNamespaceEnds checks that the end of a cluster's namespace on the
// hub is waited for: what is written meanwhile is refused by the hub.
func TestClusterNamespaceEnds(t *testing.T) {
	h := newHub(t)
	ending := apierrors.NewForbidden(schema.GroupResource{Resource: "manifestworks"}, webWork, nil)
	ending.ErrStatus.Details.Causes = append(ending.ErrStatus.Details.Causes, metav1.StatusCause{Type: corev1.NamespaceTerminatingCause})
	for _, answer := range []error{ending, apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "c1")} {
		h.failNext = answer
		got := h.deliver(t, deployment("web", "nginx:1"))
		if got.State != delivery.Waiting || !strings.Contains(got.Message, `namespace "c1" of the cluster`) || got.RetryAfter == 0 {
			t.Errorf("got %s, retry after %s: want it waited for", said(got), got.RetryAfter)
		}
	}
}
