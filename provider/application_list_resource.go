// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	fwtypes "github.com/hashicorp/terraform-plugin-framework/types"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/rollout"
)

var (
	_ list.ListResource              = (*applicationListResource)(nil)
	_ list.ListResourceWithConfigure = (*applicationListResource)(nil)
)

// applicationListResource lists applications of the hub, to import them.
type applicationListResource struct {
	hub *Hub
}

// NewApplicationListResource returns the list resource fairlead_application.
func NewApplicationListResource() list.ListResource { return &applicationListResource{} }

// Metadata names the list resource: as the resource that it lists.
func (r *applicationListResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_application"
}

// Configure takes the Hub over.
func (r *applicationListResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.hub = hubOf(req.ProviderData, &resp.Diagnostics)
}

// applicationListModel is what chooses applications.
type applicationListModel struct {
	Namespace   fwtypes.String `tfsdk:"namespace"`
	MatchLabels fwtypes.Map    `tfsdk:"match_labels"`
	Unowned     fwtypes.Bool   `tfsdk:"unowned"`
}

// ListResourceConfigSchema describes what chooses applications.
func (r *applicationListResource) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Applications of the hub, whoever made them, to import them: `terraform query -generate-config-out=applications.tf` writes their configuration.",
		Attributes: map[string]schema.Attribute{
			"namespace": schema.StringAttribute{
				Optional: true, Validators: nameValidators(),
				MarkdownDescription: "Namespace of the applications on the hub. All namespaces when left out.",
			},
			"match_labels": schema.MapAttribute{
				Optional: true, ElementType: fwtypes.StringType,
				MarkdownDescription: "Labels that an application must have.",
			},
			"unowned": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Only applications that no configuration of Fairlead manages: those without the annotations `fairlead.dev/owner` and `fairlead.dev/instance`. " +
					"An application that its configuration has let go of keeps them.",
			},
		},
	}
}

// List lists the applications, sorted by namespace and name.
func (r *applicationListResource) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var model applicationListModel
	diags := req.Config.Get(ctx, &model)
	selector := labels.SelectorFromSet(stringMap(ctx, model.MatchLabels, &diags))
	client, more := r.hub.require(ctx, "list applications")
	diags.Append(more...)
	if diags.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	found, err := client.List(ctx, rollout.Kind(), model.Namespace.ValueString(), selector.String())
	if err != nil {
		appendError(&diags, err)
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	found = slices.DeleteFunc(found, func(live unstructured.Unstructured) bool {
		return live.GetDeletionTimestamp() != nil || (model.Unowned.ValueBool() && managedHere(&live))
	})
	slices.SortFunc(found, func(a, b unstructured.Unstructured) int {
		return strings.Compare(a.GetNamespace()+"/"+a.GetName(), b.GetNamespace()+"/"+b.GetName())
	})
	stream.Results = func(push func(list.ListResult) bool) {
		for i := range found {
			if int64(i) == req.Limit && req.Limit > 0 || !push(r.result(ctx, req, &found[i])) {
				return
			}
		}
	}
}

// managedHere says whether a configuration of Fairlead has written an application. It
// names an owner only where it has one, and an instance always.
func managedHere(live *unstructured.Unstructured) bool {
	annotations := live.GetAnnotations()
	return annotations[v1alpha1.AnnotationOwner] != "" || annotations[annotationInstance] != ""
}

// result is one application. What an import would read is its resource.
func (r *applicationListResource) result(ctx context.Context, req list.ListRequest, live *unstructured.Unstructured) list.ListResult {
	result := req.NewListResult(ctx)
	model := applicationModel{Namespace: fwtypes.StringValue(live.GetNamespace()), Name: fwtypes.StringValue(live.GetName())}
	result.DisplayName = live.GetNamespace() + "/" + live.GetName()
	result.Diagnostics.Append(setApplicationIdentity(ctx, result.Identity, &model)...)
	if !req.IncludeResource {
		return result
	}
	object := applicationObject{hub: r.hub, namespace: live.GetNamespace(), name: live.GetName()}
	if err := object.read(live, &model, true, &result.Diagnostics); err != nil {
		// A broken application must not hide the others.
		result.Diagnostics.AddWarning("Application not readable", fmt.Sprintf("%s: %s", result.DisplayName, err))
		return result
	}
	result.Diagnostics.Append(setListed(ctx, result, &model)...)
	return result
}

// setListed fills the resource of a result.
func setListed(ctx context.Context, result list.ListResult, model *applicationModel) diag.Diagnostics {
	var diags diag.Diagnostics
	for name, value := range map[string]any{
		"id": model.ID, "name": model.Name, "namespace": model.Namespace, "labels": model.Labels, "annotations": model.Annotations,
		"components": model.Components, "environments": model.Environments, "policies": model.Policies, "workflow": model.Workflow,
		"revision": model.Revision,
	} {
		diags.Append(result.Resource.SetAttribute(ctx, path.Root(name), value)...)
	}
	return diags
}
