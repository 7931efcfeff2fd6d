// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// fieldManager owns the fields of what is applied here.
const fieldManager = "fairlead-acctest"

// manifestValues are what OCM's operator would fill into the templates among OCM's manifests. The ones that place webhooks are
// placeholders: webhooks are reached by URL here, conversion is dropped.
func manifestValues() map[string]any {
	webhook := map[string]any{"Port": 0, "Address": loopback, "IsIPFormat": true}
	return map[string]any{
		"ClusterManagerName":             "cluster-manager",
		"ClusterManagerNamespace":        hubNamespace,
		"Labels":                         map[string]string{},
		"RegistrationWebhook":            webhook,
		"WorkWebhook":                    webhook,
		"RegistrationAPIServiceCABundle": "",
		"WorkAPIServiceCABundle":         "",
		"AddonAPIServiceCABundle":        "",
	}
}

// readManifests reads the objects in files of dir that match pattern.
func readManifests(dir, pattern string) ([]*unstructured.Unstructured, error) {
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		return nil, fmt.Errorf("listing manifests %s in %s: %w", pattern, dir, err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("listing manifests: %s holds none that match %s", dir, pattern)
	}
	objects := make([]*unstructured.Unstructured, 0, len(paths))
	for _, path := range paths {
		object, err := readManifest(path)
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

func readManifest(path string) (*unstructured.Unstructured, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a manifest: %w", err)
	}
	parsed, err := template.New(filepath.Base(path)).Option("missingkey=error").Parse(string(content))
	if err != nil {
		return nil, fmt.Errorf("parsing manifest %s: %w", path, err)
	}
	var rendered bytes.Buffer
	if err := parsed.Execute(&rendered, manifestValues()); err != nil {
		return nil, fmt.Errorf("rendering manifest %s: %w", path, err)
	}
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(rendered.Bytes(), &object.Object); err != nil {
		return nil, fmt.Errorf("reading manifest %s: %w", path, err)
	}
	return object, nil
}

// crds is the resource of custom resource definitions.
func crds() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
}

// webhooks is the resource of one of the two kinds of webhook configurations.
func webhooks(kind string) (schema.GroupVersionResource, error) {
	resources := map[string]string{
		"ValidatingWebhookConfiguration": "validatingwebhookconfigurations",
		"MutatingWebhookConfiguration":   "mutatingwebhookconfigurations",
	}
	resource, ok := resources[kind]
	if !ok {
		return schema.GroupVersionResource{}, fmt.Errorf("a manifest of webhooks holds a %q", kind)
	}
	return schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: resource}, nil
}

// apply applies an object without a namespace.
func apply(ctx context.Context, client dynamic.Interface, resource schema.GroupVersionResource, object *unstructured.Unstructured) error {
	options := metav1.ApplyOptions{FieldManager: fieldManager, Force: true}
	if _, err := client.Resource(resource).Apply(ctx, object.GetName(), object, options); err != nil {
		return fmt.Errorf("applying %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}

// applyCRDs applies the custom resource definitions in dir that match pattern and waits until they are served.
func applyCRDs(ctx context.Context, client dynamic.Interface, dir, pattern string) error {
	definitions, err := readManifests(dir, pattern)
	if err != nil {
		return err
	}
	for _, definition := range definitions {
		// Two of OCM's kinds convert by a webhook of its add-on manager, which does not run.
		unstructured.RemoveNestedField(definition.Object, "spec", "conversion")
		if err := apply(ctx, client, crds(), definition); err != nil {
			return err
		}
	}
	for _, definition := range definitions {
		name := definition.GetName()
		err := waitFor(ctx, "CRD "+name+" to be established", pollRequest, func(ctx context.Context) error {
			return established(ctx, client, name)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func established(ctx context.Context, client dynamic.Interface, name string) error {
	object, err := client.Resource(crds()).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	conditions, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
	if err != nil {
		return err
	}
	for _, c := range conditions {
		condition, ok := c.(map[string]any)
		if ok && condition["type"] == "Established" && condition["status"] == "True" {
			return nil
		}
	}
	return fmt.Errorf("it is not yet")
}
