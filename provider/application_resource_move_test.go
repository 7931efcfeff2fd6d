// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// TestMoveState moves the states that other providers store for an Application, as an engine with `moved` blocks asks for it.
func TestMoveState(t *testing.T) {
	const (
		manifest = `{"type":["object",{"apiVersion":"string","kind":"string","metadata":["object",{"name":"string","namespace":"string"}],"spec":"dynamic"}],
			"value":{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"web","namespace":"shop"},"spec":{"components":[]}}}`
		kubernetes = `{"computed_fields":null,"field_manager":[],"manifest":` + manifest + `,"object":` + manifest + `,"timeouts":[],"wait":[],"wait_for":null}`
		kubectl    = `{"api_version":"core.oam.dev/v1beta1","kind":"Application","name":"web","namespace":"shop","id":"/apis/core.oam.dev/v1beta1/namespaces/shop/applications/web",
			"uid":"1","yaml_body":"apiVersion: core.oam.dev/v1beta1","yaml_body_parsed":"","live_manifest_incluster":"C4N4RY","sensitive_fields":null,"force_new":false,"server_side_apply":true}`
	)
	tests := []struct{ reason, typeName, provider, state, want string }{
		{"the manifest is in the state", "kubernetes_manifest", "registry.terraform.io/hashicorp/kubernetes", kubernetes, "shop/web"},
		{"OpenTofu has a registry of its own", "kubernetes_manifest", "registry.opentofu.org/hashicorp/kubernetes", kubernetes, "shop/web"},
		{"before it was applied, it has no object", "kubernetes_manifest", "registry.terraform.io/hashicorp/kubernetes", `{"object":null,"manifest":` + manifest + `}`, "shop/web"},
		{"the name is in the state", "kubectl_manifest", "registry.terraform.io/gavinbunney/kubectl", kubectl, "shop/web"},
		{"a fork has the same state", "kubectl_manifest", "registry.terraform.io/alekc/kubectl", kubectl, "shop/web"},
		{"without a namespace it is in default", "kubectl_manifest", "registry.terraform.io/alekc/kubectl", strings.Replace(kubectl, `"namespace":"shop"`, `"namespace":""`, 1), "default/web"},
		{"only applications are moved", "kubectl_manifest", "registry.terraform.io/alekc/kubectl", strings.Replace(kubectl, `"kind":"Application"`, `"kind":"Deployment"`, 1), "Not an application"},
		{"that may be of another group", "kubectl_manifest", "registry.terraform.io/alekc/kubectl", strings.Replace(kubectl, "core.oam.dev/v1beta1", "argoproj.io/v1alpha1", 1), "Not an application"},
		{"a state that cannot be read", "kubectl_manifest", "registry.terraform.io/alekc/kubectl", `{"name":["C4N4RY"]}`, "State not readable"},
		{"another resource", "kubernetes_deployment", "registry.terraform.io/hashicorp/kubernetes", `{}`, "Unable to Move Resource State"},
		{"another provider's resource of that name", "kubernetes_manifest", "registry.terraform.io/acme/kubernetes", kubernetes, "Unable to Move Resource State"},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			e, _ := newEngine(t, nil, nil)
			resp, err := e.server.MoveResourceState(t.Context(), &tfprotov6.MoveResourceStateRequest{
				SourceProviderAddress: test.provider, SourceTypeName: test.typeName, SourceState: &tfprotov6.RawState{JSON: []byte(test.state)}, TargetTypeName: "fairlead_application",
			})
			if err != nil {
				t.Fatal(err)
			}
			if problems := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError); problems != "" {
				if !strings.HasPrefix(problems, test.want+":") || strings.Contains(problems, "C4N4RY") {
					t.Errorf("error %s, want %s", problems, test.want)
				}
				return
			}
			var id string
			if err := e.decodeValue("fairlead_application", resp.TargetState)["id"].As(&id); err != nil || id != test.want {
				t.Errorf("id %q (error: %v), want %q", id, err, test.want)
			}
			if name := e.identityOf("fairlead_application", resp.TargetIdentity); name != "web" {
				t.Errorf("the identity names %q", name)
			}
		})
	}
}
