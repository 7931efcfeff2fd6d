// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	clusterclient "open-cluster-management.io/api/client/cluster/clientset/versioned"
	clusterv1 "open-cluster-management.io/api/cluster/v1"
	clusterv1beta2 "open-cluster-management.io/api/cluster/v1beta2"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/tools"
)

// prepareAgent puts onto a managed cluster what its agents need there. The hub has no part in it yet.
func (e *Env) prepareAgent(ctx context.Context, c *ControlPlane) error {
	build, err := e.tool(ctx, tools.OCM)
	if err != nil {
		return err
	}
	kube, kubeErr := kubernetes.NewForConfig(c.config)
	dyn, dynErr := dynamic.NewForConfig(c.config)
	if err := errors.Join(kubeErr, dynErr); err != nil {
		return fmt.Errorf("creating clients of %s: %w", c.Name, err)
	}
	return errors.Join(
		applyCRDs(ctx, dyn, build.Asset("manifests/klusterlet/managed"), "*.crd.yaml"),
		createNamespace(ctx, kube, agentNamespace),
	)
}

// join starts the registration agent of c, which asks the hub with the credential of bootstrap for a certificate, and the work agent once it has one. It returns
// when the hub says that the cluster is accepted, joined and available.
func (e *Env) join(ctx context.Context, c *ControlPlane, bootstrap string) error {
	build, err := e.tool(ctx, tools.OCM)
	if err != nil {
		return err
	}
	ports, err := freePorts(2, randomPort)
	if err != nil {
		return err
	}
	hubDir := filepath.Join(c.dir, "hub-kubeconfig")
	if err := os.MkdirAll(hubDir, privateDir); err != nil {
		return fmt.Errorf("creating the folder for the hub's kubeconfig: %w", err)
	}
	if err := e.startAll(registrationAgent(c, build, ports[0], bootstrap, hubDir)); err != nil {
		return err
	}
	hubKubeconfig := c.AgentKubeconfigPath()
	err = waitFor(ctx, c.Name+" to get a certificate from the hub", pollFast, func(context.Context) error {
		_, err := os.Stat(hubKubeconfig)
		return err
	})
	if err != nil {
		return err
	}
	if err := e.startAll(workAgent(c, build, ports[1], hubKubeconfig, e.options.StatusSyncInterval)); err != nil {
		return err
	}
	return e.waitJoined(ctx, c.Name)
}

// registrationAgent is how the agent is started that joins c to the hub and keeps its lease.
func registrationAgent(c *ControlPlane, build tools.Build, port int, bootstrap, hubDir string) command {
	return command{
		Name: c.process("registration-agent"),
		Path: build.Binary("registration"),
		Args: append(agentArgs(c, port),
			"--bootstrap-kubeconfig="+bootstrap,
			"--hub-kubeconfig-dir="+hubDir,
			// Add-ons of OCM's own are not part of what is tested.
			"--feature-gates=AddonManagement=false",
		),
	}
}

// workAgent is how the agent is started that applies the works which the hub has for c.
func workAgent(c *ControlPlane, build tools.Build, port int, hubKubeconfig string, statusSync time.Duration) command {
	return command{
		Name: c.process("work-agent"),
		Path: build.Binary("work"),
		Args: append(agentArgs(c, port),
			"--hub-kubeconfig="+hubKubeconfig,
			"--workload-source-driver=kube",
			"--workload-source-config="+hubKubeconfig,
			"--status-sync-interval="+statusSync.String(),
		),
	}
}

func agentArgs(c *ControlPlane, port int) []string {
	return []string{
		"agent",
		"--spoke-cluster-name=" + c.Name,
		"--kubeconfig=" + c.KubeconfigPath,
		"--namespace=" + agentNamespace,
		"--listen=" + address(port),
		"--disable-leader-election",
	}
}

// waitJoined waits until the hub has taken the cluster in, and sets its lease as soon as it is announced.
func (e *Env) waitJoined(ctx context.Context, name string) error {
	client, err := clusterclient.NewForConfig(e.Hub().config)
	if err != nil {
		return fmt.Errorf("creating a client of the hub: %w", err)
	}
	if err := setLease(ctx, client, name, e.options.LeaseDuration); err != nil {
		return err
	}
	return waitFor(ctx, "managed cluster "+name+" to be accepted, joined and available", pollRequest, func(ctx context.Context) error {
		managed, err := client.ClusterV1().ManagedClusters().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		return joined(managed)
	})
}

// joined says what managed lacks to be used.
func joined(managed *clusterv1.ManagedCluster) error {
	for _, condition := range []string{
		clusterv1.ManagedClusterConditionHubAccepted,
		clusterv1.ManagedClusterConditionJoined,
		clusterv1.ManagedClusterConditionAvailable,
	} {
		if !meta.IsStatusConditionTrue(managed.Status.Conditions, condition) {
			return fmt.Errorf("condition %s is not True", condition)
		}
	}
	if set := managed.Labels[clusterv1beta2.ClusterSetLabel]; set != defaultClusterSet {
		return fmt.Errorf("label %s is %q", clusterv1beta2.ClusterSetLabel, set)
	}
	if len(managed.Spec.Taints) > 0 {
		return fmt.Errorf("it is tainted %s", managed.Spec.Taints[0].Key)
	}
	return nil
}

// setLease sets the lease of the managed cluster; the agent renews it at that interval and the hub waits for five.
func setLease(ctx context.Context, client clusterclient.Interface, name string, lease time.Duration) error {
	if lease == 0 {
		return nil
	}
	patch := fmt.Appendf(nil, `{"spec":{"leaseDurationSeconds":%d}}`, int(lease.Round(time.Second)/time.Second))
	_, err := client.ClusterV1().ManagedClusters().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager})
	if err != nil {
		return fmt.Errorf("setting the lease of managed cluster %s: %w", name, err)
	}
	return nil
}
