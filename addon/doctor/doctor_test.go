// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/chart"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/ocm"
)

var update = flag.Bool("update", false, "write the golden files")

// now is the time by the hub's clock in these tests.
func now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func ago(d time.Duration) metav1.Time { return metav1.NewTime(now().Add(-d)) }

// well is a hub on which nothing is wrong: one cluster, and one application on it.
func well(t *testing.T) *Hub {
	t.Helper()
	h := &Hub{Address: "https://hub.example.com:6443", Now: now(), Kubernetes: "v1.34.1", unread: map[resource]unread{},
		CRDs: map[string]map[string]any{}, Definitions: map[string][]Definition{}}
	if err := h.readChart(); err != nil {
		t.Fatal(err)
	}
	h.Chart.AppVersion = "1.2.3"
	for _, crd := range h.Wanted {
		h.CRDs[nameOf(crd)] = served(t, crd)
	}
	for _, name := range ocmCRDs() {
		h.CRDs[name] = map[string]any{}
	}
	for _, name := range h.Policies {
		if name == chart.SharedPolicy {
			continue
		}
		h.AdmissionPolicies = append(h.AdmissionPolicies, Named{Meta{Name: name}})
		binding := PolicyBinding{Metadata: Meta{Name: name}}
		binding.Spec.PolicyName, binding.Spec.ValidationActions = name, []string{"Deny"}
		h.PolicyBindings = append(h.PolicyBindings, binding)
	}
	h.Deployment = running("fairlead-system", "fairlead-addon")
	h.Deployment.Labels = map[string]string{labelVersion: "1.2.3"}
	h.Lease = lease("fairlead-system", "fairlead-addon", 5*time.Second)
	h.OCMControllers = []appsv1.Deployment{*running(ocmNamespace, "cluster-manager-placement-controller")}
	h.ClusterManagers = make([]ClusterManager, 1)
	decode(t, &h.ClusterManagers[0], `{"metadata":{"name":"cluster-manager"},"spec":{"workConfiguration":{"featureGates":[{"feature":"NilExecutorValidating","mode":"Enable"}]}}}`)
	h.Webhooks = make([]Webhook, 1)
	decode(t, &h.Webhooks[0], `{"webhooks":[{"rules":[{"apiGroups":["work.open-cluster-management.io"],"resources":["manifestworks"]}]}]}`)
	h.Clusters = []Cluster{cluster("c1")}
	h.ClusterLeases = []coordinationv1.Lease{*lease("c1", clusterLease, time.Minute)}
	h.Applications = []Application{application("shop", "web", v1beta1.PhaseRunning, is(v1alpha1.ConditionReady, true, "Delivered", "delivered"))}
	h.Works = []Work{work("c1", "web-1", "uid-of-web")}
	h.Environments = []v1alpha1.Environment{{ObjectMeta: metav1.ObjectMeta{Name: "prod"},
		Status: v1alpha1.EnvironmentStatus{Clusters: 1, Conditions: []metav1.Condition{is(v1alpha1.ConditionReady, true, "Bound", "bound")}}}}
	h.Bindings = []v1alpha1.ClusterBinding{{ObjectMeta: metav1.ObjectMeta{Name: "prod"},
		Spec:   v1alpha1.ClusterBindingSpec{Environment: "prod", Clusters: []string{"c1"}},
		Status: v1alpha1.ClusterBindingStatus{Conditions: []metav1.Condition{is(v1alpha1.ConditionReady, true, "Bound", "bound")}}}}
	h.Definitions["traitdefinitions"] = []Definition{definition("shop", "guard", is(v1alpha1.ConditionReady, true, "Usable", "usable"))}
	return h
}

// served is a CRD as an API server has it that has accepted it.
func served(t *testing.T, crd map[string]any) map[string]any {
	t.Helper()
	live := deepCopy(t, crd)
	live["status"] = map[string]any{"conditions": []any{map[string]any{"type": "Established", "status": "True"}}}
	return live
}

func deepCopy(t *testing.T, object map[string]any) map[string]any {
	t.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var copied map[string]any
	decode(t, &copied, string(raw))
	return copied
}

func decode(t *testing.T, into any, text string) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

func running(namespace, name string) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Generation: 2}, Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](1)},
		Status: appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 1, AvailableReplicas: 1, UpdatedReplicas: 1}}
}

func lease(namespace, name string, age time.Duration) *coordinationv1.Lease {
	return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: coordinationv1.LeaseSpec{
		HolderIdentity: ptr.To("addon-0"), LeaseDurationSeconds: ptr.To[int32](15), RenewTime: ptr.To(metav1.NewMicroTime(now().Add(-age)))}}
}

func is(kind string, value bool, reason, message string) metav1.Condition {
	status := metav1.ConditionFalse
	if value {
		status = metav1.ConditionTrue
	}
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: ago(time.Hour)}
}

func stalled(reason, message string) metav1.Condition {
	return is(v1alpha1.ConditionStalled, true, reason, message)
}

func cluster(name string) Cluster {
	c := Cluster{Metadata: Meta{Name: name}}
	c.Spec.HubAcceptsClient, c.Spec.LeaseDurationSeconds = true, 60
	c.Status.Conditions = []metav1.Condition{is("ManagedClusterJoined", true, "Joined", ""), is("ManagedClusterConditionAvailable", true, "Available", "")}
	return c
}

func application(namespace, name string, phase v1beta1.ApplicationPhase, conditions ...metav1.Condition) Application {
	app := Application{Metadata: Meta{Namespace: namespace, Name: name, UID: types.UID("uid-of-" + name), CreationTimestamp: ago(24 * time.Hour)}}
	app.Status.Phase, app.Status.Conditions = phase, conditions
	return app
}

func work(cluster, name, uid string) Work {
	w := Work{Metadata: Meta{Namespace: cluster, Name: name, Generation: 3, CreationTimestamp: ago(24 * time.Hour),
		Annotations: map[string]string{ocm.AnnotationWritten: now().Add(-time.Hour).Format(time.RFC3339)},
		Labels: map[string]string{ocm.LabelPurpose: ocm.PurposeApplication, v1alpha1.LabelApplicationUID: uid,
			v1beta1.LabelAppNamespace: "shop", v1beta1.LabelAppName: "web"}}}
	w.Status.Conditions = []metav1.Condition{{Type: "Applied", Status: metav1.ConditionTrue, ObservedGeneration: 3}}
	return w
}

// remove deletes a work two minutes ago, with which its agent has not begun.
func remove(w *Work) {
	w.Metadata.Finalizers = []string{workFinalizer}
	w.Metadata.DeletionTimestamp = ptr.To(ago(2 * time.Minute))
}

func definition(namespace, name string, conditions ...metav1.Condition) Definition {
	d := Definition{Metadata: Meta{Namespace: namespace, Name: name}}
	d.Status.Conditions = conditions
	return d
}

// lines are the findings in short: severity, check, what, and the objects.
func lines(report *Report) []string {
	found := []string{}
	for _, f := range report.Findings {
		found = append(found, fmt.Sprintf("%s %s: %s", f.Severity, f.Check, f.What))
		for _, o := range f.Objects {
			found = append(found, strings.TrimSuffix(fmt.Sprintf("- %s: %s", o.Name, o.Message), ": "))
		}
	}
	return found
}

func TestExamine(t *testing.T) {
	forbidden := unread{verb: "list", forbidden: true}
	tests := []struct {
		name, reason string
		change       func(h *Hub)
		want         []string
	}{
		{"well", "nothing is wrong", func(*Hub) {}, nil},

		{"old server", "the chart does not support it", func(h *Hub) { h.Kubernetes = "v1.29.9-eks-1" },
			[]string{"error api server: the API server is v1.29.9-eks-1, the addon needs >=1.30.0-0"}},
		{"least server", "a preview of the oldest one will do", func(h *Hub) { h.Kubernetes = "v1.30.0-rc.1" }, nil},
		{"odd server", "nobody knows what it is", func(h *Hub) { h.Kubernetes = "main" },
			[]string{`warning api server: the version "main" of the API server is not understood`}},

		{"no CRD", "it is named", func(h *Hub) { delete(h.CRDs, "environments.fairlead.dev") },
			[]string{"error custom resources: CustomResourceDefinitions are missing", "- environments.fairlead.dev"}},
		{"CRD not served", "the API server says why", func(h *Hub) {
			h.CRDs["environments.fairlead.dev"]["status"] = map[string]any{"conditions": []any{map[string]any{"type": "Established", "status": "False", "message": "the name env is taken"}}}
		}, []string{"error custom resources: CustomResourceDefinitions are not served", "- environments.fairlead.dev: the name env is taken"}},
		{"older CRD", "a field that is dropped makes requests silently do nothing", func(h *Hub) {
			delete(properties(h, "environments.fairlead.dev", "v1alpha1", "spec"), "deletion")
		}, []string{"error custom resources: CustomResourceDefinitions are older than version 1.2.3 needs", "- environments.fairlead.dev: lacks v1alpha1.spec.deletion"}},
		{"newer CRD", "it works, and this program may be too old to judge the hub", func(h *Hub) {
			fields := properties(h, "environments.fairlead.dev", "v1alpha1", "spec")
			fields["wishes"], fields["wonders"] = map[string]any{"type": "string"}, map[string]any{"type": "string"}
		}, []string{"warning custom resources: CustomResourceDefinitions are not those of version 1.2.3",
			"- environments.fairlead.dev: has beside it v1alpha1.spec.wishes and 1 more"}},
		{"no rights for CRDs", "nothing is concluded", func(h *Hub) { h.CRDs = nil; h.unread[crdResource] = forbidden }, nil},
		{"shared hub", "the OAM kinds are another's: their CRDs, definitions and other applications are none of our business", func(h *Hub) {
			delete(h.CRDs["applications.core.oam.dev"], "metadata")
			h.CRDs["applications.core.oam.dev"]["spec"] = nil
			h.Definitions["traitdefinitions"] = []Definition{definition("shop", "guard", stalled("CompileFailed", "no"))}
			ours := application("shop", "ours", v1beta1.PhaseWorkflowFailed, is(v1alpha1.ConditionReady, false, "ApplyFailed", "no"))
			ours.Metadata.Annotations = map[string]string{v1beta1.AnnotationControllerRequirement: v1beta1.ControllerName}
			h.Applications = append(h.Applications, application("shop", "theirs", "", stalled("x", "y")), ours)
		}, []string{
			"error admission policies: admission policies are missing", "- fairlead-addon-definitions",
			"error applications: the delivery of applications has failed", "- shop/ours: ApplyFailed: no",
			"note custom resources: another controller owns the kinds of core.oam.dev",
		}},

		{"no policies", "they may be switched off", func(h *Hub) { h.AdmissionPolicies = nil; h.Policies = h.Policies[:1] },
			[]string{"warning admission policies: no admission policy of the chart exists", "- fairlead-addon-serviceaccounts"}},
		{"policy deleted", "nobody switches one off alone", func(h *Hub) { h.AdmissionPolicies = h.AdmissionPolicies[1:] },
			[]string{"error admission policies: admission policies are missing", "- fairlead-addon-serviceaccounts"}},
		{"works not protected", "a value of the chart does that", func(h *Hub) {
			h.AdmissionPolicies = h.AdmissionPolicies[:len(h.AdmissionPolicies)-1]
		}, []string{"note admission policies: works that deliver applications can be deleted by hand", "- fairlead-work-protection"}},
		{"policy only audits", "it refuses nothing", func(h *Hub) { h.PolicyBindings[0].Spec.ValidationActions = []string{"Audit"} },
			[]string{"error admission policies: admission policies are not in force", "- fairlead-addon-serviceaccounts"}},
		{"no rights for policies", "nothing is concluded", func(h *Hub) { h.AdmissionPolicies = nil; h.unread[policyResource] = forbidden }, nil},

		{"no Deployment", "nothing runs", func(h *Hub) { h.Deployment, h.Lease = nil, nil }, []string{
			"error manager: the addon does not run: there is no Deployment fairlead-system/fairlead-addon",
			"error manager: no manager leads: there is no lease fairlead-system/fairlead-addon"}},
		{"scaled down", "nothing runs", func(h *Hub) { h.Deployment.Spec.Replicas = ptr.To[int32](0); h.Lease.Spec.HolderIdentity = ptr.To("") },
			[]string{"error manager: the addon does not run: its Deployment is scaled to 0", "error manager: no manager leads: nobody holds the lease"}},
		{"elsewhere", "the lease shows that one runs", func(h *Hub) { h.Deployment.Spec.Replicas = ptr.To[int32](0) },
			[]string{"note manager: a manager runs elsewhere than in the chart's Deployment"}},
		{"no pod", "none is available", func(h *Hub) { h.Deployment.Status.AvailableReplicas = 0 },
			[]string{"error manager: the addon does not run: no pod of its Deployment is available"}},
		{"upgrade", "the new pods are not there yet", func(h *Hub) { h.Deployment.Status.UpdatedReplicas = 0 },
			[]string{"warning manager: the addon runs with 1 of 1 pods, 0 of them of the present version"}},
		{"other version", "its CRDs were not upgraded with it", func(h *Hub) { h.Deployment.Labels[labelVersion] = "1.3.0" },
			[]string{"warning manager: the addon is of version 1.3.0, this program knows the CRDs of version 1.2.3"}},
		{"old lease", "its holder is gone or stuck", func(h *Hub) { h.Lease = lease("", "", 40*time.Second) },
			[]string{"error manager: no manager leads: addon-0 has not renewed the lease for 40s"}},
		{"lease just in time", "a slow API server is no failure", func(h *Hub) { h.Lease = lease("", "", 30*time.Second) }, nil},
		{"no rights for the lease", "nothing is concluded", func(h *Hub) { h.Lease = nil; h.unread[leaseResource] = forbidden }, nil},

		{"no OCM", "a binding needs it", func(h *Hub) { withoutOCM(h) }, []string{"error ocm: cluster bindings need OCM, which is not installed", "- prod"}},
		{"no OCM, none needed", "the hub itself is a cluster", func(h *Hub) { withoutOCM(h); h.Bindings[0].Spec.Clusters = []string{"local"} },
			[]string{"note ocm: OCM is not installed: applications are delivered to the hub itself alone"}},
		{"half of OCM", "the addon waits for the rest", func(h *Hub) { delete(h.CRDs, "placements.cluster.open-cluster-management.io") },
			[]string{"error ocm: CustomResourceDefinitions of OCM are missing", "- placements.cluster.open-cluster-management.io"}},
		{"OCM controller", "nothing is placed without it", func(h *Hub) { h.OCMControllers[0].Status.AvailableReplicas = 0 },
			[]string{"error ocm controllers: OCM's cluster-manager-placement-controller does not run: no pod of its Deployment is available"}},
		{"OCM hosted", "its controllers are not on the hub", func(h *Hub) { h.OCMControllers = nil },
			[]string{"note ocm controllers: no controllers of OCM are in namespace open-cluster-management-hub"}},
		{"no webhook", "executors are not authorised", func(h *Hub) { h.Webhooks = nil }, []string{"warning ocm controllers: no webhook validates works"}},
		{"no feature", "writers of works have the rights of agents", func(h *Hub) { h.ClusterManagers[0].Spec.WorkConfiguration.FeatureGates[0].Mode = "Disable" },
			[]string{"note ocm controllers: whoever may write works can deliver with all rights of the agents", "- cluster-manager"}},
		{"no ClusterManager", "it is not known whether the feature is on", func(h *Hub) { h.ClusterManagers = nil }, nil},

		{"not accepted", "somebody has to", func(h *Hub) {
			h.Clusters = append(h.Clusters, cluster("new"))
			h.Clusters[1].Spec.HubAcceptsClient = false
		},
			[]string{"warning managed clusters: managed clusters have asked to join and are not accepted", "- new"}},
		{"not joined", "its agent has not begun", func(h *Hub) { h.Clusters = append(h.Clusters, cluster("new")); h.Clusters[1].Status.Conditions = nil },
			[]string{"warning managed clusters: managed clusters are accepted and have not joined", "- new"}},
		{"away and used", "what is written does not arrive", func(h *Hub) { away(&h.Clusters[0]) },
			[]string{"error managed clusters: managed clusters that applications are delivered to are away", "- c1: for 60m: lease not updated"}},
		{"away and not used", "nothing is missed yet", func(h *Hub) { h.Clusters = append(h.Clusters, cluster("c2")); away(&h.Clusters[1]) },
			[]string{"warning managed clusters: managed clusters that are not used are away", "- c2: for 60m: lease not updated"}},
		{"away, and works are not known", "it may be used", func(h *Hub) { away(&h.Clusters[0]); h.Works = nil; h.unread[workResource] = forbidden },
			[]string{"error managed clusters: managed clusters are away", "- c1: for 60m: lease not updated"}},
		{"cluster deleted", "it is on its way out", func(h *Hub) {
			away(&h.Clusters[0])
			h.Clusters[0].Metadata.DeletionTimestamp = ptr.To(ago(time.Minute))
		}, nil},
		{"stale lease", "OCM should have noticed", func(h *Hub) {
			h.ClusterLeases[0].Spec.RenewTime = ptr.To(metav1.NewMicroTime(now().Add(-20 * time.Minute)))
		},
			[]string{"error managed clusters: managed clusters count as available, and their leases are old", "- c1: renewed 20m ago"}},
		{"old lease of a cluster that is away", "that is why it is away", func(h *Hub) {
			away(&h.Clusters[0])
			h.ClusterLeases[0].Spec.RenewTime = ptr.To(metav1.NewMicroTime(now().Add(-20 * time.Minute)))
		}, []string{"error managed clusters: managed clusters that applications are delivered to are away", "- c1: for 60m: lease not updated"}},

		{"not fetched", "the work agent alone does not run", func(h *Hub) { h.Works[0].Metadata.Generation = 4 },
			[]string{"error managed clusters: the work agents of managed clusters have not fetched what was written for them", "- c1: works: 1, the oldest for 60m"}},
		{"being fetched", "it has a minute", func(h *Hub) {
			h.Works[0].Metadata.Generation = 4
			h.Works[0].Metadata.Annotations[ocm.AnnotationWritten] = now().Add(-50 * time.Second).Format(time.RFC3339)
		}, nil},
		{"written in the future", "a cluster's lie is not believed", func(h *Hub) {
			h.Works[0].Metadata.Generation = 4
			h.Works[0].Metadata.Annotations[ocm.AnnotationWritten] = now().Add(time.Hour).Format(time.RFC3339)
		}, nil},
		{"deletion raised the generation", "the agent does not report that", func(h *Hub) {
			h.Works[0].Metadata.Generation = 4
			h.Works[0].Metadata.DeletionTimestamp = ptr.To(ago(2 * time.Minute))
		}, nil},
		{"not removed", "the work agent has not begun, or is of OCM 1.0", func(h *Hub) {
			remove(&h.Works[0])
		}, []string{"warning managed clusters: the work agents of managed clusters have not said that they remove what was deleted", "- c1: works: 1, the oldest for 2m"}},
		{"not removed, and long silent", "the report is older than the deletion", func(h *Hub) {
			remove(&h.Works[0])
			h.Works[0].Metadata.ManagedFields = []Writes{{Subresource: "status", Time: ptr.To(ago(time.Hour))}}
		}, []string{"warning managed clusters: the work agents of managed clusters have not said that they remove what was deleted", "- c1: works: 1, the oldest for 2m"}},
		{"not removed by an agent that is busy", "it reports on another work", func(h *Hub) {
			remove(&h.Works[0])
			other := work("c1", "web-2", "uid-of-web")
			decode(t, &other, `{"metadata":{"managedFields":[{"manager":"fairlead","operation":"Apply","time":"2020-01-01T00:00:00Z","fieldsV1":{"f:spec":{}}},
				{"manager":"work","subresource":"status","time":"`+now().Add(-30*time.Second).UTC().Format(time.RFC3339)+`","fieldsV1":{"f:status":{}}}]}}`)
			h.Works = append(h.Works, other)
		}, nil},
		{"not removed while another cluster reports", "that is another agent", func(h *Hub) {
			remove(&h.Works[0])
			other := work("c2", "web-2", "uid-of-web")
			other.Metadata.ManagedFields = []Writes{{Subresource: "status", Time: ptr.To(ago(30 * time.Second))}}
			h.Works = append(h.Works, other)
		}, []string{"warning managed clusters: the work agents of managed clusters have not said that they remove what was deleted", "- c1: works: 1, the oldest for 2m"}},
		{"not removed, and only written to", "the hub's own writes tell nothing of the agent", func(h *Hub) {
			remove(&h.Works[0])
			h.Works[0].Metadata.ManagedFields = []Writes{{Time: ptr.To(ago(30 * time.Second))}}
		}, []string{"warning managed clusters: the work agents of managed clusters have not said that they remove what was deleted", "- c1: works: 1, the oldest for 2m"}},
		{"not removed, and not fetched", "the agent has no excuse", func(h *Hub) {
			remove(&h.Works[0])
			other := work("c1", "web-2", "uid-of-web")
			other.Metadata.Generation = 4
			h.Works = append(h.Works, other)
		}, []string{"error managed clusters: the work agents of managed clusters have not fetched what was written for them", "- c1: works: 1, the oldest for 60m"}},
		{"being removed", "an object may have a finalizer", func(h *Hub) {
			h.Works[0].Metadata.Finalizers = []string{workFinalizer}
			h.Works[0].Metadata.DeletionTimestamp = ptr.To(ago(2 * time.Minute))
			h.Works[0].Status.Conditions = append(h.Works[0].Status.Conditions, metav1.Condition{Type: "Deleting", Status: metav1.ConditionTrue})
		}, nil},

		{"environment stalled", "the field is named", func(h *Hub) {
			h.Environments[0].Status.Conditions = append(h.Environments[0].Status.Conditions, stalled("InvalidEnvironment", "spec.quota: no"))
		}, []string{"error environments: environments cannot be used as they are", "- prod: InvalidEnvironment: spec.quota: no"}},
		{"environment without clusters", "nothing waits for one", func(h *Hub) { h.Environments[0].Status.Clusters = 0 },
			[]string{"warning environments: environments have no cluster", "- prod: Bound: bound"}},
		{"applications without clusters", "they wait", func(h *Hub) { h.Environments[0].Status.Clusters = 0; h.Environments[0].Status.Applications = 2 },
			[]string{"error environments: environments have no cluster, and applications that wait for one", "- prod: applications: 2; Bound: bound"}},

		{"binding stalled", "the field is named", func(h *Hub) {
			h.Bindings[0].Status.Conditions = append(h.Bindings[0].Status.Conditions, stalled("ClusterSetNotFound", "spec.placement.clusterSets[0]"))
		}, []string{"error cluster bindings: cluster bindings cannot be resolved", "- prod: ClusterSetNotFound: spec.placement.clusterSets[0]"}},
		{"binding waits", "OCM has not decided", func(h *Hub) {
			h.Bindings[0].Status.Conditions = []metav1.Condition{is(v1alpha1.ConditionReady, false, "PlacementPending", "OCM has not decided yet")}
		}, []string{"warning cluster bindings: cluster bindings wait for their clusters", "- prod: PlacementPending: OCM has not decided yet"}},
		{"binding without status", "nobody looked at it", func(h *Hub) { h.Bindings[0].Status.Conditions = nil },
			[]string{"warning cluster bindings: cluster bindings wait for their clusters", "- prod: it has no status: no manager has looked at it"}},

		{"definition rejected", "the line is named", func(h *Hub) {
			h.Definitions["traitdefinitions"] = []Definition{definition("shop", "guard", stalled("CompileFailed", "template:3: no"))}
		}, []string{"error definitions: definitions cannot be used", "- traitdefinition shop/guard: CompileFailed: template:3: no"}},
		{"definition of a step", "it is of no use here", func(h *Hub) {
			h.Definitions["workflowstepdefinitions"] = []Definition{definition("shop", "mail", stalled("NotImplemented", "no"))}
		}, []string{"warning definitions: definitions have no effect", "- workflowstepdefinition shop/mail: NotImplemented: no"}},

		{"application stalled", "its message is told", func(h *Hub) {
			h.Applications = append(h.Applications, application("shop", "api", v1beta1.PhaseRendering, stalled("UnknownType", "spec.components[0].type")))
		}, []string{"error applications: applications are stalled: nothing goes on until somebody changes something", "- shop/api: UnknownType: spec.components[0].type"}},
		{"no account", "the Secrets of the application cannot be read", func(h *Hub) {
			h.Applications = append(h.Applications, application("shop", "api", v1beta1.PhaseRendering, stalled("ReferenceNotFound", "is read as the account")),
				application("team", "b", v1beta1.PhaseRendering, stalled("ReferenceNotFound", "no")), application("team", "a", v1beta1.PhaseRendering, stalled("ReferenceNotFound", "no")))
			h.Accounts = []Named{{Meta{Namespace: "shop", Name: "fairlead-deployer"}}}
		}, []string{
			"error applications: applications are stalled: nothing goes on until somebody changes something", "- shop/api: ReferenceNotFound: is read as the account",
			"- team/a: ReferenceNotFound: no", "- team/b: ReferenceNotFound: no",
			"error accounts: namespaces have no account fairlead-deployer, and applications whose Secrets or objects it is to read", "- team: applications: a, b",
		}},
		{"accounts not read", "it is not known whether there is one", func(h *Hub) {
			h.Applications = append(h.Applications, application("shop", "api", v1beta1.PhaseRendering, stalled("ReferenceNotFound", "no")))
			h.unread[accountResource] = forbidden
		}, []string{"error applications: applications are stalled: nothing goes on until somebody changes something", "- shop/api: ReferenceNotFound: no"}},
		{"application unhealthy", "it may become healthy", func(h *Hub) {
			h.Applications = append(h.Applications, application("shop", "api", v1beta1.PhaseUnhealthy, is(v1alpha1.ConditionReady, false, "Unhealthy", "api: 0 of 1")))
		}, []string{"warning applications: applications are delivered and not healthy", "- shop/api: Unhealthy: api: 0 of 1"}},
		{"application under way", "it goes on by itself", func(h *Hub) {
			h.Applications = append(h.Applications, application("shop", "api", v1beta1.PhaseRunningWorkflow, is(v1alpha1.ConditionReady, false, "Progressing", "x")))
		}, nil},
		{"application without status", "nobody looked at it", func(h *Hub) { h.Applications = append(h.Applications, application("shop", "api", "")) },
			[]string{"error applications: applications have no status", "- shop/api: created 24h ago"}},
		{"application paused", "somebody asked for it, and may have forgotten it", func(h *Hub) {
			h.Applications = append(h.Applications, application("shop", "api", v1beta1.PhaseWorkflowSuspending, stalled("Paused", "its label"), is(v1alpha1.ConditionPaused, true, "Paused", "its label")))
		}, []string{"note applications: applications are paused: nothing of them is written, repaired or removed", "- shop/api: for 60m"}},
		{"new application", "it has just been made", func(h *Hub) {
			h.Applications = append(h.Applications, application("shop", "api", ""))
			h.Applications[1].Metadata.CreationTimestamp = ago(time.Minute)
		}, nil},
		{"foreign application", "it asks for another controller", func(h *Hub) {
			h.Applications = append(h.Applications, application("shop", "api", "", stalled("x", "y")))
			h.Applications[1].Metadata.Annotations = map[string]string{v1beta1.AnnotationControllerRequirement: "v1.10"}
		}, nil},

		{"deletion hangs", "who holds it is named", func(h *Hub) {
			h.Applications[0].Metadata.DeletionTimestamp = ptr.To(ago(11 * time.Minute))
			h.Applications[0].Metadata.Finalizers = []string{v1alpha1.Finalizer, "example.com/backup", "odd", "a/b"}
			h.Works[0].Metadata.DeletionTimestamp = ptr.To(ago(11 * time.Minute))
			h.Works[0].Metadata.Finalizers = []string{workFinalizer}
			h.Works[0].Status.Conditions = append(h.Works[0].Status.Conditions, metav1.Condition{Type: "Deleting", Status: metav1.ConditionTrue})
		}, []string{"error deletions: objects are being deleted for more than 10 minutes",
			"- application shop/web: deleted 11m ago, held by fairlead.dev/delivery (the addon), example.com/backup (a controller of example.com), odd (the controller that set it) and 1 more; Delivered: delivered",
			"- manifestwork c1/web-1: deleted 11m ago, held by cluster.open-cluster-management.io/manifest-work-cleanup (the work agent of cluster c1)"}},
		{"deletion under way", "it has time", func(h *Hub) { h.Clusters[0].Metadata.DeletionTimestamp = ptr.To(ago(10 * time.Minute)) }, nil},

		{"leftover", "its application is gone", func(h *Hub) { h.Works = append(h.Works, work("c1", "api-1", "uid-of-api")) },
			[]string{"warning leftovers: works are there without their application", "- c1/api-1: of application shop/web, which does not exist"}},
		{"application made meanwhile", "it was not there when they were listed", func(h *Hub) {
			h.Works = append(h.Works, work("c1", "api-1", "uid-of-api"))
			h.Works[1].Metadata.CreationTimestamp = ago(time.Minute)
		}, nil},
		{"leftover on its way out", "it goes by itself", func(h *Hub) {
			h.Works = append(h.Works, work("c1", "api-1", "uid-of-api"))
			h.Works[1].Metadata.DeletionTimestamp = ptr.To(ago(time.Minute))
		}, nil},
		{"left on purpose", "nothing is to be done", func(h *Hub) {
			h.Works = append(h.Works, work("c1", "api-1", "uid-of-api"))
			h.Works[1].Metadata.Labels[ocm.LabelPurpose] = ocm.PurposeLeft
		}, []string{"note leftovers: works were left on clusters that are away", "- c1/api-1: of application shop/web"}},
		{"work of a tenant", "it is no application's", func(h *Hub) { h.Works[0].Metadata.Labels = map[string]string{ocm.LabelPurpose: ocm.PurposeTenant} }, nil},
		{"no rights for applications", "their works are no leftovers", func(h *Hub) { h.Applications = nil; h.unread[applicationResource] = forbidden }, nil},

		{"hub fails", "that is an error by itself", func(h *Hub) { h.unread[policyResource] = unread{verb: "list", err: errors.New("etcd is slow")} },
			[]string{"error reading: kinds of objects could not be read", "- validatingadmissionpolicies.admissionregistration.k8s.io: etcd is slow"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := well(t)
			test.change(h)
			want := test.want
			if want == nil {
				want = []string{}
			}
			if diff := cmp.Diff(want, lines(Examine(h, "1.2.3"))); diff != "" {
				t.Errorf("since %s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}

// properties are the fields of a field at the top of a version of a CRD.
func properties(h *Hub, crd, version, of string) map[string]any {
	schema := field(versionsOf(h.CRDs[crd])[version], "schema", "openAPIV3Schema", "properties", of, "properties")
	return schema.(map[string]any)
}

func withoutOCM(h *Hub) {
	for _, name := range ocmCRDs() {
		delete(h.CRDs, name)
	}
	h.Clusters, h.Works, h.ClusterLeases, h.OCMControllers, h.Webhooks, h.ClusterManagers = nil, nil, nil, nil, nil, nil
	h.unread[clusterResource] = unread{verb: "list", absent: true}
}

func away(c *Cluster) {
	c.Status.Conditions[1] = metav1.Condition{Type: "ManagedClusterConditionAvailable", Status: metav1.ConditionUnknown,
		Message: "lease not updated", LastTransitionTime: ago(time.Hour)}
}

// TestPassed checks that only those checks count as passed that found nothing and could read all.
func TestPassed(t *testing.T) {
	h := well(t)
	var all []string
	for _, c := range checks() {
		all = append(all, c.name)
	}
	if diff := cmp.Diff(all, Examine(h, "").Passed); diff != "" {
		t.Errorf("of a hub that is well (-want +got):\n%s", diff)
	}
	h.unread[workResource] = unread{verb: "list", forbidden: true}
	h.Kubernetes = "v1.2.3"
	want := []string{"custom resources", "admission policies", "manager", "ocm", "ocm controllers", "environments", "cluster bindings", "definitions", "applications", "accounts"}
	if diff := cmp.Diff(want, Examine(h, "").Passed); diff != "" {
		t.Errorf("of one that is not (-want +got):\n%s", diff)
	}
}

// TestReport pins both forms of a report of a hub with much that is wrong:
// bounded, and with nothing that a terminal would act upon.
func TestReport(t *testing.T) {
	h := well(t)
	h.Deployment.Status = appsv1.DeploymentStatus{Conditions: []appsv1.DeploymentCondition{
		{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionFalse, Reason: "MinimumReplicasUnavailable", Message: "Deployment does not have minimum availability."},
		{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: "ReplicaSetUpdated", Message: "it goes on"}}}
	h.Lease = lease("", "", 3*time.Hour)
	for i := range 12 {
		h.Applications = append(h.Applications, application("shop", fmt.Sprintf("app-%02d", i), v1beta1.PhaseRendering,
			stalled("UnknownType", "spec.components[0].type:\n\x1b[31mred\u202e "+strings.Repeat("x", 500*(i/9)))))
	}
	h.Works = append(h.Works, work("c1", "gone-1", "uid-of-gone"))
	h.unread[clusterLeaseResource] = unread{verb: "list", forbidden: true}
	h.unread[leaseResource] = unread{verb: "get", forbidden: true}
	h.unread[webhookResource] = unread{verb: "list", err: fmt.Errorf("%w: more than 5", errTooMany)}
	h.unread[clusterManagerResource] = unread{verb: "list", absent: true, err: apierrors.NewNotFound(schema.GroupResource{}, "")}
	report := Examine(h, "1.2.3")
	compare(t, "report.txt", report.Text())
	raw, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "report.json", string(raw)+"\n")
	compare(t, "well.txt", Examine(well(t), "1.2.3").Text())
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, []byte(got), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s\nIf the change is meant, run the test with -update.", path, diff)
	}
}

// TestCompareCRDs checks what counts as a difference.
func TestCompareCRDs(t *testing.T) {
	const crd = `{"spec":{"versions":[{"name":"v1","served":true,"schema":{"openAPIV3Schema":{"type":"object","description":"old","properties":{
"a":{"type":"string","maxLength":5},"description":{"type":"string"},"list":{"type":"array","items":{"type":"object","properties":{"b":{"type":"string"}}}}}}}}]}}`
	tests := []struct{ reason, from, to, want string }{
		{"nothing differs", "", "", ""},
		{"texts say nothing of what is accepted", `"old"`, `"new"`, ""},
		{"an API server fills in zeros", `"served":true`, `"served":true,"deprecated":false,"names":{"x":[]}`, ""},
		{"a field may be called description", `,"description":{"type":"string"}`, "", "lacks v1.description"},
		{"fields of lists are fields", `{"b":{"type":"string"}}`, `{}`, "lacks v1.list[].b"},
		{"a version that is not there", `"v1"`, `"v2"`, "lacks v1; has beside it v2"},
		{"validation differs", `"maxLength":5`, `"maxLength":6`, "differs in v1.a.maxLength"},
		{"validation was dropped", `,"maxLength":5`, ``, "differs in v1.a.maxLength"},
		{"it is served no more", `"served":true`, `"served":false`, "differs in v1.served"},
	}
	for _, test := range tests {
		var wanted, live map[string]any
		decode(t, &wanted, crd)
		decode(t, &live, strings.Replace(crd, test.from, test.to, 1))
		if got := compareCRDs(wanted, live).String(); got != test.want {
			t.Errorf("got %q, want %q, since %s", got, test.want, test.reason)
		}
	}
}

// TestAccountCommands checks that the doctor says by which commands an account is made
// that reads the Secrets of the applications of a namespace and nothing else, and that
// nothing gets into them but names.
func TestAccountCommands(t *testing.T) {
	listing := func(namespace, name, secrets string) Application {
		app := application(namespace, name, v1beta1.PhaseRendering, stalled("ReferenceNotFound", "no"))
		if secrets != "" {
			app.Metadata.Annotations = map[string]string{v1alpha1.AnnotationSecrets: secrets}
		}
		return app
	}
	const wide = "kubectl -n team create serviceaccount fairlead-deployer; " +
		"kubectl -n team create rolebinding fairlead-secrets --clusterrole=fairlead-deployer --serviceaccount=team:fairlead-deployer"
	narrow := func(names string) string {
		return "kubectl -n team create serviceaccount fairlead-deployer; kubectl -n team create role fairlead-secrets --verb=get --resource=secrets " + names +
			"; kubectl -n team create rolebinding fairlead-secrets --role=fairlead-secrets --serviceaccount=team:fairlead-deployer"
	}
	many := []Application{listing("team", "a", "")}
	for i := range maxObjects {
		many = append(many, listing(fmt.Sprintf("team-%d", i), "a", ""))
	}
	for _, test := range []struct {
		reason string
		apps   []Application
		want   string
	}{
		{"the Secrets of two applications", []Application{listing("team", "a", `{"db":"1","prod/db":"2"}`), listing("team", "b", `{"api":"1","db":"1"}`)},
			narrow("--resource-name=api --resource-name=db --resource-name=db.prod")},
		{"what is no name", []Application{listing("team", "a", `{"db":"1","x; rm -rf /":"2","$(id)/db":"3"}`)}, narrow("--resource-name=db")},
		{"nothing but what is no name", []Application{listing("team", "a", `{"$(id)":"1"}`)}, wide},
		{"an application that lists none, and names another object", []Application{listing("team", "a", `{"db":"1"}`), listing("team", "b", "")}, wide},
		{"a list that cannot be read", []Application{listing("team", "a", "x")}, wide},
		{"many namespaces", many, "for each NAMESPACE: " + strings.ReplaceAll(strings.ReplaceAll(wide, "team:", "NAMESPACE:"), "-n team", "-n NAMESPACE") +
			`; for narrower rights see "Secrets of an application" in the guide on delivery`},
	} {
		t.Run(test.reason, func(t *testing.T) {
			h := well(t)
			h.Applications = append(h.Applications, test.apps...)
			found := accounts(h)
			if len(found) != 1 || found[0].Remedy != test.want {
				t.Errorf("got %v, want %s", found, test.want)
			}
		})
	}
}
