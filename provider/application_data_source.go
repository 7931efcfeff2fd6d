// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	fwtypes "github.com/hashicorp/terraform-plugin-framework/types"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/rollout"
)

var (
	_ datasource.DataSource              = (*applicationDataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*applicationDataSource)(nil)
)

// applicationDataSource is fairlead_application, read.
type applicationDataSource struct{ hubReader }

// NewApplicationDataSource returns the data source fairlead_application.
func NewApplicationDataSource() datasource.DataSource { return &applicationDataSource{} }

// Metadata names the data source.
func (d *applicationDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_application"
}

// applicationReadModel is what is read of an application.
type applicationReadModel struct {
	ID           fwtypes.String          `tfsdk:"id"`
	Name         fwtypes.String          `tfsdk:"name"`
	Namespace    fwtypes.String          `tfsdk:"namespace"`
	Labels       map[string]string       `tfsdk:"labels"`
	Components   fwtypes.Dynamic         `tfsdk:"components"`
	Environments fwtypes.Dynamic         `tfsdk:"environments"`
	Policies     fwtypes.Dynamic         `tfsdk:"policies"`
	Workflow     fwtypes.Dynamic         `tfsdk:"workflow"`
	Revision     fwtypes.String          `tfsdk:"revision"`
	Status       *applicationStatusModel `tfsdk:"status"`
}

// applicationStatusModel is the status of an application.
type applicationStatusModel struct {
	Current    fwtypes.Bool     `tfsdk:"current"`
	Phase      fwtypes.String   `tfsdk:"phase"`
	Ready      fwtypes.Bool     `tfsdk:"ready"`
	Revision   fwtypes.String   `tfsdk:"revision"`
	Places     fwtypes.Int64    `tfsdk:"places"`
	Healthy    fwtypes.Int64    `tfsdk:"healthy"`
	Omitted    fwtypes.Int64    `tfsdk:"omitted"`
	Services   []serviceModel   `tfsdk:"services"`
	Conditions []conditionModel `tfsdk:"conditions"`
}

// serviceModel is one component in one place.
type serviceModel struct {
	Component   fwtypes.String `tfsdk:"component"`
	Environment fwtypes.String `tfsdk:"environment"`
	Cluster     fwtypes.String `tfsdk:"cluster"`
	Namespace   fwtypes.String `tfsdk:"namespace"`
	Healthy     fwtypes.Bool   `tfsdk:"healthy"`
	Message     fwtypes.String `tfsdk:"message"`
}

// Schema describes the data source.
func (d *applicationDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	dynamic := func(description string) schema.Attribute {
		return schema.DynamicAttribute{Computed: true, MarkdownDescription: description}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "An application of the hub, whoever manages it: what it consists of, and how it is. To wait until it is healthy use the resource `fairlead_rollout`.",
		Attributes: map[string]schema.Attribute{
			"id":   readString("`namespace/name`."),
			"name": schema.StringAttribute{Required: true, Validators: nameValidators(), MarkdownDescription: "Name of the application."},
			"namespace": schema.StringAttribute{
				Optional: true, Computed: true, Validators: nameValidators(),
				MarkdownDescription: "Namespace of the application on the hub. Default: the provider's `default_namespace`.",
			},
			"labels":       readStringMap("Its labels."),
			"components":   dynamic("The components: an object keyed by name, each with what OAM has for it."),
			"environments": dynamic("The environments that its policies name, in the form of the resource `fairlead_application`; null when there are none."),
			"policies":     dynamic("Its other policies: a list, or an object keyed by name; null when there are none."),
			"workflow":     dynamic("Its workflow; null when it has none."),
			"revision":     readString("The revision that its writer gave it; empty when another tool wrote it."),
			"status":       applicationStatusSchema(),
		},
	}
}

// applicationStatusSchema is how the application is.
func applicationStatusSchema() schema.Attribute {
	return schema.SingleNestedAttribute{
		Computed:            true,
		MarkdownDescription: "What the addon observes of it.",
		Attributes: map[string]schema.Attribute{
			"current":  readBool("The status speaks of the latest version of the application."),
			"phase":    readString("The phase, such as `running`."),
			"ready":    readBool("It is delivered everywhere and healthy there."),
			"revision": readString("The revision that the status speaks of."),
			"places":   readInt("In how many places it is: a place is a component in an environment on a cluster."),
			"healthy":  readInt("How many of them are healthy."),
			"omitted":  readInt("How many of them `services` leaves out."),
			"services": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "Its components by place, sorted by component, environment and cluster; at most about 100, and the unhealthy rather than the others.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"component":   readString("Name of the component."),
					"environment": readString("The environment."),
					"cluster":     readString("The cluster; `local` is the hub itself."),
					"namespace":   readString("The namespace there."),
					"healthy":     readBool("It is healthy there."),
					"message":     readString("What is going on, in a line."),
				}},
			},
			"conditions": conditionsSchema("Conditions of the application."),
		},
	}
}

// Read reads the application.
func (d *applicationDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model applicationReadModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	client, diags := d.client(ctx, "fairlead_application")
	resp.Diagnostics.Append(diags...)
	if client != nil && model.Namespace.IsNull() && d.hub.namespaceUnknown {
		resp.Diagnostics.Append(unreadable("fairlead_application", "default_namespace", "kubernetes_namespace_v1.shop"))
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if model.Namespace.IsNull() {
		model.Namespace = fwtypes.StringValue(d.hub.DefaultNamespace)
	}
	key := types.NamespacedName{Namespace: model.Namespace.ValueString(), Name: model.Name.ValueString()}
	live := get(ctx, client, rollout.Kind(), key, &resp.Diagnostics)
	if live == nil {
		return
	}
	if err := model.take(live); err != nil {
		appendError(&resp.Diagnostics, err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
}

// take puts what was read into the model.
func (m *applicationReadModel) take(live *unstructured.Unstructured) error {
	var application v1beta1.Application
	if err := decode(live, &application); err != nil {
		return err
	}
	spec, _, err := unstructured.NestedMap(live.Object, "spec")
	if err != nil {
		return fmt.Errorf("read the spec of application %s/%s: %w", live.GetNamespace(), live.GetName(), err)
	}
	var written applicationModel
	if err := newLiveSpec(spec, &written).into(&written); err != nil {
		return fmt.Errorf("application %s/%s: %w", live.GetNamespace(), live.GetName(), err)
	}
	m.ID = fwtypes.StringValue(live.GetNamespace() + "/" + live.GetName())
	m.Labels = live.GetLabels()
	m.Components, m.Environments, m.Policies, m.Workflow = written.Components, written.Environments, written.Policies, written.Workflow
	m.Revision = fwtypes.StringValue(application.Annotations[v1alpha1.AnnotationRevision])
	m.Status = flattenApplicationStatus(&application)
	return nil
}

// flattenApplicationStatus converts the status.
func flattenApplicationStatus(application *v1beta1.Application) *applicationStatusModel {
	status := application.Status
	model := &applicationStatusModel{
		Current:    fwtypes.BoolValue(status.ObservedGeneration == application.Generation),
		Phase:      fwtypes.StringValue(string(status.Phase)),
		Ready:      fwtypes.BoolValue(meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady)),
		Revision:   fwtypes.StringValue(status.ObservedRevision),
		Services:   []serviceModel{},
		Conditions: flattenConditions(status.Conditions),
	}
	summary := v1beta1.ApplicationSummary{}
	if status.Summary != nil {
		summary = *status.Summary
	}
	model.Places = fwtypes.Int64Value(int64(summary.Places))
	model.Healthy = fwtypes.Int64Value(int64(summary.Healthy))
	model.Omitted = fwtypes.Int64Value(int64(summary.Omitted))
	for _, service := range status.Services {
		model.Services = append(model.Services, serviceModel{
			Component:   fwtypes.StringValue(service.Name),
			Environment: stringOrNull(service.Env),
			Cluster:     stringOrNull(service.Cluster),
			Namespace:   stringOrNull(service.Namespace),
			Healthy:     fwtypes.BoolValue(service.Healthy),
			Message:     fwtypes.StringValue(bounded(service.Message)),
		})
	}
	slices.SortStableFunc(model.Services, func(a, b serviceModel) int { return strings.Compare(a.place(), b.place()) })
	return model
}

// place orders services.
func (s serviceModel) place() string {
	return strings.Join([]string{s.Component.ValueString(), s.Environment.ValueString(), s.Cluster.ValueString()}, "\x00")
}
