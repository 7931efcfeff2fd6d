// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "open-cluster-management.io/api/cluster/v1"
	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestReported(t *testing.T) {
	reported := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	work := func(label string, conditions ...metav1.Condition) *workv1.ManifestWork {
		return &workv1.ManifestWork{
			ObjectMeta: metav1.ObjectMeta{Namespace: "c1", Name: "w", Labels: map[string]string{"touched": label}},
			Status:     workv1.ManifestWorkStatus{Conditions: conditions},
		}
	}
	cluster := func(version string, conditions ...metav1.Condition) *clusterv1.ManagedCluster {
		return &clusterv1.ManagedCluster{ObjectMeta: metav1.ObjectMeta{Name: "c1"}, Status: clusterv1.ManagedClusterStatus{
			Version: clusterv1.ManagedClusterVersion{Kubernetes: version}, Conditions: conditions,
		}}
	}
	applied := metav1.Condition{Type: workv1.WorkApplied, Status: metav1.ConditionTrue, LastTransitionTime: metav1.NewTime(reported)}
	silent := metav1.Condition{Type: clusterv1.ManagedClusterConditionAvailable, Status: metav1.ConditionUnknown}
	tests := []struct {
		reason        string
		before, after client.Object
		want          string
	}{
		{"the agent wrote the status of a work", work(""), work("", applied), "c1"},
		{"the addon touched the work", work("1", applied), work("2", applied), ""},
		{"the agent told of its cluster", cluster("v1.35.0"), cluster("v1.36.0"), "c1"},
		{"the hub found that the agent is silent", cluster("v1.35.0"), cluster("v1.35.0", silent), ""},
		{"two kinds", work(""), cluster(""), ""},
		{"no version before", nil, work("", applied), ""},
	}
	for _, test := range tests {
		if got := Reported(test.before, test.after); got != test.want {
			t.Errorf("got %q, want %q: %s", got, test.want, test.reason)
		}
	}
	if name, at := LastReport(work("", metav1.Condition{}, applied)); name != "c1" || !at.Equal(reported) {
		t.Errorf("got %s at %s, want c1 at %s", name, at, reported)
	}
	if name, at := LastReport(cluster("")); name != "" || !at.IsZero() {
		t.Errorf("got %s at %s of an object that is no work", name, at)
	}
}
