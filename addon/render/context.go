// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"cmp"
	"maps"
	"regexp"
	"strconv"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// Context is what templates may know of where they are rendered.
type Context struct {
	// AppName is the name of the application.
	AppName string
	// AppNamespace is the hub namespace of the application.
	AppNamespace string
	// TargetNamespace is the namespace that the objects go to.
	TargetNamespace string
	// Environment that the objects are rendered for.
	Environment string
	// Cluster that the objects are rendered for.
	Cluster string
	// AppLabels are the labels of the application. Objects inherit them, see inherited.
	AppLabels map[string]string
	// AppAnnotations are the annotations of the application. Objects inherit them, see inherited.
	AppAnnotations map[string]string
	// AppRevision is the name of the application's revision.
	AppRevision string
	// AppRevisionNum is the number of the application's revision.
	AppRevisionNum int64
	// Revision is the name of the component's revision; when empty it is made of
	// the component's name and a digest of what it says, so that it changes with the component alone.
	Revision string
	// Components are the names of all components of the application.
	Components []string
	// ClusterVersion is the version of Kubernetes there; DefaultClusterVersion when it is zero.
	ClusterVersion ClusterVersion
	// ReplicaKey tells the copies apart that the policy replication makes; empty without it.
	ReplicaKey string
	// PublishVersion is the version under which the application was published; empty without one.
	PublishVersion string
	// WorkflowName is the name of the workflow that delivers; empty without one.
	WorkflowName string
	// Artifacts are the objects of the application's components there, by component,
	// which policies see; nil for none.
	Artifacts map[string]any
}

// ClusterVersion is a version of Kubernetes as templates see it.
type ClusterVersion struct {
	// Major and Minor are the numbers of the version.
	Major, Minor int64
	// GitVersion is the whole version, such as v1.30.2.
	GitVersion string
	// Platform is the operating system and architecture, such as linux/amd64.
	Platform string
}

// DefaultClusterVersion stands for a version that is not known: the oldest one
// that is supported, so that what is rendered works on newer ones too.
func DefaultClusterVersion() ClusterVersion {
	return ClusterVersion{Major: 1, Minor: 30, GitVersion: "v1.30.0", Platform: "linux/amd64"}
}

var kubeVersion = regexp.MustCompile(`^v?(\d{1,3})\.(\d{1,4})(\.\d{1,4})?([-+].{0,64})?$`)

// ParseClusterVersion reads a version of Kubernetes such as 1.31 or v1.31.2+k3s1;
// false when the text is none.
func ParseClusterVersion(text string) (ClusterVersion, bool) {
	parts := kubeVersion.FindStringSubmatch(text)
	if parts == nil {
		return ClusterVersion{}, false
	}
	version := DefaultClusterVersion()
	version.Major, _ = strconv.ParseInt(parts[1], 10, 64)
	version.Minor, _ = strconv.ParseInt(parts[2], 10, 64)
	version.GitVersion = "v" + parts[1] + "." + parts[2] + cmp.Or(parts[3], ".0") + parts[4]
	return version, true
}

// values are the version as OAM has it: major is a text, minor a number.
func (v ClusterVersion) values() any {
	if v == (ClusterVersion{}) {
		v = DefaultClusterVersion()
	}
	return map[string]any{"major": strconv.FormatInt(v.Major, 10), "minor": v.Minor, "gitVersion": v.GitVersion, "platform": v.Platform}
}

// Values is the context as CUE sees it, by the names of OAM, as far as it is read.
func (x Context) Values(c Component, reads *program.Reads) map[string]any {
	out := map[string]any{}
	put := func(name string, value func() any) {
		if below := reads.Get(name); below.Any() {
			out[name] = below.Prune(value())
		}
	}
	for _, text := range [...]struct{ name, value string }{
		{"name", c.Name}, {"appName", x.AppName}, {"namespace", x.TargetNamespace},
		{"cluster", x.Cluster}, {"appRevision", x.AppRevision},
	} {
		put(text.name, func() any { return text.value })
	}
	if c.Policy {
		put("artifacts", x.artifacts)
	} else {
		put("componentType", func() any { return c.Type })
		put("revision", func() any { return x.revision(c) })
	}
	for _, text := range [...]struct{ name, value string }{
		{"replicaKey", x.ReplicaKey}, {"publishVersion", x.PublishVersion}, {"workflowName", x.WorkflowName},
	} {
		if text.value != "" {
			put(text.name, func() any { return text.value })
		}
	}
	if c.Objects != nil {
		put("objects", c.objects)
	}
	put("clusterVersion", x.ClusterVersion.values)
	put("appRevisionNum", func() any { return x.AppRevisionNum })
	put("appLabels", func() any { return object(x.labels()) })
	put("appAnnotations", func() any { return object(x.AppAnnotations) })
	put("components", x.components)
	return out
}

// labels are those of the application that say what it is: that it is paused must
// change no object.
func (x Context) labels() map[string]string {
	if _, found := x.AppLabels[v1beta1.LabelPause]; !found {
		return x.AppLabels
	}
	labels := maps.Clone(x.AppLabels)
	delete(labels, v1beta1.LabelPause)
	return labels
}

func (x Context) revision(c Component) string {
	if x.Revision != "" {
		return x.Revision
	}
	parts := []any{c.Type, c.Properties}
	for _, t := range c.Traits {
		parts = append(parts, t.Type, t.Properties)
	}
	return c.Name + "-" + digest(parts)
}

// components are objects with a name each, as OAM's own list has it.
func (x Context) components() any {
	out := make([]any, len(x.Components))
	for i, name := range x.Components {
		out[i] = map[string]any{"name": name}
	}
	return out
}

// artifacts is an object also where there are none.
func (x Context) artifacts() any {
	if x.Artifacts == nil {
		return map[string]any{}
	}
	return x.Artifacts
}

// objects is the list as a JSON value.
func (c Component) objects() any {
	out := make([]any, len(c.Objects))
	for i, o := range c.Objects {
		out[i] = o
	}
	return out
}

func object(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}
