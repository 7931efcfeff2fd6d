// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

// TestPreparedConditions checks what an environment says of the namespaces that it prepares.
func TestPreparedConditions(t *testing.T) {
	bound := delivery.Environment{Name: "prod", Bindings: []delivery.Binding{{Name: "b", Clusters: []string{"c1", "c2"}}}}
	tests := []struct {
		name, reason string
		environment  delivery.Environment
		prepared     prepared
		want         []metav1.Condition
	}{
		{
			name: "not asked", reason: "nothing is said of what nobody wants", environment: bound,
			want: conditions("Bound", "bound to 2 clusters", true, false),
		},
		{
			name: "away", reason: "a cluster that is away holds up nobody", environment: bound,
			prepared: prepared{asked: true, wanted: 2, Preparation: delivery.Preparation{Ready: 1}},
			want:     conditions("Bound", "bound to 2 clusters; namespaces prepared: 1 of 2", true, false),
		},
		{
			name: "under way", reason: "it says how far it is, and what the first waits for", environment: bound,
			prepared: prepared{asked: true, wanted: 2, Preparation: delivery.Preparation{
				Ready: 1, Problem: &delivery.Problem{Reason: delivery.ReasonPreparing, Message: "waiting for the cluster to fetch it", Waiting: true},
			}},
			want: conditions(delivery.ReasonPreparing, "namespaces prepared: 1 of 2; waiting for the cluster to fetch it", false, true),
		},
		{
			name: "refused", reason: "somebody has to do something", environment: bound,
			prepared: prepared{asked: true, wanted: 2, Preparation: delivery.Preparation{
				Ready: 1, Problem: &delivery.Problem{Reason: delivery.ReasonNamespaceNotOurs, Message: "it is theirs"},
			}},
			want: conditions(delivery.ReasonNamespaceNotOurs, "namespaces prepared: 1 of 2; it is theirs", false, false),
		},
		{
			name: "no cluster", reason: "what is wrong with the environment comes first", environment: delivery.Environment{Name: "prod"},
			prepared: prepared{asked: true},
			want:     conditions(delivery.ReasonNoClusterBound, `no cluster is bound yet: create a ClusterBinding with spec.environment "prod"`, false, true),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status := v1alpha1.EnvironmentStatus{Clusters: int32(len(clustersOf(&test.environment)))}
			setEnvironmentConditions(&status, 1, &test.environment, test.prepared, metav1.NewTime(time.Unix(0, 0)))
			if diff := cmp.Diff(test.want, status.Conditions, cmpopts.IgnoreFields(metav1.Condition{}, "ObservedGeneration", "LastTransitionTime")); diff != "" {
				t.Errorf("conditions (-want +got), since %s:\n%s", test.reason, diff)
			}
		})
	}
}

// conditions are those of an environment.
func conditions(reason, message string, ready, reconciling bool) []metav1.Condition {
	list := make([]metav1.Condition, 0, 3)
	for _, c := range []struct {
		kind string
		is   bool
	}{{v1alpha1.ConditionReady, ready}, {v1alpha1.ConditionReconciling, reconciling}, {v1alpha1.ConditionStalled, !ready && !reconciling}} {
		list = append(list, metav1.Condition{Type: c.kind, Status: asStatus(c.is), Reason: reason, Message: message})
	}
	return list
}

// TestPreparedTogether checks what several hub namespaces of an environment come to.
func TestPreparedTogether(t *testing.T) {
	waiting := &delivery.Problem{Reason: delivery.ReasonPreparing, Waiting: true}
	theirs := &delivery.Problem{Reason: delivery.ReasonNamespaceNotOurs}
	conflict := &delivery.Problem{Reason: delivery.ReasonPlacementConflict}
	var all prepared
	all.add(delivery.Preparation{Ready: 1, Problem: waiting, RetryAfter: 2 * time.Second}, nil)
	all.add(delivery.Preparation{Ready: 2, Problem: theirs, RetryAfter: time.Second}, nil)
	all.add(delivery.Preparation{Ready: 3}, conflict)
	want := prepared{Preparation: delivery.Preparation{Ready: 6, Problem: theirs, RetryAfter: time.Second}}
	if diff := cmp.Diff(want, all, cmp.AllowUnexported(prepared{})); diff != "" {
		t.Errorf("the first that somebody has to do something about is told (-want +got):\n%s", diff)
	}
	if after := all.retry(); after != settleEnvironment {
		t.Errorf("looked at again after %s, want %s: many clusters answer at once", after, settleEnvironment)
	}
}
