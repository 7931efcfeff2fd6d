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
	"github.com/hashicorp/terraform-plugin-framework/diag"
	resourceschema "github.com/hashicorp/terraform-plugin-framework/resource/schema"
	fwtypes "github.com/hashicorp/terraform-plugin-framework/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// The bounds of what a data source puts out, so that no fleet makes a state of
// many megabytes.
const (
	// maxEntries is how many clusters or decisions a data source lists.
	maxEntries = 1000
	// maxText is how long a message of the hub may be, in bytes.
	maxText = 1024
)

// hubReader is what all data sources have in common: they read from the hub.
type hubReader struct {
	hub *Hub
}

// Configure takes the Hub over.
func (r *hubReader) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	r.hub = hubOf(req.ProviderData, &resp.Diagnostics)
}

// client returns the client of the hub. While the hub is not known nothing can be
// answered: null would be taken for an answer, and unknown is refused by engines.
func (r *hubReader) client(ctx context.Context, typeName string) (*hub.Client, diag.Diagnostics) {
	client, diags := r.hub.Client(ctx)
	if client == nil && !diags.HasError() {
		diags.Append(unreadable(typeName, "hub", "aws_eks_cluster.hub"))
	}
	return client, diags
}

// unreadable says that what a data source needs of the provider's configuration is
// not known yet, and how it is read nevertheless.
func unreadable(typeName, what, source string) diag.Diagnostic {
	return diag.NewErrorDiagnostic(hubNotKnown, fmt.Sprintf("data.%s cannot be read in this plan: the provider's %s depends on values that are known only after apply. "+
		"Let it depend on what the %s comes from, then it is read during apply:\n\n"+
		"  data %q \"...\" {\n    depends_on = [%s]\n  }", typeName, what, what, typeName, source))
}

// conditionModel is a condition of an object. It has no times: they would change
// what depends on it although nothing has changed.
type conditionModel struct {
	Type    fwtypes.String `tfsdk:"type"`
	Status  fwtypes.String `tfsdk:"status"`
	Reason  fwtypes.String `tfsdk:"reason"`
	Message fwtypes.String `tfsdk:"message"`
}

// flattenConditions converts conditions, sorted by type.
func flattenConditions(conditions []metav1.Condition) []conditionModel {
	models := make([]conditionModel, 0, len(conditions))
	for _, condition := range conditions {
		models = append(models, conditionModel{
			Type:    fwtypes.StringValue(condition.Type),
			Status:  fwtypes.StringValue(string(condition.Status)),
			Reason:  fwtypes.StringValue(condition.Reason),
			Message: fwtypes.StringValue(bounded(condition.Message)),
		})
	}
	slices.SortFunc(models, func(a, b conditionModel) int { return strings.Compare(a.Type.ValueString(), b.Type.ValueString()) })
	return models
}

// bounded cuts a text that is too long.
func bounded(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + " ..."
}

// conditionsSchema describes conditions.
func conditionsSchema(description string) schema.Attribute {
	return schema.ListNestedAttribute{
		Computed:            true,
		MarkdownDescription: description + " Sorted by type.",
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"type":    readString("Type of the condition, such as `Ready`."),
			"status":  readString("`True`, `False` or `Unknown`."),
			"reason":  readString("Why, in one word."),
			"message": readString("Why, for people."),
		}},
	}
}

// readString is a text that is read.
func readString(description string) schema.StringAttribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: description}
}

// readBool is a truth value that is read.
func readBool(description string) schema.BoolAttribute {
	return schema.BoolAttribute{Computed: true, MarkdownDescription: description}
}

// readInt is a number that is read.
func readInt(description string) schema.Int64Attribute {
	return schema.Int64Attribute{Computed: true, MarkdownDescription: description}
}

// readStringMap is a map of texts that is read.
func readStringMap(description string) schema.MapAttribute {
	return schema.MapAttribute{Computed: true, ElementType: fwtypes.StringType, MarkdownDescription: description}
}

// readStringList is a list of texts that is read.
func readStringList(description string) schema.ListAttribute {
	return schema.ListAttribute{Computed: true, ElementType: fwtypes.StringType, MarkdownDescription: description}
}

// readAll makes attributes of a resource into attributes that are read. Those of a
// kind that it does not know are left out.
func readAll(attributes map[string]resourceschema.Attribute) map[string]schema.Attribute {
	read := make(map[string]schema.Attribute, len(attributes))
	for name, attribute := range attributes {
		if converted := readLike(attribute); converted != nil {
			read[name] = converted
		}
	}
	return read
}

// readLike is one attribute of readAll.
func readLike(attribute resourceschema.Attribute) schema.Attribute {
	description := attribute.GetMarkdownDescription()
	switch a := attribute.(type) {
	case resourceschema.StringAttribute:
		return readString(description)
	case resourceschema.BoolAttribute:
		return readBool(description)
	case resourceschema.Int32Attribute:
		return schema.Int32Attribute{Computed: true, MarkdownDescription: description}
	case resourceschema.SetAttribute:
		return schema.SetAttribute{Computed: true, ElementType: a.ElementType, MarkdownDescription: description}
	case resourceschema.MapAttribute:
		return schema.MapAttribute{Computed: true, ElementType: a.ElementType, MarkdownDescription: description}
	case resourceschema.DynamicAttribute:
		return schema.DynamicAttribute{Computed: true, MarkdownDescription: description}
	case resourceschema.SingleNestedAttribute:
		return schema.SingleNestedAttribute{Computed: true, MarkdownDescription: description, Attributes: readAll(a.Attributes)}
	case resourceschema.ListNestedAttribute:
		return schema.ListNestedAttribute{Computed: true, MarkdownDescription: description,
			NestedObject: schema.NestedAttributeObject{Attributes: readAll(a.NestedObject.Attributes)}}
	}
	return nil
}

// get reads an object that must exist. When it does not, the error names those
// that do, and the one that was probably meant.
func get(ctx context.Context, client *hub.Client, kind runtimeschema.GroupVersionKind, key types.NamespacedName, diags *diag.Diagnostics) *unstructured.Unstructured {
	live, err := client.Get(ctx, kind, key)
	if err == nil || !hub.IsNotFound(err) || hub.IsNoMatch(err) {
		appendError(diags, err)
		return live
	}
	where := "The hub has"
	if key.Namespace != "" {
		where = fmt.Sprintf("The namespace %q of the hub has", key.Namespace)
	}
	detail := fmt.Sprintf("%s no %s %q", where, kind.Kind, key.Name)
	// Without the right to list, the error says less.
	if others, err := client.List(ctx, kind, key.Namespace, ""); err == nil {
		names := make([]string, 0, len(others))
		for i := range others {
			names = append(names, others[i].GetName())
		}
		detail += hub.Known(key.Name, names)
	}
	diags.AddError(kind.Kind+" not found", detail)
	return nil
}

// atMost bounds a list, with a warning when something is left out.
func atMost[T any](list []T, what, remedy string, diags *diag.Diagnostics) []T {
	if len(list) <= maxEntries {
		return list
	}
	diags.AddWarning("Not all "+what+" are listed", fmt.Sprintf("There are %d %s, and the first %d of them are listed, by name. %s", len(list), what, maxEntries, remedy))
	return list[:maxEntries]
}
