// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// A file of the folder that the embed directive misses would be absent from
// every installation.
func TestFilesAreTheFolder(t *testing.T) {
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, file := range files {
		got = append(got, file.Name)
	}
	if diff := cmp.Diff(onDisk(t), got); diff != "" {
		t.Errorf("embedded files (-on disk +embedded):\n%s", diff)
	}
}

// onDisk lists the files of the chart's folder that belong to the chart.
func onDisk(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(".", func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(name, ".go") {
			return err
		}
		names = append(names, filepath.ToSlash(name))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

func TestCRDs(t *testing.T) {
	crds, err := CRDs()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, crd := range crds {
		got = append(got, crd.Name)
		if crd.Labels[v1alpha1.LabelManagedBy] != v1alpha1.LabelManagedByValue {
			t.Errorf("%s lacks the label %s, by which it is told from another controller's", crd.Name, v1alpha1.LabelManagedBy)
		}
	}
	want := []string{
		"applications.core.oam.dev",
		"componentdefinitions.core.oam.dev",
		"policydefinitions.core.oam.dev",
		"traitdefinitions.core.oam.dev",
		"workflowstepdefinitions.core.oam.dev",
		"clusterbindings.fairlead.dev",
		"environments.fairlead.dev",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("CRDs (-want +got):\n%s", diff)
	}
}

// What the binary knows of its chart decides what it asks of a hub.
func TestMetadata(t *testing.T) {
	metadata, err := ReadMetadata()
	if err != nil {
		t.Fatal(err)
	}
	if metadata.AppVersion == "" || !strings.HasPrefix(metadata.KubeVersion, ">=1.") {
		t.Errorf("got %+v, want a version, and a constraint that begins with >=1.", metadata)
	}
}

// A policy that is not found would not be missed on a hub either.
func TestAdmissionPolicies(t *testing.T) {
	got, err := AdmissionPolicies()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"fairlead-addon-serviceaccounts", "fairlead-addon-rolebindings", "fairlead-addon-namespaces",
		"fairlead-addon-namespace-objects", "fairlead-addon-specs", SharedPolicy,
		"fairlead-environment-protection", "fairlead-application-status", "fairlead-application-tenancy",
		"fairlead-addon-works", WorkPolicy,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
}
