// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// checkTimeout bounds the look at one definition. CUE cannot be interrupted, and
// a template may take for ever.
const checkTimeout = 20 * time.Second

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

// withinTime does what may take for ever, and gives up waiting for it after a
// while. The process of the provider ends soon, and what was given up with it: until
// then it goes on, so that it must not touch what its caller goes on with.
func withinTime[T any](ctx context.Context, do func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	var none T
	limit := time.NewTimer(checkTimeout)
	defer limit.Stop()
	done := make(chan outcome, 1)
	go func() {
		value, err := do()
		done <- outcome{value, err}
	}()
	select {
	case found := <-done:
		return found.value, found.err
	case <-ctx.Done():
		return none, fmt.Errorf("the definition was not looked at to the end: %w", ctx.Err())
	case <-limit.C:
		return none, fmt.Errorf("the definition was not understood within %s: its CUE multiplies or refers to itself", checkTimeout)
	}
}
