// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/sandbox"
)

// maxPrograms is how many compiled definitions a worker keeps. It runs for
// as long as it is used, with little memory.
const maxPrograms = 32

// newRenderWorkerCommand is what the manager starts to evaluate definitions
// that are not built in. Nobody else has a use for it.
func newRenderWorkerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "render-worker LIMITS",
		Short:  "Evaluate definitions for the manager, on standard input and output",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, arguments []string) error {
			return sandbox.Work(command.Context(), arguments[0],
				command.InOrStdin(), command.OutOrStdout(), definition.NewEvaluator(maxPrograms))
		},
	}
}
