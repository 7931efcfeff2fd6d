// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/cluster"
)

func upCommand() *cobra.Command {
	o := cluster.Options{Detached: true}
	var withoutOCM bool
	cmd := &cobra.Command{
		Use:   "up --dir DIR",
		Short: "Start a hub and managed clusters that run until `clusters down`",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Dir == "" {
				return errors.New("--dir: is required; name a folder for certificates, logs and data, for example --dir .clusters")
			}
			if withoutOCM && len(o.Clusters) > 0 {
				return errors.New("--no-ocm: managed clusters need OCM to join; leave out --clusters or --no-ocm")
			}
			o.OCM = !withoutOCM
			o.Log = cmd.ErrOrStderr()
			return up(cmd, o)
		},
	}
	dirFlag(cmd, &o.Dir)
	flags := cmd.Flags()
	flags.StringSliceVar(&o.Clusters, "clusters", nil, "names of the managed clusters, separated by commas")
	flags.BoolVar(&withoutOCM, "no-ocm", false, "start only a hub, without Open Cluster Management")
	flags.DurationVar(&o.LeaseDuration, "lease", 0, "lease of managed clusters; unreachable after five of them (0: one minute)")
	flags.DurationVar(&o.StatusSyncInterval, "status-sync-interval", 2*time.Second, "how often work agents poll feedback")
	flags.BoolVar(&o.AuditLog, "audit-log", false, "log all requests to the hub")
	flags.BoolVar(&o.Fsync, "fsync", false, "let etcd wait for the disk")
	return cmd
}

// up starts what o asks for, or says that it runs already.
func up(cmd *cobra.Command, o cluster.Options) error {
	e, err := cluster.Attach(o.Dir)
	if err == nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "already running")
		printPlanes(cmd.OutOrStdout(), e)
		return nil
	}
	if !errors.Is(err, cluster.ErrNotRunning) {
		return err
	}
	// What is there is broken: a part ended, the start was interrupted, or the machine was restarted.
	if err := cluster.StopDir(o.Dir); err != nil {
		return err
	}
	if e, err = cluster.Start(cmd.Context(), o); err != nil {
		return err
	}
	printPlanes(cmd.OutOrStdout(), e)
	return nil
}

// printPlanes prints the control planes, one a line: name, address, kubeconfig.
func printPlanes(out io.Writer, e *cluster.Env) {
	for _, c := range append([]*cluster.ControlPlane{e.Hub()}, e.Clusters()...) {
		fmt.Fprintf(out, "%s\t%s\t%s\n", c.Name, c.URL(), c.KubeconfigPath)
	}
}
