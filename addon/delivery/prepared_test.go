// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

func TestPrepared(t *testing.T) {
	preparing := func(clusters ...string) *Environment {
		return changed(environment("a", clusters...), func(e *Environment) { e.Spec.NamespaceOptions = &v1alpha1.NamespaceOptions{Prepare: true} })
	}
	tests := []struct {
		name, reason string
		world        World
		want         []TenantKey
		wantProblem  string
	}{
		{name: "not asked", reason: "a namespace is made when an application needs it, unless asked", world: worldOf(environment("a", "c1"))},
		{
			name: "asked", reason: "it is made on each cluster that is bound, once", want: []TenantKey{{"c1", "shop"}, {"c2", "shop"}},
			world: worldOf(changed(preparing("c1"), func(e *Environment) {
				e.Bindings = append(e.Bindings, Binding{Name: "more", Clusters: []string{"c1", "c2"}})
			})),
		},
		{
			name: "target namespace", reason: "it is that of the rule", want: []TenantKey{{"c1", "shop-prod"}},
			world: worldOf(changed(preparing("c1"), func(e *Environment) { e.Spec.TargetNamespace = &v1alpha1.TargetNamespace{Suffix: "-prod"} })),
		},
		{
			name: "admitted by a selector", reason: "it may admit all namespaces of the hub, most of which never have an application",
			world: worldOf(changed(preparing("c1"), func(e *Environment) {
				e.Spec.ApplicationNamespaces = &v1alpha1.ApplicationNamespaces{Selector: &metav1.LabelSelector{}}
			})),
		},
		{
			name: "on its way out", reason: "what it prepared goes with it",
			world: worldOf(changed(preparing("c1"), func(e *Environment) { e.Deleting = true })),
		},
		{
			name: "not implemented", reason: "an environment that delivers nothing prepares nothing",
			world: worldOf(changed(preparing("c1"), func(e *Environment) { e.Spec.After = []string{"b"} })),
		},
		{
			name: "reserved name", reason: "the problem is told before an application meets it",
			world:       worldOf(changed(preparing("c1"), func(e *Environment) { e.Spec.TargetNamespace = &v1alpha1.TargetNamespace{Name: "kube-system"} })),
			wantProblem: ReasonReservedNamespace,
		},
		{
			name: "contradiction", reason: "another environment wants something else of the namespace on one of the clusters", want: []TenantKey{{"c2", "shop"}},
			world: worldOf(
				preparing("c1", "c2"),
				changed(environment("b", "c1"), func(e *Environment) { e.Spec.Permissions = "another" })),
			wantProblem: ReasonPlacementConflict,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tenants, problem := test.world.Prepared("a", shop)
			if problem == nil {
				problem = &Problem{}
			}
			if diff := cmp.Diff(test.wantProblem, problem.Reason); diff != "" {
				t.Errorf("problem (-want +got), since %s:\n%s\n%s", test.reason, diff, problem.Message)
			}
			if diff := cmp.Diff(test.want, sortedTenants(tenants), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("tenants (-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}

// TestKeepsPrepared checks that what was prepared goes with the word of somebody, and with no mistake.
func TestKeepsPrepared(t *testing.T) {
	preparing := func(change func(*Environment)) World {
		return worldOf(changed(changed(environment("a", "c1"), func(e *Environment) { e.Spec.NamespaceOptions = &v1alpha1.NamespaceOptions{Prepare: true} }), change))
	}
	tests := []struct {
		reason string
		world  World
		want   bool
	}{
		{"it is prepared", preparing(func(*Environment) {}), true},
		{"the environment uses what is not implemented: it is corrected in a moment", preparing(func(e *Environment) { e.Spec.After = []string{"b"} }), true},
		{"its objects cannot be read", preparing(func(e *Environment) { e.Spec.NamespaceOptions.Objects = raws(`[]`) }), true},
		{"its binding has a mistake, so that nobody knows its clusters", preparing(func(e *Environment) {
			e.Bindings = []Binding{{Name: "b", Unresolved: true, Problems: []Problem{{Reason: ReasonNotImplemented}}}}
		}), true},
		{"the cluster is bound no more", preparing(func(e *Environment) { e.Bindings[0].Clusters = []string{"c2"} }), false},
		{"the hub namespace is named no more", preparing(func(e *Environment) { e.Spec.ApplicationNamespaces.Names = []string{"blog"} }), false},
		{"namespaces are prepared no more", preparing(func(e *Environment) { e.Spec.NamespaceOptions.Prepare = false }), false},
		{"the environment goes", preparing(func(e *Environment) { e.Deleting = true }), false},
		{"it gets another namespace", preparing(func(e *Environment) { e.Spec.TargetNamespace = &v1alpha1.TargetNamespace{Name: "other"} }), false},
	}
	for _, test := range tests {
		if got := test.world.KeepsPrepared(shop)(TenantKey{Cluster: "c1", Namespace: "shop"}); got != test.want {
			t.Errorf("got %t, want %t: %s", got, test.want, test.reason)
		}
	}
}

func TestPreparation(t *testing.T) {
	key := func(cluster string) TenantKey { return TenantKey{Cluster: cluster, Namespace: "shop"} }
	tests := []struct {
		name, reason string
		observed     map[string]Observation
		want         Preparation
	}{
		{
			name: "all", reason: "nothing is left to tell", want: Preparation{Ready: 2},
			observed: map[string]Observation{"c1": {State: Delivered}, "c2": {State: Delivered}},
		},
		{
			name: "away", reason: "its cluster is told of elsewhere, and nobody can do anything about the namespace", want: Preparation{Ready: 1},
			observed: map[string]Observation{"c1": {State: Away, Message: "away"}, "c2": {State: Delivered}},
		},
		{
			name: "refused behind waiting", reason: "what somebody has to change comes first",
			observed: map[string]Observation{
				"c1": {State: Applying, Message: "applying"}, "c2": {State: Refused, Reason: ReasonNamespaceNotOurs, Message: "theirs"}, "c3": {State: Waiting, Message: "waiting"},
			},
			want: Preparation{Problem: &Problem{Reason: ReasonNamespaceNotOurs, Message: "theirs"}},
		},
		{
			name: "first of many", reason: "one says what there is to do, in a stable order",
			observed: map[string]Observation{"c1": {State: Applying, Message: "first"}, "c2": {State: Waiting, Message: "second"}, "c3": {State: Delivered}},
			want:     Preparation{Ready: 1, Problem: &Problem{Reason: ReasonPreparing, Message: "first", Waiting: true}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tenants := map[TenantKey]Tenant{}
			for cluster := range test.observed {
				tenants[key(cluster)] = Tenant{TenantKey: key(cluster)}
			}
			got, err := engineOf(&scripted{}, &scripted{tenants: test.observed}).Prepare(t.Context(), tenants)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("preparation (-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}
