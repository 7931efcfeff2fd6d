// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hclvalue"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/preview"
)

// privateSalt is where the salt of the digests in `resources` is kept.
const privateSalt = "salt"

// resourcesSchema is what an application becomes.
func resourcesSchema() schema.Attribute {
	return schema.MapAttribute{
		Computed:    true,
		ElementType: types.StringType,
		MarkdownDescription: "The Kubernetes objects of the application in each environment: `environment/component/Kind/name`, with a digest of the object. " +
			"It follows from this configuration and the types that are built into the provider or given in `definitions`, and changes only with the configuration: " +
			"a plan lists what will be created, changed and removed before any cluster exists. " +
			"Namespaces and defaults of an environment count where `environments` has its `ref`; cluster bindings do not. " +
			"Digests are keyed by a secret of this resource, and known from the first apply on. Names stand as they are: that of an object that is marked sensitive is not marked here. " +
			"The map is unknown, with a warning that says why, where a type is neither built in nor given, or a value that is not known yet decides which objects there are.",
	}
}

// previewOf says which objects an application becomes.
func (r *applicationResource) previewOf(m *applicationModel, spec *applicationSpec) preview.Preview {
	renderer, wrong := rendererOf(m)
	_, open := givenFiles(m)
	switch {
	case len(wrong) > 0:
		return preview.Preview{Unknown: wrong[0].String()}
	case hclvalue.HasUnknown(m.Definitions):
		return preview.Preview{Unknown: "definitions is not known yet, and says what becomes of their types"}
	case open:
		return preview.Preview{Unknown: "namespace is not known yet, and says which of definitions the application finds"}
	}
	return renderer.Preview(previewed(m, spec, r.hub))
}

// previewed is what decides the objects of an application.
func previewed(m *applicationModel, spec *applicationSpec, hub *Hub) preview.Application {
	labels := jsonOrUnknown(m.Labels)
	if own, ok := labels.(map[string]any); hub != nil && (ok || labels == nil) {
		labels = withDefaults(hub, own)
	}
	return preview.Application{
		Name: jsonOrUnknown(m.Name), Namespace: jsonOrUnknown(m.Namespace), Labels: labels, Annotations: jsonOrUnknown(m.Annotations),
		Spec: previewedSpec(m, spec), Environments: previewedRefs(m.Environments),
	}
}

// withDefaults adds the provider's default labels to those of an application.
func withDefaults(hub *Hub, own map[string]any) any {
	if hub.labelsUnknown {
		return definition.Unknown{}
	}
	out := map[string]any{}
	for key, value := range hub.DefaultLabels {
		out[key] = value
	}
	for key, value := range own {
		out[key] = value
	}
	return out
}

// previewedSpec is the spec with what is not known as a whole, too.
func previewedSpec(m *applicationModel, spec *applicationSpec) map[string]any {
	out := map[string]any{"components": namedComponents(m, spec)}
	put(out, "workflow", spec.workflow)
	environments, ok := spec.environments.([]any)
	policies, alsoOK := spec.policies.([]any)
	if !ok && spec.environments != nil || !alsoOK && spec.policies != nil {
		out["policies"] = definition.Unknown{}
		return out
	}
	if all := slices.Concat(environments, policies); len(all) > 0 {
		out["policies"] = all
	}
	return out
}

// jsonOrUnknown is a value as JSON; a string, or an object of strings.
func jsonOrUnknown(v attr.Value) any {
	out, err := hclvalue.ToJSON(v)
	if err != nil {
		return nil // only numbers fail, and there are none
	}
	return out
}

// namedComponents are the components of a spec, of which one that is not known as
// a whole has its name all the same.
func namedComponents(m *applicationModel, spec *applicationSpec) any {
	components, ok := spec.components.([]any)
	byName, _ := jsonWithoutError(m.Components).(map[string]any)
	names := sortedKeys(byName)
	if !ok || len(names) != len(components) {
		return spec.components
	}
	out := slices.Clone(components)
	for i, component := range out {
		if notKnown(component) {
			out[i] = map[string]any{"name": names[i], "type": component}
		}
	}
	return out
}

// environmentRefs is what is known of environments: the `ref` of each that has one,
// with its defaults as the environment writes them.
func environmentRefs(environments types.Dynamic) map[string]any {
	content, _ := jsonWithNulls(environments)
	byName, _ := content.(map[string]any)
	out := map[string]any{}
	for name, v := range byName {
		if fields, ok := v.(map[string]any); ok {
			put(out, name, normalRef(fields["ref"]))
		}
	}
	return out
}

// normalRef leaves out of a ref what is null and means nothing.
func normalRef(ref any) any {
	fields, ok := ref.(map[string]any)
	if !ok {
		return ref
	}
	kept := map[string]any{}
	for key, value := range fields {
		if key == "defaults" {
			put(kept, key, coercedDefaults(value))
			continue
		}
		put(kept, key, hclvalue.Prune(value))
	}
	return kept
}

// previewedRefs are the refs with what decides the objects of an application.
func previewedRefs(environments types.Dynamic) map[string]any {
	refs := environmentRefs(environments)
	for name, ref := range refs {
		if fields, ok := ref.(map[string]any); ok {
			kept := map[string]any{}
			put(kept, "target_namespace", fields["target_namespace"])
			put(kept, "defaults", fields["defaults"])
			refs[name] = kept
		}
	}
	return refs
}

// checkRefs refuses what is known of one environment under the name of another:
// the plan would show objects that are delivered nowhere.
func checkRefs(environments types.Dynamic, diags *diag.Diagnostics) {
	refs := environmentRefs(environments)
	for _, name := range sortedKeys(refs) {
		ref, _ := refs[name].(map[string]any)
		if other, ok := ref["name"].(string); ok && other != name {
			diags.AddAttributeError(path.Root("environments"), "Invalid application", fmt.Sprintf(
				"%s: is the ref of the environment %q; give that of %q, or make %q the key", hclvalue.Key("environments", name)+".ref", other, name, other))
		}
	}
}

// changedRefs compares what is known of environments. What one side alone knows is a
// change, unless the state is from an import: then it is one where the import has seen
// something else. same says that neither side knows one that the other does not.
func changedRefs(after, before types.Dynamic, from origin) (changed, same bool) {
	planned, known := environmentRefs(after), environmentRefs(before)
	same = len(planned) == len(known)
	for name, ref := range planned {
		earlier, both := known[name]
		if !both && from.differs(name, ref) {
			return true, false
		}
		if !both {
			same = false
			continue
		}
		if hclvalue.HasUnknownJSON(ref) || !exactJSON(ref, earlier) {
			return true, false
		}
	}
	return !same && !from.imported, same
}

// planResources plans which objects the application becomes. Without a change
// what the state says stays. The hub is never asked: the plan is made again while
// it is applied, when the hub may be known and has changed.
func (r *applicationResource) planResources(plan *applicationModel, spec *applicationSpec, state *applicationModel, salt string, changed bool, diags *diag.Diagnostics) {
	if state != nil && !changed {
		plan.Resources = state.Resources
		return
	}
	plan.Resources = types.MapUnknown(types.StringType)
	checkRefs(plan.Environments, diags)
	if len(spec.findings) > 0 || diags.HasError() || (r.hub != nil && r.hub.preview == previewOff) {
		return
	}
	found := r.previewOf(plan, spec)
	if found.Invalid {
		diags.AddError("Invalid application", fmt.Sprintf("Application %q, with what its environments say by default: %s", plan.Name.ValueString(), found.Unknown))
		return
	}
	if found.Broken {
		diags.AddWarning("Application cannot be rendered", fmt.Sprintf("Application %q: %s.\n\nThe application is written all the same, but such an environment takes nothing "+
			"of it, and keeps what it has, unless the overrides of all its cluster bindings mend this. Change the application, or ask the platform team.",
			plan.Name.ValueString(), strings.TrimSuffix(found.Unknown, ".")))
		return
	}
	if found.Unknown != "" {
		diags.AddWarning("Objects not known yet", "Which objects application \""+plan.Name.ValueString()+"\" becomes is known after the apply: "+found.Unknown+". "+
			"Until then the plan shows `resources` as a whole as unknown; nothing is removed because of it.")
		return
	}
	if state == nil {
		// Only an apply makes a salt, and a replacement has no private state.
		salt = ""
	}
	plan.Resources = digestMap(found, salt)
	warnOfBreaches(found, environmentRefs(plan.Environments), diags)
}

// digestMap is the map of digests, each unknown without a salt.
func digestMap(found preview.Preview, salt string) types.Map {
	values := map[string]attr.Value{}
	for key, digest := range found.Digests(salt) {
		values[key] = types.StringUnknown()
		if salt != "" && digest != "" {
			values[key] = types.StringValue(digest)
		}
	}
	return types.MapValueMust(types.StringType, values)
}

// settleResources makes known what is still unknown of `resources` while the
// application is written.
func (r *applicationResource) settleResources(m *applicationModel, spec *applicationSpec, salt string) {
	if !hclvalue.HasUnknown(m.Resources) {
		return
	}
	m.Resources = r.renderedResources(m, spec, salt)
}

// renderedResources are the digests of an application that is fully known; null
// where it cannot be rendered here.
func (r *applicationResource) renderedResources(m *applicationModel, spec *applicationSpec, salt string) types.Map {
	found := r.previewOf(m, spec)
	if found.Unknown != "" {
		return types.MapNull(types.StringType)
	}
	return digestMap(found, salt)
}

// readResources renders again when, and only when, what was read differs from
// what the state says, and after an import.
func (r *applicationResource) readResources(state, before *applicationModel, salt string) {
	same := state.Components.Equal(before.Components) && state.Environments.Equal(before.Environments) && state.Policies.Equal(before.Policies) &&
		state.Workflow.Equal(before.Workflow) && state.Labels.Equal(before.Labels) && state.Annotations.Equal(before.Annotations)
	if same || salt == "" {
		return
	}
	state.Resources = r.renderedResources(state, newApplicationSpec(state), salt)
}

// storeSalt keeps the salt.
func storeSalt(ctx context.Context, private privateWriter, salt string) diag.Diagnostics {
	encoded, err := json.Marshal(salt)
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Private state not writable", err.Error())}
	}
	return private.SetKey(ctx, privateSalt, encoded)
}

// loadSalt returns the salt that was kept, empty when none was.
func loadSalt(ctx context.Context, private privateStore) string {
	encoded, diags := private.GetKey(ctx, privateSalt)
	var salt string
	if diags.HasError() || len(encoded) == 0 || json.Unmarshal(encoded, &salt) != nil {
		return ""
	}
	return salt
}
