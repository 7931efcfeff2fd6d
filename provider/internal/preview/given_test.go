// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package preview

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
)

// ownType is a component type of that name.
func ownType(name string) string {
	return name + `: {type: "component", attributes: workload: definition: {apiVersion: "v1", kind: "ConfigMap"}}
template: {parameter: {}, output: {apiVersion: "v1", kind: "ConfigMap"}}
`
}

// TestWith checks which definitions a renderer has, and that a set of them is
// compiled once.
func TestWith(t *testing.T) {
	base := New()
	if same, err := base.With(nil); err != nil || same != base {
		t.Errorf("without files: %v", err)
	}
	own, err := base.With([]string{ownType("a"), ownType("b")})
	if err != nil {
		t.Fatal(err)
	}
	again, err := base.With([]string{ownType("a"), ownType("b")})
	if err != nil || again != own {
		t.Errorf("the same files make another renderer: %v", err)
	}
	for name, want := range map[string]bool{"a": true, "b": true, "c": false, "webservice": false} {
		if got := own.Has(definition.Component, name); got != want {
			t.Errorf("%s is given: %t", name, got)
		}
	}
	if base.Has(definition.Component, "a") {
		t.Error("the renderer without files has a type of them")
	}
	var wrong *GivenError
	if _, err := base.With([]string{ownType("a"), "b: {"}); !errors.As(err, &wrong) || wrong.Index != 1 {
		t.Errorf("got %v, want that the second file is wrong", err)
	}
	for i := range 2 * maxDerived {
		if _, err := base.With([]string{ownType(fmt.Sprintf("t%d", i))}); err != nil {
			t.Fatal(err)
		}
	}
	if kept := len(base.own.known); kept > maxDerived {
		t.Errorf("%d sets are kept, at most %d", kept, maxDerived)
	}
}

// TestKnownSetsStay checks that a set which is known already costs no other one its place.
func TestKnownSetsStay(t *testing.T) {
	var full derived
	create := func() (*Renderer, error) { return nil, nil }
	for i := range maxDerived {
		_, _ = full.get(fmt.Sprint(i), create)
	}
	_, _ = full.get("0", create)
	if len(full.known) != maxDerived {
		t.Errorf("%d sets are left, want %d", len(full.known), maxDerived)
	}
}

// TestWithinIsInterrupted checks that who interrupts is not told that CUE is to
// blame, and gets nothing of what goes on.
func TestWithinIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	begun, end := make(chan struct{}), make(chan struct{})
	defer close(end)
	go func() {
		<-begun
		cancel()
	}()
	value, err := Within(ctx, func() (string, error) {
		close(begun)
		<-end
		return "late", nil
	})
	if value != "" || !errors.Is(err, context.Canceled) {
		t.Errorf("got %q and %v, want nothing and that it was interrupted", value, err)
	}
}
