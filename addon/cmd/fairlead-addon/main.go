// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Command fairlead-addon is what runs in the hub: it delivers OAM applications
// to the hub and to managed clusters.
package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"
	ctrl "sigs.k8s.io/controller-runtime"
)

// version is set when the binary is built.
var version = "dev"

func main() {
	// Nothing serves profiles of memory, which controller-runtime would have collected.
	runtime.MemProfileRate = 0
	if err := newCommand().ExecuteContext(ctrl.SetupSignalHandler()); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	command := &cobra.Command{
		Use:           "fairlead-addon",
		Short:         "Delivers OAM applications from a hub to many clusters",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	command.AddCommand(newManagerCommand(), newRenderCommand(), newDefinitionCommand(), newDoctorCommand(), newRenderWorkerCommand())
	return command
}
