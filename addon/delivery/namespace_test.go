// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

func TestUnusableNamespaceOptions(t *testing.T) {
	tests := []struct {
		reason  string
		options v1alpha1.NamespaceOptions
		want    string
	}{
		{"what can be read", v1alpha1.NamespaceOptions{ImagePullSecrets: []string{"a.b"}, Objects: raws(quotaOf("a", "1"), quotaOf("b", "1"), isolation)}, ""},
		{"a name that is none", v1alpha1.NamespaceOptions{ImagePullSecrets: []string{"ok", "../x"}}, "spec.namespaceOptions.imagePullSecrets[1]: no name of a Secret: a lowercase"},
		{"another kind", v1alpha1.NamespaceOptions{Objects: raws(`{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}`)}, `spec.namespaceOptions.objects[0]: v1 "Secret" is not taken: only ResourceQuota`},
		{"a kind of another group", v1alpha1.NamespaceOptions{Objects: raws(`{"apiVersion": "x.io/v1", "kind": "ResourceQuota", "metadata": {"name": "a"}}`)}, `spec.namespaceOptions.objects[0]: x.io/v1 "ResourceQuota" is not taken`},
		{"no object", v1alpha1.NamespaceOptions{Objects: raws(`[]`)}, "spec.namespaceOptions.objects[0]: is no object"},
		{"a field that does not exist", v1alpha1.NamespaceOptions{Objects: raws(`{"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "a"}, "spec": {"hart": {}}}`)}, `spec.namespaceOptions.objects[0]: is no ResourceQuota: json: unknown field "hart"`},
		{"no name", v1alpha1.NamespaceOptions{Objects: raws(`{"apiVersion": "v1", "kind": "LimitRange"}`)}, "spec.namespaceOptions.objects[0].metadata.name: "},
		{"a namespace", v1alpha1.NamespaceOptions{Objects: raws(`{"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "a", "namespace": "kube-system"}}`)}, "spec.namespaceOptions.objects[0].metadata.namespace: is set to the target namespace: leave it out"},
		{"one object twice", v1alpha1.NamespaceOptions{Objects: raws(quotaOf("a", "1"), quotaOf("a", "2"))}, "spec.namespaceOptions.objects[1]: is the same ResourceQuota a as objects[0]: remove one"},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			env := environment("prod", "c1")
			env.Spec.NamespaceOptions = &test.options
			problem := env.Unusable()
			if problem == nil {
				problem = &Problem{}
			}
			if test.want == "" && problem.Message != "" || !strings.HasPrefix(strings.TrimPrefix(problem.Message, `environment "prod": `), test.want) {
				t.Errorf("got %q, want %q", problem.Message, test.want)
			}
		})
	}
}

// secretStore counts what is read of it.
type secretStore struct {
	secrets map[string]*corev1.Secret
	err     error
	reads   int
}

func (s *secretStore) read(_ context.Context, name string) (*corev1.Secret, error) {
	s.reads++
	if s.err != nil {
		return nil, s.err
	}
	if secret, ok := s.secrets[name]; ok {
		return secret, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, name)
}

func credential(name, content string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"x": "y"}}, Type: corev1.SecretTypeDockerConfigJson,
		Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(content), "other": []byte("stays")},
	}
}

func TestPullSecrets(t *testing.T) {
	const canary = "S3CR3T"
	opaque := credential("a", canary)
	opaque.Type = corev1.SecretTypeOpaque
	tests := []struct {
		name, reason string
		store        secretStore
		state        State
		want         string
	}{
		{"there", "it is copied", secretStore{secrets: map[string]*corev1.Secret{"a": credential("a", canary)}}, Delivered, ""},
		{"missing", "somebody may create it", secretStore{}, Waiting, "spec.namespaceOptions.imagePullSecrets: Secret fairlead-system/a does not exist: waiting for somebody to create it"},
		{"another type", "only credentials of registries are handed out", secretStore{secrets: map[string]*corev1.Secret{"a": opaque}}, Refused,
			"spec.namespaceOptions.imagePullSecrets: Secret fairlead-system/a has another type than kubernetes.io/dockerconfigjson and kubernetes.io/dockercfg"},
		{"forbidden", "the chart names what may be read", secretStore{err: apierrors.NewForbidden(schema.GroupResource{}, "a", nil)}, Refused,
			"spec.namespaceOptions.imagePullSecrets: Secret fairlead-system/a may not be read by the addon: add it to imagePullSecretNames of the chart"},
		{"too large", "a work has room for so much", secretStore{secrets: map[string]*corev1.Secret{"a": credential("a", strings.Repeat(canary, 30000))}}, Refused,
			`spec.namespaceOptions.imagePullSecrets: the Secrets for namespace "shop" have 180005 bytes, more than 131072: name fewer`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			secrets := &PullSecrets{Read: test.store.read, Clock: clocktesting.NewFakePassiveClock(time.Unix(0, 0))}
			tenant := Tenant{TenantKey: TenantKey{"c1", "shop"}, SourceNamespace: "shop", PullSecrets: []string{"a"}}
			completed, got, err := secrets.complete(t.Context(), tenant)
			if err != nil {
				t.Fatal(err)
			}
			if got.State != test.state || got.Message != test.want || got.RetryAfter <= 0 {
				t.Errorf("got %v, want state %d: %s: %s", got, test.state, test.want, test.reason)
			}
			if strings.Contains(fmt.Sprint(got), canary) {
				t.Error("the content is told")
			}
			if test.state != Delivered {
				return
			}
			want := []map[string]any{{
				"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson", "data": object{".dockerconfigjson": "UzNDUjNU"},
				"metadata": object{"name": "a", "namespace": "shop", "labels": object{"fairlead.dev/managed-by": "fairlead", "fairlead.dev/source-namespace": "shop"}},
			}}
			if diff := cmp.Diff(want, completed.Objects); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestPullSecretsAreReadAgain checks how often a Secret is read.
func TestPullSecretsAreReadAgain(t *testing.T) {
	store := &secretStore{secrets: map[string]*corev1.Secret{"a": credential("a", "1")}}
	clock := clocktesting.NewFakePassiveClock(time.Unix(0, 0))
	secrets := &PullSecrets{Read: store.read, Clock: clock}
	tenant := Tenant{PullSecrets: []string{"a"}, Version: "prod@1"}
	look := func(want int, reason string) {
		t.Helper()
		if _, _, err := secrets.complete(t.Context(), tenant); err != nil {
			t.Fatal(err)
		}
		if store.reads != want {
			t.Errorf("%d reads, want %d: %s", store.reads, want, reason)
		}
	}
	look(1, "it is not known")
	look(1, "it was read just now")
	clock.SetTime(clock.Now().Add(13 * time.Minute))
	look(2, "it may have changed since")
	tenant.Version = "prod@2"
	look(3, "the environment changed")
	delete(store.secrets, "a")
	tenant.PullSecrets = []string{"b"}
	look(4, "another one")
	look(4, "that it is missing is remembered for a while")
	clock.SetTime(clock.Now().Add(time.Minute))
	look(5, "it may be there by now")
	store.err = errBroken
	clock.SetTime(clock.Now().Add(time.Minute))
	if _, _, err := secrets.complete(t.Context(), tenant); !errors.Is(err, errBroken) {
		t.Errorf("got %v, want the error of the API server", err)
	}
}

// TestCarryCompletesTenants checks that nothing is delivered without the Secrets
// that an environment hands out.
func TestCarryCompletesTenants(t *testing.T) {
	store := &secretStore{}
	fleet := &scripted{}
	engine := engineOf(&scripted{}, fleet)
	engine.PullSecrets = &PullSecrets{Read: store.read, Clock: clocktesting.NewFakePassiveClock(time.Unix(0, 0))}
	plan := planOf(t, worldOf(changed(environment("prod", "c1"), func(e *Environment) {
		e.Spec.NamespaceOptions = &v1alpha1.NamespaceOptions{ImagePullSecrets: []string{"a"}}
	})), request(use("prod")), noneAway)
	report, err := engine.Carry(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"c1": "waiting: spec.namespaceOptions.imagePullSecrets: Secret fairlead-system/a does not exist: waiting for somebody to create it"}
	if diff := cmp.Diff(want, summaryOf(report).Units); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if report.RetryAfter != secretRetry {
		t.Errorf("looks again after %s, want %s", report.RetryAfter, secretRetry)
	}
}
