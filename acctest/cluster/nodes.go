// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/tools"
)

// nodesPerCluster is two, so that spreading over nodes has something to choose from.
const nodesPerCluster = 2

// kwok is how the simulation of nodes and pods is started.
func (c *ControlPlane) kwok(build tools.Build) (command, error) {
	args := []string{
		"--kubeconfig=" + c.KubeconfigPath,
		"--manage-all-nodes=true",
		"--cidr=" + c.podRange(0),
		"--node-ip=" + c.nodeAddress(),
		// Nothing watches node leases, since the node lifecycle controller does not run.
		"--node-lease-duration-seconds=0",
	}
	broken, err := c.writeBrokenStages()
	if err != nil {
		return command{}, err
	}
	for _, folder := range []string{build.Asset("kustomize/stage/node/fast"), build.Asset("kustomize/stage/pod/fast"), broken} {
		stages, err := stageFiles(folder)
		if err != nil {
			return command{}, err
		}
		for _, stage := range stages {
			args = append(args, "--config="+stage)
		}
	}
	return command{Name: c.process("kwok"), Path: build.Binary("kwok"), Args: args}, nil
}

// brokenStages make pods fail whose image is called broken/ and the name of the
// file: kwok runs all others at once.
//
//go:embed stages/*.yaml
var brokenStages embed.FS

// writeBrokenStages writes the stages of pods that fail where kwok can read them.
func (c *ControlPlane) writeBrokenStages() (dir string, err error) {
	dir = filepath.Join(c.dir, "stages")
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("writing the stages of pods that fail: %w", err)
	}
	files, err := fs.Sub(brokenStages, "stages")
	if err != nil {
		return "", fmt.Errorf("writing the stages of pods that fail: %w", err)
	}
	if err := os.CopyFS(dir, files); err != nil {
		return "", fmt.Errorf("writing the stages of pods that fail: %w", err)
	}
	return dir, nil
}

// stageFiles lists the kwok stages in dir.
func stageFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing the stages of kwok: %w", err)
	}
	var files []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".yaml" && e.Name() != "kustomization.yaml" {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("listing the stages of kwok: %s holds none", dir)
	}
	return files, nil
}

// createNodes creates the simulated nodes.
func (c *ControlPlane) createNodes(ctx context.Context, client kubernetes.Interface) error {
	for i := range nodesPerCluster {
		name := fmt.Sprintf("%s-node-%d", c.Name, i+1)
		pods := c.podRange(i)
		node := &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{
				Name:   name,
				Labels: map[string]string{corev1.LabelHostname: name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64"},
			},
			// Without a range of its own every node would count pod addresses from the same start.
			Spec: corev1.NodeSpec{PodCIDR: pods, PodCIDRs: []string{pods}},
		}
		_, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("creating node %s: %w", name, err)
		}
	}
	return nil
}

// waitUsable waits until pods can be created and run: the nodes are ready and the default namespace has its service account.
func (c *ControlPlane) waitUsable(ctx context.Context, client kubernetes.Interface) error {
	return waitFor(ctx, c.Name+" to have ready nodes and a default service account", pollRequest, func(ctx context.Context) error {
		nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if ready := countReady(nodes.Items); ready < nodesPerCluster {
			return fmt.Errorf("%d of %d nodes are ready", ready, nodesPerCluster)
		}
		_, err = client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

func countReady(nodes []corev1.Node) int {
	ready := 0
	for _, node := range nodes {
		for _, condition := range node.Status.Conditions {
			if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
				ready++
			}
		}
	}
	return ready
}
