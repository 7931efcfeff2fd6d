// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// TestPreparedNamespaces has an environment prepare its namespaces on the hub and on real clusters before there is an
// application, tell what keeps one from being prepared, follow its bindings and names, and take along what it prepared.
func TestPreparedNamespaces(t *testing.T) {
	f := sharedFleet(t)
	w := newTeam(t, f, "prepares")
	taken := site{"cluster2", "prepares-prod"}
	f.makeNamespace(t, taken)
	env := w.environment(t, "prod", `"namespaceOptions":{"prepare":true,"labels":{"tier":"gold"}}`, `"clusters":["local","cluster1","cluster2"]`)
	w.isPrepared(t, env, 2, delivery.ReasonNamespaceNotOurs, `namespaces prepared: 2 of 3; namespace prepares-prod: namespace "prepares-prod" exists on cluster "cluster2"`)
	for _, cluster := range []string{v1alpha1.LocalCluster, "cluster1"} {
		f.get(t, cluster, serviceAccounts, env, v1alpha1.DeployerAccount)
		if tier := f.get(t, cluster, namespaces, "", env).GetLabels()["tier"]; tier != "gold" {
			t.Errorf("the namespace on %s has tier %q", cluster, tier)
		}
	}

	// Somebody makes room, and the namespace is prepared with no application to ask for it.
	f.dropNamespace(t, taken)
	w.isPrepared(t, env, 3, "Bound", "bound to 3 clusters; namespaces prepared: 3 of 3")
	account := f.get(t, "cluster2", serviceAccounts, env, v1alpha1.DeployerAccount)

	// What an application leaves stays prepared.
	w.application(t, "app", "["+configMap("settings", `{"n":"1"}`)+"]", env)
	w.isReady(t, "app")
	w.drop(t, "app")
	isGone(t, f.on(t, "cluster2", configMaps).Namespace(env), "settings")
	w.isPrepared(t, env, 3, "Bound", "namespaces prepared: 3 of 3")
	if after := f.get(t, "cluster2", serviceAccounts, env, v1alpha1.DeployerAccount); after.GetUID() != account.GetUID() {
		t.Error("the account was made anew")
	}

	// A cluster that is bound no more, a name that is taken away, and a word less.
	w.changeBinding(t, env, `{"spec":{"clusters":["local","cluster1"]}}`)
	isGone(t, f.on(t, "cluster2", serviceAccounts).Namespace(env), v1alpha1.DeployerAccount)
	w.isPrepared(t, env, 2, "Bound", "namespaces prepared: 2 of 2")
	w.changeEnvironment(t, env, `{"spec":{"namespaceOptions":{"prepare":false}}}`)
	f.isReleased(t, env, v1alpha1.LocalCluster, "cluster1")
	w.isPrepared(t, env, 0, "Bound", "bound to 2 clusters")
	w.changeEnvironment(t, env, `{"spec":{"namespaceOptions":{"prepare":true}}}`)
	w.isPrepared(t, env, 2, "Bound", "namespaces prepared: 2 of 2")
	w.changeEnvironment(t, env, `{"spec":{"applicationNamespaces":{"names":["prepares-others"]}}}`)
	f.isReleased(t, env, v1alpha1.LocalCluster, "cluster1")
	w.changeEnvironment(t, env, `{"spec":{"applicationNamespaces":{"names":["prepares"]}}}`)
	w.isPrepared(t, env, 2, "Bound", "namespaces prepared: 2 of 2")

	if err := w.hub.Resource(environments).Delete(t.Context(), env, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	isGone(t, w.hub.Resource(environments), env)
	f.isReleased(t, env, v1alpha1.LocalCluster, "cluster1")
}

// changeBinding changes a binding by a merge patch.
func (w *team) changeBinding(t *testing.T, name, patch string) {
	t.Helper()
	if _, err := w.hub.Resource(bindings).Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatalf("change binding %s: %v", name, err)
	}
}

// isPrepared waits until an environment says how many namespaces are prepared, and why.
func (w *team) isPrepared(t *testing.T, name string, count int64, reason, message string) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("environment %s to have %d namespaces prepared", name, count), func() error {
		live := w.fleet.get(t, v1alpha1.LocalCluster, environments, "", name)
		ready := conditionOf(live, v1alpha1.ConditionReady)
		if nested[int64](live, "status", "prepared") != count || ready["reason"] != reason || !strings.Contains(fmt.Sprint(ready["message"]), message) {
			return fmt.Errorf("%d prepared: %v", nested[int64](live, "status", "prepared"), ready)
		}
		return nil
	})
}

// isReleased waits until clusters have no account of a tenant any more. Its namespace stays.
func (f *fleet) isReleased(t *testing.T, namespace string, clusters ...string) {
	t.Helper()
	for _, cluster := range clusters {
		isGone(t, f.on(t, cluster, serviceAccounts).Namespace(namespace), v1alpha1.DeployerAccount)
		f.get(t, cluster, namespaces, "", namespace)
	}
}
