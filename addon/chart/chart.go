// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package chart carries the addon's Helm chart inside the binary. It knows the
// chart's files and CRDs; rendering and installing them is the business of the
// packages that may use the Helm SDK.
package chart

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// Names that the chart fixes. They do not depend on the name of the release.
const (
	// Name of the chart.
	Name = "fairlead-addon"
	// ServiceAccount is the account that the addon runs as, in the release's namespace.
	ServiceAccount = "fairlead-addon"
	// Deployment is the addon's workload in the release's namespace.
	Deployment = "fairlead-addon"
	// Lease is the only Lease that the account may write; leader election must use this name.
	Lease = "fairlead-addon"
	// LocalBinding is the ClusterBinding that gives the hub to the default environment.
	LocalBinding = "default-local"
)

const crdFolder = "crds"

// all: takes the files that begin with an underscore as well.
//
//go:embed Chart.yaml values.yaml values.schema.json .helmignore all:templates crds
var content embed.FS

// File is one file of the chart.
type File struct {
	// Name is the path inside the chart, with slashes.
	Name string
	// Data is the content.
	Data []byte
}

// Files returns every file of the chart in the order of their names.
func Files() ([]File, error) {
	var files []File
	err := fs.WalkDir(content, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := content.ReadFile(name)
		if err != nil {
			return err
		}
		files = append(files, File{Name: name, Data: data})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the embedded chart: %w", err)
	}
	return files, nil
}

// CRDs returns the CustomResourceDefinitions of the chart in the order of their
// files. Each carries the label fairlead.dev/managed-by.
func CRDs() ([]*apiextensionsv1.CustomResourceDefinition, error) {
	entries, err := content.ReadDir(crdFolder)
	if err != nil {
		return nil, fmt.Errorf("listing the CRDs of the embedded chart: %w", err)
	}
	crds := make([]*apiextensionsv1.CustomResourceDefinition, 0, len(entries))
	for _, entry := range entries {
		crd, err := readCRD(path.Join(crdFolder, entry.Name()))
		if err != nil {
			return nil, err
		}
		crds = append(crds, crd)
	}
	return crds, nil
}

// readCRD reads the CRD of one file.
func readCRD(name string) (*apiextensionsv1.CustomResourceDefinition, error) {
	data, err := content.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading %s of the embedded chart: %w", name, err)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(data, crd); err != nil {
		return nil, fmt.Errorf("decoding %s of the embedded chart: %w", name, err)
	}
	return crd, nil
}

// Metadata is what the chart says of itself.
type Metadata struct {
	// AppVersion is the version of the addon.
	AppVersion string `json:"appVersion"`
	// KubeVersion is the constraint on the version of the hub, such as ">=1.30.0-0".
	KubeVersion string `json:"kubeVersion"`
}

// ReadMetadata reads Chart.yaml.
func ReadMetadata() (Metadata, error) {
	var metadata Metadata
	data, err := content.ReadFile("Chart.yaml")
	if err != nil {
		return metadata, fmt.Errorf("reading Chart.yaml of the embedded chart: %w", err)
	}
	if err := yaml.Unmarshal(data, &metadata); err != nil {
		return metadata, fmt.Errorf("decoding Chart.yaml of the embedded chart: %w", err)
	}
	return metadata, nil
}

// Names of admission policies that only some values of the chart install.
const (
	// SharedPolicy is there in the mode shared alone.
	SharedPolicy = "fairlead-addon-definitions"
	// WorkPolicy is there unless admissionPolicies.protectWorks is false.
	WorkPolicy = "fairlead-work-protection"
)

// AdmissionPolicies returns the names of the ValidatingAdmissionPolicies in the
// chart's templates, each of which has a binding of the same name.
func AdmissionPolicies() ([]string, error) {
	files, err := Files()
	if err != nil {
		return nil, err
	}
	// Templates are no YAML before they are rendered; in these the names are literal.
	policy := regexp.MustCompile(`(?m)^kind: ValidatingAdmissionPolicy\nmetadata:\n  name: (\S+)$`)
	var names []string
	for _, file := range files {
		for _, match := range policy.FindAllSubmatch(file.Data, -1) {
			names = append(names, string(match[1]))
		}
	}
	return names, nil
}
