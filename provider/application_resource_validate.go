// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// snippetLines is how long an attribute may be for a diagnostic to point at it:
// engines print the whole attribute, once for each diagnostic.
const snippetLines = 20

// ValidateConfig checks the application without a hub.
func (r *applicationResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config applicationModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	checkReservedAnnotations(config.Annotations, &resp.Diagnostics)
	spec := newApplicationSpec(&config)
	_, ignoredFindings := newIgnoredFields(config.IgnoreFields)
	appendFindings(&resp.Diagnostics, &config, slices.Concat(spec.findings, newWantedSecrets(&config).findings, straySecrets(&config, spec), ignoredFindings))
	warnOfStrayPaths(&config, spec, &resp.Diagnostics)
	// Without a hub nothing can be said of the hub's own types, so only what looks
	// like a slip of the pen is worth a warning. The plan asks the hub.
	if r.hub == nil {
		warnOfForeignTypes(&resp.Diagnostics, slices.DeleteFunc(spec.foreign, func(f foreignType) bool { return f.err.Suggestion == "" }))
	}
}

// checkReservedAnnotations refuses annotations that the provider itself writes.
func checkReservedAnnotations(annotations types.Map, diags *diag.Diagnostics) {
	for _, key := range sortedStringKeys(annotations) {
		if reservedAnnotation(key) {
			diags.AddAttributeError(path.Root("annotations"), "Reserved annotation",
				fmt.Sprintf("annotations[%q]: the provider sets this annotation itself. Leave it out.", key))
		}
	}
}

func sortedStringKeys(m types.Map) []string {
	keys := map[string]any{}
	for key := range m.Elements() {
		keys[key] = nil
	}
	return sortedKeys(keys)
}

// reservedAnnotation says whether the provider or the addon writes the annotation.
func reservedAnnotation(key string) bool {
	return strings.HasPrefix(key, "fairlead.dev/") || key == v1beta1.AnnotationControllerRequirement
}

// appendFindings adds all mistakes of an application as one error. Engines print
// no paths inside a Dynamic value, so each line begins with its own.
func appendFindings(diags *diag.Diagnostics, m *applicationModel, findings []definition.Finding) {
	if len(findings) == 0 {
		return
	}
	summary, detail := "Invalid application", findingsText(findings)
	attribute := commonAttribute(findings)
	if attribute == "" || linesOf(m, attribute) >= snippetLines {
		diags.AddError(summary, detail)
		return
	}
	diags.AddAttributeError(path.Root(attribute), summary, detail)
}

// findingsText is all findings, each on a line of its own.
func findingsText(findings []definition.Finding) string {
	lines := make([]string, len(findings))
	for i, finding := range findings {
		lines[i] = finding.String()
	}
	return strings.Join(lines, "\n")
}

// commonAttribute is the attribute that all findings are in, "" if there are several.
func commonAttribute(findings []definition.Finding) string {
	common := ""
	for i, finding := range findings {
		root, _, _ := strings.Cut(finding.Path, ".")
		root, _, _ = strings.Cut(root, "[")
		if i > 0 && root != common {
			return ""
		}
		common = root
	}
	return common
}

// linesOf is about how many lines an attribute takes in a configuration.
func linesOf(m *applicationModel, attribute string) int {
	value := map[string]types.Dynamic{
		"components": m.Components, "environments": m.Environments, "policies": m.Policies, "workflow": m.Workflow,
	}[attribute]
	text, err := json.MarshalIndent(jsonWithoutError(value), "", " ")
	if err != nil {
		return snippetLines
	}
	return bytes.Count(text, []byte("\n")) + 1
}

// warnOfForeignTypes warns of types that are not embedded. The hub may have
// them by the time of the apply; the same plan may even create them.
func warnOfForeignTypes(diags *diag.Diagnostics, foreign []foreignType) {
	if len(foreign) == 0 {
		return
	}
	lines := make([]string, 0, len(foreign))
	for _, use := range foreign {
		lines = append(lines, use.line())
	}
	diags.AddWarning("Type is not built in", strings.Join(lines, "\n")+
		"\n\nIts properties cannot be checked here. The hub must have a definition of that name when this is applied.")
}

// foreignToHub are the types that the hub has no definition of either, or of
// which that cannot be found out, or is not to be.
func (r *applicationResource) foreignToHub(ctx context.Context, plan *applicationModel, foreign []foreignType) []foreignType {
	if len(foreign) == 0 || r.hub == nil || r.hub.preview != previewServer {
		return foreign
	}
	client, diags := r.hub.Client(ctx)
	if client == nil || diags.HasError() || plan.Namespace.IsUnknown() {
		return foreign
	}
	object := r.object(client, plan)
	var out []foreignType
	for _, use := range foreign {
		found, err := object.defined(ctx, use.err)
		if !found && err == nil {
			use = use.among(object.besides(ctx, use.err.Kind))
		}
		if !found {
			out = append(out, use)
		}
	}
	return out
}

// maxBesides bounds how many types of the hub are named in one line.
const maxBesides = 20

// among is the use with what the hub has beside the embedded types.
func (f foreignType) among(besides []string) foreignType {
	widened := *f.err
	widened.Suggestion = definition.Suggest(f.err.Name, append(slices.Clone(besides), f.err.Known...))
	f.err, f.besides = &widened, besides
	return f
}

// line says of one use what is not built in, and what was perhaps meant.
func (f foreignType) line() string {
	text := fmt.Sprintf("%s: no %s type %q is built in", f.path, f.err.Kind, f.err.Name)
	if f.err.Suggestion != "" {
		return text + fmt.Sprintf(" (did you mean %s?)", f.err.Suggestion)
	}
	text += "; built in are " + strings.Join(f.err.Known, ", ")
	if len(f.besides) == 0 {
		return text
	}
	text += "; the hub has " + strings.Join(f.besides[:min(len(f.besides), maxBesides)], ", ")
	if more := len(f.besides) - maxBesides; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
