// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// nowhere is a target to which nothing is delivered.
type nowhere struct{ delivery.Target }

func (nowhere) Records(context.Context, delivery.Owner) ([]delivery.Record, error) { return nil, nil }

func (nowhere) IdleTenants(context.Context, string) ([]delivery.TenantKey, error) { return nil, nil }

// carryTo lets an engine and the agent work at an application whose environment has
// that target namespace.
func (s *spoke) carryTo(t *testing.T, engine *delivery.Engine, target, deletion string) {
	t.Helper()
	world := delivery.World{"prod": {Name: "prod", Bindings: []delivery.Binding{{Name: "b", Clusters: []string{"c1"}}}, Spec: v1alpha1.EnvironmentSpec{
		ApplicationNamespaces: &v1alpha1.ApplicationNamespaces{Names: []string{"shop"}},
		TargetNamespace:       &v1alpha1.TargetNamespace{Name: target}, Deletion: &v1alpha1.DeletionPolicy{Policy: deletion},
	}}}
	request := delivery.Request{
		Owner: owner, Source: delivery.SourceNamespace{Name: "shop"}, Uses: []policy.EnvironmentUse{{Environment: "prod"}},
		Components: []render.Component{{Name: "web", Type: "webservice", Properties: map[string]any{"image": "nginx:1"}}},
	}
	for range 60 {
		plan, err := delivery.MakePlan(world, render.New(definition.Builtin()), request, func(string) bool { return false })
		if err != nil {
			t.Fatal(err)
		}
		report, err := engine.Carry(t.Context(), plan)
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Removals) == 0 && report.Units[0].Observe.State == delivery.Delivered {
			return
		}
		s.sync(t)
		s.pass(time.Second)
	}
	t.Fatalf("it does not come to rest in %s", target)
}

// TestFormerNamespace checks what becomes of what is in the namespace that an
// environment had before, whose work has the name of the new one.
func TestFormerNamespace(t *testing.T) {
	tests := []struct {
		deletion, reason string
		// known says that the new namespace was delivered to before, so that its tenant is
		// there at once.
		known bool
		want  []string
	}{
		{"Orphan", "what leaves stays where it is", false, []string{"shop-new/web", "shop-old/web"}},
		{"Orphan", "nor is it overtaken where the new tenant is there already", true, []string{"shop-new/web", "shop-old/web"}},
		{"Delete", "what leaves is removed", true, []string{"shop-new/web"}},
	}
	for _, test := range tests {
		s := newSpoke(t)
		engine := &delivery.Engine{Local: nowhere{}, OCM: s.Target, TenantsWanted: func(context.Context, delivery.Owner) (func(delivery.TenantKey) bool, error) {
			return func(delivery.TenantKey) bool { return true }, nil
		}}
		if test.known {
			s.carryTo(t, engine, "shop-new", "Delete")
		}
		s.carryTo(t, engine, "shop-old", test.deletion)
		s.carryTo(t, engine, "shop-new", test.deletion)
		var got []string
		for id := range s.objects {
			if id.Resource == "deployments" {
				got = append(got, id.Namespace+"/"+id.Name)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("policy %s, since %s (-want +got):\n%s", test.deletion, test.reason, diff)
		}
	}
}
