// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery/local"
)

// velaSystem is where the existing OAM controller looks for definitions that an
// application's namespace lacks.
const velaSystem = "vela-system"

// environmentPolicy makes the policy type environment known on a shared hub:
// the other controller's webhook refuses applications with policies of types
// that no PolicyDefinition describes.
type environmentPolicy struct {
	manager   ctrl.Manager
	ownership *ownership
}

// Start creates the definition if the hub is shared and it does not exist.
func (p *environmentPolicy) Start(ctx context.Context) error {
	if !p.ownership.shared(ctx) {
		return nil
	}
	policy := &v1beta1.PolicyDefinition{ObjectMeta: metav1.ObjectMeta{
		Namespace: p.namespace(ctx), Name: "environment",
		Labels:      map[string]string{v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue},
		Annotations: map[string]string{"definition.oam.dev/description": "Delivers components to an Environment. Handled by Fairlead."},
	}, Spec: v1beta1.PolicyDefinitionSpec{Schematic: &v1beta1.Schematic{CUE: &v1beta1.CUE{Template: environmentTemplate}}}}
	err := p.manager.GetClient().Create(ctx, policy)
	if err != nil && !apierrors.IsAlreadyExists(err) {
		// Applications still arrive where that webhook is not in use.
		p.manager.GetLogger().Error(err, "make the policy type environment known to the other OAM controller",
			"definition", fmt.Sprintf("%s/%s", policy.Namespace, policy.Name))
	}
	return nil
}

// environmentTemplate is the schema of the policy's properties.
const environmentTemplate = `parameter: {
	// +usage=Name of the Environment
	environment: string
	// +usage=Names of the components that are delivered there; all when empty
	selector?: [...string]
	// +usage=What is different there
	components?: [...{...}]
}
`

func (p *environmentPolicy) namespace(ctx context.Context) string {
	err := p.manager.GetCache().Get(ctx, types.NamespacedName{Name: velaSystem}, local.NewNamespace())
	if err != nil {
		return v1alpha1.SystemNamespace
	}
	return velaSystem
}
