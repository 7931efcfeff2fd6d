// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Command demo shows the product at work: on clusters that it starts on this machine (up, down), or on a cluster of one's own
// (run). It is started through make, which builds what it runs.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/demo/terraform"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		if ctx.Err() != nil {
			err = errors.Join(errors.New("interrupted: the same command goes on from here"), err)
		}
		fmt.Fprintln(os.Stderr, "Error:", err)
		stop()
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "demo",
		Short:         "Show the product at work",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(upCommand(), downCommand(), runCommand(), schemaCommand())
	return root
}

func upCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a hub and two managed clusters and deliver an application to them",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := o.layout()
			if err != nil {
				return err
			}
			return up(cmd.Context(), l, o.engine, cmd.OutOrStdout())
		},
	}
	o.flags(cmd, ".demo")
	return cmd
}

func downCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "down",
		Short: "End everything that up has started and remove its files",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := o.layout()
			if err != nil {
				return err
			}
			return down(cmd.Context(), l, cmd.OutOrStdout())
		},
	}
	o.flags(cmd, ".demo")
	return cmd
}

func runCommand() *cobra.Command {
	var (
		o   options
		hub hubFlags
	)
	cmd := &cobra.Command{
		Use:   "run --kubeconfig FILE",
		Short: "Install the addon on a cluster of one's own and run its manager here",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := o.layout()
			if err != nil {
				return err
			}
			return run(cmd.Context(), l, o.engine, hub, streams{out: cmd.OutOrStdout(), err: cmd.ErrOrStderr()})
		},
	}
	o.flags(cmd, ".run")
	cmd.Flags().StringVar(&hub.kubeconfig, "kubeconfig", "", "kubeconfig of the hub (required)")
	cmd.Flags().StringVar(&hub.context, "context", "", "context in the kubeconfig (its current one)")
	return cmd
}

// options are the flags that all commands share.
type options struct {
	dir    string
	bin    string
	engine string
}

func (o *options) flags(cmd *cobra.Command, dir string) {
	flags := cmd.Flags()
	flags.StringVar(&o.dir, "dir", dir, "folder for state, logs and credentials")
	flags.StringVar(&o.bin, "bin", "bin", "folder with the built provider and addon")
	flags.StringVar(&o.engine, "engine", terraform.Auto, "terraform, opentofu, the absolute path of one, or auto: terraform where there is one")
}

// layout returns where things lie, for a command that is run at the root of the repository.
func (o *options) layout() (layout, error) {
	root, err := os.Getwd()
	if err != nil {
		return layout{}, fmt.Errorf("finding the working directory: %w", err)
	}
	l := layout{root: root}
	if _, err := os.Stat(l.example("quickstart")); err != nil {
		return layout{}, fmt.Errorf("run this at the root of the repository: %w", err)
	}
	dir, dirErr := filepath.Abs(o.dir)
	bin, binErr := filepath.Abs(o.bin)
	l.dir, l.bin = dir, bin
	return l, errors.Join(dirErr, binErr)
}

// hubFlags name a cluster of the user's own.
type hubFlags struct {
	kubeconfig string
	context    string
}

// streams are where a program that runs in the foreground writes to.
type streams struct {
	out, err io.Writer
}
