// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/ocm"
)

const (
	// touchLimit is how soon an object on a cluster is as it was when feedback shows that it is not.
	touchLimit = 2 * time.Second
	// namespaceLimit is how soon all of a namespace is back that was deleted: its end is waited for, and its agent asked ever less often
	// meanwhile. The agent by itself would take four minutes or more, and one more for what it was refused.
	namespaceLimit = 3 * time.Minute
	// repairHolds is longer than a repair must hold for the next to be as quick. The addon counts from when it has read of it.
	repairHolds = 3500 * time.Millisecond
	// repairsInARow is how often the same object is deleted or edited after that.
	repairsInARow = 6
)

// TestRepair undoes what people do by hand to delivered objects and works, within seconds.
func TestRepair(t *testing.T) {
	f := measuredFleet(t)
	s := shop{name: "repair", image: "nginx:1"}
	check := func(name string, do func(*testing.T)) resource.TestCheckFunc {
		return func(*terraform.State) error {
			if !t.Run(name, do) {
				return fmt.Errorf("%s: see above", name)
			}
			return nil
		}
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		Steps: []resource.TestStep{{
			Config: s.whole(f),
			Check: resource.ComposeAggregateTestCheckFunc(
				s.runs(t, f, s.everywhere()...),
				// Right after the delivery, when there is the most to take it for.
				check("EditedOnACluster", func(t *testing.T) { s.isUndone(t, f, "cluster3", s.editedOnACluster) }),
				check("DeletedOnTheHub", func(t *testing.T) { s.isUndone(t, f, v1alpha1.LocalCluster, s.deletedOnTheHub) }),
				check("EditedOnTheHub", func(t *testing.T) { s.isUndone(t, f, v1alpha1.LocalCluster, s.editedOnTheHub) }),
				check("DeletedOnACluster", func(t *testing.T) { s.isUndone(t, f, "cluster1", s.deletedOnACluster) }),
				check("RightsDeletedOnACluster", func(t *testing.T) { s.isUndone(t, f, "cluster1", s.rightsDeletedOnACluster) }),
				check("NamespaceDeletedOnACluster", func(t *testing.T) { s.namespaceDeletedOnACluster(t, f, "cluster3") }),
				check("AgainAndAgain", func(t *testing.T) { s.againAndAgain(t, f, "cluster1") }),
				check("WorkEdited", func(t *testing.T) { s.workEdited(t, f) }),
				check("WorkDeleted", func(t *testing.T) { s.workDeleted(t, f) }),
				check("RunsAgain", func(t *testing.T) {
					eventually(t, patience, "all of it to run again", func() error { return s.runs(t, f, s.everywhere()...)(nil) })
				}),
			),
		}},
	})
}

// interference changes by hand what was delivered to a place, waits until that is undone, and says what was wrong with how.
type interference func(t *testing.T, f *fleet, clusterName string) error

// isUndone interferes, and once more where that was undone too late or in too many writes: a machine that stalls for a moment, or an
// agent on it, does so once.
func (s shop) isUndone(t *testing.T, f *fleet, clusterName string, interfere interference) {
	t.Helper()
	first := interfere(t, f, clusterName)
	if first == nil {
		return
	}
	s.holds(t, f, clusterName)
	if again := interfere(t, f, clusterName); again != nil {
		t.Errorf("%v; and before that: %v", again, first)
		return
	}
	t.Logf("well only the second time; the first: %v", first)
}

// deletedOnTheHub deletes what was delivered to the hub itself.
func (s shop) deletedOnTheHub(t *testing.T, f *fleet, _ string) error {
	t.Helper()
	at := s.dev()
	before := s.uids(t, f, at)
	objects := f.on(t, at.cluster, deployments).Namespace(at.namespace)
	if err := objects.Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	return waitUntil(repairLimit, "the Deployment to be back on the hub", func() error { return isAnother(t.Context(), objects, "web", before[at]) })
}

// isAnother checks that an object exists that has not that identity.
func isAnother(ctx context.Context, objects dynamic.ResourceInterface, name string, old types.UID) error {
	live, err := objects.Get(ctx, name, metav1.GetOptions{})
	if err == nil && live.GetUID() == old {
		err = errors.New("it is still the old one")
	}
	return err
}

// editedOnTheHub changes what was delivered to the hub itself.
func (s shop) editedOnTheHub(t *testing.T, f *fleet, _ string) error {
	t.Helper()
	at := s.dev()
	objects := f.on(t, at.cluster, deployments).Namespace(at.namespace)
	edit := []byte(`{"metadata":{"labels":{"team":"other"}},"spec":{"template":{"spec":{"containers":[{"name":"web","image":"evil:1"}]}}}}`)
	if _, err := objects.Patch(t.Context(), "web", types.StrategicMergePatchType, edit, metav1.PatchOptions{FieldManager: "kubectl-edit"}); err != nil {
		t.Fatal(err)
	}
	return waitUntil(repairLimit, "the Deployment to be as it was", func() error {
		live, err := objects.Get(t.Context(), "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		return s.isWritten(live)
	})
}

// deletedOnACluster deletes what was delivered to a managed cluster, and measures from the moment when the hub can know.
func (s shop) deletedOnACluster(t *testing.T, f *fleet, clusterName string) error {
	t.Helper()
	at := s.prod(clusterName)[0]
	before := s.uids(t, f, at)
	work, written := s.work(t, f, at.cluster), f.auditFromNow(t)
	missing := f.firstChange(t, v1alpha1.LocalCluster, works, work, func(work *unstructured.Unstructured) bool { return reports(work, "deployments", "False") })
	back := f.firstChange(t, at.cluster, deployments, f.get(t, at.cluster, deployments, at.namespace, "web"), func(live *unstructured.Unstructured) bool {
		return live.GetUID() != before[at]
	})
	objects := f.on(t, at.cluster, deployments).Namespace(at.namespace)
	if err := objects.Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	known := missing(t, "the feedback that the Deployment is missing")
	took := back(t, "the Deployment to be back").Sub(known)
	return errors.Join(
		isSoon("the Deployment was back", took),
		s.isTouchedOnce(t, f, at.cluster, written, func(work *unstructured.Unstructured) bool { return reports(work, "deployments", "True") }),
	)
}

// isSoon says how long it took until something was as it was, since the hub could know, if that was too long.
func isSoon(what string, took time.Duration) error {
	if took <= touchLimit {
		return nil
	}
	return fmt.Errorf("%s %s after the hub could know, want at most %s", what, took, touchLimit)
}

// rightsDeletedOnACluster deletes what works are applied with, and measures from the moment when the hub can know.
func (s shop) rightsDeletedOnACluster(t *testing.T, f *fleet, clusterName string) error {
	t.Helper()
	at := s.prod(clusterName)[0]
	name := ocm.TenantWorkName(at.namespace)
	work, binding := f.get(t, v1alpha1.LocalCluster, works, clusterName, name), f.get(t, clusterName, roleBindings, at.namespace, v1alpha1.DeployerAccount)
	missing := f.firstChange(t, v1alpha1.LocalCluster, works, work, func(work *unstructured.Unstructured) bool { return reports(work, "rolebindings", "False") })
	back := f.firstChange(t, clusterName, roleBindings, binding, func(live *unstructured.Unstructured) bool { return live.GetUID() != binding.GetUID() })
	if err := f.on(t, clusterName, roleBindings).Namespace(at.namespace).Delete(t.Context(), binding.GetName(), metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	known := missing(t, "the feedback that the RoleBinding is missing")
	return isSoon("the RoleBinding was back", back(t, "the RoleBinding to be back").Sub(known))
}

// namespaceDeletedOnACluster deletes the namespace with all that was delivered to it.
func (s shop) namespaceDeletedOnACluster(t *testing.T, f *fleet, clusterName string) {
	t.Helper()
	at := s.prod(clusterName)[0]
	before := s.uids(t, f, at)
	if err := f.on(t, clusterName, namespaces).Delete(t.Context(), at.namespace, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	objects := f.on(t, clusterName, deployments).Namespace(at.namespace)
	eventually(t, namespaceLimit, "the namespace and the Deployment to be back", func() error { return isAnother(t.Context(), objects, "web", before[at]) })
}

// againAndAgain deletes and edits one object in turn, each time when the last repair has held for a while, as somebody does who
// works on a cluster by hand: the last is undone as soon as the first.
func (s shop) againAndAgain(t *testing.T, f *fleet, clusterName string) {
	for i := range repairsInARow {
		s.holds(t, f, clusterName)
		interfere := s.deletedOnACluster
		if i%2 == 1 {
			interfere = s.editedOnACluster
		}
		s.isUndone(t, f, clusterName, interfere)
		if t.Failed() {
			t.Fatalf("that was change %d by hand", i+1)
		}
	}
}

// holds waits until the application has been healthy for a while, and the cluster has reported all that was delivered to it.
func (s shop) holds(t *testing.T, f *fleet, clusterName string) {
	t.Helper()
	var since time.Time
	eventually(t, patience, "the last repair to hold", func() error {
		if err := s.isWell(t, f, clusterName); err != nil {
			since = time.Time{}
			return err
		}
		if since.IsZero() {
			since = time.Now()
		}
		if held := time.Since(since); held <= repairHolds {
			return fmt.Errorf("all is well since %s", held)
		}
		return nil
	})
}

// isWell says what the application lacks to be healthy, or the cluster's report to be of all that was delivered.
func (s shop) isWell(t *testing.T, f *fleet, clusterName string) error {
	t.Helper()
	ready := conditionOf(f.get(t, v1alpha1.LocalCluster, applications, s.name, s.name), v1alpha1.ConditionReady)
	if ready["status"] != "True" {
		return fmt.Errorf("condition Ready is %v", ready)
	}
	if clusterName == v1alpha1.LocalCluster {
		return nil
	}
	work := s.work(t, f, clusterName)
	if !reports(work, "deployments", "True") || feedback(work, "deployments", ".spec.replicas") != 2 {
		return fmt.Errorf("the work's status is %v", work.Object["status"])
	}
	return nil
}

// isTouchedOnce waits until a work reports what it did before somebody interfered, and checks that it was written once for that.
func (s shop) isTouchedOnce(t *testing.T, f *fleet, clusterName string, written *audit, again func(*unstructured.Unstructured) bool) error {
	t.Helper()
	eventually(t, patience, "the work to report what it did before", func() error {
		if work := s.work(t, f, clusterName); !again(work) {
			return fmt.Errorf("status %v", work.Object["status"])
		}
		return nil
	})
	name := clusterName + "/" + s.work(t, f, clusterName).GetName()
	if writes := written.written(t, "manifestworks")[name]; writes != 1 {
		return fmt.Errorf("work %s was written %d times, want once", name, writes)
	}
	return nil
}

// editedOnACluster changes what was delivered to a managed cluster, in a field that is fed back, and measures from that feedback.
func (s shop) editedOnACluster(t *testing.T, f *fleet, clusterName string) error {
	t.Helper()
	at := s.prod(clusterName)[0]
	before := s.uids(t, f, at)
	work, written := s.work(t, f, at.cluster), f.auditFromNow(t)
	shown := f.firstChange(t, v1alpha1.LocalCluster, works, work, func(work *unstructured.Unstructured) bool {
		return feedback(work, "deployments", ".spec.replicas") == 5
	})
	objects := f.on(t, at.cluster, deployments).Namespace(at.namespace)
	edited, err := objects.Patch(t.Context(), "web", types.MergePatchType, []byte(`{"spec":{"replicas":5}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	if err != nil {
		t.Fatal(err)
	}
	back := f.firstChange(t, at.cluster, deployments, edited, func(live *unstructured.Unstructured) bool { return nested[int64](live, "spec", "replicas") == 2 })
	known := shown(t, "the feedback that the Deployment was edited")
	took := back(t, "the Deployment to be as it was").Sub(known)
	if after := s.uids(t, f, at); after[at] != before[at] {
		t.Error("the Deployment was made anew")
	}
	return errors.Join(
		isSoon("the Deployment was as before", took),
		s.isTouchedOnce(t, f, at.cluster, written, func(work *unstructured.Unstructured) bool {
			return feedback(work, "deployments", ".spec.replicas") == 2
		}),
	)
}

// feedback is a number that a work's status has of the manifest of that resource; -1 for none.
func feedback(work *unstructured.Unstructured, resource, name string) int64 {
	for _, m := range nested[[]any](work, "status", "resourceStatus", "manifests") {
		manifest := &unstructured.Unstructured{Object: m.(map[string]any)}
		if nested[string](manifest, "resourceMeta", "resource") != resource {
			continue
		}
		for _, v := range nested[[]any](manifest, "statusFeedback", "values") {
			if value := (&unstructured.Unstructured{Object: v.(map[string]any)}); nested[string](value, "name") == name {
				return nested[int64](value, "fieldValue", "integer")
			}
		}
	}
	return -1
}

// reports says whether a work's status has a manifest of that resource whose condition Available has that status.
func reports(work *unstructured.Unstructured, resource, status string) bool {
	for _, m := range nested[[]any](work, "status", "resourceStatus", "manifests") {
		manifest := &unstructured.Unstructured{Object: m.(map[string]any)}
		if nested[string](manifest, "resourceMeta", "resource") != resource {
			continue
		}
		for _, c := range nested[[]any](manifest, "conditions") {
			if condition := c.(map[string]any); condition["type"] == "Available" {
				return condition["status"] == status
			}
		}
	}
	return false
}

// workEdited changes a work on the hub, as a person or the cluster's own agent can.
func (s shop) workEdited(t *testing.T, f *fleet) {
	work := s.work(t, f, "cluster2")
	want := nested[map[string]any](work, "spec")
	edited := work.DeepCopy()
	edited.Object["spec"].(map[string]any)["workload"] = map[string]any{"manifests": []any{
		object(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"evil","namespace":"repair-prod"}}`).Object,
	}}
	edited.Object["spec"].(map[string]any)["manifestConfigs"] = nil
	objects := f.on(t, v1alpha1.LocalCluster, works).Namespace("cluster2")
	if err := retryConflict(func() error {
		live, err := objects.Get(t.Context(), work.GetName(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		edited.SetResourceVersion(live.GetResourceVersion())
		_, err = objects.Update(t.Context(), edited, metav1.UpdateOptions{FieldManager: "kubectl-edit"})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	read := func(check func(spec map[string]any) error) func() error {
		return func() error {
			live, err := objects.Get(t.Context(), work.GetName(), metav1.GetOptions{})
			if err != nil {
				return err
			}
			return check(nested[map[string]any](live, "spec"))
		}
	}
	// What somebody added is dropped only after the agent has told that it applied what it was added to.
	eventually(t, repairLimit, "the work to have its objects again", read(func(spec map[string]any) error {
		if missing := lacking(spec, want); len(missing) > 0 {
			return fmt.Errorf("it lacks %v", missing)
		}
		return nil
	}))
	eventually(t, patience, "the work to be as it was", read(func(spec map[string]any) error { return equal("the work's spec", want, spec) }))
}

// lacking are the objects that the spec of a work lacks of another's.
func lacking(spec, want map[string]any) []string {
	names := func(spec map[string]any) []string {
		var found []string
		for _, manifest := range nested[[]any](&unstructured.Unstructured{Object: spec}, "workload", "manifests") {
			made := &unstructured.Unstructured{Object: manifest.(map[string]any)}
			found = append(found, made.GetKind()+" "+made.GetName())
		}
		return found
	}
	has := names(spec)
	return slices.DeleteFunc(names(want), func(name string) bool { return slices.Contains(has, name) })
}

// workDeleted deletes a work on the hub, with which the agent removes what it holds.
func (s shop) workDeleted(t *testing.T, f *fleet) {
	work := s.work(t, f, "cluster2")
	objects := f.on(t, v1alpha1.LocalCluster, works).Namespace("cluster2")
	if err := objects.Delete(t.Context(), work.GetName(), metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	// The agent holds the work by a finalizer until the cluster is clean. Nothing can be written before.
	var gone time.Time
	var made *unstructured.Unstructured
	eventually(t, patience, "the work to be another one", func() (err error) {
		made, err = objects.Get(t.Context(), work.GetName(), metav1.GetOptions{})
		if apierrors.IsNotFound(err) && gone.IsZero() {
			gone = time.Now()
		}
		if err != nil {
			return err
		}
		if made.GetUID() == work.GetUID() {
			return errors.New("it is still the old one")
		}
		return nil
	})
	// By the hub's clock, which is that of this machine and tells whole seconds.
	if took := made.GetCreationTimestamp().Sub(gone); !gone.IsZero() && took > repairLimit {
		t.Errorf("the work was back %s after it was gone, want at most %s", took, repairLimit)
	}
}

// retryConflict repeats a write of what somebody else has changed since it was read.
func retryConflict(write func() error) error {
	for {
		if err := write(); !apierrors.IsConflict(err) {
			return err
		}
	}
}

// equal compares by the JSON that values have.
func equal(what string, want, got any) error {
	wanted, err := json.Marshal(want)
	if err != nil {
		return err
	}
	found, err := json.Marshal(got)
	if err != nil {
		return err
	}
	if string(wanted) != string(found) {
		return fmt.Errorf("%s:\nwant %s\ngot  %s", what, wanted, found)
	}
	return nil
}

// object decodes a manifest.
func object(manifest string) *unstructured.Unstructured {
	decoded := &unstructured.Unstructured{}
	if err := decoded.UnmarshalJSON([]byte(manifest)); err != nil {
		panic(err)
	}
	return decoded
}
