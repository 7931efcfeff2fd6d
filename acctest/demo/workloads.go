// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// workload is a line of the table of what runs where.
type workload struct {
	environment, cluster, namespace, name, component, image string
	ready, wanted                                           int32
}

// printWorkloads prints what was delivered, as the clusters themselves tell it.
func printWorkloads(ctx context.Context, env *cluster.Env, out io.Writer) error {
	found, err := workloadsOf(ctx, v1alpha1.LocalCluster, env.Hub())
	if err != nil {
		return err
	}
	for _, c := range env.Clusters() {
		more, err := workloadsOf(ctx, c.Name, c)
		if err != nil {
			return err
		}
		found = append(found, more...)
	}
	step(out, "What runs where")
	fmt.Fprintln(out, workloadTable(found))
	return nil
}

// workloadsOf asks a cluster for the Deployments that were delivered to it. name is what environments call it.
func workloadsOf(ctx context.Context, name string, c *cluster.ControlPlane) ([]workload, error) {
	client, err := kubernetes.NewForConfig(c.RESTConfig())
	if err != nil {
		return nil, fmt.Errorf("creating a client of %s: %w", name, err)
	}
	list, err := client.AppsV1().Deployments("").List(ctx, metav1.ListOptions{LabelSelector: v1alpha1.LabelEnvironment})
	if err != nil {
		return nil, fmt.Errorf("asking %s what runs there: %w", name, err)
	}
	found := make([]workload, 0, len(list.Items))
	for i := range list.Items {
		found = append(found, newWorkload(name, &list.Items[i]))
	}
	return found, nil
}

func newWorkload(cluster string, d *appsv1.Deployment) workload {
	w := workload{
		environment: d.Labels[v1alpha1.LabelEnvironment],
		cluster:     cluster,
		namespace:   d.Namespace,
		name:        "Deployment " + d.Name,
		component:   d.Labels[v1beta1.LabelWorkloadType],
		ready:       d.Status.ReadyReplicas,
		// The API server's default where none are given.
		wanted: 1,
	}
	if d.Spec.Replicas != nil {
		w.wanted = *d.Spec.Replicas
	}
	if containers := d.Spec.Template.Spec.Containers; len(containers) > 0 {
		w.image = containers[0].Image
	}
	return w
}

// workloadTable sorts the workloads and returns them as a table.
func workloadTable(all []workload) string {
	slices.SortFunc(all, func(a, b workload) int {
		return cmp.Or(
			cmp.Compare(a.environment, b.environment), cmp.Compare(a.cluster, b.cluster),
			cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name),
		)
	})
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"Environment", "Cluster", "Namespace", "Workload", "Type", "Image", "Ready"})
	for _, w := range all {
		t.AppendRow(table.Row{w.environment, w.cluster, w.namespace, w.name, w.component, w.image, fmt.Sprintf("%d/%d", w.ready, w.wanted)})
	}
	return t.Render()
}
