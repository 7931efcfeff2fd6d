// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// maxCommands bounds, in bytes, commands that a message has, which is cut when it is too long.
const maxCommands = 600

// CompareEvery is how often what nothing tells of changes of is read again.
func CompareEvery(owner delivery.Owner) time.Duration { return spread(compareEvery, owner.UID) }

// Referenced reads the object that a reference names in the namespace of its
// application, as the deployer account of that namespace. The text says what a
// person has to change, where there is no object to be had; it holds nothing of
// the object. The Secrets that the application lists are to be read next.
func (t *Target) Referenced(ctx context.Context, namespace string, reference render.Reference, listed []string) (object map[string]any, problem string, err error) {
	resource, problem, err := t.referencedResource(reference)
	if err != nil || problem != "" {
		return nil, problem, err
	}
	live, err := t.Tenant.Resource(resource).Namespace(namespace).Get(asTenant(ctx, namespace), reference.Name, metav1.GetOptions{})
	switch {
	case err == nil:
		return live.Object, "", nil
	case apierrors.IsNotFound(err):
		return nil, fmt.Sprintf("there is no %s in namespace %q on the hub; create it, or correct the reference", reference.What(), namespace), nil
	case apierrors.IsForbidden(err):
		problem, err := t.unreadable(ctx, namespace, reference, secretsIn(resource, reference.Name, listed))
		return nil, problem, err
	}
	return nil, "", fmt.Errorf("read %s in namespace %q: %w", reference.What(), namespace, err)
}

func (t *Target) referencedResource(reference render.Reference) (schema.GroupVersionResource, string, error) {
	gvk, err := reference.Kind, error(nil)
	if reference.Resource != "" {
		gvk, err = t.Mapper.KindFor(schema.GroupVersionResource{Group: reference.Group, Resource: reference.Resource})
	}
	var mapping *meta.RESTMapping
	if err == nil {
		mapping, err = t.Mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	}
	if meta.IsNoMatchError(err) {
		return schema.GroupVersionResource{}, fmt.Sprintf(
			"%s: the hub serves no such resource; correct resource and group, such as deployment with the group apps, or install its CRD", reference.What()), nil
	}
	if err != nil {
		return schema.GroupVersionResource{}, "", fmt.Errorf("find the resource of %s: %w", reference.What(), err)
	}
	if mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		return schema.GroupVersionResource{}, fmt.Sprintf("%s: objects of this kind belong to no namespace, and an application reads objects of its own namespace only", reference.What()), nil
	}
	return mapping.Resource, "", nil
}

// unreadable says why the account may not read an object: because it is not
// there, or because its role does not allow it. The Secrets are those to be read.
func (t *Target) unreadable(ctx context.Context, namespace string, reference render.Reference, secrets []string) (string, error) {
	var account corev1.ServiceAccount
	err := t.Reader.Get(ctx, accountKey(namespace), &account)
	if apierrors.IsNotFound(err) {
		commands := delivery.Grant(namespace, secrets)
		if len(commands) > maxCommands && len(secrets) > 1 {
			commands = delivery.Grant(namespace, []string{reference.Name}) + " (fairlead-addon doctor has the commands for all its Secrets)"
		}
		return fmt.Sprintf("%s is read as the account %s of namespace %q, which does not exist yet: deliver something to this namespace on the hub by an environment, "+
			"or run: %s", reference.What(), v1alpha1.DeployerAccount, namespace, commands), nil
	}
	if err != nil {
		return "", fmt.Errorf("get ServiceAccount %s: %w", accountKey(namespace), err)
	}
	return fmt.Sprintf("account %s/%s may not get %s; bind it to a role that allows it, or remove the reference", namespace, v1alpha1.DeployerAccount, reference.What()), nil
}

// secretsIn is the Secret that a reference names, and with it those that the application
// lists, for a command; none for a reference to anything else.
func secretsIn(resource schema.GroupVersionResource, name string, listed []string) []string {
	if resource.GroupResource() != (schema.GroupResource{Resource: "secrets"}) || len(validation.IsDNS1123Subdomain(name)) > 0 {
		return nil
	}
	names := append([]string{name}, listed...)
	slices.Sort(names)
	return slices.Compact(names)
}
