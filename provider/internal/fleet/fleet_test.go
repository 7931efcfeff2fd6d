// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// managed is a ManagedCluster with that spec.
func managed(spec map[string]any) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	object.SetGroupVersionKind(Kind())
	object.SetName("eu-1")
	return object
}

// taint is a taint as the API has it.
func taint(key, value, effect string, added any) map[string]any {
	object := map[string]any{"key": key, "effect": effect, "timeAdded": added}
	if value != "" {
		object["value"] = value
	}
	return object
}

func TestSelection(t *testing.T) {
	cluster := Cluster{Name: "eu-1", Labels: map[string]string{"region": "eu", SetLabel: "production"}, Available: true}
	set := func(name string) labels.Selector { return labels.SelectorFromSet(labels.Set{SetLabel: name}) }
	tests := map[string]struct {
		reason    string
		selection Selection
		sets      []labels.Selector
		want      bool
	}{
		"Everything":    {"what is empty selects all", Selection{}, nil, true},
		"Name":          {"it is named", Selection{Names: []string{"eu-1", "eu-2"}}, nil, true},
		"OtherName":     {"another one is named", Selection{Names: []string{"eu-10"}}, nil, false},
		"Set":           {"it is in one of the sets", Selection{}, []labels.Selector{set("staging"), set("production")}, true},
		"OtherSet":      {"it is in none of the sets", Selection{}, []labels.Selector{set("staging")}, false},
		"Global":        {"a set of all clusters has it", Selection{}, []labels.Selector{labels.Everything()}, true},
		"Labels":        {"it has the label", Selection{Labels: labels.SelectorFromSet(labels.Set{"region": "eu"})}, nil, true},
		"OtherLabels":   {"its label has another value", Selection{Labels: labels.SelectorFromSet(labels.Set{"region": "us"})}, nil, false},
		"Available":     {"it is available", Selection{Available: true}, nil, true},
		"NameAndLabels": {"all must hold", Selection{Names: []string{"eu-1"}, Labels: labels.SelectorFromSet(labels.Set{"region": "us"})}, nil, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.selection.selects(cluster, test.sets); got != test.want {
				t.Errorf("%s: selected %t, want %t", test.reason, got, test.want)
			}
		})
	}
	cluster.Available = false
	if (Selection{Available: true}).selects(cluster, nil) {
		t.Error("a cluster that is away is selected")
	}
}

func TestAcceptance(t *testing.T) {
	const since = "2026-01-02T03:04:05Z"
	live := managed(map[string]any{"hubAcceptsClient": true, "taints": []any{
		taint("cluster.open-cluster-management.io/unreachable", "", "NoSelect", since), taint("gpu", "yes", "NoSelect", since), taint("old", "", "NoSelect", since),
	}})
	gpu, fresh := Taint{Key: "gpu", Value: "yes", Effect: "NoSelect"}, Taint{Key: "new", Effect: "PreferNoSelect"}
	tests := map[string]struct {
		reason string
		taints []Taint
		live   *unstructured.Unstructured
		want   any
	}{
		"LeftAlone": {"without taints the list is not ours", nil, live, nil},
		"Created":   {"the hub says since when", []Taint{gpu}, nil, []any{taint("gpu", "yes", "NoSelect", nil)}},
		"Kept": {"those of the hub stay, and what is there keeps its time", []Taint{gpu, fresh}, live, []any{
			taint("cluster.open-cluster-management.io/unreachable", "", "NoSelect", since), taint("gpu", "yes", "NoSelect", since), taint("new", "", "PreferNoSelect", nil),
		}},
		"Removed": {"an empty list removes all but those of the hub", []Taint{}, live, []any{taint("cluster.open-cluster-management.io/unreachable", "", "NoSelect", since)}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			acceptance := Acceptance{Name: "eu-1", Labels: map[string]string{"region": "eu"}, Set: "production", Lease: time.Minute, Taints: test.taints}
			object, err := acceptance.Object(test.live)
			if err != nil {
				t.Fatal(err)
			}
			want := managed(map[string]any{"hubAcceptsClient": true, "leaseDurationSeconds": int64(60)})
			want.SetLabels(map[string]string{"region": "eu", SetLabel: "production"})
			if test.want != nil {
				want.Object["spec"].(map[string]any)["taints"] = test.want
			}
			if diff := cmp.Diff(want.Object, object.Object); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}

func TestRead(t *testing.T) {
	live := managed(map[string]any{"hubAcceptsClient": true, "leaseDurationSeconds": int64(30), "taints": []any{
		taint("cluster.open-cluster-management.io/unavailable", "", "NoSelect", nil), taint("gpu", "yes", "NoSelect", nil),
	}})
	cluster, lease, err := Read(live)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Taint{{Key: "gpu", Value: "yes", Effect: "NoSelect"}}, cluster.Taints); diff != "" || lease != 30*time.Second || !cluster.Accepted {
		t.Errorf("lease %s, accepted %t, taints (-want +got):\n%s", lease, cluster.Accepted, diff)
	}
}

// TestWorks checks which works keep a cluster. One that is counted and that nobody
// can remove while the cluster is there would keep it for ever.
func TestWorks(t *testing.T) {
	work := func(name string, labels map[string]string) unstructured.Unstructured {
		object := unstructured.Unstructured{}
		object.SetName(name)
		object.SetLabels(labels)
		return object
	}
	with := func(labels map[string]string, more ...string) map[string]string {
		merged := maps.Clone(labels)
		for i := 0; i < len(more); i += 2 {
			merged[more[i]] = more[i+1]
		}
		return merged
	}
	own := map[string]string{"fairlead.dev/managed-by": "fairlead"}
	shop := with(own, "app.oam.dev/name", "shop", "app.oam.dev/namespace", "team")
	addOn := map[string]string{"open-cluster-management.io/addon-name": "search"}
	tests := map[string]struct {
		reason string
		works  []unstructured.Unstructured
		want   Works
	}{
		"None":         {"an empty cluster", nil, Works{}},
		"Applications": {"an application counts once", []unstructured.Unstructured{work("b", shop), work("a", shop)}, Works{Total: 2, Applications: []string{"team/shop"}}},
		"Platform":     {"what environments need is neither an application's nor somebody else's", []unstructured.Unstructured{work("roles", own)}, Works{Total: 1}},
		"AddOn":        {"the hub removes add-ons with the cluster", []unstructured.Unstructured{work("addon-search-deploy-0", addOn)}, Works{}},
		"OwnAddOn": {"an add-on that is told to serve the cluster itself", []unstructured.Unstructured{
			work("a", with(addOn, "open-cluster-management.io/addon-namespace", "eu-1"))}, Works{}},
		"HostedAddOn": {"an add-on of another cluster would be lost", []unstructured.Unstructured{
			work("a", with(addOn, "open-cluster-management.io/addon-namespace", "eu-2"))}, Works{Total: 1, Foreign: []string{"a"}}},
		"LabelledByHand": {"an application's work stays one with any label", []unstructured.Unstructured{
			work("a", with(shop, "open-cluster-management.io/addon-name", "search"))}, Works{Total: 1, Applications: []string{"team/shop"}}},
		"Foreign": {"what another tool delivers is named", []unstructured.Unstructured{work("b", nil), work("a", nil), work("c", shop)},
			Works{Total: 3, Applications: []string{"team/shop"}, Foreign: []string{"a", "b"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, worksFrom(test.works, "eu-1")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}
