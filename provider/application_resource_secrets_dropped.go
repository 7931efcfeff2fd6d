// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
)

// droppedSecrets are Secrets of the state that an attribute names no more.
type droppedSecrets struct {
	attribute string
	// unsaid says that the configuration does not have the attribute at all.
	unsaid bool
	// keys are their names among the application's secrets, sorted.
	keys []string
}

// newDroppedSecrets compares what is planned with the state, by attribute.
func newDroppedSecrets(config, plan, state *applicationModel) []droppedSecrets {
	everywhere := droppedSecrets{attribute: "secrets_wo", unsaid: config.SecretsWO.IsNull()}
	inOne := droppedSecrets{attribute: "environment_secrets_wo", unsaid: config.EnvironmentSecretsWO.IsNull()}
	planned := plan.Secrets.Elements()
	for _, key := range sortedStringKeys(state.Secrets) {
		if _, kept := planned[key]; kept {
			continue
		}
		dropped := &everywhere
		if strings.Contains(key, "/") {
			dropped = &inOne
		}
		dropped.keys = append(dropped.keys, key)
	}
	return []droppedSecrets{everywhere, inOne}
}

// checkDropped says which Secrets the apply deletes: the hub may hold the only copy of
// their values. Nothing that an import or an engine makes can hold those, so after an
// import it is no wish to delete Secrets that the configuration does not speak of them:
// then they have to be named, or denied. Engines begin a destroy with a plan like any
// other, which nothing tells apart, and keep no private state of a plan that changes
// nothing: so it is refused too, and for as long as nothing was written since the import.
func checkDropped(config, plan, state *applicationModel, imported bool, diags *diag.Diagnostics) {
	if state == nil || plan.Secrets.IsUnknown() {
		return
	}
	for _, dropped := range newDroppedSecrets(config, plan, state) {
		if len(dropped.keys) == 0 {
			continue
		}
		if imported && dropped.unsaid {
			dropped.refuse(state, diags)
			continue
		}
		dropped.warn(state, diags)
	}
}

// refuse keeps an import from deleting what it cannot have brought.
func (d droppedSecrets) refuse(state *applicationModel, diags *diag.Diagnostics) {
	diags.AddAttributeError(path.Root(d.attribute), "Secrets of an imported application would be deleted", fmt.Sprintf(
		"Application %[1]q was imported, and not written since. The hub has Secrets of it that the configuration says nothing of: %[2]s. Their values are "+
			"write-only: no import and no generated configuration contains them. Without %[3]s the apply would delete these Secrets.\n\n"+
			"To keep them, write %[3]s with their values into the configuration. What the hub has of them:\n  %[4]s\n"+
			"To delete them, write %[3]s = {}.\n"+
			"To destroy the application with them, which begins with a plan like this one, run the destroy with -refresh=false, "+
			"write %[3]s = {} before it, or take the application out of the configuration and apply.",
		state.ID.ValueString(), strings.Join(d.keys, ", "), d.attribute, d.command(state)))
}

// warn names what is deleted. The summary names the application, so that engines do not
// fold the warning into that of another one.
func (d droppedSecrets) warn(state *applicationModel, diags *diag.Diagnostics) {
	diags.AddAttributeWarning(path.Root(d.attribute), fmt.Sprintf("Secrets of application %q are deleted", state.ID.ValueString()), fmt.Sprintf(
		"%s has these no more, and the apply deletes them: %s. Their values are in no state. If they are nowhere else, keep them before you apply:\n  %s",
		d.attribute, strings.Join(d.keys, ", "), d.command(state)))
}

// command shows on the hub what the Secrets hold.
func (d droppedSecrets) command(state *applicationModel) string {
	object := applicationObject{namespace: state.Namespace.ValueString()}
	names := make([]string, 0, len(d.keys))
	for _, key := range d.keys {
		names = append(names, object.secretAt(key).Name)
	}
	return fmt.Sprintf("kubectl -n %s get secret %s -o yaml", object.namespace, strings.Join(names, " "))
}
