// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	fwtypes "github.com/hashicorp/terraform-plugin-framework/types"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/preview"
)

var (
	_ datasource.DataSource              = (*definitionDataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*definitionDataSource)(nil)
)

// The places where a definition may be looked for.
const (
	sourceAny     = "any"
	sourceHub     = "hub"
	sourceBuiltin = "builtin"
)

// oamSystemNamespace is where other OAM implementations keep definitions for all.
const oamSystemNamespace = "vela-system"

// definitionDataSource is fairlead_definition, read.
type definitionDataSource struct{ hubReader }

// NewDefinitionDataSource returns the data source fairlead_definition.
func NewDefinitionDataSource() datasource.DataSource { return &definitionDataSource{} }

// Metadata names the data source.
func (d *definitionDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_definition"
}

// definitionReadModel is what is read of a definition.
type definitionReadModel struct {
	Kind        fwtypes.String   `tfsdk:"kind"`
	Name        fwtypes.String   `tfsdk:"name"`
	Namespace   fwtypes.String   `tfsdk:"namespace"`
	Source      fwtypes.String   `tfsdk:"source"`
	FoundIn     fwtypes.String   `tfsdk:"found_in"`
	Version     fwtypes.String   `tfsdk:"version"`
	Description fwtypes.String   `tfsdk:"description"`
	Deprecated  fwtypes.Bool     `tfsdk:"deprecated"`
	Workload    fwtypes.String   `tfsdk:"workload"`
	AppliesTo   []string         `tfsdk:"applies_to"`
	Parameters  []parameterModel `tfsdk:"parameters"`
	OpenAPI     fwtypes.String   `tfsdk:"openapi"`
}

// parameterModel is one parameter.
type parameterModel struct {
	Path        fwtypes.String `tfsdk:"path"`
	Type        fwtypes.String `tfsdk:"type"`
	Required    fwtypes.Bool   `tfsdk:"required"`
	Default     fwtypes.String `tfsdk:"default"`
	Allowed     []string       `tfsdk:"allowed"`
	Description fwtypes.String `tfsdk:"description"`
}

// Schema describes the data source.
func (d *definitionDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A type that applications can use, with its parameters: one of the hub, or one that is built in.",
		Attributes: map[string]schema.Attribute{
			"kind": definitionKindRead(),
			"name": schema.StringAttribute{
				Required:            true,
				Validators:          []validator.String{stringvalidator.LengthBetween(1, 253)},
				MarkdownDescription: "Name of the type, such as `webservice`, or `name@version`.",
			},
			"namespace": schema.StringAttribute{
				Optional: true, Validators: nameValidators(),
				MarkdownDescription: "Namespace of applications: their own definitions come before those of `fairlead-system` and `vela-system`. Default: only those two are looked into.",
			},
			"source": schema.StringAttribute{
				Optional: true, Computed: true,
				Validators: []validator.String{stringvalidator.OneOf(sourceAny, sourceHub, sourceBuiltin)},
				MarkdownDescription: "Where to look: `any` (default) takes the definition of the hub and else the built-in one, as applications do; `hub`; " +
					"or `builtin`, for which no hub is needed.",
			},
			"found_in":    readString("Namespace of the definition on the hub; null for one that is built in."),
			"version":     readString("Its version; null when it has none."),
			"description": readString("What the type is for."),
			"deprecated":  readBool("It should not be used any more."),
			"workload":    readString("What a component type makes, such as `deployments.apps`; null when it differs by use."),
			"applies_to":  readStringList("The workloads that a trait type may be used with; empty for all."),
			"parameters": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "The parameters, sorted by path; at most 1000. Of a choice between objects there are the parameters of all.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"path":        readString("Path of the parameter, such as `ports[].port`."),
					"type":        readString("`string`, `integer`, `number`, `boolean`, `array`, `object`, several of them with `|` between, or `any`."),
					"required":    readBool("It must be given where what it is in is given."),
					"default":     readString("Its default as JSON; null when there is none."),
					"allowed":     readStringList("The only values that are allowed, as JSON; empty when there is no such list."),
					"description": readString("What it is for."),
				}},
			},
			"openapi": readString("The whole schema of the parameters as JSON, in the words of OpenAPI 3.0."),
		},
	}
}

// definitionKindRead says which kind of type is meant.
func definitionKindRead() schema.Attribute {
	return schema.StringAttribute{
		Required:            true,
		Validators:          []validator.String{stringvalidator.OneOf(definitionKindNames()...)},
		MarkdownDescription: "`component`, `trait`, `policy` or `workflow-step`.",
	}
}

// Read reads the definition.
func (d *definitionDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model definitionReadModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if model.Source.IsNull() {
		model.Source = fwtypes.StringValue(sourceAny)
	}
	library := definition.Builtin()
	places := map[*definition.Definition]string{}
	if model.Source.ValueString() != sourceBuiltin {
		client, diags := d.client(ctx, "fairlead_definition")
		resp.Diagnostics.Append(diags...)
		if resp.Diagnostics.HasError() {
			return
		}
		var err error
		if library, places, err = hubLibrary(ctx, client, &model); err != nil {
			appendError(&resp.Diagnostics, err)
			return
		}
	}
	read, err := preview.Within(ctx, func() (*definitionReadModel, error) { return &model, model.take(library, places) })
	if err != nil {
		appendDefinitionError(&resp.Diagnostics, err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, read)...)
}

// hubLibrary reads the definitions of that kind which applications of the
// namespace may use, over those that are built in if these are asked for too.
func hubLibrary(ctx context.Context, client *hub.Client, m *definitionReadModel) (*definition.Library, map[*definition.Definition]string, error) {
	library := definition.Builtin()
	if m.Source.ValueString() == sourceHub {
		library = definition.NewLibrary()
	}
	places := map[*definition.Definition]string{}
	kind := definition.Kind(m.Kind.ValueString())
	for _, namespace := range []string{oamSystemNamespace, v1alpha1.SystemNamespace, m.Namespace.ValueString()} {
		if namespace == "" {
			continue
		}
		objects, err := client.List(ctx, definitionObjectKind(kind), namespace, "")
		if err != nil {
			return nil, nil, err
		}
		library = definition.FromSources(sourcesOf(kind, objects, places)...).Over(library)
	}
	return library, places, nil
}

// sourcesOf makes sources of objects. A definition is read when it is looked up,
// so that a broken one harms no other.
func sourcesOf(kind definition.Kind, objects []unstructured.Unstructured, places map[*definition.Definition]string) []definition.Source {
	sources := make([]definition.Source, 0, len(objects))
	for _, object := range objects {
		sources = append(sources, definition.Source{Kind: kind, Name: object.GetName(), Load: func() (*definition.Definition, error) {
			read, err := definition.FromObject(object.Object)
			if err == nil {
				places[read] = object.GetNamespace()
			}
			return read, err
		}})
	}
	return sources
}

// take looks the type up and puts what it says into the model.
func (m *definitionReadModel) take(library *definition.Library, places map[*definition.Definition]string) error {
	found, err := library.Lookup(definition.Kind(m.Kind.ValueString()), m.Name.ValueString())
	if err != nil {
		return err
	}
	openapi := found.OpenAPI()
	raw, err := json.Marshal(openapi)
	if err != nil {
		return fmt.Errorf("write the schema of %s %q: %w", found.Kind, found.Name, err)
	}
	m.FoundIn = stringOrNull(places[found])
	m.Version = stringOrNull(found.Version)
	m.Description = fwtypes.StringValue(found.Description)
	m.Deprecated = fwtypes.BoolValue(found.Deprecated)
	m.Workload = stringOrNull(workloadOf(found))
	m.AppliesTo = append([]string{}, found.AppliesTo...)
	m.Parameters = parametersOf(openapi)
	m.OpenAPI = fwtypes.StringValue(string(raw))
	return nil
}

// workloadOf names what a component type makes.
func workloadOf(d *definition.Definition) string {
	if d.WorkloadType != "" || d.Workload.Kind == "" {
		return d.WorkloadType
	}
	return strings.TrimPrefix(d.Workload.APIVersion+"/"+d.Workload.Kind, "/")
}

// appendDefinitionError adds an error about a type.
func appendDefinitionError(diags interface{ AddError(summary, detail string) }, err error) {
	var unknown *definition.UnknownTypeError
	if errors.As(err, &unknown) {
		diags.AddError("Type not found", unknown.Error()+".")
		return
	}
	diags.AddError("Definition not usable", err.Error())
}
