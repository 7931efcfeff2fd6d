// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// destroyLimit is how long it may take until everything is gone from every cluster.
const destroyLimit = 2 * time.Minute

// TestDestroyInAnyOrder removes what was delivered, in every order that people may come to, and looks for what is left of
// whatever kind on the hub and on each cluster.
func TestDestroyInAnyOrder(t *testing.T) {
	f := sharedFleet(t)
	tests := []struct {
		name, reason string
		// order makes the application depend on the bindings.
		order string
		// first is what is left of the configuration before the rest goes; the same as before when nil.
		first func(shop) string
		// gone says that nothing may run any more after that.
		gone bool
	}{
		{name: "at-once", reason: "a destroy, in the order of the references", order: inOrder},
		{name: "no-order", reason: "a destroy of what names no order: all goes at the same time"},
		{name: "application", reason: "the application first", order: inOrder, first: shop.environments, gone: true},
		{name: "environments", reason: "environments and bindings first: what was delivered goes with them", first: justApplication, gone: true},
		{name: "bindings", reason: "bindings first: an environment without a cluster runs nothing", first: withoutBindings, gone: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := shop{name: "gone-" + test.name, image: "nginx:1"}
			whole := withProvider(f.env.Hub(), s.environments()+s.application(test.order)+rollout)
			steps := []resource.TestStep{{Config: whole, Check: s.runs(t, f, s.everywhere()...)}}
			if test.first != nil {
				whole = withProvider(f.env.Hub(), test.first(s))
				steps = append(steps, resource.TestStep{Config: whole, Check: s.runsNowhere(t, f)})
			}
			var began time.Time
			resource.UnitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: providerFactories(),
				CheckDestroy:             f.leavesNothing(t),
				Steps: append(steps, resource.TestStep{
					PreConfig: func() { began = time.Now() },
					Config:    whole,
					Destroy:   true,
					Check: func(*terraform.State) error {
						if took := time.Since(began); took > destroyLimit {
							return fmt.Errorf("%s: it took %s, more than %s", test.reason, took, destroyLimit)
						}
						return nil
					},
				}),
			})
		})
	}
}

// justApplication is the configuration without the environments.
func justApplication(s shop) string { return s.application("") }

// withoutBindings is the configuration without the bindings.
func withoutBindings(s shop) string {
	bindings := regexp.MustCompile(`(?s)resource "fairlead_cluster_binding" .*?\n}\n`)
	return bindings.ReplaceAllString(s.environments(), "") + s.application("")
}

// runsNowhere waits until the component is gone from everywhere.
func (s shop) runsNowhere(t *testing.T, f *fleet) resource.TestCheckFunc {
	return func(*terraform.State) error {
		return waitUntil(destroyLimit, "the component to be gone", func() error {
			for _, at := range s.everywhere() {
				if f.plane(at.cluster) == nil {
					continue // it has not joined
				}
				_, err := f.on(t, at.cluster, deployments).Namespace(at.namespace).Get(context.Background(), "web", metav1.GetOptions{})
				if !apierrors.IsNotFound(err) {
					return fmt.Errorf("cluster %s: Deployment %s/web is there (error: %w)", at.cluster, at.namespace, err)
				}
			}
			return nil
		})
	}
}

// TestDestroyLeavesWhatOthersMade checks that objects and namespaces that the addon did not make outlive a destroy.
func TestDestroyLeavesWhatOthersMade(t *testing.T) {
	f := sharedFleet(t)
	s := shop{name: "neighbour", image: "nginx:1"}
	theirs := object(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"theirs"},"data":{"a":"b"}}`)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: providerFactories(),
		CheckDestroy: func(*terraform.State) error {
			for _, at := range s.everywhere() {
				if _, err := f.on(t, at.cluster, configMaps).Namespace(at.namespace).Get(context.Background(), "theirs", metav1.GetOptions{}); err != nil {
					return fmt.Errorf("cluster %s: %w", at.cluster, err)
				}
			}
			return nil
		},
		Steps: []resource.TestStep{{
			Config: s.whole(f),
			Check: func(*terraform.State) error {
				for _, at := range s.everywhere() {
					if _, err := f.on(t, at.cluster, configMaps).Namespace(at.namespace).Create(t.Context(), theirs, metav1.CreateOptions{}); err != nil {
						return err
					}
				}
				return nil
			},
		}},
	})
	for _, at := range s.everywhere() {
		label := f.get(t, at.cluster, namespaces, "", at.namespace).GetLabels()[v1alpha1.LabelManagedBy]
		if label != v1alpha1.LabelManagedByValue {
			t.Errorf("cluster %s: namespace %s does not say who made it: label %q", at.cluster, at.namespace, label)
		}
	}
}
