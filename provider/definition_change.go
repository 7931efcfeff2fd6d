// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/hub"
	"github.com/fairlead-io/terraform-provider-fairlead/provider/internal/rollout"
)

// maxNamedUsers is how many applications a warning names.
const maxNamedUsers = 5

// typeUse is a type as applications name it, without a version.
type typeUse struct {
	kind definition.Kind
	name string
}

// typeUser is an application on the hub with the types that it names.
type typeUser struct {
	namespace, name string
	types           map[typeUse]bool
}

// add adds a type, written as NAME or NAME@VERSION: earlier versions of a definition are
// not kept, so that those that name one are concerned as well.
func (u typeUser) add(kind definition.Kind, name string) {
	base, _, _ := strings.Cut(name, "@")
	u.types[typeUse{kind, base}] = true
}

// newTypeUser reads an application that the hub holds.
func newTypeUser(live *unstructured.Unstructured) (typeUser, error) {
	var app v1beta1.Application
	if err := decode(live, &app); err != nil {
		return typeUser{}, err
	}
	user := typeUser{namespace: app.Namespace, name: app.Name, types: map[typeUse]bool{}}
	for _, component := range app.Spec.Components {
		user.add(definition.Component, component.Type)
		for _, trait := range component.Traits {
			user.add(definition.Trait, trait.Type)
		}
	}
	for _, policy := range app.Spec.Policies {
		user.add(definition.Policy, policy.Type)
		user.addChanged(policy.Properties)
	}
	return user, nil
}

// addChanged adds the types that a policy names for components: by those of environments and
// by overrides components get other types, and traits.
func (u typeUser) addChanged(properties *runtime.RawExtension) {
	var changed struct {
		Components []struct {
			Type   string `json:"type"`
			Traits []struct {
				Type string `json:"type"`
			} `json:"traits"`
		} `json:"components"`
	}
	// Properties of another form name no types.
	if properties == nil || json.Unmarshal(properties.Raw, &changed) != nil {
		return
	}
	for _, component := range changed.Components {
		if component.Type != "" {
			u.add(definition.Component, component.Type)
		}
		for _, trait := range component.Traits {
			u.add(definition.Trait, trait.Type)
		}
	}
}

// typeUsers are the applications of a namespace, or why they could not be read.
type typeUsers struct {
	users []typeUser
	err   error
}

// users are the applications that may find a definition of a namespace. They are read once
// for all definitions of a plan.
func (p *platform) users(ctx context.Context, client *hub.Client, namespace string) ([]typeUser, error) {
	if foundFromAnywhere(namespace) {
		namespace = ""
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if last, ok := p.applications[namespace]; ok {
		return last.users, last.err
	}
	users, err := readUsers(ctx, client, namespace)
	// What may have been an accident is tried again.
	if err == nil || hub.ReasonOf(err) == hub.Forbidden {
		if p.applications == nil {
			p.applications = map[string]typeUsers{}
		}
		p.applications[namespace] = typeUsers{users, err}
	}
	return users, err
}

// readUsers reads the applications of a namespace, all when it is empty.
func readUsers(ctx context.Context, client *hub.Client, namespace string) ([]typeUser, error) {
	var users []typeUser
	err := client.Visit(ctx, rollout.Kind(), namespace, func(live *unstructured.Unstructured) {
		// What goes needs no definition any more, and what cannot be read names none.
		if user, err := newTypeUser(live); err == nil && live.GetDeletionTimestamp() == nil {
			users = append(users, user)
		}
	})
	return users, err
}

// definitionEvent is what becomes of a definition.
type definitionEvent string

const (
	definitionAdded   definitionEvent = "added"
	definitionChanged definitionEvent = "changed"
	definitionGoes    definitionEvent = "destroyed"
)

// effect is what becomes of the applications that find the definition.
func (e definitionEvent) effect() string {
	switch e {
	case definitionAdded:
		return "The new definition is theirs at once, wherever they are delivered."
	case definitionChanged:
		return "They get the change at once, wherever they are delivered."
	case definitionGoes:
		return "Those that stay are stalled without another definition of the type, and what runs goes on running."
	}
	return ""
}

// warnOfUsers says which applications it concerns that a definition is added, changed or
// destroyed, as far as the hub can be asked: a credential that may not list applications
// everywhere, or a hub that is away, leaves it unsaid.
func (r *definitionResource) warnOfUsers(ctx context.Context, m *definitionModel, event definitionEvent, diags *diag.Diagnostics) {
	if m.Kind.IsUnknown() || m.Name.IsUnknown() || m.Namespace.IsUnknown() {
		return
	}
	client, problems := r.hub.Client(ctx)
	if client == nil || problems.HasError() {
		return
	}
	use, namespace := typeUse{definition.Kind(m.Kind.ValueString()), m.Name.ValueString()}, m.Namespace.ValueString()
	users, err := r.hub.platform.users(ctx, client, namespace)
	if err != nil || len(concernedBy(users, use, namespace, nil)) == 0 {
		return
	}
	concerned := concernedBy(users, use, namespace, otherDefinitions(ctx, client, use, namespace))
	if len(concerned) == 0 {
		return
	}
	have := "have"
	if len(concerned) == 1 {
		have = "has"
	}
	kind := string(use.kind) + " type"
	diags.AddWarning(inUse(kind, use.name, string(event)), fmt.Sprintf("%s %s the %s %q: %s. %s",
		count(int32(len(concerned)), "application"), have, kind, use.name, listed(concerned), event.effect())) //nolint:gosec // A hub has fewer applications.
}

// otherDefinitions are the namespaces that have a definition of the type too. While they
// cannot be listed no application is taken to have another one.
func otherDefinitions(ctx context.Context, client *hub.Client, use typeUse, besides string) []string {
	var namespaces []string
	err := client.Visit(ctx, definitionObjectKind(use.kind), "", func(live *unstructured.Unstructured) {
		if live.GetName() == use.name && live.GetNamespace() != besides {
			namespaces = append(namespaces, live.GetNamespace())
		}
	})
	if err != nil {
		return nil
	}
	return namespaces
}

// concernedBy are the applications, as namespace/name, that find the definition of a
// namespace when they look for a type, and none before it in the others.
func concernedBy(users []typeUser, use typeUse, namespace string, others []string) []string {
	var concerned []string
	for _, user := range users {
		own := types.StringValue(user.namespace)
		rank := rankOf(namespace, own)
		hidden := slices.ContainsFunc(others, func(other string) bool { return rankOf(other, own) > rank })
		if rank > 0 && user.types[use] && !hidden {
			concerned = append(concerned, user.namespace+"/"+user.name)
		}
	}
	slices.Sort(concerned)
	return concerned
}

// listed names the first of them.
func listed(names []string) string {
	if rest := len(names) - maxNamedUsers; rest > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamedUsers], ", "), rest)
	}
	return strings.Join(names, ", ")
}
