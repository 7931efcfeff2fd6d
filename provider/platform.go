// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"sync"

	k8stypes "k8s.io/apimachinery/pkg/types"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
)

// platform is what plans of this run have read of environments. They are read once
// for all applications, and again after this run has changed one.
type platform struct {
	mutex sync.Mutex
	read  bool
	err   error
	// environments by name, and the bindings by the name of their environment.
	environments map[string]*v1alpha1.Environment
	bindings     map[string][]*v1alpha1.ClusterBinding
	// labels of namespaces by name; nil of one that could not be read.
	labels map[string]map[string]string
}

// forget makes the next plan read again.
func (p *platform) forget() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.read, p.err, p.environments, p.bindings, p.labels = false, nil, nil, nil, nil
}

// look reads all environments and bindings, unless that was done.
func (p *platform) look(ctx context.Context, client *hub.Client) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.read {
		return p.err
	}
	p.environments, p.bindings = map[string]*v1alpha1.Environment{}, map[string][]*v1alpha1.ClusterBinding{}
	p.err = p.list(ctx, client)
	// What may have been an accident is tried again.
	p.read = p.err == nil || hub.ReasonOf(p.err) == hub.Forbidden
	return p.err
}

func (p *platform) list(ctx context.Context, client *hub.Client) error {
	environments, err := client.List(ctx, v1alpha1.GroupVersion.WithKind(v1alpha1.EnvironmentKind), "", "")
	if err != nil {
		return err
	}
	for i := range environments {
		environment := &v1alpha1.Environment{}
		if err := decode(&environments[i], environment); err != nil {
			return err
		}
		p.environments[environment.Name] = environment
	}
	bindings, err := client.List(ctx, v1alpha1.GroupVersion.WithKind(v1alpha1.ClusterBindingKind), "", "")
	if err != nil {
		return err
	}
	for i := range bindings {
		binding := &v1alpha1.ClusterBinding{}
		if err := decode(&bindings[i], binding); err != nil {
			return err
		}
		p.bindings[binding.Spec.Environment] = append(p.bindings[binding.Spec.Environment], binding)
	}
	return nil
}

// environment returns an environment that was read, nil when there is none, with its bindings.
func (p *platform) environment(name string) (*v1alpha1.Environment, []*v1alpha1.ClusterBinding) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.environments[name], p.bindings[name]
}

// names are those of all environments.
func (p *platform) names() []string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	names := make([]string, 0, len(p.environments))
	for name := range p.environments {
		names = append(names, name)
	}
	return names
}

// labelsOf are the labels of a namespace, and whether they could be read.
func (p *platform) labelsOf(ctx context.Context, client *hub.Client, namespace string) (map[string]string, bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if known, ok := p.labels[namespace]; ok {
		return known, known != nil
	}
	live, err := client.Get(ctx, namespaceKind(), k8stypes.NamespacedName{Name: namespace})
	if p.labels == nil {
		p.labels = map[string]map[string]string{}
	}
	p.labels[namespace] = nil
	if err == nil {
		p.labels[namespace] = live.GetLabels()
	}
	return p.labels[namespace], p.labels[namespace] != nil
}
