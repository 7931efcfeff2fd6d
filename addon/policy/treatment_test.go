// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

func TestTreat(t *testing.T) {
	const selector = `"selector": {"componentNames": ["web"]}`
	web := Resource{Component: "web", Kind: "Deployment", Name: "web"}
	for _, c := range []struct {
		reason   string
		policies [][2]string
		resource Resource
		want     Treatment
	}{
		{reason: "without policies all is as usual", resource: web},
		{reason: "a rule that picks another object says nothing", policies: [][2]string{{"read-only", `{"rules": [{` + selector + `}]}`}}, resource: Resource{Component: "db"}},
		{reason: "read-only", policies: [][2]string{{"read-only", `{"rules": [{` + selector + `}]}`}}, resource: web, want: Treatment{ReadOnly: true}},
		{
			reason:   "policies of different types add up",
			policies: [][2]string{{"take-over", `{"rules": [{` + selector + `}]}`}, {"shared-resource", `{"rules": [{` + selector + `}]}`}},
			resource: web, want: Treatment{TakeOver: true, Shared: true},
		},
		{reason: "apply-once without rules leaves drift alone", policies: [][2]string{{"apply-once", `{"enable": true}`}}, resource: web, want: Treatment{LeaveDrift: true}},
		{reason: "apply-once that is not enabled has no effect", policies: [][2]string{{"apply-once", `{"rules": [{` + selector + `, "strategy": {"path": ["*"]}}]}`}}, resource: web},
		{
			reason:   "apply-once for the whole object",
			policies: [][2]string{{"apply-once", `{"enable": true, "rules": [{` + selector + `, "strategy": {"path": ["*"]}}]}`}},
			resource: web, want: Treatment{Once: true},
		},
		{
			reason:   "apply-once for the whole object, only against drift",
			policies: [][2]string{{"apply-once", `{"enable": true, "rules": [{` + selector + `, "strategy": {"affect": "onStateKeep", "path": ["*"]}}]}`}},
			resource: web, want: Treatment{LeaveDrift: true},
		},
		{
			reason:   "apply-once for fields",
			policies: [][2]string{{"apply-once", `{"enable": true, "rules": [{` + selector + `, "strategy": {"path": ["spec.replicas", "spec.paused"]}}]}`}},
			resource: web, want: Treatment{Held: []HeldField{{Path: "spec.replicas"}, {Path: "spec.paused"}}},
		},
		{
			reason:   "apply-once for a field, only against drift",
			policies: [][2]string{{"apply-once", `{"enable": true, "rules": [{` + selector + `, "strategy": {"affect": "onStateKeep", "path": ["spec.replicas"]}}]}`}},
			resource: web, want: Treatment{Held: []HeldField{{Path: "spec.replicas", Renew: true}}},
		},
		{
			reason:   "garbage-collect by rule",
			policies: [][2]string{{"garbage-collect", `{"rules": [{` + selector + `, "strategy": "never", "propagation": "orphan"}]}`}},
			resource: web, want: Treatment{Removal: RemoveNever, Propagation: "orphan"},
		},
		{
			reason: "keepLegacyResource keeps what no rule picks until the application goes", policies: [][2]string{{"garbage-collect", `{"keepLegacyResource": true}`}},
			resource: web, want: Treatment{Removal: RemoveOnDelete},
		},
		{
			reason: "keepLegacyResource keeps no claim for a shorter time than without it", policies: [][2]string{{"garbage-collect", `{"keepLegacyResource": true}`}},
			resource: Resource{Component: "web", Kind: "PersistentVolumeClaim", Name: "data"}, want: Treatment{Removal: RemoveNever},
		},
		{
			reason: "a kind of another group that has the name of one which is never removed is like others", policies: [][2]string{{"garbage-collect", `{"keepLegacyResource": true}`}},
			resource: Resource{Component: "web", Group: "example.com", Kind: "Namespace", Name: "data"}, want: Treatment{Removal: RemoveOnDelete},
		},
		{
			reason:   "resource-update",
			policies: [][2]string{{"resource-update", `{"rules": [{` + selector + `, "strategy": {"op": "replace", "recreateFields": ["spec.selector"]}}]}`}},
			resource: web, want: Treatment{Replace: true, RecreateFields: []string{"spec.selector"}},
		},
		{
			reason: "of two policies of a type the first that picks the object counts",
			policies: [][2]string{
				{"garbage-collect", `{"rules": [{"selector": {"componentNames": ["db"]}, "strategy": "never"}]}`},
				{"garbage-collect", `{"rules": [{` + selector + `, "strategy": "onAppDelete"}]}`},
				{"garbage-collect", `{"rules": [{` + selector + `, "strategy": "never"}]}`},
			},
			resource: web, want: Treatment{Removal: RemoveOnDelete},
		},
	} {
		t.Run(c.reason, func(t *testing.T) {
			var spec v1beta1.ApplicationSpec
			spec.Components = []v1beta1.ApplicationComponent{{Name: "web", Type: "webservice"}, {Name: "db", Type: "webservice"}}
			for i, p := range c.policies {
				spec.Policies = append(spec.Policies, v1beta1.AppPolicy{Name: fmt.Sprint("p", i), Type: p[0], Properties: &runtime.RawExtension{Raw: []byte(p[1])}})
			}
			policies, err := Read(spec, definition.Builtin())
			if err != nil {
				t.Fatal(err)
			}
			got := policies.Treat(c.resource)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if usual := cmp.Equal(c.want, Treatment{}); got.Usual() != usual {
				t.Errorf("Usual() is %t", got.Usual())
			}
		})
	}
}
