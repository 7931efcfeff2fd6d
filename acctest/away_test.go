// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// unreachableTaint is what OCM puts on a cluster whose agent does not renew its lease.
const unreachableTaint = "cluster.open-cluster-management.io/unreachable"

// TestClusterAway stops the agents of one cluster until OCM calls it unreachable, and rolls out several changes meanwhile.
func TestClusterAway(t *testing.T) {
	f := sharedFleet(t)
	version := func(image string) shop { return shop{name: "away", image: image} }
	first, second, third := version("nginx:1"), version("nginx:2"), version("nginx:3")
	there, away := first.prod("cluster1", "cluster3"), first.prod("cluster2")[0]
	names := wrapped("is not healthy in 1 of 4 places", "ClusterAway", "environment away-prod, cluster cluster2: component web")
	var before []string
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		CheckDestroy:             f.leavesNothing(t),
		Steps: []resource.TestStep{
			{Config: first.whole(f), Check: first.runs(t, f, first.everywhere()...)},
			{
				PreConfig: func() {
					before = f.delivered(t, away)
					f.leave(t, away.cluster)
				},
				Config:      second.whole(f),
				ExpectError: names,
			},
			{
				PreConfig: func() {
					// At once: the rollout has only just failed because of the other cluster.
					mustBe(t, second.runs(t, f, append(there, second.dev())...))
					f.isUntouched(t, away, before)
				},
				Config:      third.whole(f),
				ExpectError: names,
			},
			{
				PreConfig: func() {
					mustBe(t, third.runs(t, f, append(there, third.dev())...))
					f.isUntouched(t, away, before)
					third.work(t, f, away.cluster) // it stays
					f.come(t, away.cluster)
				},
				Config: third.whole(f),
				Check: resource.ComposeAggregateTestCheckFunc(third.runs(t, f, third.everywhere()...), untainted, func(*terraform.State) error {
					return equal("identities of what is on the cluster that was away", before, f.delivered(t, away))
				}),
			},
			{Config: third.whole(f), ConfigPlanChecks: emptyPlan()},
		},
	})
}

// mustBe fails the test when a check finds something wrong.
func mustBe(t *testing.T, check resource.TestCheckFunc) {
	t.Helper()
	if err := check(nil); err != nil {
		t.Fatal(err)
	}
}

// delivered are the identities of what was delivered to a place: they change when something is deleted, and made again.
func (f *fleet) delivered(t *testing.T, at site) []string {
	t.Helper()
	account := f.get(t, at.cluster, serviceAccounts, at.namespace, v1alpha1.DeployerAccount)
	namespace := f.get(t, at.cluster, namespaces, "", at.namespace)
	deployment := f.get(t, at.cluster, deployments, at.namespace, "web")
	service := f.get(t, at.cluster, services, at.namespace, "web")
	return []string{string(namespace.GetUID()), string(account.GetUID()), string(deployment.GetUID()), string(service.GetUID())}
}

// isUntouched checks that what was delivered to a cluster is as it was before the agents stopped.
func (f *fleet) isUntouched(t *testing.T, at site, before []string) {
	t.Helper()
	if err := equal("identities of what is on "+at.cluster, before, f.delivered(t, at)); err != nil {
		t.Fatal(err)
	}
}

// agents are the processes by which a cluster belongs to the hub.
func (f *fleet) agents(name string) []*cluster.Process {
	return []*cluster.Process{f.env.Process(name + "/registration-agent"), f.env.Process(name + "/work-agent")}
}

// holdWork stops the agent that applies works to a cluster until the result is called, or the test ends.
func (f *fleet) holdWork(t *testing.T, name string) (release func() error) {
	t.Helper()
	agent := f.env.Process(name + "/work-agent")
	if err := agent.Stop(); err != nil {
		t.Fatalf("stop the work agent of %s: %v", name, err)
	}
	t.Cleanup(func() {
		if err := agent.Continue(); err != nil {
			t.Errorf("continue the work agent of %s: %v", name, err)
		}
	})
	return agent.Continue
}

// leave stops the agents of a cluster and returns when OCM has noticed. They go on with the end of the test at the latest.
func (f *fleet) leave(t *testing.T, name string) {
	t.Helper()
	f.setLease(t, name, 1)
	t.Cleanup(func() { f.setLease(t, name, 60) })
	for _, agent := range f.agents(name) {
		t.Cleanup(func() {
			if err := agent.Continue(); err != nil {
				t.Errorf("continue an agent of %s: %v", name, err)
			}
		})
		if err := agent.Stop(); err != nil {
			t.Fatalf("stop an agent of %s: %v", name, err)
		}
	}
	eventually(t, patience, name+" to be unreachable", func() error {
		for _, taint := range nested[[]any](f.get(t, v1alpha1.LocalCluster, managedClusters, "", name), "spec", "taints") {
			if taint.(map[string]any)["key"] == unreachableTaint {
				return nil
			}
		}
		return errors.New("OCM has not tainted it")
	})
}

// come lets the agents of a cluster go on and returns when OCM has noticed.
func (f *fleet) come(t *testing.T, name string) {
	t.Helper()
	for _, agent := range f.agents(name) {
		if err := agent.Continue(); err != nil {
			t.Fatalf("continue an agent of %s: %v", name, err)
		}
	}
	f.setLease(t, name, 60)
	eventually(t, patience, name+" to be available", func() error {
		managed := f.get(t, v1alpha1.LocalCluster, managedClusters, "", name)
		if taints := nested[[]any](managed, "spec", "taints"); len(taints) > 0 {
			return fmt.Errorf("taints %v", taints)
		}
		return nil
	})
}

// setLease sets how often the agent of a cluster shows that it lives, in seconds. OCM waits for five of them.
func (f *fleet) setLease(t *testing.T, name string, seconds int) {
	t.Helper()
	patch := fmt.Appendf(nil, `{"spec":{"leaseDurationSeconds":%d}}`, seconds)
	if _, err := f.on(t, v1alpha1.LocalCluster, managedClusters).Patch(context.Background(), name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatalf("set the lease of %s: %v", name, err)
	}
}
