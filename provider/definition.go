// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// definitionKindNames are the kinds of types, as they are configured.
func definitionKindNames() []string {
	return []string{string(definition.Component), string(definition.Trait), string(definition.Policy), string(definition.WorkflowStep)}
}

// definitionObjectKind is the kind of the objects that hold definitions of a kind.
func definitionObjectKind(kind definition.Kind) schema.GroupVersionKind {
	names := map[definition.Kind]string{
		definition.Component:    "ComponentDefinition",
		definition.Trait:        "TraitDefinition",
		definition.Policy:       "PolicyDefinition",
		definition.WorkflowStep: "WorkflowStepDefinition",
	}
	return v1beta1.GroupVersion.WithKind(names[kind])
}
