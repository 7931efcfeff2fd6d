// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package ocm

import (
	"context"
	"fmt"

	workv1 "open-cluster-management.io/api/work/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// Standing says which objects of a unit are in its works already.
func (t *Target) Standing(ctx context.Context, unit delivery.Unit) (map[string]bool, error) {
	var works workv1.ManifestWorkList
	err := t.Reader.List(ctx, &works, client.InNamespace(unit.Place.Cluster), client.MatchingFields{indexOwner: string(unit.Owner.UID)})
	if err != nil {
		return nil, fmt.Errorf("list the works of component %q in %s: %w", unit.Component, unit.Place, err)
	}
	standing := map[string]bool{}
	for i := range works.Items {
		labels := works.Items[i].Labels
		if labels[v1beta1.LabelAppComponent] != unit.Component || labels[v1alpha1.LabelEnvironment] != unit.Place.Environment {
			continue
		}
		for _, content := range contents(&works.Items[i]) {
			object := render.Object{Content: content}
			standing[delivery.ObjectID(object.GroupVersionKind().GroupKind(), object.Namespace(), object.Name())] = true
		}
	}
	return standing, nil
}
