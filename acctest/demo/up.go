// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/acctest/demo/account"
	"github.com/fairlead-io/terraform-provider-fairlead/acctest/demo/terraform"
	"github.com/fairlead-io/terraform-provider-fairlead/acctest/tools"
)

// The names of the demo's workspaces are those of the examples.
const (
	addonExample      = "addon"
	quickstartExample = "quickstart"
)

// managedClusters are the clusters of the demo beside its hub.
func managedClusters() []string { return []string{"cluster1", "cluster2"} }

// up brings the demo up from whatever an earlier run left: nothing, a part of it, or all.
func up(ctx context.Context, l layout, engine string, out io.Writer) error {
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	program, err := buildTools(ctx, engine, out)
	if err != nil {
		return err
	}
	began := time.Now()
	env, err := ensureClusters(ctx, l, out)
	if err != nil {
		return err
	}
	hub := account.Hub{Kubeconfig: env.Hub().KubeconfigPath}
	quickstart, err := deliver(ctx, l, program, hub, out)
	if err != nil {
		return err
	}
	if err := printWorkloads(ctx, env, out); err != nil {
		return err
	}
	printGuide(l, env, quickstart, out)
	fmt.Fprintf(out, "\nUp after %s.\n", time.Since(began).Round(time.Second))
	return nil
}

// buildTools builds what the demo runs and was not built here before, and returns the engine's path.
func buildTools(ctx context.Context, engine string, out io.Writer) (string, error) {
	step(out, "Checking the control planes' programs: what is missing is built once, all of it in about a quarter of an hour")
	store, err := tools.DefaultStore(out)
	if err != nil {
		return "", err
	}
	for _, name := range []string{tools.Etcd, tools.Kubernetes, tools.Kwok, tools.OCM} {
		if _, err := store.Ensure(ctx, name); err != nil {
			return "", err
		}
	}
	return terraform.Find(ctx, engine, store)
}

// ensureClusters attaches to the demo's clusters, or starts them. What an earlier run has applied to clusters that are gone is
// forgotten with them.
func ensureClusters(ctx context.Context, l layout, out io.Writer) (*cluster.Env, error) {
	env, err := cluster.Attach(l.clusters())
	if err == nil {
		step(out, "The hub and its clusters run")
		return env, nil
	}
	if !errors.Is(err, cluster.ErrNotRunning) {
		return nil, err
	}
	step(out, "Starting a hub and two managed clusters")
	if err := discard(ctx, l); err != nil {
		return nil, err
	}
	return cluster.Start(ctx, cluster.Options{Dir: l.clusters(), Clusters: managedClusters(), Detached: true, Log: out})
}

// discard ends what belongs to clusters that no longer run and forgets the state that describes them.
func discard(ctx context.Context, l layout) error {
	if err := l.manager().Stop(ctx, stopGrace); err != nil {
		return fmt.Errorf("stopping the manager of clusters that are gone: %w", err)
	}
	if err := cluster.StopDir(l.clusters()); err != nil {
		return fmt.Errorf("clearing clusters that are gone: %w", err)
	}
	for _, path := range []string{l.workspace(addonExample), l.workspace(quickstartExample), l.managerRecord(), l.credentials()} {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("forgetting what was on clusters that are gone: %w", err)
		}
	}
	return nil
}

// deliver installs the addon, runs its manager, and applies the definitions and the quickstart, whose workspace it returns.
func deliver(ctx context.Context, l layout, engine string, hub account.Hub, out io.Writer) (terraform.Workspace, error) {
	quickstart := l.terraform(quickstartExample, engine, out)
	if err := terraform.WriteCLIConfig(l.cliConfig(), l.bin); err != nil {
		return quickstart, err
	}
	step(out, "Installing the addon with examples/addon")
	if err := apply(ctx, l, l.terraform(addonExample, engine, out), addonExample, addonVariables(hub)); err != nil {
		return quickstart, err
	}
	step(out, "Running the manager as service account fairlead-system/%s", accountName)
	did, err := ensureManager(ctx, l, hub, time.Now())
	if err != nil {
		return quickstart, err
	}
	fmt.Fprintf(out, "The manager %s.\n", did)
	if err := applyDefinitions(ctx, l, hub, true, out); err != nil {
		return quickstart, err
	}

	step(out, "Delivering an application with examples/quickstart")
	return quickstart, apply(ctx, l, quickstart, quickstartExample, map[string]any{"kubeconfig": hub.Kubeconfig})
}

// addonVariables install the addon without running it in the cluster: the manager runs here.
func addonVariables(hub account.Hub) map[string]any {
	variables := map[string]any{"kubeconfig": hub.Kubeconfig, "replicas": 0}
	if hub.Context != "" {
		variables["kubeconfig_context"] = hub.Context
	}
	return variables
}

// terraform is the workspace of an example.
func (l layout) terraform(example, engine string, out io.Writer) terraform.Workspace {
	return terraform.Workspace{Engine: engine, Dir: l.workspace(example), CLIConfig: l.cliConfig(), Out: out}
}

func apply(ctx context.Context, l layout, w terraform.Workspace, example string, variables map[string]any) error {
	if err := w.Prepare(l.example(example), variables); err != nil {
		return err
	}
	return w.Run(ctx, "apply", "-input=false", "-auto-approve", "-compact-warnings")
}

// step says what is done next.
func step(out io.Writer, format string, args ...any) {
	fmt.Fprintf(out, "\n==> %s\n", fmt.Sprintf(format, args...))
}
