// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// look reads an object that is to be destroyed. It says nothing where the hub
// cannot be asked or has no such object: a plan to destroy needs no hub.
func look(ctx context.Context, configured *Hub, of func(*hub.Client) platformObject, name string, typed runtime.Object) bool {
	client, diags := configured.Client(ctx)
	if client == nil || diags.HasError() {
		return false
	}
	object := of(client)
	live, err := client.Get(ctx, object.gvk, object.key(name))
	return err == nil && decode(live, typed) == nil
}

// warnOfEnvironment says what goes together with an environment.
func warnOfEnvironment(environment *v1alpha1.Environment, diags *diag.Diagnostics) {
	status := environment.Status
	if status.Applications == 0 {
		return
	}
	end := "What was delivered there is deleted."
	if deletion := environment.Spec.Deletion; deletion != nil && deletion.Policy == "Orphan" {
		end = "What was delivered there stays, and nothing manages it any more (deletion.policy = \"Orphan\")."
	}
	diags.AddWarning(inUse("environment", environment.Name, "destroyed"), fmt.Sprintf("The environment %q has %s on %s. %s",
		environment.Name, count(status.Applications, "application"), count(status.Clusters, "cluster"), end))
}

// warnOfBinding says what goes together with a cluster binding.
func warnOfBinding(binding *v1alpha1.ClusterBinding, environment *v1alpha1.Environment, diags *diag.Diagnostics) {
	if binding.Status.Decisions == 0 || environment.Status.Applications == 0 {
		return
	}
	diags.AddWarning(inUse("cluster binding", binding.Name, "destroyed"), fmt.Sprintf(
		"The binding %q gives %s to the environment %q, which has %s. They leave the clusters that no other binding of it has.",
		binding.Name, count(binding.Status.Decisions, "cluster"), environment.Name, count(environment.Status.Applications, "application")))
}

// inUse is the summary of a warning of what happens to something in use. It has the name, since engines
// show the details of only one of several warnings with one summary.
func inUse(kind, name, happens string) string {
	return fmt.Sprintf("The %s %q is in use and %s", kind, name, happens)
}

// count writes a number with its noun.
func count(number int32, noun string) string {
	if number == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", number, noun)
}
