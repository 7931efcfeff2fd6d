// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"sigs.k8s.io/yaml"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// parsed is an object written in YAML.
func parsed(t *testing.T, source string) map[string]any {
	t.Helper()
	var object map[string]any
	if err := yaml.Unmarshal([]byte(source), &object); err != nil {
		t.Fatal(err)
	}
	return object
}

func TestFromObject(t *testing.T) {
	cases := map[string]struct {
		reason string
		object string
		want   *definition.Definition
		err    string
	}{
		"Component": {
			reason: "All that a ComponentDefinition says of the type.",
			object: `
apiVersion: core.oam.dev/v1beta1
kind: ComponentDefinition
metadata: {name: queue, annotations: {definition.oam.dev/description: Makes a queue.}}
spec:
  version: 1.2.0
  workload: {definition: {apiVersion: apps/v1, kind: Deployment}, type: deployments.apps}
  schematic: {cue: {template: "output: {}"}}
  status: {healthPolicy: "isHealth: true", customStatus: "message: \"\"", details: "a: \"b\""}
status: {latestRevision: {name: queue-v7, revision: 7}}`,
			want: &definition.Definition{
				Kind: definition.Component, Name: "queue", Version: "1.2.0", Revision: 7, Foreign: true, Description: "Makes a queue.",
				Workload: v1beta1.WorkloadGVK{APIVersion: "apps/v1", Kind: "Deployment"}, WorkloadType: "deployments.apps",
				Template: "output: {}", HealthPolicy: "isHealth: true", CustomStatus: `message: ""`, Details: `a: "b"`,
			},
		},
		"Trait": {
			reason: "All that a TraitDefinition says of the type.",
			object: `
apiVersion: core.oam.dev/v1beta1
kind: TraitDefinition
metadata: {name: proxy}
spec:
  appliesToWorkloads: [deployments.apps]
  conflictsWith: [mesh]
  podDisruptive: true
  stage: PostDispatch
  workloadRefPath: spec.target
  schematic: {cue: {template: "patch: {}"}}`,
			want: &definition.Definition{
				Kind: definition.Trait, Name: "proxy", Foreign: true, AppliesTo: []string{"deployments.apps"}, ConflictsWith: []string{"mesh"},
				PodDisruptive: true, Stage: v1beta1.PostDispatch, WorkloadRefPath: "spec.target", Template: "patch: {}",
			},
		},
		"Policy": {
			reason: "A PolicyDefinition.",
			object: "{apiVersion: core.oam.dev/v1beta1, kind: PolicyDefinition, metadata: {name: p}, spec: {manageHealthCheck: true, schematic: {cue: {template: 'output: {}'}}}}",
			want:   &definition.Definition{Kind: definition.Policy, Name: "p", Foreign: true, ManageHealthCheck: true, Template: "output: {}"},
		},
		"PolicyScope": {
			reason: "A policy that changes the application itself.",
			object: "{apiVersion: core.oam.dev/v1beta1, kind: PolicyDefinition, metadata: {name: p}, spec: {scope: Application, schematic: {cue: {template: 'transforms: {}'}}}}",
			err:    `read PolicyDefinition "p": the scope "Application" is not supported: policies make objects here and do not change the application; leave scope out, and change components by a policy of the type override`,
		},
		"Step": {
			reason: "A WorkflowStepDefinition.",
			object: "{apiVersion: core.oam.dev/v1beta1, kind: WorkflowStepDefinition, metadata: {name: s}, spec: {schematic: {cue: {template: 'x: 1'}}}}",
			want:   &definition.Definition{Kind: definition.WorkflowStep, Name: "s", Foreign: true, Template: "x: 1"},
		},
		"Archive": {
			reason: "A DefinitionRevision keeps one definition beside empty ones.",
			object: `
apiVersion: core.oam.dev/v1beta1
kind: DefinitionRevision
metadata: {name: proxy-v2}
spec:
  revision: 2
  definitionType: Trait
  componentDefinition: {metadata: {creationTimestamp: null}, spec: {workload: {definition: {apiVersion: "", kind: ""}}}}
  traitDefinition: {metadata: {name: proxy}, spec: {version: 0.1.0, schematic: {cue: {template: "patch: {}"}}}}`,
			want: &definition.Definition{Kind: definition.Trait, Name: "proxy", Version: "0.1.0", Revision: 2, Archived: true, Foreign: true, Template: "patch: {}"},
		},
		"Terraform": {
			reason: "Cloud resources are Terraform's own.",
			object: "{apiVersion: core.oam.dev/v1beta1, kind: ComponentDefinition, metadata: {name: bucket}, spec: {schematic: {terraform: {configuration: x}}}}",
			err:    `read ComponentDefinition "bucket": spec.schematic.terraform is not supported: declare the cloud resource as a Terraform resource or module in the configuration that has the application, and refer to its attributes in the properties`,
		},
		"Helm": {
			reason: "A chart as a template.",
			object: "{apiVersion: core.oam.dev/v1beta1, kind: ComponentDefinition, metadata: {name: c}, spec: {schematic: {helm: {release: {}}}}}",
			err:    `read ComponentDefinition "c": spec.schematic.helm is not supported: write a CUE template, or use a component of the type helmchart`,
		},
		"Kube": {
			reason: "Plain objects as a template.",
			object: "{apiVersion: core.oam.dev/v1beta1, kind: ComponentDefinition, metadata: {name: c}, spec: {schematic: {kube: {template: {}}}}}",
			err:    `read ComponentDefinition "c": spec.schematic.kube is not supported: write a CUE template, or use a component of the type k8s-objects`,
		},
		"NoTemplate": {
			reason: "A definition that only names a CRD.",
			object: "{apiVersion: core.oam.dev/v1beta1, kind: TraitDefinition, metadata: {name: c}, spec: {definitionRef: {name: x}}}",
			err:    `read TraitDefinition "c": spec.schematic is missing; write the template as spec.schematic.cue.template`,
		},
		"EmptyTemplate": {
			reason: "A template without text.",
			object: "{apiVersion: core.oam.dev/v1beta1, kind: TraitDefinition, metadata: {name: c}, spec: {schematic: {cue: {template: ' '}}}}",
			err:    `read TraitDefinition "c": spec.schematic.cue.template is empty; write the template there`,
		},
		"NoName": {
			reason: "A definition without a name.",
			object: "{apiVersion: core.oam.dev/v1beta1, kind: TraitDefinition, spec: {}}",
			err:    `read TraitDefinition "": metadata.name is missing`,
		},
		"WrongType": {
			reason: "A field of another type.",
			object: "{apiVersion: core.oam.dev/v1beta1, kind: TraitDefinition, metadata: {name: c}, spec: {appliesToWorkloads: x}}",
			err:    `read TraitDefinition "c": decode it: json: cannot unmarshal string into Go struct field .spec.appliesToWorkloads of type []string`,
		},
		"OtherKind": {
			reason: "An object of another kind.",
			object: "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}",
			err:    `ConfigMap "c" holds no definition; use ComponentDefinition, TraitDefinition, PolicyDefinition, WorkflowStepDefinition or DefinitionRevision of core.oam.dev/v1beta1`,
		},
		"OtherVersion": {
			reason: "An API version that is not served.",
			object: "{apiVersion: core.oam.dev/v1alpha2, kind: TraitDefinition, metadata: {name: c}}",
			err:    `TraitDefinition "c" has the apiVersion "core.oam.dev/v1alpha2"; write it as "core.oam.dev/v1beta1"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := definition.FromObject(parsed(t, tc.object))
			if diff := cmp.Diff(tc.err, errorText(err)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if got != nil && got.Digest == "" {
				t.Errorf("the definition has no digest")
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreUnexported(definition.Definition{}), cmpopts.IgnoreFields(definition.Definition{}, "Digest")); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
