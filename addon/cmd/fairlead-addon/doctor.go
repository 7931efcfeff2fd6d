// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/doctor"
)

type doctorFlags struct {
	kubeconfig, context string
	output              string
	timeout             time.Duration
}

func newDoctorCommand() *cobra.Command {
	var flags doctorFlags
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Look at a hub and say what is wrong",
		Long: `Look at a hub and say what is wrong, why, and what to do about it.

It looks at the API server, the addon's CRDs, admission policies and manager, at
Open Cluster Management and its managed clusters, and at applications,
environments, cluster bindings, definitions, deletions that hang, and works
whose application is gone. It only reads. What its account may not read is said
not to be checked, with the right that it takes.

In a cluster it acts as its pod's service account. Outside of one, name a
kubeconfig: there is no other place where it looks for one.

Errors are what is broken, warnings what works and is probably not meant, and
notes what is worth knowing. The first 10 objects of each finding are listed.
The exit status is 1 when there is an error.`,
		Example: `  fairlead-addon doctor --kubeconfig hub.kubeconfig
  kubectl -n fairlead-system exec deploy/fairlead-addon -- /fairlead-addon doctor -o json`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return runDoctor(command, flags) },
	}
	set := command.Flags()
	set.StringVar(&flags.kubeconfig, "kubeconfig", "", "kubeconfig of the hub; without it the service account of the pod is used")
	set.StringVar(&flags.context, "context", "", "context of the kubeconfig; its current one when empty")
	set.StringVarP(&flags.output, "output", "o", "text", "text or json")
	set.DurationVar(&flags.timeout, "timeout", 2*time.Minute, "how long to read at most; what is left then is not checked")
	return command
}

func runDoctor(command *cobra.Command, flags doctorFlags) error {
	if flags.output != "text" && flags.output != "json" {
		return fmt.Errorf("--output %q: want text or json", flags.output)
	}
	if flags.timeout <= 0 {
		return fmt.Errorf("--timeout %s: want a time greater than 0, such as 2m", flags.timeout)
	}
	config, err := loadConfig(managerFlags{kubeconfig: flags.kubeconfig, context: flags.context})
	if err != nil {
		return err
	}
	config.UserAgent = "fairlead-addon-doctor/" + version
	reader, err := doctor.NewReader(config)
	if err != nil {
		return err
	}
	reader.Progress = func(what string) { fmt.Fprintf(command.ErrOrStderr(), "reading %s\n", what) }
	ctx, cancel := context.WithTimeout(command.Context(), flags.timeout)
	defer cancel()
	hub, err := reader.Read(ctx)
	if err != nil {
		return err
	}
	report := doctor.Examine(hub, version)
	if err := writeReport(command, report, flags.output); err != nil {
		return err
	}
	if report.Count(doctor.Error) > 0 {
		return fmt.Errorf("found %s", report.Summary())
	}
	return nil
}

func writeReport(command *cobra.Command, report *doctor.Report, format string) error {
	if format == "json" {
		return writeAsJSON(command.OutOrStdout(), report)
	}
	return writeAll(command.OutOrStdout(), report.Text())
}
