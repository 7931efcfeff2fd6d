// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

var _ resource.ResourceWithMoveState = (*applicationResource)(nil)

// MoveState takes over the state of resources of other providers that hold an
// Application as a manifest. Only its name is taken: the rest is read from the hub
// as after an import.
func (r *applicationResource) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{{StateMover: moveApplication}}
}

// manifestState is what the states of kubernetes_manifest and kubectl_manifest
// say of an object.
type manifestState struct {
	// Object and Manifest are those of kubernetes_manifest.
	Object   *dynamicManifest `json:"object"`
	Manifest *dynamicManifest `json:"manifest"`
	// The others are those of kubectl_manifest.
	APIVersion string `json:"api_version"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	Namespace  string `json:"namespace"`
}

// dynamicManifest is a manifest as an engine stores a value of any type.
type dynamicManifest struct {
	Value struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
		} `json:"metadata"`
	} `json:"value"`
}

// movableFrom says whether the state of a resource type of a provider is known
// here. Several providers have a kubectl_manifest of the same shape.
func movableFrom(typeName, address string) bool {
	switch typeName {
	case "kubernetes_manifest":
		return strings.HasSuffix(address, "/hashicorp/kubernetes")
	case "kubectl_manifest":
		return strings.HasSuffix(address, "/kubectl")
	}
	return false
}

// moveApplication moves the state of a resource that it knows, and leaves others alone.
func moveApplication(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
	if !movableFrom(req.SourceTypeName, req.SourceProviderAddress) || req.SourceRawState == nil {
		return
	}
	var source manifestState
	if err := json.Unmarshal(req.SourceRawState.JSON, &source); err != nil {
		// The cause may quote the state, which may hold what is sensitive.
		resp.Diagnostics.AddError("State not readable", fmt.Sprintf("The state of %s is not as it is known here. Import the application instead.", req.SourceTypeName))
		return
	}
	for _, manifest := range []*dynamicManifest{source.Manifest, source.Object} {
		if manifest != nil && manifest.Value.Kind != "" {
			source.APIVersion, source.Kind = manifest.Value.APIVersion, manifest.Value.Kind
			source.Name, source.Namespace = manifest.Value.Metadata.Name, manifest.Value.Metadata.Namespace
		}
	}
	if source.Kind != "Application" || source.APIVersion != v1beta1.GroupVersion.String() {
		resp.Diagnostics.AddError("Not an application", fmt.Sprintf("The %s holds %s %q of %s. Only an Application of %s can become a fairlead_application.",
			req.SourceTypeName, source.Kind, source.Name, source.APIVersion, v1beta1.GroupVersion))
		return
	}
	if source.Namespace == "" {
		source.Namespace = "default"
	}
	model := applicationModel{Name: types.StringValue(source.Name), Namespace: types.StringValue(source.Namespace)}
	resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("namespace"), model.Namespace)...)
	resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("name"), model.Name)...)
	resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("id"), applicationID(&model))...)
	resp.Diagnostics.Append(setApplicationIdentity(ctx, resp.TargetIdentity, &model)...)
}
