// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/preview"
)

var _ function.Function = renderFunction{}

// masked stands for the values of Secrets.
const masked = "(masked)"

// renderFunction is provider::fairlead::render.
type renderFunction struct{}

// NewRenderFunction returns the function render.
func NewRenderFunction() function.Function { return renderFunction{} }

// Metadata names the function.
func (renderFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "render"
}

// Definition describes the function.
func (renderFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Show the Kubernetes objects of an application",
		MarkdownDescription: "Renders an application with the types that are built into the provider or given in `definitions`, offline, and returns its objects: a list for each environment, by name. " +
			"The values in Secrets are masked. As in a plan, namespaces and defaults of an environment count where `environments` has its `ref`, and cluster bindings do not.\n\n" +
			"While anything in the application is unknown, so is the result.",
		Parameters: []function.Parameter{
			function.DynamicParameter{
				Name:                "application",
				MarkdownDescription: "An object with attributes of `fairlead_application`, such as `components` and `environments`, or a whole `fairlead_application`.",
			},
		},
		Return: function.DynamicReturn{},
	}
}

// Run renders.
func (renderFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var argument types.Dynamic
	if resp.Error = req.Arguments.Get(ctx, &argument); resp.Error != nil {
		return
	}
	model, err := applicationArgument(ctx, argument)
	if err == nil {
		var rendered attr.Value
		if rendered, err = renderApplication(ctx, model); err == nil {
			resp.Error = resp.Result.Set(ctx, asDynamic(rendered))
			return
		}
	}
	resp.Error = function.NewArgumentFuncError(0, err.Error())
}

// applicationArgument reads an object with attributes of the resource.
func applicationArgument(ctx context.Context, argument types.Dynamic) (*applicationModel, error) {
	fields, ok := fieldsIn(bare(argument))
	if !ok {
		return nil, errors.New("must be an object with attributes of fairlead_application, such as { components = { ... } }")
	}
	allowed := slices.Sorted(maps.Keys(applicationSchema(ctx).Attributes))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(allowed, name) {
			return nil, fmt.Errorf("%s is no attribute of fairlead_application%s", name, meant(name, allowed))
		}
	}
	if components := bare(fields["components"]); components == nil || components.IsNull() {
		return nil, errors.New("components is required, such as { components = { web = { type = \"webservice\", properties = { image = \"...\" } } } }")
	}
	dynamic := func(name string) types.Dynamic {
		value := bare(fields[name])
		if value == nil {
			return types.DynamicNull()
		}
		return types.DynamicValue(value)
	}
	model := &applicationModel{
		Name: types.StringValue("application"), Namespace: types.StringValue("default"),
		Components: dynamic("components"), Environments: dynamic("environments"), Policies: dynamic("policies"), Workflow: dynamic("workflow"),
	}
	for name, into := range map[string]*types.String{"name": &model.Name, "namespace": &model.Namespace} {
		if err := textArgument(name, fields[name], into); err != nil {
			return nil, err
		}
	}
	var err error
	if model.Labels, err = textsArgument("labels", fields["labels"]); err != nil {
		return nil, err
	}
	if model.Annotations, err = textsArgument("annotations", fields["annotations"]); err != nil {
		return nil, err
	}
	named := bare(fields["namespace"])
	model.Definitions, err = definitionsArgument(dynamic("definitions"), named != nil && !named.IsNull())
	return model, err
}

// definitionsArgument are the definitions that are given. Without a namespace of the
// application, those of any count, as if they were its own.
func definitionsArgument(v types.Dynamic, namespaced bool) (types.List, error) {
	kind := types.ObjectType{AttrTypes: definitionRefTypes()}
	content, err := hclvalue.ToJSON(v)
	list, ok := content.([]any)
	if content == nil && err == nil {
		return types.ListNull(kind), nil
	}
	if !ok {
		return types.ListNull(kind), errors.New("definitions must be a list of objects, such as [{ cue = file(\"cache.cue\") }]")
	}
	out := make([]attr.Value, len(list))
	for i, item := range list {
		given := objectIn(item)
		namespace := textOrNull(given["namespace"])
		if !namespaced && !foundFromAnywhere(namespace.ValueString()) {
			namespace = types.StringNull()
		}
		out[i] = types.ObjectValueMust(definitionRefTypes(), map[string]attr.Value{
			"kind": types.StringNull(), "name": types.StringNull(), "namespace": namespace, "cue": textOrNull(given["cue"]),
		})
	}
	return types.ListValueMust(kind, out), nil
}

// textArgument sets a string that is given.
func textArgument(name string, v attr.Value, into *types.String) error {
	value := bare(v)
	if value == nil || value.IsNull() {
		return nil
	}
	text, ok := value.(types.String)
	if !ok {
		return fmt.Errorf("%s must be a string", name)
	}
	*into = text
	return nil
}

// textsArgument is a map of strings, null where none is given.
func textsArgument(name string, v attr.Value) (types.Map, error) {
	value := bare(v)
	if value == nil || value.IsNull() {
		return types.MapNull(types.StringType), nil
	}
	fields, ok := fieldsIn(value)
	values := make(map[string]attr.Value, len(fields))
	for key, item := range fields {
		text, isText := bare(item).(types.String)
		values[key], ok = text, ok && isText
	}
	if !ok {
		return types.MapNull(types.StringType), fmt.Errorf("%s must be a map of strings", name)
	}
	return types.MapValueMust(types.StringType, values), nil
}

// renderApplication is the objects of an application by environment.
func renderApplication(ctx context.Context, model *applicationModel) (attr.Value, error) {
	spec := newApplicationSpec(model)
	if len(spec.findings) > 0 {
		return nil, findingsError(spec.findings)
	}
	renderer, _ := rendererOf(model) // what is wrong with definitions is among the findings
	objects, err := preview.Within(ctx, func() ([]preview.Object, error) { return renderer.Objects(previewed(model, spec, nil)) })
	if err != nil {
		return nil, err
	}
	byEnvironment := map[string]any{}
	for _, o := range objects {
		list, _ := byEnvironment[o.Environment].([]any)
		byEnvironment[o.Environment] = append(list, withoutSecrets(o.Content))
	}
	return valueFromJSON(byEnvironment)
}

// findingsError is all that is wrong with an application, one line each.
func findingsError(findings []definition.Finding) error { return errors.New(findingsText(findings)) }

// withoutSecrets is an object with the values of a Secret masked.
func withoutSecrets(content map[string]any) map[string]any {
	if content["kind"] != "Secret" {
		return content
	}
	out := maps.Clone(content)
	for _, field := range []string{"data", "stringData"} {
		values, ok := out[field].(map[string]any)
		if !ok {
			continue
		}
		hidden := make(map[string]any, len(values))
		for key := range values {
			hidden[key] = masked
		}
		out[field] = hidden
	}
	return out
}
