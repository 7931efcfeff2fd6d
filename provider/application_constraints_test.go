// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// TestConstraintsOfRef plans applications for an environment whose constraints are
// known: what breaks them is a warning with its place, and without its value.
func TestConstraintsOfRef(t *testing.T) {
	web := func(properties, traits string) string {
		return `{ web = { type = "webservice", properties = { ` + properties + ` }, traits = { ` + traits + ` } } }`
	}
	const image = `image = "C4N4RY.example.com/web:1"`
	const deployment = `environment "prod", component "web", Deployment web`
	tests := []struct {
		reason, components, constraints string
		want                            []string
	}{
		{"no constraints", web(image, ""), `null`, nil},
		{"what is allowed", web(`image = "ghcr.io/acme/web:1"`, ""), `{ allowed_registries = ["ghcr.io/acme"] }`, nil},
		{"a registry", web(image, ""), `{ allowed_registries = ["ghcr.io/acme"] }`,
			[]string{deployment + `: spec.template.spec.containers[0].image: is of no registry that constraints.allowed_registries allows ghcr.io/acme`}},
		{"a digest", web(image, ""), `{ require_image_digest = true }`,
			[]string{deployment + `: spec.template.spec.containers[0].image: is named without a digest, and constraints.require_image_digest is true`}},
		{"replicas", web(image, `scaler = { replicas = 7 }`), `{ max_replicas = 5 }`, []string{deployment + `: spec.replicas: is more than constraints.max_replicas, which is 5`}},
		{"a kind", web(image, ""), `{ denied_kinds = ["Deployment.apps"] }`, []string{deployment + `: kind Deployment.apps is denied (constraints.denied_kinds denies Deployment.apps)`}},
		{"constraints that cannot be read are the environment's fault", web(image, ""), `{ denied_kinds = ["deployments"] }`, nil},
		{"several at once", web(image, ""), `{ require_image_digest = true, denied_kinds = ["Deployment"] }`, []string{"is named without a digest", "is denied"}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			p := newPlanner(t)
			resp := p.plan(applicationType, configOf(attributes(t, map[string]string{
				"components":   test.components,
				"environments": `{ prod = { ref = { name = "prod", constraints = ` + test.constraints + ` } } }`,
			})))
			checkPrefix(t, "error", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityError), "")
			warned := summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning)
			for _, want := range test.want {
				if !strings.Contains(warned, want) {
					t.Errorf("%q is not in: %s", want, warned)
				}
			}
			if (warned == "") != (test.want == nil) || strings.Contains(warned, "C4N4RY") {
				t.Errorf("warning: %q", warned)
			}
			if got := resourcesOf(t, p.decodeValue(applicationType, resp.PlannedState)); len(got) == 0 {
				t.Error("the plan lists no objects")
			}
		})
	}
}

// TestConstraintsNotKnown plans for an environment whose constraints are known only
// after apply: which objects there are does not depend on them.
func TestConstraintsNotKnown(t *testing.T) {
	p := newPlanner(t)
	config := configOf(attributes(t, map[string]string{
		"components":   `{ web = { type = "webservice", properties = { image = "a" } } }`,
		"environments": `{ prod = { ref = { name = "prod", constraints = { allowed_registries = unknown } } } }`,
	}))
	resp := p.plan(applicationType, config)
	checkPrefix(t, "warning", summaries(resp.Diagnostics, tfprotov6.DiagnosticSeverityWarning), "")
	if got := resourcesOf(t, p.decodeValue(applicationType, resp.PlannedState)); len(got) == 0 {
		t.Error("the plan lists no objects")
	}
}
