// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/tools"
)

func buildCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "build [TOOL...]",
		Short: "Build the programs that clusters consist of, unless they are built, and print where they are",
		Long: `Build the programs that clusters consist of, unless they are built, and print where they are.

Tools are etcd, kubernetes, ocm, kwok and opentofu; all of them without arguments.
They are kept in the user's cache directory, or in the folder that ` + tools.CacheEnv + ` names.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = toolNames()
			}
			store, err := tools.DefaultStore(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			for _, name := range args {
				build, err := store.Ensure(cmd.Context(), name)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s %s\n", name, build.Version, build.Dir)
			}
			return nil
		},
	}
}

func toolNames() []string {
	var names []string
	for _, t := range tools.All() {
		names = append(names, t.Name)
	}
	return names
}
