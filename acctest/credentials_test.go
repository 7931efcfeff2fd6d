// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package acctest

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// TestNoCredentialOfAClusterOnTheHub searches all Secrets and ConfigMaps of the hub for what opens a managed cluster.
func TestNoCredentialOfAClusterOnTheHub(t *testing.T) {
	f := sharedFleet(t)
	for _, found := range f.credentialsOnHub(t) {
		t.Errorf("the hub holds %s", found)
	}
	// The search finds one where there is one.
	kubeconfig, err := os.ReadFile(f.plane("cluster1").KubeconfigPath)
	if err != nil {
		t.Fatal(err)
	}
	create(t, hubObjects(t, f.env.Hub()), secrets, "default", object(fmt.Sprintf(
		`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"planted"},"data":{"value":%q}}`, base64.StdEncoding.EncodeToString(kubeconfig))))
	if found := f.credentialsOnHub(t); len(found) == 0 {
		t.Error("the search does not find a kubeconfig of a cluster in a Secret")
	}
}

// credentialsOnHub describes what of a managed cluster's is in Secrets and ConfigMaps of the hub.
func (f *fleet) credentialsOnHub(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, kind := range []schema.GroupVersionResource{secrets, configMaps} {
		list, err := f.on(t, v1alpha1.LocalCluster, kind).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatalf("list %s: %v", kind.Resource, err)
		}
		for i := range list.Items {
			holder := &list.Items[i]
			content := contentOf(t, holder)
			for what, needle := range f.clusterSecrets(t) {
				if bytes.Contains(content, needle) {
					found = append(found, fmt.Sprintf("%s in %s %s/%s", what, holder.GetKind(), holder.GetNamespace(), holder.GetName()))
				}
			}
		}
	}
	return found
}

// contentOf is all that a Secret or a ConfigMap holds, decoded.
func contentOf(t *testing.T, holder *unstructured.Unstructured) []byte {
	t.Helper()
	var content []byte
	for _, value := range nested[map[string]any](holder, "data") {
		text := value.(string)
		content = append(content, text...)
		if decoded, err := base64.StdEncoding.DecodeString(text); err == nil {
			content = append(content, decoded...)
		}
		content = append(content, 0)
	}
	return content
}

// clusterSecrets are the addresses of the clusters and what their credentials hold, by description.
func (f *fleet) clusterSecrets(t *testing.T) map[string][]byte {
	t.Helper()
	needles := map[string][]byte{}
	for _, plane := range f.env.Clusters() {
		config := plane.RESTConfig()
		needles["the address of "+plane.Name] = []byte(strings.TrimPrefix(plane.URL(), "https://"))
		needles["the authority of "+plane.Name] = config.CAData
		needles["a client key of "+plane.Name] = config.KeyData
		needles["a client certificate of "+plane.Name] = config.CertData
	}
	for what, needle := range needles {
		if len(needle) == 0 {
			t.Fatalf("%s is not known", what)
		}
		needles[what+" (base64)"] = []byte(base64.StdEncoding.EncodeToString(needle))
	}
	return needles
}

// TestAddonsTokenIsNoMaster uses the very token of the manager that works here for what it must not be good for.
func TestAddonsTokenIsNoMaster(t *testing.T) {
	f := sharedFleet(t)
	config, err := clientcmd.BuildConfigFromFlags("", f.manager.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	other := rest.CopyConfig(config)
	other.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:kube-system:default"}
	roleBindings := schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"}
	tests := []struct {
		reason  string
		config  *rest.Config
		do      func(dynamic.Interface) error
		refused string
	}{
		{"it impersonates nobody but deployers", other, listOf(configMaps, "default"), "cannot impersonate"},
		{"it reads no secrets", config, listOf(secrets, ""), `cannot list resource "secrets"`},
		{"it cannot make anybody master", config, makeOf(roleBindings, "default", `{
			"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "fairlead-deployer", "namespace": "default"},
			"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
			"subjects": [{"kind": "ServiceAccount", "name": "fairlead-deployer", "namespace": "default"}]
		}`), "not currently held"},
		{"a workload on a cluster needs an executor", config, makeOf(works, "cluster1", `{
			"apiVersion": "work.open-cluster-management.io/v1", "kind": "ManifestWork",
			"metadata": {"name": "bad", "namespace": "cluster1", "labels": {"fairlead.dev/managed-by": "fairlead"}},
			"spec": {"workload": {"manifests": [{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x", "namespace": "default"}}]}}
		}`), "executor"},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			client, err := dynamic.NewForConfig(test.config)
			if err != nil {
				t.Fatal(err)
			}
			err = test.do(client)
			if err == nil || !strings.Contains(err.Error(), test.refused) {
				t.Errorf("want it refused with %q, got %v", test.refused, err)
			}
		})
	}
}

func listOf(kind schema.GroupVersionResource, namespace string) func(dynamic.Interface) error {
	return func(client dynamic.Interface) error {
		_, err := client.Resource(kind).Namespace(namespace).List(context.Background(), metav1.ListOptions{})
		return err
	}
}

func makeOf(kind schema.GroupVersionResource, namespace, manifest string) func(dynamic.Interface) error {
	return func(client dynamic.Interface) error {
		_, err := client.Resource(kind).Namespace(namespace).Create(context.Background(), object(manifest), metav1.CreateOptions{})
		return err
	}
}
