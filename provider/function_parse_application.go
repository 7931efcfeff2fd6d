// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
)

var _ function.Function = parseApplicationFunction{}

// maxApplicationText bounds the YAML that is read, in bytes.
const maxApplicationText = 2 << 20

// parseApplicationFunction is provider::fairlead::parse_application.
type parseApplicationFunction struct{}

// NewParseApplicationFunction returns the function parse_application.
func NewParseApplicationFunction() function.Function { return parseApplicationFunction{} }

// Metadata names the function.
func (parseApplicationFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "parse_application"
}

// Definition describes the function.
func (parseApplicationFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Read an Application of the Open Application Model",
		MarkdownDescription: "Reads the YAML or JSON of one `Application` of `core.oam.dev/v1beta1` into an object with the attributes of `fairlead_application`: " +
			"`name`, `namespace`, `labels`, `annotations`, `components`, `environments`, `policies` and `workflow`; what it does not say is null. " +
			"`components` is keyed by name. `traits` is keyed by type, and a list where their order differs from that of their names, or a type occurs again. " +
			"Policies that stand for an environment, as `fairlead_application` writes them, become `environments`.",
		Parameters: []function.Parameter{
			function.StringParameter{Name: "yaml", MarkdownDescription: "The text, such as `file(\"application.yaml\")`."},
		},
		Return: function.DynamicReturn{},
	}
}

// Run parses.
func (parseApplicationFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var text string
	if resp.Error = req.Arguments.Get(ctx, &text); resp.Error != nil {
		return
	}
	parsed, err := parseApplication(text)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, parsed)
}

// parseApplication reads the text of one Application.
func parseApplication(text string) (types.Dynamic, error) {
	object, err := readApplication(text)
	if err != nil {
		return types.DynamicNull(), err
	}
	spec, _ := object["spec"].(map[string]any)
	if err := checkComponents(spec["components"]); err != nil {
		return types.DynamicNull(), err
	}
	model := &applicationModel{}
	if err := newLiveSpec(spec, model).into(model); err != nil {
		return types.DynamicNull(), err
	}
	metadata, _ := object["metadata"].(map[string]any)
	return asDynamic(objectOfValues(map[string]attr.Value{
		"name": textOrNull(metadata["name"]), "namespace": textOrNull(metadata["namespace"]),
		"labels": textsOrNull(metadata["labels"]), "annotations": textsOrNull(metadata["annotations"]),
		"components": contentOf(model.Components), "environments": contentOf(model.Environments), "policies": contentOf(model.Policies), "workflow": contentOf(model.Workflow),
	})), nil
}

// readApplication reads exactly one document, which must be an Application.
func readApplication(text string) (map[string]any, error) {
	if len(text) > maxApplicationText {
		return nil, fmt.Errorf("the text has %d bytes, at most %d are read", len(text), maxApplicationText)
	}
	documents, err := definition.ReadDocuments("yaml", []byte(text))
	if err != nil {
		return nil, err
	}
	if len(documents) != 1 {
		return nil, fmt.Errorf("the text holds %d objects; give one Application", len(documents))
	}
	object := documents[0].Object
	apiVersion, _ := object["apiVersion"].(string)
	if group, _, _ := strings.Cut(apiVersion, "/"); group != "core.oam.dev" || object["kind"] != "Application" {
		return nil, fmt.Errorf("the text holds a %v of %q; give an Application of core.oam.dev/v1beta1", object["kind"], apiVersion)
	}
	return object, nil
}

// checkComponents refuses components that an object keyed by name cannot hold.
func checkComponents(list any) error {
	components, ok := list.([]any)
	if !ok {
		return errors.New("spec.components must be a list")
	}
	seen := map[string]bool{}
	for i, item := range components {
		component, _ := item.(map[string]any)
		name, _ := component["name"].(string)
		if name == "" {
			return fmt.Errorf("spec.components[%d].name is missing", i)
		}
		if seen[name] {
			return fmt.Errorf("spec.components[%d].name: another component is called %q too", i, name)
		}
		seen[name] = true
	}
	return nil
}

// contentOf is what a Dynamic holds, a null without a type for none.
func contentOf(v types.Dynamic) attr.Value {
	if inner := bare(v); inner != nil {
		return inner
	}
	return types.DynamicNull()
}

func textOrNull(v any) types.String {
	text, ok := v.(string)
	if !ok {
		return types.StringNull()
	}
	return types.StringValue(text)
}

// textsOrNull are labels or annotations, without those that the provider writes and what
// kubectl keeps of an earlier apply.
func textsOrNull(v any) types.Map {
	object, _ := v.(map[string]any)
	values := map[string]attr.Value{}
	for key, item := range object {
		if text, ok := item.(string); ok && !reservedAnnotation(key) && key != lastApplied {
			values[key] = types.StringValue(text)
		}
	}
	if len(values) == 0 {
		return types.MapNull(types.StringType)
	}
	return types.MapValueMust(types.StringType, values)
}

// valueFromJSON is JSON as a value.
func valueFromJSON(v any) (attr.Value, error) {
	value, err := hclvalue.FromJSON(v, nil)
	if err != nil {
		return nil, fmt.Errorf("build the value: %w", err)
	}
	return value, nil
}
