// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/fairlead-io/terraform-provider-fairlead/acctest/demo/account"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

const (
	// definitionsFolder is the folder of the examples that holds types of a platform team, one in each file.
	definitionsFolder = "definitions"
	// definitionsManager owns the fields of the definitions that are applied here.
	definitionsManager = "fairlead-demo"
)

// applyDefinitions does what a platform team does for its application teams: it puts its types onto the hub. With force it
// overwrites what somebody has changed in them, which only a hub of the demo's own is for.
func applyDefinitions(ctx context.Context, l layout, hub account.Hub, force bool, out io.Writer) error {
	step(out, "Putting the platform team's types onto the hub: kubectl apply --server-side -f examples/%s", definitionsFolder)
	definitions, err := readDefinitions(l.example(definitionsFolder))
	if err != nil {
		return err
	}
	config, err := hub.RESTConfig()
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("creating a client of the hub: %w", err)
	}
	for _, definition := range definitions {
		if err := applyDefinition(ctx, client, definition, force); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s %s/%s: applications may use the type %q.\n",
			definition.GetKind(), definition.GetNamespace(), definition.GetName(), definition.GetName())
	}
	return nil
}

// readDefinitions reads the definitions in a folder, in the order of their files.
func readDefinitions(folder string) ([]*unstructured.Unstructured, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("listing definitions in %s: %w", folder, err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("listing definitions: %s holds no *.yaml files", folder)
	}
	var definitions []*unstructured.Unstructured
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading a definition: %w", err)
		}
		definition := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(content, &definition.Object); err != nil {
			return nil, fmt.Errorf("reading definition %s: %w", path, err)
		}
		if definition.GroupVersionKind().GroupVersion() != v1beta1.GroupVersion || definition.GetNamespace() == "" {
			return nil, fmt.Errorf("reading definition %s: it is no object of %s with a namespace", path, v1beta1.GroupVersion)
		}
		definitions = append(definitions, definition)
	}
	return definitions, nil
}

func applyDefinition(ctx context.Context, client dynamic.Interface, definition *unstructured.Unstructured, force bool) error {
	resource := v1beta1.GroupVersion.WithResource(strings.ToLower(definition.GetKind()) + "s")
	_, err := client.Resource(resource).Namespace(definition.GetNamespace()).
		Apply(ctx, definition.GetName(), definition, metav1.ApplyOptions{FieldManager: definitionsManager, Force: force})
	if apierrors.IsConflict(err) {
		err = errors.Join(err, errors.New("somebody else has a type of that name there, or has changed this one: rename or delete it, since the example needs its own"))
	}
	if err != nil {
		return fmt.Errorf("applying %s %s/%s: %w", definition.GetKind(), definition.GetNamespace(), definition.GetName(), err)
	}
	return nil
}
