// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/fairlead-io/terraform-provider-fairlead/provider"
)

// actionSchema is the schema of an action in the form in which Terraform 1.14 prints it.
type actionSchema struct {
	Block actionBlock `json:"block"`
}

type actionBlock struct {
	Attributes      map[string]actionAttribute `json:"attributes"`
	Description     string                     `json:"description,omitempty"`
	DescriptionKind string                     `json:"description_kind"`
}

type actionAttribute struct {
	Type            json.RawMessage `json:"type"`
	Description     string          `json:"description,omitempty"`
	DescriptionKind string          `json:"description_kind"`
	Required        bool            `json:"required,omitempty"`
	Optional        bool            `json:"optional,omitempty"`
}

// actionSchemas are the schemas of the provider's actions. OpenTofu, which prints all
// others, knows no actions, so that the provider itself is asked for these.
func actionSchemas(ctx context.Context) (map[string]actionSchema, error) {
	known, err := provider.Server("docs", os.Getenv).GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return nil, fmt.Errorf("asking the provider for its schema: %w", err)
	}
	schemas := map[string]actionSchema{}
	for name, action := range known.ActionSchemas {
		block, err := actionBlockOf(action.Schema.Block)
		if err != nil {
			return nil, fmt.Errorf("the schema of action %s: %w", name, err)
		}
		schemas[name] = actionSchema{Block: block}
	}
	return schemas, nil
}

func actionBlockOf(block *tfprotov6.SchemaBlock) (actionBlock, error) {
	out := actionBlock{Attributes: map[string]actionAttribute{}, Description: block.Description, DescriptionKind: "markdown"}
	if len(block.BlockTypes) > 0 {
		return out, fmt.Errorf("it has blocks, which are not written into the documentation")
	}
	for _, attribute := range block.Attributes {
		if attribute.Type == nil {
			return out, fmt.Errorf("attribute %s is nested, which is not written into the documentation", attribute.Name)
		}
		kind, err := json.Marshal(attribute.Type)
		if err != nil {
			return out, fmt.Errorf("attribute %s: %w", attribute.Name, err)
		}
		out.Attributes[attribute.Name] = actionAttribute{
			Type: kind, Description: attribute.Description, DescriptionKind: "markdown", Required: attribute.Required, Optional: attribute.Optional,
		}
	}
	return out, nil
}
