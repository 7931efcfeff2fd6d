// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package local

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestHeldBy(t *testing.T) {
	tests := []struct {
		reason     string
		finalizers []string
		want       string
	}{
		{"it goes by itself", nil, ""},
		{"so it does when its dependents are gone", []string{"foregroundDeletion"}, ""},
		{"somebody holds it", []string{"example.com/hold", "orphan"}, ": finalizer example.com/hold"},
		{"many do", []string{"a/b", "c/d", "e/f", "g/h"}, ": finalizer a/b, c/d, e/f, ..."},
	}
	for _, test := range tests {
		live := &unstructured.Unstructured{}
		live.SetFinalizers(test.finalizers)
		if got := heldBy(live); got != test.want {
			t.Errorf("got %q, want %q: %s", got, test.want, test.reason)
		}
	}
}
