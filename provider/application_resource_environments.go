// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// lookAtEnvironments warns of environments that an application is not delivered to as
// the hub is now. It is no error: the same plan may make or change them. Those that
// come with their ref are made by the same configuration.
func (r *applicationResource) lookAtEnvironments(ctx context.Context, client *hub.Client, plan *applicationModel, desired *unstructured.Unstructured, diags *diag.Diagnostics) {
	names := environmentsIn(desired)
	if len(names) == 0 {
		return
	}
	view, err := r.hub.platform.look(ctx, client)
	var failure *hub.Error
	if errors.As(err, &failure) && failure.Reason == hub.Forbidden {
		r.noteOnce(notTried, failure.Detail+"\n\nWhether environments exist, admit the application and have clusters is not checked by the plan.", diags)
	}
	if err != nil {
		return
	}
	refs := environmentRefs(plan.Environments)
	var lines []string
	for _, name := range names {
		_, managed := refs[name]
		lines = append(lines, r.obstacles(ctx, client, view, name, desired.GetNamespace(), managed)...)
	}
	if len(lines) > 0 {
		diags.AddWarning("Not delivered everywhere yet", strings.Join(lines, "\n")+"\n\nThe application is written all the same, "+
			"and goes there as soon as nothing of this is in the way. What this plan creates or changes on the hub is not counted.")
	}
}

// environmentsIn are the names of the environments that an application goes to.
func environmentsIn(desired *unstructured.Unstructured) []string {
	raw, err := json.Marshal(desired.Object["spec"])
	var spec v1beta1.ApplicationSpec
	if err != nil || json.Unmarshal(raw, &spec) != nil {
		return nil
	}
	uses, err := policy.Environments(spec)
	if err != nil {
		return nil // the addon says so, in more words
	}
	var names []string
	for _, use := range uses {
		if use.Environment != "" && !slices.Contains(names, use.Environment) {
			names = append(names, use.Environment)
		}
	}
	return names
}

// obstacles are what is in the way of a delivery to an environment. Of one that the
// same configuration manages only what it does not decide is said.
func (r *applicationResource) obstacles(ctx context.Context, client *hub.Client, view *platformView, name, namespace string, managed bool) []string {
	environment, bindings := view.environments[name], view.bindings[name]
	if environment == nil {
		if managed {
			return nil
		}
		return []string{fmt.Sprintf("environment %q does not exist on the hub yet%s", name, strings.TrimSuffix(hub.Known(name, slices.Collect(maps.Keys(view.environments))), "."))}
	}
	if environment.DeletionTimestamp != nil {
		return []string{fmt.Sprintf("environment %q is being deleted", name)}
	}
	var lines []string
	if !managed && !r.admits(ctx, client, environment, namespace) {
		lines = append(lines, fmt.Sprintf("environment %q does not admit applications of the namespace %q yet (application_namespaces)", name, namespace))
	}
	return append(lines, idle(name, bindings)...)
}

// admits says whether an environment admits a namespace. In doubt it does.
func (r *applicationResource) admits(ctx context.Context, client *hub.Client, environment *v1alpha1.Environment, namespace string) bool {
	admitted := environment.Spec.ApplicationNamespaces
	if ok, err := admitted.Admit(namespace, nil); ok || err != nil || admitted == nil || admitted.Selector == nil {
		return ok || err != nil
	}
	labels, read := r.hub.platform.labelsOf(ctx, client, namespace)
	ok, err := admitted.Admit(namespace, labels)
	return ok || err != nil || !read
}

// idle says which bindings of an environment select no cluster, as far as the addon
// has looked at them as they are now.
func idle(environment string, bindings []*v1alpha1.ClusterBinding) []string {
	var lines []string
	serving := 0
	for _, binding := range bindings {
		if binding.DeletionTimestamp != nil {
			continue
		}
		serving++
		if binding.Status.ObservedGeneration == binding.Generation && binding.Status.Decisions == 0 {
			lines = append(lines, fmt.Sprintf("cluster binding %q of environment %q selects no cluster yet", binding.Name, environment))
		}
	}
	if serving == 0 {
		lines = append(lines, fmt.Sprintf("environment %q has no cluster binding yet", environment))
	}
	return lines
}
