// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/demo/terraform"
	"github.com/fairlead-io/terraform-provider-fairlead/acctest/tools"
)

// schemaKey is the name under which the generator of the documentation looks for the provider.
const schemaKey = "fairlead"

func schemaCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the provider's schema as JSON, for the generator of the documentation",
		Long: `Print the provider's schema as JSON, for the generator of the documentation.

It is what OpenTofu sees: that version is pinned, so the documentation is the same everywhere. What OpenTofu does not know,
actions, the provider itself is asked for.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := o.layout()
			if err != nil {
				return err
			}
			schema, err := providerSchema(cmd.Context(), l, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(schema)
			return err
		},
	}
	cmd.Flags().StringVar(&o.bin, "bin", "bin", "folder with the built provider")
	return cmd
}

func providerSchema(ctx context.Context, l layout, log io.Writer) (schema []byte, err error) {
	store, err := tools.DefaultStore(log)
	if err != nil {
		return nil, err
	}
	engine, err := terraform.Find(ctx, terraform.OpenTofu, store)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "fairlead-schema-*")
	if err != nil {
		return nil, fmt.Errorf("creating a folder for the engine: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	w := terraform.Workspace{Engine: engine, Dir: dir, CLIConfig: filepath.Join(dir, "terraform.rc"), Out: log}
	if err := terraform.WriteCLIConfig(w.CLIConfig, l.bin); err != nil {
		return nil, err
	}
	if err := w.Prepare(l.example("provider"), map[string]any{}); err != nil {
		return nil, err
	}
	out, err := w.Output(ctx, "providers", "schema", "-json")
	if err != nil {
		return nil, err
	}
	actions, err := actionSchemas(ctx)
	if err != nil {
		return nil, err
	}
	return renameProvider(out, actions)
}

// renameProvider puts the one provider of schema under schemaKey: engines use its full address, with a host of their own.
// It adds the schemas of actions.
func renameProvider(schema []byte, actions map[string]actionSchema) ([]byte, error) {
	var document struct {
		FormatVersion string                                `json:"format_version"`
		Schemas       map[string]map[string]json.RawMessage `json:"provider_schemas"`
	}
	if err := json.Unmarshal(schema, &document); err != nil {
		return nil, fmt.Errorf("decoding the provider's schema: %w", err)
	}
	if len(document.Schemas) != 1 {
		return nil, fmt.Errorf("decoding the provider's schema: it holds %d providers, not one", len(document.Schemas))
	}
	renamed := map[string]map[string]json.RawMessage{}
	for _, provider := range document.Schemas {
		encoded, err := json.Marshal(actions)
		if err != nil {
			return nil, fmt.Errorf("encoding the schemas of actions: %w", err)
		}
		provider["action_schemas"] = encoded
		renamed[schemaKey] = provider
	}
	document.Schemas = renamed
	return json.Marshal(document)
}
