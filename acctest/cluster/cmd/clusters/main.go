// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Command clusters starts and stops the clusters that the acceptance tests and the demonstration run on.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		stop()
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "clusters",
		Short: "Run a hub and managed clusters as plain processes on this machine",
		Long: `Run a hub and managed clusters as plain processes on this machine.

Everything is real: etcd, Kubernetes API servers with their controllers and schedulers,
Open Cluster Management with its admission webhooks and agents. Only the nodes and the
pods on them are simulated. No container engine is needed; the programs are built once
from their Go modules, which takes about a quarter of an hour on two cores.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(buildCommand(), upCommand(), statusCommand(), downCommand(), kubeconfigCommand())
	return root
}

// dirFlag adds the flag that names the folder of the environment.
func dirFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "dir", "", "folder of the environment (required)")
}
