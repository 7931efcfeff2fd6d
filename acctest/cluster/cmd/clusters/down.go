// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
)

func downCommand() *cobra.Command {
	var (
		dir string
		all bool
	)
	cmd := &cobra.Command{
		Use:   "down --dir DIR | --all",
		Short: "End all processes of an environment and remove its files",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if all == (dir != "") {
				return errors.New("name one environment with --dir, or all of this user with --all")
			}
			if all {
				return cluster.StopAll()
			}
			return cluster.StopDir(dir)
		},
	}
	dirFlag(cmd, &dir)
	cmd.Flag("dir").Usage = "folder of the environment"
	cmd.Flags().BoolVar(&all, "all", false, "all environments of this user, also those that crashed runs left")
	return cmd
}
