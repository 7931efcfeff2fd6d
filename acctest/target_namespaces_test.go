// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// rightsRole is a role for the deployer of an environment.
const rightsRole = "rights-deployer"

// leases are of a kind that the usual role of the deployer does not allow.
var leases = schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}

// TestTargetNamespaces checks on managed clusters what environments say of their target namespaces: whose they may be, who
// makes them, and which rights applications have there.
func TestTargetNamespaces(t *testing.T) {
	f := sharedFleet(t)
	t.Run("RoleChanges", func(t *testing.T) { roleFollows(t, f) })
	t.Run("Permissions", func(t *testing.T) { permissionsFollow(t, f) })
	t.Run("NotCreated", func(t *testing.T) { waitsForItsNamespace(t, f) })
	t.Run("Adopted", func(t *testing.T) { adoptsItsNamespace(t, f) })
	t.Run("Exchanged", func(t *testing.T) { exchangesNamespaces(t, f) })
	t.Run("Changed", func(t *testing.T) { movesToItsNamespace(t, f) })
}

// permissionsFollow gives the deployer of an environment another role, and its usual one again.
func permissionsFollow(t *testing.T, f *fleet) {
	w := newTeam(t, f, "rights")
	w.role(t, rightsRole, `{"apiGroups":[""],"resources":["configmaps"],"verbs":[VERBS]},
		{"apiGroups":["coordination.k8s.io"],"resources":["leases"],"verbs":[VERBS]}`)
	env := w.environment(t, "prod", "", `"clusters":["cluster1"]`)
	component := func(n int) string { return configMap("settings", fmt.Sprintf(`{"n":"%d"}`, n)) }
	lease := `{"name":"lock","type":"k8s-objects","properties":{"objects":[{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"lock"},
		"spec":{"leaseDurationSeconds":7}}]}}`
	w.application(t, "app", "["+component(1)+","+lease+"]", env)
	w.says(t, "app", "not allowed to apply the resource coordination.k8s.io leases")
	settings := f.holds(t, site{"cluster1", env}, "settings", `{"n":"1"}`)

	w.changeEnvironment(t, env, fmt.Sprintf(`{"spec":{"permissions":%q}}`, rightsRole))
	w.isReady(t, "app")
	f.get(t, "cluster1", leases, env, "lock")
	f.isBoundTo(t, site{"cluster1", env}, rightsRole)
	if rules := asJSON(t, f.get(t, "cluster1", clusterRoles, "", rightsRole)); !strings.Contains(rules, `"leases"`) {
		t.Errorf("the role on the cluster is %s", rules)
	}
	w.setComponents(t, "app", component(2), lease)
	w.isReady(t, "app")
	f.holds(t, site{"cluster1", env}, "settings", `{"n":"2"}`)

	// Back again: what the usual role does not allow has to go before.
	w.setComponents(t, "app", component(2))
	w.isReady(t, "app")
	isGone(t, f.on(t, "cluster1", leases).Namespace(env), "lock")
	w.changeEnvironment(t, env, `{"spec":{"permissions":"fairlead-deployer"}}`)
	f.isBoundTo(t, site{"cluster1", env}, v1alpha1.DeployerRole)
	w.setComponents(t, "app", component(3))
	w.isReady(t, "app")
	if after := f.holds(t, site{"cluster1", env}, "settings", `{"n":"3"}`); after.GetUID() != settings.GetUID() {
		t.Error("the ConfigMap was made anew")
	}
	w.drop(t, "app")
	isGone(t, f.on(t, "cluster1", clusterRoles), rightsRole)
}

// roleFollows adds a right to a role that deployers have, which no event tells of: what lacked it is applied.
func roleFollows(t *testing.T, f *fleet) {
	w := newTeam(t, f, "gains")
	configs := `{"apiGroups":[""],"resources":["configmaps"],"verbs":[VERBS]}`
	w.role(t, rightsRole, configs)
	env := w.environment(t, "prod", fmt.Sprintf(`"permissions":%q`, rightsRole), `"clusters":["cluster1"]`)
	w.application(t, "app", `[{"name":"lock","type":"k8s-objects","properties":{"objects":[{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"lock"},
		"spec":{"leaseDurationSeconds":7}}]}}]`, env)
	w.says(t, "app", "not allowed to apply the resource coordination.k8s.io leases")
	rules := strings.ReplaceAll(`{"rules":[`+configs+`,{"apiGroups":["coordination.k8s.io"],"resources":["leases"],"verbs":[VERBS]}]}`, "VERBS", deployerVerbs)
	if _, err := w.hub.Resource(clusterRoles).Patch(t.Context(), rightsRole, types.MergePatchType, []byte(rules), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	// The addon looks at roles each minute, and where the cluster learns of the right late its agent asks again after another one.
	eventually(t, 2*patience, "the Lease to be applied", func() error {
		_, err := f.on(t, "cluster1", leases).Namespace(env).Get(t.Context(), "lock", metav1.GetOptions{})
		return err
	})
	w.isReady(t, "app")
	w.drop(t, "app")
}

// deployerVerbs are all that deliveries need.
const deployerVerbs = `"get","create","update","patch","delete"`

// role makes a role for deployers, one of those that the addon may hand out. VERBS in the rules are all that deliveries need.
func (w *team) role(t *testing.T, name, rules string) {
	t.Helper()
	create(t, w.hub, clusterRoles, "", object(fmt.Sprintf(`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":%q},"rules":[%s]}`,
		name, strings.ReplaceAll(rules, "VERBS", deployerVerbs))))
}

// changeEnvironment changes an environment by a merge patch.
func (w *team) changeEnvironment(t *testing.T, name, patch string) {
	t.Helper()
	if _, err := w.hub.Resource(environments).Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatalf("change environment %s: %v", name, err)
	}
}

// setComponents writes the components of an application.
func (w *team) setComponents(t *testing.T, name string, components ...string) {
	t.Helper()
	w.patch(t, name, `[{"op":"replace","path":"/spec/components","value":[`+strings.Join(components, ",")+`]}]`)
}

// says waits until the status of an application has all those texts.
func (w *team) says(t *testing.T, name string, texts ...string) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("application %s to say %q", name, texts), func() error {
		status := fmt.Sprint(w.fleet.get(t, v1alpha1.LocalCluster, applications, w.name, name).Object["status"])
		for _, text := range texts {
			if !strings.Contains(status, text) {
				return errors.New(status)
			}
		}
		return nil
	})
}

// holds waits until a ConfigMap has that data, and returns it.
func (f *fleet) holds(t *testing.T, at site, name, data string) *unstructured.Unstructured {
	t.Helper()
	var live *unstructured.Unstructured
	eventually(t, patience, "ConfigMap "+name+" on "+at.cluster+" to hold "+data, func() (err error) {
		if live, err = f.on(t, at.cluster, configMaps).Namespace(at.namespace).Get(t.Context(), name, metav1.GetOptions{}); err != nil {
			return err
		}
		return equal("data", object(`{"kind":"ConfigMap","data":` + data + `}`).Object["data"], live.Object["data"])
	})
	return live
}

// isBoundTo waits until the deployer of a namespace has one role and no other.
func (f *fleet) isBoundTo(t *testing.T, at site, role string) {
	t.Helper()
	eventually(t, patience, "the deployer to be bound to "+role, func() error {
		list, err := f.on(t, at.cluster, roleBindings).Namespace(at.namespace).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		found := []string{}
		for _, binding := range list.Items {
			found = append(found, nested[string](&binding, "roleRef", "name"))
		}
		return equal("roles", []string{role}, found)
	})
}

// waitsForItsNamespace delivers to a namespace that somebody else makes, at a time of their own.
func waitsForItsNamespace(t *testing.T, f *fleet) {
	w := newTeam(t, f, "awaits")
	env := w.environment(t, "prod", `"namespaceOptions":{"create":false,"adopt":true}`, `"clusters":["cluster1"]`)
	at := site{"cluster1", env}
	w.application(t, "app", "["+configMap("settings", `{"n":"1"}`)+"]", env)
	w.says(t, "app", fmt.Sprintf("namespace %q does not exist on cluster %q", env, "cluster1"), "waiting for somebody to create it")
	if err := isAbsent(f.on(t, "cluster1", namespaces), env); err != nil {
		t.Fatal(err)
	}
	made := f.makeNamespace(t, at)
	w.isReady(t, "app")
	f.holds(t, at, "settings", `{"n":"1"}`)
	w.drop(t, "app")
	isGone(t, f.on(t, "cluster1", configMaps).Namespace(env), "settings")
	f.isTheirs(t, at, made)
}

// makeNamespace makes a namespace on a cluster as others do, with something of theirs in it. It goes with the test.
func (f *fleet) makeNamespace(t *testing.T, at site) *unstructured.Unstructured {
	t.Helper()
	cluster := hubObjects(t, f.plane(at.cluster))
	create(t, cluster, namespaces, "", object(fmt.Sprintf(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":%q,"labels":{"team":"others"}}}`, at.namespace)))
	create(t, cluster, configMaps, at.namespace, object(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"theirs"},"data":{"a":"b"}}`))
	return f.get(t, at.cluster, namespaces, "", at.namespace)
}

// dropNamespace deletes a namespace of a cluster with what stays in it, when a test ends.
func (f *fleet) dropNamespace(t *testing.T, at site) {
	t.Helper()
	if err := f.on(t, at.cluster, namespaces).Delete(context.Background(), at.namespace, metav1.DeleteOptions{}); err != nil {
		t.Errorf("delete namespace %s of %s: %v", at.namespace, at.cluster, err)
	}
}

// isTheirs checks that a namespace that others made is as they made it.
func (f *fleet) isTheirs(t *testing.T, at site, made *unstructured.Unstructured) {
	t.Helper()
	live := f.get(t, at.cluster, namespaces, "", at.namespace)
	if live.GetUID() != made.GetUID() || live.GetDeletionTimestamp() != nil || live.GetLabels()["team"] != "others" || len(live.GetOwnerReferences()) > 0 {
		t.Errorf("the namespace is not as others made it: %v", live.Object["metadata"])
	}
	f.holds(t, at, "theirs", `{"a":"b"}`)
}

// adoptsItsNamespace delivers to a namespace of somebody else's only when its environment adopts it.
func adoptsItsNamespace(t *testing.T, f *fleet) {
	w := newTeam(t, f, "adopts")
	at := site{"cluster2", "adopts-prod"}
	made := f.makeNamespace(t, at)
	env := w.environment(t, "prod", `"namespaceOptions":{"labels":{"tier":"gold"}}`, `"clusters":["cluster2"]`)
	w.application(t, "app", "["+configMap("settings", `{"n":"1"}`)+"]", env)
	w.stalls(t, "app", delivery.ReasonNamespaceNotOurs)
	f.isTheirs(t, at, made)
	if live := f.get(t, at.cluster, namespaces, "", env); live.GetResourceVersion() != made.GetResourceVersion() {
		t.Errorf("a namespace that is not adopted was written: %v", live.Object["metadata"])
	}
	if err := isAbsent(f.on(t, at.cluster, serviceAccounts).Namespace(env), v1alpha1.DeployerAccount); err != nil {
		t.Error(err)
	}
	w.changeEnvironment(t, env, `{"spec":{"namespaceOptions":{"adopt":true}}}`)
	w.isReady(t, "app")
	f.holds(t, at, "settings", `{"n":"1"}`)
	if tier := f.get(t, at.cluster, namespaces, "", env).GetLabels()["tier"]; tier != "gold" {
		t.Errorf("the namespace that is adopted has tier %q", tier)
	}
	w.drop(t, "app")
	isGone(t, f.on(t, at.cluster, configMaps).Namespace(env), "settings")
	isGone(t, f.on(t, at.cluster, serviceAccounts).Namespace(env), v1alpha1.DeployerAccount)
	f.isTheirs(t, at, made)
}

// movesToItsNamespace gives an environment another namespace, which is somebody else's: all stays in the former one until
// that is adopted, and then nothing is left there.
func movesToItsNamespace(t *testing.T, f *fleet) {
	w := newTeam(t, f, "moves")
	env := w.environment(t, "prod", "", `"clusters":["local","cluster1"]`)
	front := `{"name":"front","type":"k8s-objects","properties":{"objects":[{"apiVersion":"v1","kind":"Service","metadata":{"name":"front"},
		"spec":{"ports":[{"port":80}]}}]}}`
	w.application(t, "app", "["+configMap("settings", `{"n":"1"}`)+","+front+"]", env)
	w.isReady(t, "app")
	const target = "moves-elsewhere"
	kinds := map[string]schema.GroupVersionResource{"settings": configMaps, "front": services}
	var made []*unstructured.Unstructured
	before := map[site]map[string]types.UID{}
	places := []string{v1alpha1.LocalCluster, "cluster1"}
	for _, name := range places {
		made = append(made, f.makeNamespace(t, site{name, target}))
		at := site{name, env}
		before[at] = map[string]types.UID{}
		for object, kind := range kinds {
			before[at][object] = f.get(t, name, kind, env, object).GetUID()
		}
	}

	w.changeEnvironment(t, env, fmt.Sprintf(`{"spec":{"targetNamespace":{"name":%q}}}`, target))
	w.stalls(t, "app", delivery.ReasonNamespaceNotOurs)
	w.says(t, "app", `exists on cluster "cluster1"`)
	for at, objects := range before {
		for object, uid := range objects {
			if live := f.get(t, at.cluster, kinds[object], env, object); live.GetUID() != uid || live.GetDeletionTimestamp() != nil {
				t.Errorf("%s of %s is not as it was: %v", object, at.cluster, live.Object["metadata"])
			}
		}
	}
	worksOf := func() map[types.UID]bool {
		list, err := w.hub.Resource(works).Namespace("cluster1").List(t.Context(), metav1.ListOptions{LabelSelector: v1beta1.LabelAppNamespace + "=" + w.name})
		if err != nil {
			t.Fatal(err)
		}
		found := map[types.UID]bool{}
		for _, work := range list.Items {
			found[work.GetUID()] = work.GetDeletionTimestamp() == nil
		}
		return found
	}
	held := worksOf()

	w.changeEnvironment(t, env, `{"spec":{"namespaceOptions":{"adopt":true}}}`)
	w.isReady(t, "app")
	for i, name := range places {
		f.holds(t, site{name, target}, "settings", `{"n":"1"}`)
		f.get(t, name, services, target, "front")
		for object, kind := range kinds {
			isGone(t, f.on(t, name, kind).Namespace(env), object)
		}
		f.isTheirs(t, site{name, target}, made[i])
	}
	f.isReleased(t, env, places...)
	if err := equal("works of the application", held, worksOf()); err != nil || len(held) == 0 {
		t.Errorf("%d works: %v", len(held), err)
	}
	w.drop(t, "app")
}

// exchangesNamespaces gives each of two environments the namespace of the other, with the same application in both.
func exchangesNamespaces(t *testing.T, f *fleet) {
	w := newTeam(t, f, "swaps")
	blue := w.environment(t, "blue", "", `"clusters":["local","cluster1"]`)
	green := w.environment(t, "green", "", `"clusters":["local","cluster1"]`)
	w.application(t, "app", "["+configMap("settings", `{"n":"1"}`)+"]", blue, green)
	w.isReady(t, "app")
	w.changeEnvironment(t, blue, fmt.Sprintf(`{"spec":{"targetNamespace":{"name":%q}}}`, green))
	w.changeEnvironment(t, green, fmt.Sprintf(`{"spec":{"targetNamespace":{"name":%q}}}`, blue))
	for _, name := range []string{v1alpha1.LocalCluster, "cluster1"} {
		for namespace, environment := range map[string]string{green: blue, blue: green} {
			f.isOf(t, site{name, namespace}, "settings", environment)
		}
	}
	w.isReady(t, "app")
	w.drop(t, "app")
}

// isOf waits until a ConfigMap is delivered for an environment.
func (f *fleet) isOf(t *testing.T, at site, name, environment string) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("ConfigMap %s in namespace %s of %s to be of environment %s", name, at.namespace, at.cluster, environment), func() error {
		live, err := f.on(t, at.cluster, configMaps).Namespace(at.namespace).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		return equal("environment", environment, live.GetLabels()[v1alpha1.LabelEnvironment])
	})
}
