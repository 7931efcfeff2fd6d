// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

func secretIn(namespace, name string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

// testSecrets delivers the Secrets of an application beside the component that
// refers to them, again when the application says that one has changed, and takes
// them away with it. The one in the application's namespace stays whose it is.
func testSecrets(t *testing.T, h *hub) {
	tenant := h.newTenant(t, "secrets")
	away := h.newTenant(t, "secrets-elsewhere")
	h.create(t, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "with-secrets"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"apps", ""}, Resources: []string{"deployments", "secrets"}, Verbs: []string{"get", "create", "update", "patch", "delete"}},
	}})
	change(t, h, tenant.environment, func(e *v1alpha1.Environment) { e.Spec.Permissions = "with-secrets" })
	change(t, h, away.environment, func(e *v1alpha1.Environment) {
		e.Spec.ApplicationNamespaces.Names, e.Spec.Permissions = []string{"secrets"}, "with-secrets"
		e.Spec.TargetNamespace = &v1alpha1.TargetNamespace{Name: "secrets-away"}
	})
	made := secretIn("secrets", "db")
	made.Labels = map[string]string{v1alpha1.LabelSecretOf: "store"}
	made.Data = map[string][]byte{"password": []byte("first-C4N4RY")}
	h.create(t, made)
	refers := component("web", "nginx:1", `,"env":[{"name":"P","valueFrom":{"secretKeyRef":{"name":"db","key":"password"}}}]`)
	app := appIn("secrets", "store", refers)
	app.Annotations = map[string]string{v1alpha1.AnnotationSecrets: `{"db":"1"}`}
	h.create(t, app)
	h.running(t, app)
	change(t, h, app, func(a *v1beta1.Application) { a.Spec.Policies = append(a.Spec.Policies, goesTo("secrets-elsewhere")) })
	h.running(t, app)
	h.holds(t, secretIn("secrets-away", "db"), "first-C4N4RY")
	change(t, h, made, func(s *corev1.Secret) { s.Data = map[string][]byte{"password": []byte("second-C4N4RY")} })
	change(t, h, app, func(a *v1beta1.Application) { a.Annotations[v1alpha1.AnnotationSecrets] = `{"db":"2"}` })
	h.holds(t, secretIn("secrets-away", "db"), "second-C4N4RY")
	families, err := ctrlmetrics.Registry.Gather()
	if text := fmt.Sprint(families); err != nil || len(families) == 0 || strings.Contains(text, "C4N4RY") || strings.Contains(text, "c2Vjb25kLUM0TjRSWQ") {
		t.Errorf("the metrics show a secret, or there are none: %v", err)
	}
	h.remove(t, app)
	h.gone(t, app, secretIn("secrets-away", "db"))
	h.holds(t, secretIn("secrets", "db"), "second-C4N4RY")
	h.remove(t, made, tenant.binding)
}

// testNoAccount delivers a Secret from a namespace that nothing is delivered to, as
// where applications go to managed clusters alone: the doctor tells that the account
// lacks, and the application goes on once it is there, with no right but that it needs.
func testNoAccount(t *testing.T, h *hub) {
	tenant := h.newTenant(t, "accountless")
	h.create(t, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "accountless"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"apps", ""}, Resources: []string{"deployments", "secrets"}, Verbs: []string{"get", "create", "update", "patch", "delete"}},
	}})
	change(t, h, tenant.environment, func(e *v1alpha1.Environment) {
		e.Spec.Permissions, e.Spec.TargetNamespace = "accountless", &v1alpha1.TargetNamespace{Name: "accountless-away"}
	})
	made := secretIn("accountless", "db")
	made.Labels, made.Data = map[string]string{v1alpha1.LabelSecretOf: "store"}, map[string][]byte{"password": []byte("C4N4RY")}
	h.create(t, made)
	app := appIn("accountless", "store", component("web", "nginx:1", `,"env":[{"name":"P","valueFrom":{"secretKeyRef":{"name":"db","key":"password"}}}]`))
	app.Annotations = map[string]string{v1alpha1.AnnotationSecrets: `{"db":"1"}`}
	h.create(t, app)
	h.stalled(t, app, "ReferenceNotFound")
	lacking := func() (found []string) {
		for _, f := range h.examine(t, "doctor", "system:masters").Findings {
			if f.Check == "accounts" {
				found = append(found, f.Objects[0].Name)
			}
		}
		return found
	}
	if diff := cmp.Diff([]string{"accountless"}, lacking()); diff != "" {
		t.Errorf("the namespaces that the doctor names (-want +got):\n%s", diff)
	}
	named := metav1.ObjectMeta{Namespace: "accountless", Name: "fairlead-secrets"}
	h.create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "accountless", Name: v1alpha1.DeployerAccount}},
		&rbacv1.Role{ObjectMeta: named, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"db"}, Verbs: []string{"get"}}}},
		&rbacv1.RoleBinding{ObjectMeta: named, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: named.Name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "accountless", Name: v1alpha1.DeployerAccount}}})
	h.running(t, app)
	h.holds(t, secretIn("accountless-away", "db"), "C4N4RY")
	if found := lacking(); len(found) > 0 {
		t.Errorf("the doctor still names %v", found)
	}
	h.remove(t, app)
	h.gone(t, app, secretIn("accountless-away", "db"))
	h.remove(t, made, tenant.binding)
}

// holds waits until a Secret has a password.
func (h *hub) holds(t *testing.T, secret *corev1.Secret, want string) {
	t.Helper()
	h.waitFor(t, "Secret "+secret.Namespace+"/"+secret.Name, func(ctx context.Context) (string, error) {
		err := h.Get(ctx, client.ObjectKeyFromObject(secret), secret)
		if err == nil && string(secret.Data["password"]) == want {
			return "", nil
		}
		return "it does not hold what it should", client.IgnoreNotFound(err)
	})
}
