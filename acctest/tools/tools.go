// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package tools builds the programs that the acceptance tests run: Kubernetes control planes, etcd, kwok, Open Cluster
// Management and OpenTofu.
//
// Every tool is a Go module of its own in a folder beside this file, with pinned versions and a committed go.sum, so that the
// product's own go.mod stays free of them. A tool is built once for each user and machine: binaries live in the user's cache
// directory under a name that holds the hash of everything the build depends on.
package tools

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Tool is one module under acctest/tools and what is built from it.
type Tool struct {
	// Name is the folder of the module under acctest/tools.
	Name string
	// Module is the path of the Go module whose version names the tool, for example k8s.io/kubernetes.
	Module string
	// Binaries maps the name of each binary to the import path of its main package.
	Binaries map[string]string
	// Estimate says to a person how long a build from an empty Go cache takes on two cores.
	Estimate string

	// variables are set by the linker; {version} and {minor} stand for the tool's version and its second number.
	variables []string
	// assets are folders of Module, copied to the same place under the tool's asset folder.
	assets []string
}

// Names of the tools.
const (
	Etcd       = "etcd"
	Kubernetes = "kubernetes"
	Kwok       = "kwok"
	OCM        = "ocm"
	OpenTofu   = "opentofu"
)

// All returns every tool in the order in which a first run wants them built.
func All() []Tool {
	return []Tool{etcd(), kubernetes(), ocm(), kwok(), opentofu()}
}

// Lookup returns the tool called name, or an error that lists the known names.
func Lookup(name string) (Tool, error) {
	all := All()
	i := slices.IndexFunc(all, func(t Tool) bool { return t.Name == name })
	if i < 0 {
		return Tool{}, fmt.Errorf("unknown tool %q: known tools are %s", name, strings.Join(names(all), ", "))
	}
	return all[i], nil
}

func names(all []Tool) []string {
	out := make([]string, 0, len(all))
	for _, t := range all {
		out = append(out, t.Name)
	}
	return out
}

func etcd() Tool {
	return Tool{
		Name:     Etcd,
		Module:   "go.etcd.io/etcd/server/v3",
		Binaries: map[string]string{"etcd": "go.etcd.io/etcd/server/v3"},
		Estimate: "about 1 min",
	}
}

func kubernetes() Tool {
	const version = "k8s.io/component-base/version."
	return Tool{
		Name:   Kubernetes,
		Module: "k8s.io/kubernetes",
		Binaries: map[string]string{
			"kube-apiserver":          "k8s.io/kubernetes/cmd/kube-apiserver",
			"kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
			"kube-scheduler":          "k8s.io/kubernetes/cmd/kube-scheduler",
		},
		Estimate: "about 6 min",
		// Without these the server reports v0.0.0-master, and a chart's kubeVersion rejects it.
		variables: []string{
			version + "gitVersion={version}",
			version + "gitMajor=1",
			version + "gitMinor={minor}",
			version + "gitTreeState=clean",
			version + "gitCommit={version}",
		},
	}
}

func kwok() Tool {
	return Tool{
		Name:     Kwok,
		Module:   "sigs.k8s.io/kwok",
		Binaries: map[string]string{"kwok": "sigs.k8s.io/kwok/cmd/kwok"},
		Estimate: "about 1 min",
		assets:   []string{"kustomize/stage/node/fast", "kustomize/stage/pod/fast"},
	}
}

func ocm() Tool {
	const module = "open-cluster-management.io/ocm"
	return Tool{
		Name:   OCM,
		Module: module,
		Binaries: map[string]string{
			"registration": module + "/cmd/registration",
			"work":         module + "/cmd/work",
			"placement":    module + "/cmd/placement",
			// OCM's admission handlers on a port that can be chosen.
			"admission": "./admission",
		},
		Estimate: "about 4 min",
		assets:   []string{"manifests/cluster-manager/hub", "manifests/klusterlet/managed"},
	}
}

func opentofu() Tool {
	return Tool{
		Name:     OpenTofu,
		Module:   "github.com/opentofu/opentofu",
		Binaries: map[string]string{"tofu": "github.com/opentofu/opentofu/cmd/tofu"},
		Estimate: "about 3 min",
		// Otherwise the version is a pre-release, which no required_version constraint admits.
		variables: []string{"github.com/opentofu/opentofu/version.dev=no"},
	}
}

// binaryNames lists the tool's binaries in a stable order.
func (t Tool) binaryNames() []string {
	return slices.Sorted(maps.Keys(t.Binaries))
}

// ldflags returns the linker flags for a build of version, for example v1.36.3.
func (t Tool) ldflags(version string) string {
	values := strings.NewReplacer("{version}", version, "{minor}", minor(version))
	flags := []string{"-s", "-w"}
	for _, v := range t.variables {
		flags = append(flags, "-X "+values.Replace(v))
	}
	return strings.Join(flags, " ")
}

// minor returns the second number of a semantic version: 36 for v1.36.3.
func minor(version string) string {
	parts := strings.Split(version, ".")
	if len(parts) < 2 {
		return ""
	}
	return parts[1]
}
