// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition_test

import (
	"testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

func TestMarkdown(t *testing.T) {
	cases := map[string]struct {
		reason     string
		definition *definition.Definition
		example    string
	}{
		"Component": {
			reason: "Objects have tables of their own, in the order of the page.",
			definition: &definition.Definition{
				Kind: definition.Component, Name: "site", Version: "1.2.0", Description: "Runs a site.", Workload: v1beta1.WorkloadGVK{APIVersion: "apps/v1", Kind: "Deployment"},
				HealthPolicy: "isHealth: true",
				Template: `import "strings"
parameter: {
	// +usage=The image | tag
	image: =~"^(a|b)"
	// +usage=Ports
	ports?: [...{port: int & >0, protocol: *"TCP" | "UDP", probe?: {path: string}}]
	labels?: [string]: string
	files?: [string]: {mode: *420 | int}
	name: *context.name | string
	short?: strings.MaxRunes(3)
	cpu: *1 | number | "auto"
	extra?: {...}
	volumes?: [...{type: "pvc", claim: string} | {type: "empty", medium: *"" | string}]
	owner?: {name: string} | {team: string} | null
}`,
			},
			example: "kind: Application\n",
		},
		"Trait": {
			reason:     "What a trait applies to, and what it does to pods.",
			definition: &definition.Definition{Kind: definition.Trait, Name: "t", Deprecated: true, Description: "Deprecated: use u.", AppliesTo: []string{"deployments.apps", "jobs.batch"}, ConflictsWith: []string{"u"}, PodDisruptive: true, Stage: v1beta1.PostDispatch, Template: "parameter: [string]: string | null"},
		},
		"Choice":    {reason: "The properties may be a choice.", definition: &definition.Definition{Kind: definition.Trait, Name: "c", Template: "#A: {image: string}\nparameter: *#A | {containers: [...#A]}"}},
		"None":      {reason: "No parameters.", definition: &definition.Definition{Kind: definition.WorkflowStep, Name: "step-group", Template: "parameter: {}"}},
		"Any":       {reason: "Nothing is known of the parameters.", definition: &definition.Definition{Kind: definition.Policy, Name: "p", Template: "output: {}"}},
		"AnyFields": {reason: "An open struct.", definition: &definition.Definition{Kind: definition.Component, Name: "p", Template: "parameter: {...}"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			golden(t, "markdown/"+name, "<!-- "+tc.reason+" -->\n"+tc.definition.Markdown(tc.example))
		})
	}
}
