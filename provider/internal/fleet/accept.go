// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clusterv1 "open-cluster-management.io/api/cluster/v1"
	workv1 "open-cluster-management.io/api/work/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// ownPrefix begins the keys of the taints that Open Cluster Management sets itself.
const ownPrefix = "cluster.open-cluster-management.io/"

// BootstrapNamespace and BootstrapAccount name the account that agents join with
// where the hub was set up by clusteradm or OCM's chart.
const (
	BootstrapNamespace = "open-cluster-management"
	BootstrapAccount   = "agent-registration-bootstrap"
)

// Acceptance is what the hub is to say of a cluster that it takes in.
type Acceptance struct {
	// Name of the cluster.
	Name string
	// Labels of the cluster.
	Labels map[string]string
	// Set is its exclusive cluster set; empty leaves the choice to the hub.
	Set string
	// Lease is how often its agent reports.
	Lease time.Duration
	// Taints, nil to leave them alone.
	Taints []Taint
}

// Object makes the ManagedCluster. The taints that the hub has set itself stay,
// and what is there already keeps its time.
func (a Acceptance) Object(live *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	spec := map[string]any{"hubAcceptsClient": true, "leaseDurationSeconds": int64(a.Lease / time.Second)}
	if a.Taints != nil {
		taints, err := a.taints(live)
		if err != nil {
			return nil, err
		}
		spec["taints"] = taints
	}
	object := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	object.SetGroupVersionKind(Kind())
	object.SetName(a.Name)
	labels := map[string]string{}
	maps.Copy(labels, a.Labels)
	if a.Set != "" {
		labels[SetLabel] = a.Set
	}
	object.SetLabels(labels)
	return object, nil
}

// taints is the whole list, since the list has one manager.
func (a Acceptance) taints(live *unstructured.Unstructured) ([]any, error) {
	taints := []any{}
	var before []clusterv1.Taint
	if live != nil {
		var cluster clusterv1.ManagedCluster
		if err := decode(live, &cluster); err != nil {
			return nil, err
		}
		before = cluster.Spec.Taints
	}
	for _, taint := range before {
		if strings.HasPrefix(taint.Key, ownPrefix) {
			taints = append(taints, taintObject(taint))
		}
	}
	for _, wanted := range a.Taints {
		taint := clusterv1.Taint{Key: wanted.Key, Value: wanted.Value, Effect: clusterv1.TaintEffect(wanted.Effect)}
		same := func(t clusterv1.Taint) bool {
			return t.Key == taint.Key && t.Value == taint.Value && t.Effect == taint.Effect
		}
		if i := slices.IndexFunc(before, same); i >= 0 {
			taint.TimeAdded = before[i].TimeAdded
		}
		taints = append(taints, taintObject(taint))
	}
	return taints, nil
}

// taintObject is a taint as the API has it. Without a time the hub sets one.
func taintObject(taint clusterv1.Taint) map[string]any {
	object := map[string]any{"key": taint.Key, "effect": string(taint.Effect), "timeAdded": nil}
	if taint.Value != "" {
		object["value"] = taint.Value
	}
	if !taint.TimeAdded.IsZero() {
		object["timeAdded"] = taint.TimeAdded.UTC().Format(time.RFC3339)
	}
	return object
}

// Accept writes the ManagedCluster. A conflict over the taints is none, since the
// list holds what everybody has set. One that is being detached is not written.
func Accept(ctx context.Context, client *hub.Client, desired *unstructured.Unstructured, adopt bool) (*unstructured.Unstructured, error) {
	before, err := client.Get(ctx, Kind(), types.NamespacedName{Name: desired.GetName()})
	if err == nil {
		err = hub.Going(before)
	}
	if err != nil && !hub.IsNotFound(err) {
		return nil, err
	}
	live, err := client.Apply(ctx, desired, hub.ApplyOptions{Force: adopt, TakeFromPeople: true})
	if !hub.ConflictsOnly(err, "spec.taints") {
		return live, err
	}
	return client.Apply(ctx, desired, hub.ApplyOptions{Force: true})
}

// Read takes out of a ManagedCluster what matters. Taints that the hub sets itself
// are left out.
func Read(live *unstructured.Unstructured) (Cluster, time.Duration, error) {
	cluster, err := read(live)
	if err != nil {
		return cluster, 0, err
	}
	cluster.Taints = slices.DeleteFunc(cluster.Taints, func(taint Taint) bool { return strings.HasPrefix(taint.Key, ownPrefix) })
	seconds, _, err := unstructured.NestedInt64(live.Object, "spec", "leaseDurationSeconds")
	return cluster, time.Duration(seconds) * time.Second, err
}

// IsOwnLabel says whether OCM sets the label of a ManagedCluster itself.
func IsOwnLabel(key string) bool {
	prefix, _, found := strings.Cut(key, "/")
	return found && (prefix == "open-cluster-management.io" || strings.HasSuffix(prefix, ".open-cluster-management.io"))
}

// Works are the ManifestWorks that keep a cluster.
type Works struct {
	// Total is how many there are.
	Total int
	// Applications are those that they belong to, as namespace/name, sorted.
	Applications []string
	// Foreign are the names of those that Fairlead has not made, sorted.
	Foreign []string
}

// addOnNamespaceLabel names the cluster that an add-on serves whose agent runs on another one.
const addOnNamespaceLabel = "open-cluster-management.io/addon-namespace"

// addOnLabel names the add-on that a work delivers.
const addOnLabel = "open-cluster-management.io/addon-name"

// workKind is the kind of a ManifestWork.
func workKind() schema.GroupVersionKind {
	return schema.GroupVersion(workv1.GroupVersion).WithKind("ManifestWork")
}

// WorksOf reads which works keep a cluster. A cluster without any has none.
func WorksOf(ctx context.Context, client *hub.Client, cluster string) (Works, error) {
	objects, err := client.List(ctx, workKind(), cluster, "")
	if hub.IsNotFound(err) {
		return Works{}, nil
	}
	return worksFrom(objects, cluster), err
}

// worksFrom counts works. Those of the cluster's own add-ons keep it from nothing:
// they stay as long as it is there, and Open Cluster Management removes them with it.
func worksFrom(objects []unstructured.Unstructured, cluster string) Works {
	var works Works
	for i := range objects {
		labels := objects[i].GetLabels()
		own := labels[v1alpha1.LabelManagedBy] == v1alpha1.LabelManagedByValue
		if served := labels[addOnNamespaceLabel]; !own && labels[addOnLabel] != "" && (served == "" || served == cluster) {
			continue
		}
		works.Total++
		switch {
		case labels[v1beta1.LabelAppName] != "":
			works.Applications = append(works.Applications, labels[v1beta1.LabelAppNamespace]+"/"+labels[v1beta1.LabelAppName])
		case !own:
			works.Foreign = append(works.Foreign, objects[i].GetName())
		}
	}
	slices.Sort(works.Applications)
	works.Applications = slices.Compact(works.Applications)
	slices.Sort(works.Foreign)
	return works
}
