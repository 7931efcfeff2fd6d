// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"fmt"
	"io"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
	"github.com/fairlead-io/terraform-provider-fairlead/acctest/demo/terraform"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// otherImage is an image to try an update with.
const otherImage = "image=ghcr.io/stefanprodan/podinfo:6.9.1"

// printGuide says where things are and what may be tried.
func printGuide(l layout, env *cluster.Env, quickstart terraform.Workspace, out io.Writer) {
	hub := env.Hub().KubeconfigPath
	step(out, "Kubeconfigs")
	fmt.Fprintf(out, "  %-9s %s\n", fmt.Sprintf("hub (%s)", v1alpha1.LocalCluster), hub)
	for _, c := range env.Clusters() {
		fmt.Fprintf(out, "  %-11s %s\n", c.Name, c.KubeconfigPath)
	}

	step(out, "Look")
	fmt.Fprintf(out, "  kubectl --kubeconfig %s get app -A\n", hub)
	fmt.Fprintf(out, "  kubectl --kubeconfig %s get environments,clusterbindings\n", hub)
	fmt.Fprintf(out, "  kubectl --kubeconfig %s get componentdefinitions -A\n", hub)
	fmt.Fprintf(out, "  kubectl --kubeconfig %s get manifestworks -A\n", hub)
	fmt.Fprintf(out, "  tail -f %s\n", l.manager().LogFile)

	printTry(quickstart, out)

	step(out, "Take everything down")
	fmt.Fprintln(out, "  make demo-down")
}

// printTry prints commands that a person may paste.
func printTry(quickstart terraform.Workspace, out io.Writer) {
	step(out, "Try (the configuration is examples/quickstart: edit it there)")
	fmt.Fprintf(out, "  %s\n", quickstart.CommandLine("plan"))
	fmt.Fprintf(out, "  %s\n", quickstart.CommandLine("apply", "-var", otherImage))
	fmt.Fprintf(out, "  %s\n", quickstart.CommandLine("apply", "-var", "replicas=3"))
	fmt.Fprintf(out, "  %s\n", quickstart.CommandLine("destroy"))
	step(out, "Change the type cache (what it makes follows, on every cluster)")
	fmt.Fprintln(out, "  edit examples/definitions/cache.yaml, and run make demo again")
}
