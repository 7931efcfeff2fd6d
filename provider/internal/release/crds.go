// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	addonchart "github.com/fairlead-io/terraform-provider-fairlead/addon/chart"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

const (
	// applicationsCRD is the CRD whose label decides the mode, in the addon as here.
	applicationsCRD = "applications.core.oam.dev"
	// environmentsCRD is the CRD of a kind that the chart has an object of.
	environmentsCRD = "environments.fairlead.dev"
)

var crdKind = apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition")

// ensureCRDs writes the CRDs that are absent or ours and waits until the hub
// serves them. Those of core.oam.dev that are somebody else's stay untouched and
// make the mode Shared.
func (i *Installer) ensureCRDs(ctx context.Context, apply bool) (Mode, error) {
	crds, err := addonchart.CRDs()
	if err != nil {
		return "", err
	}
	for _, crd := range crds {
		if err := i.ensureCRD(ctx, crd, apply); err != nil {
			return "", err
		}
	}
	if err := i.waitServed(ctx); err != nil {
		return "", err
	}
	return i.mode(ctx)
}

// ensureCRD writes one CRD if it is absent or ours, and waits until it is established.
func (i *Installer) ensureCRD(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition, apply bool) error {
	live, err := i.getCRD(ctx, crd.Name)
	if err != nil {
		return err
	}
	if !apply {
		return missingCRD(live, crd.Name)
	}
	if live != nil && !ours(live) {
		if crd.Spec.Group == v1beta1.GroupVersion.Group {
			tflog.Info(ctx, "leaving a CRD of another OAM controller as it is", map[string]any{"crd": crd.Name})
			return nil
		}
		return failed("A CRD is not ours", "The CustomResourceDefinition %q exists at %s without the label %s=%s, so it is not changed. "+
			"Delete it if nothing needs it, or add the label to let the addon have it.", crd.Name, i.hub.Host(), v1alpha1.LabelManagedBy, v1alpha1.LabelManagedByValue)
	}
	desired, err := hub.ToUnstructured(crd)
	if err != nil {
		return err
	}
	desired.SetGroupVersionKind(crdKind)
	if _, err := i.hub.Apply(ctx, desired, hub.ApplyOptions{Force: true}); err != nil {
		return err
	}
	return i.waitEstablished(ctx, crd.Name)
}

// missingCRD is an error when a CRD that must not be written does not exist.
func missingCRD(live *unstructured.Unstructured, name string) error {
	if live != nil {
		return nil
	}
	return failed("A CRD is missing", "The CustomResourceDefinition %q does not exist and crds is \"skip\". "+
		"Apply the chart's CRDs first, or set crds to \"apply\".", name)
}

// getCRD returns a CRD, nil if it does not exist.
func (i *Installer) getCRD(ctx context.Context, name string) (*unstructured.Unstructured, error) {
	live, err := i.hub.Get(ctx, crdKind, types.NamespacedName{Name: name})
	if hub.IsNotFound(err) {
		return nil, nil
	}
	return live, err
}

// ours says whether the object carries our label.
func ours(object *unstructured.Unstructured) bool {
	return object.GetLabels()[v1alpha1.LabelManagedBy] == v1alpha1.LabelManagedByValue
}

// mode reads the mode from the CRD of applications. Without that CRD nobody
// else has it.
func (i *Installer) mode(ctx context.Context) (Mode, error) {
	live, err := i.getCRD(ctx, applicationsCRD)
	if err != nil {
		return "", err
	}
	if live == nil || ours(live) {
		return Exclusive, nil
	}
	return Shared, nil
}

// waitEstablished waits until the hub has accepted the CRD.
func (i *Installer) waitEstablished(ctx context.Context, name string) error {
	return i.hub.WaitFor(ctx, crdKind, types.NamespacedName{Name: name}, func(object *unstructured.Unstructured) (bool, error) {
		if object == nil {
			return false, nil
		}
		if message := conditionMessage(object, "NamesAccepted", "False"); message != "" {
			return false, failed("A CRD was not accepted", "CustomResourceDefinition %q: %s.", name, message)
		}
		return hasCondition(object, "Established", "True"), nil
	})
}

// waitServed waits until the kinds of the chart are found in the way in which Helm
// finds them: a CRD that is established may lack from discovery for a moment.
func (i *Installer) waitServed(ctx context.Context) error {
	getter, err := newGetter(i.hub.RESTConfig(), i.namespace)
	if err != nil {
		return err
	}
	for {
		err := getter.serves(v1alpha1.GroupVersion, "Environment", "ClusterBinding")
		if err == nil {
			return nil
		}
		if !pause(ctx, 100*time.Millisecond) {
			return fmt.Errorf("wait until the hub serves %s: %w", v1alpha1.GroupVersion, errors.Join(ctx.Err(), err))
		}
	}
}

// removeCRDs removes the CRDs that are ours and of which no object is left, and
// returns those that it kept, each with the reason.
func (i *Installer) removeCRDs(ctx context.Context) ([]string, error) {
	crds, err := addonchart.CRDs()
	if err != nil {
		return nil, err
	}
	var kept []string
	for _, crd := range crds {
		reason, err := i.removeCRD(ctx, crd)
		if err != nil {
			return kept, err
		}
		if reason != "" {
			kept = append(kept, fmt.Sprintf("CustomResourceDefinition %s: %s", crd.Name, reason))
		}
	}
	return kept, nil
}

// removeCRD removes one CRD, or says why it is kept.
func (i *Installer) removeCRD(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition) (string, error) {
	live, err := i.getCRD(ctx, crd.Name)
	if err != nil || live == nil {
		return "", err
	}
	if !ours(live) {
		return "", nil
	}
	left, err := i.list(ctx, schema.GroupVersionResource{Group: crd.Spec.Group, Version: storedVersion(crd), Resource: crd.Spec.Names.Plural})
	if err != nil {
		return "", err
	}
	if len(left) > 0 {
		return fmt.Sprintf("%d objects of it are left, such as %s", len(left), nameOf(left[0].Namespace, left[0].Name)), nil
	}
	key := types.NamespacedName{Name: crd.Name}
	if err := i.hub.Delete(ctx, crdKind, key, live.GetUID()); err != nil {
		return "", err
	}
	_, err = i.hub.WaitGone(ctx, crdKind, key, live.GetUID())
	return "", err
}

// storedVersion is the version that the hub keeps objects in.
func storedVersion(crd *apiextensionsv1.CustomResourceDefinition) string {
	for _, version := range crd.Spec.Versions {
		if version.Storage {
			return version.Name
		}
	}
	return ""
}

// hasCondition says whether the object has the condition with that status.
func hasCondition(object *unstructured.Unstructured, name, status string) bool {
	return condition(object, name)["status"] == status
}

// conditionMessage returns the message of a condition that has the status.
func conditionMessage(object *unstructured.Unstructured, name, status string) string {
	found := condition(object, name)
	if found["status"] != status {
		return ""
	}
	message, _ := found["message"].(string)
	return message
}

// condition returns a condition of the object, nil if it has none of that name.
func condition(object *unstructured.Unstructured, name string) map[string]any {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, item := range conditions {
		fields, ok := item.(map[string]any)
		if ok && fields["type"] == name {
			return fields
		}
	}
	return nil
}
