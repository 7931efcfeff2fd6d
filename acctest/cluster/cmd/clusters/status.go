// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
)

func statusCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "status [--dir DIR]",
		Short: "Show what runs; without --dir the folders of all environments of this user",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return listDirs(cmd)
			}
			return status(cmd, dir)
		},
	}
	dirFlag(cmd, &dir)
	cmd.Flag("dir").Usage = "folder of the environment"
	return cmd
}

func listDirs(cmd *cobra.Command) error {
	dirs, err := cluster.Dirs()
	for _, dir := range dirs {
		fmt.Fprintln(cmd.OutOrStdout(), dir)
	}
	return err
}

func status(cmd *cobra.Command, dir string) error {
	e, err := cluster.Attach(dir)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
	printPlanes(table, e)
	for _, p := range e.Processes() {
		fmt.Fprintf(table, "%s\tprocess %d\t%s\n", p.Name, p.PID(), p.LogPath)
	}
	return table.Flush()
}

func kubeconfigCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "kubeconfig --dir DIR NAME",
		Short: "Print the path of the kubeconfig of the hub (NAME hub) or of a managed cluster",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if dir == "" {
				return errors.New("--dir: is required; name the folder that `clusters up` was given")
			}
			e, err := cluster.Attach(dir)
			if err != nil {
				return err
			}
			c := e.Cluster(args[0])
			if c == nil {
				return fmt.Errorf("NAME %q: there is no such cluster; `clusters status --dir %s` lists them", args[0], dir)
			}
			fmt.Fprintln(cmd.OutOrStdout(), c.KubeconfigPath)
			return nil
		},
	}
	dirFlag(cmd, &dir)
	return cmd
}
