// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
)

// ownershipOf reads from a hub whose Application CRD has a label.
func ownershipOf(t *testing.T, crd bool, label string) *ownership {
	t.Helper()
	scheme, err := NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	builder := fake.NewClientBuilder().WithScheme(scheme)
	if crd {
		object := newCRD()
		object.Name = applicationCRD
		if label != "" {
			object.Labels = map[string]string{v1alpha1.LabelManagedBy: label}
		}
		builder = builder.WithObjects(object)
	}
	return &ownership{reader: builder.Build()}
}

func TestHandles(t *testing.T) {
	tests := []struct {
		label, requirement string
		reason             string
		want               bool
	}{
		{"fairlead", "", "alone, every application is ours", true},
		{"fairlead", "fairlead", "ours by name", true},
		{"fairlead", "v1.11.0", "asked for another controller", false},
		{"", "", "the kinds are somebody else's", false},
		{"", "fairlead", "ours by name on a shared hub", true},
		{"", "v1.11.0", "asked for another controller", false},
		{"somebody", "", "labelled, and not as ours", false},
	}
	for _, test := range tests {
		app := webApp()
		if test.requirement != "" {
			app.Annotations[v1beta1.AnnotationControllerRequirement] = test.requirement
		}
		owner := ownershipOf(t, true, test.label)
		got, err := owner.handles(t.Context(), app)
		if err != nil {
			t.Fatal(err)
		}
		if got != test.want {
			t.Errorf("label %q, requirement %q: got %t, want %t: %s", test.label, test.requirement, got, test.want, test.reason)
		}
		if shared := owner.shared(t.Context()); shared != (test.label != "fairlead") {
			t.Errorf("label %q: shared %t", test.label, shared)
		}
	}
}

// TestHandlesWithoutCRD checks that nothing is taken for ours while it is not
// known whose it is.
func TestHandlesWithoutCRD(t *testing.T) {
	owner := ownershipOf(t, false, "")
	if ours, err := owner.handles(t.Context(), webApp()); ours || err == nil {
		t.Errorf("got %t, %v, want an error", ours, err)
	}
	if owner.shared(t.Context()) {
		t.Error("an unknown owner counts as shared")
	}
}
