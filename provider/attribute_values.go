// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The functions below turn what was read from the hub into attribute values,
// given the prior ones. What means the same stays as it was written: empty and
// absent are one, and a duration keeps its spelling. So nothing that nobody
// changed is ever shown as a difference.

// orDefault returns live, or what the API takes it for when it is empty.
func orDefault(live, fallback string) types.String {
	if live == "" {
		return types.StringValue(fallback)
	}
	return types.StringValue(live)
}

// stringOrNull returns live, null when it is empty.
func stringOrNull(live string) types.String {
	if live == "" {
		return types.StringNull()
	}
	return types.StringValue(live)
}

// keepDuration returns live as text in prior's spelling where it is the same time.
func keepDuration(live *metav1.Duration, prior types.String) types.String {
	if live == nil {
		return types.StringNull()
	}
	written, err := time.ParseDuration(prior.ValueString())
	if err == nil && written == live.Duration {
		return prior
	}
	return types.StringValue(shortDuration(live.Duration))
}

// shortDuration writes 24h rather than 24h0m0s.
func shortDuration(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if len(text) > len(zero) && text[len(text)-len(zero):] == zero {
			text = text[:len(text)-2]
		}
	}
	return text
}

// duration converts text that a validator has checked; nil when null.
func duration(value types.String) *metav1.Duration {
	if value.IsNull() || value.IsUnknown() {
		return nil
	}
	parsed, err := time.ParseDuration(value.ValueString())
	if err != nil {
		return nil
	}
	return &metav1.Duration{Duration: parsed}
}

// keepIntOrString returns a number or percentage as text.
func keepIntOrString(live *intstr.IntOrString) types.String {
	if live == nil {
		return types.StringNull()
	}
	return types.StringValue(live.String())
}

// sameDuration keeps the spelling of the state where the plan means the same time.
func sameDuration() []planmodifier.String { return []planmodifier.String{durationSpelling{}} }

// durationSpelling is the plan modifier of sameDuration.
type durationSpelling struct{}

// Description says what the modifier does.
func (durationSpelling) Description(context.Context) string {
	return "another spelling of the same duration is no change"
}

// MarkdownDescription says what the modifier does.
func (d durationSpelling) MarkdownDescription(ctx context.Context) string { return d.Description(ctx) }

// PlanModifyString plans the state's spelling of the same duration.
func (durationSpelling) PlanModifyString(_ context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse) {
	before, planned := duration(req.StateValue), duration(req.PlanValue)
	if before != nil && planned != nil && before.Duration == planned.Duration {
		resp.PlanValue = req.StateValue
	}
}

// intOrString converts text to a number, or to a percentage; nil when null.
func intOrString(value types.String) *intstr.IntOrString {
	if value.IsNull() || value.IsUnknown() {
		return nil
	}
	parsed := intstr.Parse(value.ValueString())
	return &parsed
}

// keepSet returns live as a set of strings, where empty and absent are one.
func keepSet(live []string, prior types.Set) types.Set {
	if len(live) == 0 && prior.IsNull() {
		return types.SetNull(types.StringType)
	}
	return types.SetValueMust(types.StringType, stringValues(live))
}

// keepBool is a flag that is false when it is left out: false is told where it was written.
func keepBool(live bool, prior types.Bool) types.Bool {
	if !live && prior.IsNull() {
		return prior
	}
	return types.BoolValue(live)
}

// keepList returns live as a list of strings, where empty and absent are one.
func keepList(live []string, prior types.List) types.List {
	if len(live) == 0 && prior.IsNull() {
		return types.ListNull(types.StringType)
	}
	return types.ListValueMust(types.StringType, stringValues(live))
}

// stringValues converts strings to attribute values.
func stringValues(texts []string) []attr.Value {
	values := make([]attr.Value, 0, len(texts))
	for _, text := range texts {
		values = append(values, types.StringValue(text))
	}
	return values
}

// keepMap returns live as a map of strings, where empty, null and absent are one.
func keepMap(live map[string]string, prior types.Map) types.Map {
	if len(live) == 0 && prior.IsNull() {
		return types.MapNull(types.StringType)
	}
	values := make(map[string]attr.Value, len(live))
	for key, value := range prior.Elements() {
		if value.IsNull() {
			values[key] = value
		}
	}
	for key, text := range live {
		values[key] = types.StringValue(text)
	}
	return types.MapValueMust(types.StringType, values)
}

// stringsOf returns the elements of a set or list, without those that are null or
// unknown; sets come sorted, so that equal configurations write equal objects.
func stringsOf(ctx context.Context, value interface {
	IsNull() bool
	IsUnknown() bool
	ElementsAs(ctx context.Context, target any, allowUnhandled bool) diag.Diagnostics
}, diags *diag.Diagnostics) []string {
	if value.IsNull() || value.IsUnknown() {
		return nil
	}
	var elements []types.String
	diags.Append(value.ElementsAs(ctx, &elements, false)...)
	texts := make([]string, 0, len(elements))
	for _, element := range elements {
		if !element.IsNull() && !element.IsUnknown() {
			texts = append(texts, element.ValueString())
		}
	}
	if _, isSet := value.(types.Set); isSet {
		slices.Sort(texts)
	}
	return texts
}

// stringMap returns the elements of a map of strings, without those that are null.
func stringMap(ctx context.Context, value types.Map, diags *diag.Diagnostics) map[string]string {
	if value.IsNull() || value.IsUnknown() {
		return nil
	}
	var elements map[string]types.String
	diags.Append(value.ElementsAs(ctx, &elements, false)...)
	texts := map[string]string{}
	for key, element := range elements {
		if !element.IsNull() {
			texts[key] = element.ValueString()
		}
	}
	return texts
}

// sameModel says that two models of a resource, given as pointers to structs of one type,
// have equal attributes. A field that is no attribute value makes them differ.
func sameModel(a, b any) bool {
	first, second := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for i := range first.NumField() {
		value, ok := first.Field(i).Interface().(attr.Value)
		other, _ := second.Field(i).Interface().(attr.Value)
		if !ok || !value.Equal(other) {
			return false
		}
	}
	return true
}
