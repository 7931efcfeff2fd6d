// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

func newDefinitionCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "definition",
		Short: "List, show and check the types of components, traits, policies and steps",
		Args:  cobra.NoArgs,
		RunE:  func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(newDefinitionListCommand(), newDefinitionShowCommand(), newDefinitionVetCommand())
	return command
}

// kinds are all kinds of definitions in the order in which they are shown.
func kinds() []definition.Kind {
	return []definition.Kind{definition.Component, definition.Trait, definition.Policy, definition.WorkflowStep}
}

// readTypes are the built-in types and those of files, which come first.
func readTypes(paths []string) (*definition.Library, error) {
	documents, err := definition.ReadFiles(paths...)
	if err != nil {
		return nil, err
	}
	definitions, err := definition.Definitions(documents)
	if err != nil {
		return nil, err
	}
	return definition.NewLibrary(definitions...).Over(definition.Builtin()), nil
}

type listFlags struct {
	kind, output string
	definitions  []string
}

func newDefinitionListCommand() *cobra.Command {
	var flags listFlags
	command := &cobra.Command{
		Use:   "list",
		Short: "List the types: the built-in ones and those of files",
		Example: `  fairlead-addon definition list --kind trait
  fairlead-addon definition list -d definitions/ -o json`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return runDefinitionList(command, flags) },
	}
	set := command.Flags()
	set.StringVar(&flags.kind, "kind", "", "component, trait, policy or workflow-step; all when empty")
	set.StringArrayVarP(&flags.definitions, "definitions", "d", nil, "file or folder with X-definitions, in CUE or YAML")
	set.StringVarP(&flags.output, "output", "o", "table", "table, json or yaml")
	return command
}

// typeEntry is a type in a list.
type typeEntry struct {
	Kind        definition.Kind `json:"kind"`
	Type        string          `json:"type"`
	Version     string          `json:"version,omitempty"`
	Builtin     bool            `json:"builtin"`
	Deprecated  bool            `json:"deprecated"`
	Workload    string          `json:"workload,omitempty"`
	AppliesTo   []string        `json:"appliesToWorkloads,omitempty"`
	Description string          `json:"description,omitempty"`
}

func runDefinitionList(command *cobra.Command, flags listFlags) error {
	if flags.kind != "" && !slices.Contains(kinds(), definition.Kind(flags.kind)) {
		return fmt.Errorf("--kind %q: want component, trait, policy or workflow-step", flags.kind)
	}
	library, err := readTypes(flags.definitions)
	if err != nil {
		return err
	}
	entries := []typeEntry{}
	for _, kind := range kinds() {
		if flags.kind != "" && flags.kind != string(kind) {
			continue
		}
		for _, name := range library.Names(kind) {
			d, err := library.Lookup(kind, name)
			if err != nil {
				return err
			}
			entries = append(entries, entryOf(d))
		}
	}
	return writeTypes(command.OutOrStdout(), entries, flags.output)
}

func entryOf(d *definition.Definition) typeEntry {
	workload := cmp.Or(d.WorkloadType, d.Workload.Kind)
	return typeEntry{
		Kind: d.Kind, Type: d.Name, Version: d.Version, Builtin: !d.Foreign, Deprecated: d.Deprecated,
		Workload: workload, AppliesTo: d.AppliesTo, Description: d.Description,
	}
}

func writeTypes(out io.Writer, entries []typeEntry, format string) error {
	switch format {
	case "table":
		return writeTable(out, entries)
	case "json":
		return writeAsJSON(out, entries)
	case "yaml":
		raw, err := yaml.Marshal(entries)
		if err != nil {
			return fmt.Errorf("write the types: %w", err)
		}
		return writeAll(out, string(raw))
	}
	return fmt.Errorf("--output %q: want table, json or yaml", format)
}

func writeTable(out io.Writer, entries []typeEntry) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KIND\tTYPE\tVERSION\tBUILTIN\tDESCRIPTION")
	for _, e := range entries {
		builtin := "no"
		if e.Builtin {
			builtin = "yes"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", e.Kind, e.Type, cmp.Or(e.Version, "-"), builtin, cmp.Or(oneLine(e.Description), "-"))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write the types: %w", err)
	}
	return nil
}

func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}

func writeAsJSON(out io.Writer, value any) error {
	raw, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("write the types: %w", err)
	}
	return writeAll(out, string(raw)+"\n")
}

func writeAll(out io.Writer, text string) error {
	if _, err := io.WriteString(out, text); err != nil {
		return fmt.Errorf("write the types: %w", err)
	}
	return nil
}

type showFlags struct {
	output      string
	definitions []string
}

func newDefinitionShowCommand() *cobra.Command {
	var flags showFlags
	command := &cobra.Command{
		Use:   "show TYPE|KIND/TYPE",
		Short: "Show a type: its reference page, its schema, or its source",
		Long: `Show a type: its reference page, the OpenAPI v3 schema of its parameters as JSON,
or its source as a CUE file, which can be the beginning of a type of your own.

Write KIND/TYPE where a type exists in two kinds, and TYPE@VERSION for a version.`,
		Example: `  fairlead-addon definition show webservice
  fairlead-addon definition show trait/scaler -o cue >my-scaler.cue`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return runDefinitionShow(command, args[0], flags)
		},
	}
	set := command.Flags()
	set.StringArrayVarP(&flags.definitions, "definitions", "d", nil, "file or folder with X-definitions, in CUE or YAML")
	set.StringVarP(&flags.output, "output", "o", "markdown", "markdown, openapi or cue")
	return command
}

func runDefinitionShow(command *cobra.Command, name string, flags showFlags) error {
	library, err := readTypes(flags.definitions)
	if err != nil {
		return err
	}
	d, err := findType(library, name)
	if err != nil {
		return err
	}
	out := command.OutOrStdout()
	switch flags.output {
	case "markdown":
		return writeAll(out, d.Markdown(""))
	case "openapi":
		return writeAsJSON(out, d.OpenAPI())
	case "cue":
		text, err := d.CUE()
		if err != nil {
			return err
		}
		return writeAll(out, text)
	}
	return fmt.Errorf("--output %q: want markdown, openapi or cue", flags.output)
}

// findType looks up KIND/TYPE, or TYPE where only one kind has it.
func findType(library *definition.Library, name string) (*definition.Definition, error) {
	if kind, base, ok := strings.Cut(name, "/"); ok {
		if !slices.Contains(kinds(), definition.Kind(kind)) {
			return nil, fmt.Errorf("%q: the kind is component, trait, policy or workflow-step", name)
		}
		return library.Lookup(definition.Kind(kind), base)
	}
	base, _, _ := strings.Cut(name, "@")
	var found []definition.Kind
	var all []string
	for _, kind := range kinds() {
		names := library.Names(kind)
		if slices.Contains(names, base) {
			found = append(found, kind)
		}
		all = append(all, names...)
	}
	switch len(found) {
	case 0:
		hint := ""
		if meant := definition.Suggest(base, all); meant != "" {
			hint = fmt.Sprintf("; did you mean %q?", meant)
		}
		return nil, fmt.Errorf("there is no type %q%s List all with: fairlead-addon definition list", base, cmp.Or(hint, "."))
	case 1:
		return library.Lookup(found[0], name)
	}
	var forms []string
	for _, kind := range found {
		forms = append(forms, string(kind)+"/"+name)
	}
	return nil, fmt.Errorf("the type %q exists in several kinds; write %s", base, strings.Join(forms, " or "))
}
