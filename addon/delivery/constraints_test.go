// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// TestUnusableConstraints checks that a rule that matches nothing is no rule.
func TestUnusableConstraints(t *testing.T) {
	const noRegistry = "is no registry: write a host with or without a path, such as ghcr.io/acme, without scheme, tag or wildcard"
	const noKind = "is no kind: write it as Kind or Kind.group, such as Secret or Deployment.apps"
	const tail = "; nothing is delivered there until it is corrected"
	tests := []struct {
		reason string
		spec   v1alpha1.Constraints
		want   string
	}{
		{"a host, a path, an image, kinds with and without groups", v1alpha1.Constraints{
			AllowedRegistries: []string{"ghcr.io", "a.b:5000/c/d", "nginx"}, AllowedKinds: []string{"Pod"}, DeniedKinds: []string{"Certificate.cert-manager.io"},
		}, ""},
		{"a scheme", v1alpha1.Constraints{AllowedRegistries: []string{"ghcr.io", "https://ghcr.io"}}, `spec.constraints.allowedRegistries[1]: "https://ghcr.io" ` + noRegistry},
		{"a wildcard", v1alpha1.Constraints{AllowedRegistries: []string{"ghcr.io/*"}}, `spec.constraints.allowedRegistries[0]: "ghcr.io/*" ` + noRegistry},
		{"a tag", v1alpha1.Constraints{AllowedRegistries: []string{"ghcr.io/a:1"}}, `spec.constraints.allowedRegistries[0]: "ghcr.io/a:1" ` + noRegistry},
		{"nothing", v1alpha1.Constraints{AllowedRegistries: []string{"/"}}, `spec.constraints.allowedRegistries[0]: "/" ` + noRegistry},
		{"a plural", v1alpha1.Constraints{DeniedKinds: []string{"secrets"}}, `spec.constraints.deniedKinds[0]: "secrets" ` + noKind},
		{"an apiVersion", v1alpha1.Constraints{AllowedKinds: []string{"apps/v1.Deployment"}}, `spec.constraints.allowedKinds[0]: "apps/v1.Deployment" ` + noKind},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			env := environment("prod", "c1")
			env.Spec.Constraints = &test.spec
			got := ""
			if problem := env.Unusable(); problem != nil {
				got = problem.Reason + ": " + problem.Message
			}
			want := ""
			if test.want != "" {
				want = `InvalidEnvironment: environment "prod": ` + test.want + tail
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestConstrainedPlan checks that a broken rule holds its environment, and no other.
func TestConstrainedPlan(t *testing.T) {
	limited := func(e *Environment) {
		e.Spec.Constraints = &v1alpha1.Constraints{AllowedRegistries: []string{"ghcr.io"}}
	}
	plan := planOf(t, worldOf(
		environment("dev", "local"),
		changed(environment("prod", "c1", "c2"), func(e *Environment) {
			limited(e)
			e.Spec.TargetNamespace = &v1alpha1.TargetNamespace{Name: "shop-prod"}
		}),
	), request(use("dev"), use("prod")), noneAway)
	if diff := cmp.Diff([]string{"dev/local/shop/web"}, unitNames(plan)); diff != "" {
		t.Errorf("units (-want +got):\n%s", diff)
	}
	want := []string{`ConstraintViolated: component "web": Deployment.apps shop-prod/web: spec.template.spec.containers[0].image: image docker.io/library/nginx is of no allowed registry ` +
		`(environment "prod": spec.constraints.allowedRegistries allows ghcr.io): use an image of one of these, or ask the platform team to admit its registry [on c1, c2]`}
	if diff := cmp.Diff(want, problemTexts(plan.Problems)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	for _, record := range []Record{recordIn("prod", "c1", "shop-prod"), recordIn("prod", "c9", "shop-prod"), {Owner: owner, Component: "old", Place: Place{"prod", "c2", "shop-prod"}}} {
		if !plan.Wants(record) {
			t.Errorf("%v is given up, though nothing may be concluded", record)
		}
	}
	if _, ok := plan.Tenants[TenantKey{"local", "shop"}]; !ok || len(plan.Tenants) != 1 {
		t.Errorf("tenants %v, want only that of dev", plan.Tenants)
	}
}
