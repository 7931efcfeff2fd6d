// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

type renderFlags struct {
	files, definitions     []string
	namespace, kubeVersion string
	output                 string
	explain, lenient       bool
}

func newRenderCommand() *cobra.Command {
	var flags renderFlags
	command := &cobra.Command{
		Use:   "render -f FILE [-f FILE]... [-d DIR-OR-FILE]...",
		Short: "Show the objects of applications, offline",
		Long: `Show the Kubernetes objects that applications become, without any cluster.

The files hold any number of documents in any order: Applications, X-definitions,
Policies, Workflows, Environments and ClusterBindings, also Namespaces and
ManagedClusters, whose labels selectors look at. Other objects are refused.

Without Environments the clusters that topology policies name count as admitted,
and without those an application is rendered for the hub itself (local), into
its own namespace. Clusters that an OCM placement would choose are not known
offline: one stands for all of them.

What is rendered is not always what the addon delivers: it delivers nothing of an
application with a field that it does not implement. Of fields that only say when
and how objects are delivered a warning tells (outputs and scopes of
components, workflow, policies such as garbage-collect and apply-once, annotations
such as publishVersion, rollout of a ClusterBinding). Those that change objects
(inputs, externalRevision and replicaKey of components) are errors, and with
--lenient warnings. Fields of an Environment that guard it, such as after, approval
and constraints, are always errors.

Objects are printed in a stable order. Where there are several environments or
clusters, a comment before each group says for which it is. Nothing is printed
to standard output when anything is wrong; then the exit status is 1.`,
		Example: `  fairlead-addon render -f application.yaml
  fairlead-addon render -f application.yaml -f environments.yaml -d definitions/ --explain
  kubectl get app shop -o yaml | fairlead-addon render -f - -o json --lenient`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return runRender(command, flags) },
	}
	set := command.Flags()
	set.StringArrayVarP(&flags.files, "filename", "f", nil, "file or folder with documents; - is standard input")
	set.StringArrayVarP(&flags.definitions, "definitions", "d", nil, "file or folder with X-definitions, in CUE or YAML")
	set.StringVar(&flags.namespace, "namespace", "default", "namespace of applications and other documents that name none")
	set.StringVar(&flags.kubeVersion, "kube-version", "", "version of Kubernetes of the clusters, such as 1.31; the oldest supported one when empty")
	set.StringVarP(&flags.output, "output", "o", "yaml", "yaml or json (one List)")
	set.BoolVar(&flags.explain, "explain", false, "name for each property, in a comment, the layer that has set it")
	set.BoolVar(&flags.lenient, "lenient", false, "pass unknown parameters and fields over, with a warning")
	return command
}

func runRender(command *cobra.Command, flags renderFlags) error {
	if len(flags.files) == 0 {
		return errors.New("no file was given: name one with -f, or - for standard input")
	}
	if flags.output != "yaml" && flags.output != "json" {
		return fmt.Errorf("--output %q: want yaml or json", flags.output)
	}
	version, err := parseKubeVersion(flags.kubeVersion)
	if err != nil {
		return err
	}
	read, err := readDocuments(flags, command.InOrStdin())
	if err != nil {
		return err
	}
	offline := offline{documents: read, version: version, lenient: flags.lenient}
	groups, warnings, err := offline.render()
	for _, w := range warnings {
		fmt.Fprintln(command.ErrOrStderr(), "Warning:", w)
	}
	if err != nil {
		return err
	}
	return write(command.OutOrStdout(), groups, flags)
}

// parseKubeVersion reads X.Y, or a whole version as kubectl shows it.
func parseKubeVersion(text string) (render.ClusterVersion, error) {
	if text == "" {
		return render.DefaultClusterVersion(), nil
	}
	version, ok := render.ParseClusterVersion(text)
	if !ok {
		return version, fmt.Errorf("--kube-version %q: want a version such as 1.31", text)
	}
	return version, nil
}

// readDocuments reads all that was named on the command line.
func readDocuments(flags renderFlags, stdin io.Reader) (*documents, error) {
	found := &documents{namespace: flags.namespace, lenient: flags.lenient}
	if wrong := validation.IsDNS1123Label(flags.namespace); len(wrong) > 0 {
		found.problem(fmt.Errorf("--namespace %q cannot be the name of a namespace; %s", flags.namespace, wrong[0]))
	}
	for _, file := range flags.files {
		read, err := readFile(file, stdin)
		found.problem(err)
		for _, d := range read {
			found.add(d)
		}
	}
	read, err := definition.ReadFiles(flags.definitions...)
	found.problem(err)
	_, err = definition.Definitions(read)
	found.problem(err)
	for _, d := range read {
		if d.Definition != nil {
			found.add(d)
		}
	}
	found.settleReferences()
	return found, errors.Join(found.problems...)
}

// maxStandardInput bounds what is read from standard input, in bytes.
const maxStandardInput = 64 << 20

func readFile(file string, stdin io.Reader) ([]definition.Document, error) {
	if file != "-" {
		return definition.ReadFiles(file)
	}
	source, err := io.ReadAll(io.LimitReader(stdin, maxStandardInput+1))
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	if len(source) > maxStandardInput {
		return nil, fmt.Errorf("standard input has more than %d MiB; give it as files", maxStandardInput>>20)
	}
	return definition.ReadDocuments("standard input", source)
}
