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
	// last is what was read; nil while nothing was.
	last *platformView
	// labels of namespaces by name; nil of one that could not be read.
	labels map[string]map[string]string
	// applications with the types that they name, by the namespace that was read.
	applications map[string]typeUsers
}

// platformView is what was read of environments at one time. It does not change: what
// a change on the hub makes the platform forget stays whole for whoever looks at it.
type platformView struct {
	err error
	// environments by name, and the bindings by the name of their environment.
	environments map[string]*v1alpha1.Environment
	bindings     map[string][]*v1alpha1.ClusterBinding
}

// forget makes the next plan read again.
func (p *platform) forget() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.last, p.labels, p.applications = nil, nil, nil
}

// look reads all environments and bindings, unless that was done.
func (p *platform) look(ctx context.Context, client *hub.Client) (*platformView, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.last != nil {
		return p.last, p.last.err
	}
	view := &platformView{environments: map[string]*v1alpha1.Environment{}, bindings: map[string][]*v1alpha1.ClusterBinding{}}
	view.err = view.list(ctx, client)
	// What may have been an accident is tried again.
	if view.err == nil || hub.ReasonOf(view.err) == hub.Forbidden {
		p.last = view
	}
	return view, view.err
}

func (v *platformView) list(ctx context.Context, client *hub.Client) error {
	environments, err := client.List(ctx, v1alpha1.GroupVersion.WithKind(v1alpha1.EnvironmentKind), "", "")
	if err != nil {
		return err
	}
	for i := range environments {
		environment := &v1alpha1.Environment{}
		if err := decode(&environments[i], environment); err != nil {
			return err
		}
		v.environments[environment.Name] = environment
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
		v.bindings[binding.Spec.Environment] = append(v.bindings[binding.Spec.Environment], binding)
	}
	return nil
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
