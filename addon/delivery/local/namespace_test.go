// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/delivery"
)

func ownObject(apiVersion, kind, name string, more object) map[string]any {
	content := map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": object{"name": name, "namespace": "shop-prod", "labels": object{
		v1alpha1.LabelManagedBy: v1alpha1.LabelManagedByValue, delivery.LabelSourceNamespace: "shop",
	}}}
	for key, value := range more {
		content[key] = value
	}
	return content
}

func quota(cpu string) map[string]any {
	return ownObject("v1", "ResourceQuota", "small", object{"spec": object{"hard": object{"cpu": cpu}}})
}

func copied(content string) map[string]any {
	return ownObject("v1", "Secret", "registry", object{"type": "kubernetes.io/dockerconfigjson", "data": object{".dockerconfigjson": content}})
}

func equipped(objects ...map[string]any) delivery.Tenant {
	tenant := tenantOf("shop", "shop-prod")
	tenant.Objects = objects
	return tenant
}

// heldTenant is a tenant that keeps what it has of those.
func heldTenant(secret string, objects ...map[string]any) delivery.Tenant {
	tenant := equipped()
	tenant.Held = delivery.TenantHeld{PullSecrets: []string{secret}, Objects: objects}
	return tenant
}

func (h *hub) quota(t *testing.T) (cpu string) {
	t.Helper()
	var quota corev1.ResourceQuota
	if err := h.client.Get(t.Context(), types.NamespacedName{Namespace: "shop-prod", Name: "small"}, &quota); err != nil {
		return string(apierrors.ReasonForError(err))
	}
	return quota.Spec.Hard.Cpu().String()
}

func (h *hub) secret(t *testing.T) string {
	t.Helper()
	secret, err := h.tenant.Resource(secrets()).Namespace("shop-prod").Get(t.Context(), "registry", metav1.GetOptions{})
	if err != nil {
		return string(apierrors.ReasonForError(err))
	}
	data, _ := secret.Object["data"].(map[string]any)
	return data[".dockerconfigjson"].(string)
}

func (h *hub) listed(t *testing.T) string {
	t.Helper()
	var account corev1.ServiceAccount
	if err := h.client.Get(t.Context(), accountKey("shop-prod"), &account); err != nil {
		t.Fatal(err)
	}
	return account.Annotations[annotationObjects]
}

// ensure asks for a tenant, and says which kinds were written for it.
func (h *hub) ensure(t *testing.T, tenant delivery.Tenant) (delivery.Observation, string) {
	t.Helper()
	h.writes = nil
	observation, err := h.EnsureTenant(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	return observation, strings.Join(h.writes, ",")
}

// TestNamespaceObjects follows the objects of a namespace through the life of its tenant.
func TestNamespaceObjects(t *testing.T) {
	h := newHub(t)
	h.tenant.PrependReactor("patch", "*", h.applied)
	observation, _ := h.ensure(t, equipped(quota("1"), copied("YQ==")))
	if observation.State != delivery.Delivered || observation.RetryAfter < objectsEvery {
		t.Errorf("got %+v, want it done, and a later look", observation)
	}
	steps := []struct {
		reason           string
		before           func()
		tenant           delivery.Tenant
		writes           string
		cpu, secret, has string
	}{
		{"nothing changed", nil, equipped(quota("1"), copied("YQ==")), "", "1", "YQ==", "/v1/ResourceQuota/small /v1/Secret/registry"},
		{"after a start what is there is only read", func() { h.objects = nil }, equipped(quota("1"), copied("YQ==")), "", "1", "YQ==", "/v1/ResourceQuota/small /v1/Secret/registry"},
		{"the environment changed", nil, equipped(quota("2"), copied("YQ==")), "ResourceQuota", "2", "YQ==", "/v1/ResourceQuota/small /v1/Secret/registry"},
		{"the Secret changed", nil, equipped(quota("2"), copied("Yg==")), "Secret", "2", "Yg==", "/v1/ResourceQuota/small /v1/Secret/registry"},
		{"another environment may want both in a moment", nil, heldTenant("registry", quota("2")), "", "2", "Yg==", "/v1/ResourceQuota/small /v1/Secret/registry"},
		{"somebody deleted the quota", func() {
			if err := h.client.Delete(t.Context(), &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "shop-prod", Name: "small"}}); err != nil {
				t.Fatal(err)
			}
			h.clock.SetTime(h.clock.Now().Add(2 * objectsEvery))
		}, equipped(quota("2"), copied("Yg==")), "ResourceQuota", "2", "Yg==", "/v1/ResourceQuota/small /v1/Secret/registry"},
		{"nobody asks for the Secret any more", nil, equipped(quota("2")), "ServiceAccount", "2", "NotFound", "/v1/ResourceQuota/small"},
		{"nor for the quota, and the addon was started anew", func() { h.objects = nil }, equipped(), "ServiceAccount", "NotFound", "NotFound", ""},
		{"another environment may want what is gone", nil, heldTenant("registry", quota("2")), "", "NotFound", "NotFound", ""},
		{"nothing is left to do", nil, equipped(), "", "NotFound", "NotFound", ""},
	}
	for _, step := range steps {
		if step.before != nil {
			step.before()
		}
		_, writes := h.ensure(t, step.tenant)
		// The account is written again when its tenant differs, which its own tests check.
		writes = strings.TrimPrefix(strings.TrimPrefix(writes, "Namespace,ServiceAccount,RoleBinding"), ",")
		got := []string{writes, h.quota(t), h.secret(t), h.listed(t)}
		if diff := cmp.Diff([]string{step.writes, step.cpu, step.secret, step.has}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.reason, diff)
		}
	}
}

// TestForeignNamespaceObjects checks that what somebody else made is left alone.
func TestForeignNamespaceObjects(t *testing.T) {
	foreign := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "shop-prod", Name: "small"}}
	h := newHub(t, namespace("shop-prod", "shop"), foreign)
	observation, _ := h.ensure(t, equipped(quota("1")))
	if observation.State != delivery.Refused || observation.Reason != delivery.ReasonForeignObject {
		t.Errorf("got %+v, want a refusal", observation)
	}
	h.ensure(t, equipped())
	if got := h.quota(t); got != "0" {
		t.Errorf("quota %s, want the foreign one as it was", got)
	}
}

// TestReleasedNamespaceObjects checks that nothing of a tenant is left, also
// where a later role of the deployer does not cover Secrets.
func TestReleasedNamespaceObjects(t *testing.T) {
	h := newHub(t)
	h.tenant.PrependReactor("patch", "*", h.applied)
	tenant := equipped(quota("1"), copied("YQ=="))
	h.ensure(t, tenant)
	h.tenant.PrependReactor("*", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		var binding rbacv1.RoleBinding
		if err := h.client.Get(t.Context(), accountKey("shop-prod"), &binding); err != nil || binding.RoleRef.Name != v1alpha1.DeployerRole {
			return true, nil, apierrors.NewForbidden(secrets().GroupResource(), "registry", errors.New("no rights"))
		}
		return false, nil, nil
	})
	tenant.Role, tenant.Objects = "narrow", nil
	h.ensure(t, tenant)
	for range 3 {
		observation, err := h.ReleaseTenant(t.Context(), tenant.TenantKey)
		if err != nil {
			t.Fatal(err)
		}
		if observation.State == delivery.Delivered {
			break
		}
	}
	if got := h.quota(t); got != "NotFound" {
		t.Errorf("the quota is left: %s", got)
	}
	if err := h.client.Get(t.Context(), accountKey("shop-prod"), &corev1.ServiceAccount{}); !apierrors.IsNotFound(err) {
		t.Errorf("get of the account: %v, want that it is gone", err)
	}
	if _, err := h.tenant.Tracker().Get(secrets(), "shop-prod", "registry"); !apierrors.IsNotFound(err) {
		t.Errorf("the copy of the Secret: %v, want that it is gone", err)
	}
}

// TestEditedObjectList checks that an edited list deletes nothing else.
func TestEditedObjectList(t *testing.T) {
	h := newHub(t, namespace("shop-prod", "shop"), deployedIn("shop-prod", "web"))
	for _, entry := range []string{"apps/v1/Deployment/web", "nonsense", "/v1/Secret/other"} {
		if gone, err := h.removeObjects(t.Context(), "shop-prod", []string{entry}); !gone || err != nil {
			t.Errorf("%s: %t, %v", entry, gone, err)
		}
	}
	if err := h.client.Get(t.Context(), types.NamespacedName{Namespace: "shop-prod", Name: "web"}, deployedIn("shop-prod", "web")); err != nil {
		t.Errorf("the Deployment: %v, want it untouched", err)
	}
}
