// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// TestUndecidedPlacement lets one of two bindings of an environment choose from a cluster set that does not exist: what it
// chose before stays where it is and as it is, and the cluster of the other binding follows every edit. As soon as the set is
// there, so does the first one; what goes in the end is what the bindings give up.
func TestUndecidedPlacement(t *testing.T) {
	f := sharedFleet(t)
	f.label(t, "cluster2", "undecided", "yes")
	w := newTeam(t, f, "undecided")
	env := w.environment(t, "prod", "", `"clusters":["cluster1"]`)
	const binding = "undecided-placement"
	create(t, w.hub, bindings, "", object(fmt.Sprintf(`{"apiVersion":"fairlead.dev/v1alpha1","kind":"ClusterBinding","metadata":{"name":%q},
		"spec":{"environment":%q,"placement":{"clusterSets":["global"],"labelSelector":{"matchLabels":{"undecided":"yes"}}}}}`, binding, env)))
	named, chosen := site{"cluster1", env}, site{"cluster2", env}
	settings := func(n int) string { return configMap("settings", fmt.Sprintf(`{"n":"%d"}`, n)) }
	w.application(t, "app", "["+settings(1)+","+configMap("dropped", `{"a":"b"}`)+"]", env)
	f.holds(t, named, "settings", `{"n":"1"}`)
	f.holds(t, chosen, "settings", `{"n":"1"}`)
	w.isReady(t, "app")
	// Agents write the owners of an object after the object: it is settled when what they report of it is there.
	before := f.holds(t, chosen, "settings", `{"n":"1"}`)

	choose := func(set string) {
		t.Helper()
		patch := fmt.Appendf(nil, `{"spec":{"placement":{"clusterSets":[%q]}}}`, set)
		if _, err := w.hub.Resource(bindings).Patch(t.Context(), binding, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	choose("undecided-set")
	eventually(t, patience, "the binding to say that there is no such set", func() error {
		live := f.get(t, v1alpha1.LocalCluster, bindings, "", binding)
		if reason := conditionOf(live, v1alpha1.ConditionReady)["reason"]; reason != delivery.ReasonClusterSetNotFound {
			return fmt.Errorf("it says %v", live.Object["status"])
		}
		return nil
	})
	for n := 2; n <= 3; n++ {
		w.setComponents(t, "app", settings(n))
		f.holds(t, named, "settings", fmt.Sprintf(`{"n":"%d"}`, n))
	}
	isGone(t, f.on(t, named.cluster, configMaps).Namespace(env), "dropped")
	w.says(t, "app", `there is no ManagedClusterSet "undecided-set"`)
	if live := f.holds(t, chosen, "settings", `{"n":"1"}`); live.GetUID() != before.GetUID() || live.GetResourceVersion() != before.GetResourceVersion() {
		t.Errorf("what was chosen before is not as it was: %v", live.Object["metadata"])
	}
	f.holds(t, chosen, "dropped", `{"a":"b"}`)

	create(t, w.hub, clusterSets, "", object(`{"apiVersion":"cluster.open-cluster-management.io/v1beta2","kind":"ManagedClusterSet",
		"metadata":{"name":"undecided-set"},"spec":{"clusterSelector":{"selectorType":"LabelSelector","labelSelector":{"matchLabels":{"undecided":"yes"}}}}}`))
	if after := f.holds(t, chosen, "settings", `{"n":"3"}`); after.GetUID() != before.GetUID() {
		t.Error("the ConfigMap was made anew")
	}
	w.isReady(t, "app")
	isGone(t, f.on(t, chosen.cluster, configMaps).Namespace(env), "dropped")

	// Without the binding what it chose goes, since the other one is decided.
	if err := w.hub.Resource(bindings).Delete(t.Context(), binding, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	isGone(t, f.on(t, chosen.cluster, configMaps).Namespace(env), "settings")
	f.holds(t, named, "settings", `{"n":"3"}`)
	w.drop(t, "app")
}
