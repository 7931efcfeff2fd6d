// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package provider is the Terraform side of Fairlead: one file per resource,
// over a client of the hub. It knows the API types of the addon and none of its
// controllers.
package provider

import (
	"context"
	"sync/atomic"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// Address is the provider's address in the registry.
const Address = "registry.terraform.io/fairlead-io/fairlead"

var (
	_ provider.Provider                       = (*fairleadProvider)(nil)
	_ provider.ProviderWithFunctions          = (*fairleadProvider)(nil)
	_ provider.ProviderWithEphemeralResources = (*fairleadProvider)(nil)
	_ provider.ProviderWithListResources      = (*fairleadProvider)(nil)
	_ provider.ProviderWithActions            = (*fairleadProvider)(nil)
)

// fairleadProvider is the provider of one process.
type fairleadProvider struct {
	version string
	getenv  func(string) string
	// configured is what its block says, once an engine has sent that.
	configured atomic.Pointer[Hub]
}

// Metadata names the provider.
func (p *fairleadProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "fairlead"
	resp.Version = p.version
}

// Schema describes the provider block.
func (p *fairleadProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Delivers Open Application Model applications to fleets of Kubernetes clusters. " +
			"The provider talks to one cluster, the hub, where the Fairlead addon runs.",
		Attributes: map[string]schema.Attribute{
			"hub": hubSchema(),
			"owner": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Who manages the objects, written as their annotation `fairlead.dev/owner`. An object on the hub whose owner is the same " +
					"is taken over without asking. Default: the HCP Terraform organisation and workspace (`TFC_WORKSPACE_SLUG`), else none.",
			},
			"default_namespace": schema.StringAttribute{
				Optional:            true,
				Validators:          sourceNamespaceValidators(),
				MarkdownDescription: "Namespace on the hub of applications that name none. Default: `default`.",
			},
			"default_labels": schema.MapAttribute{
				Optional:            true,
				ElementType:         types.StringType,
				MarkdownDescription: "Labels of every object that the provider writes. A change reaches an object with its own next change.",
			},
			"plan": planSchema(),
		},
	}
}

// providerModel is the provider block. The hub is read as an object first,
// because it may be unknown as a whole.
type providerModel struct {
	Hub              types.Object `tfsdk:"hub"`
	Owner            types.String `tfsdk:"owner"`
	DefaultNamespace types.String `tfsdk:"default_namespace"`
	DefaultLabels    types.Map    `tfsdk:"default_labels"`
	Plan             types.Object `tfsdk:"plan"`
}

// Configure decides which hub is meant. It sends no request.
func (p *fairleadProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var model providerModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	configured := p.hub(ctx, model, resp)
	if resp.Diagnostics.HasError() {
		return
	}
	p.configured.Store(configured)
	resp.ResourceData = configured
	resp.DataSourceData = configured
	resp.EphemeralResourceData = configured
	resp.ListResourceData = configured
	resp.ActionData = configured
}

// hub returns the Hub of the provider block.
func (p *fairleadProvider) hub(ctx context.Context, model providerModel, resp *provider.ConfigureResponse) *Hub {
	settings, known, diags := readHub(ctx, model.Hub)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return nil
	}
	configured := unknownHub()
	if !known {
		resp.Diagnostics.AddWarning(hubNotKnown, "The provider's hub depends on values that are known only after apply. "+
			"The plan is made without it: it does not show what is on the hub, and what the hub refuses is seen at apply.")
	}
	if known {
		config, err := hub.Resolve(settings, p.getenv)
		if err != nil {
			appendConfigError(&resp.Diagnostics, err)
			return nil
		}
		config.Version = p.version
		config.Strict = failsUnreachable(model.Plan)
		configured = newHub(config)
	}
	configured.preview = previewOf(model.Plan)
	configured.Owner = p.owner(model.Owner)
	configured.Audit = auditOf(p.getenv)
	configured.DefaultNamespace = namespaceOr(model.DefaultNamespace, "default")
	configured.namespaceUnknown = model.DefaultNamespace.IsUnknown()
	configured.labelsUnknown = hclvalue.HasUnknown(model.DefaultLabels)
	if !configured.labelsUnknown {
		configured.DefaultLabels = stringMap(ctx, model.DefaultLabels, &resp.Diagnostics)
	}
	return configured
}

// owner returns the configured owner, else the workspace of HCP Terraform.
func (p *fairleadProvider) owner(configured types.String) string {
	if configured.ValueString() != "" {
		return configured.ValueString()
	}
	return p.getenv("TFC_WORKSPACE_SLUG")
}

// namespaceOr returns the configured namespace or the fallback.
func namespaceOr(configured types.String, fallback string) string {
	if configured.ValueString() == "" {
		return fallback
	}
	return configured.ValueString()
}

// Resources lists the resources.
func (p *fairleadProvider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		NewAddonResource,
		NewEnvironmentResource,
		NewClusterBindingResource,
		NewDefinitionResource,
		NewManagedClusterResource,
		NewApplicationResource,
		NewRolloutResource,
	}
}

// DataSources lists the data sources.
func (p *fairleadProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{
		NewApplicationDataSource,
		NewClustersDataSource,
		NewDefinitionDataSource,
		NewEnvironmentDataSource,
		NewPlacementDecisionDataSource,
	}
}

// Functions lists the functions, which need no hub.
func (p *fairleadProvider) Functions(context.Context) []func() function.Function {
	return []func() function.Function{
		NewMergeFunction,
		NewParseApplicationFunction,
		NewRenderFunction,
	}
}

// EphemeralResources lists the ephemeral resources.
func (p *fairleadProvider) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{
		NewClusterJoinEphemeralResource,
	}
}

// ListResources lists the list resources, for engines that know them.
func (p *fairleadProvider) ListResources(context.Context) []func() list.ListResource {
	return []func() list.ListResource{
		NewApplicationListResource,
	}
}

// Actions lists the actions, for engines that know them.
func (p *fairleadProvider) Actions(context.Context) []func() action.Action {
	return []func() action.Action{
		NewRolloutControlAction,
	}
}
