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
